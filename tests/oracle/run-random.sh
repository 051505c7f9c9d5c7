#!/usr/bin/env bash
# test: timeout=900
# Compares heldby's objects, pointers, goroutines, frames, roots, sites and types with the Go runtime's own heap dump, on
# random programs: tests/oracle/generate writes one for each seed.
#
# usage: tests/oracle/run-random.sh                          the seeds 0 to 199, each with one Go release and variant
#        tests/oracle/run-random.sh FIRST COUNT              others
#        tests/oracle/run-random.sh VERSION/VARIANT SEED     one, with a release and a variant: normal, stripped, pie, cgo
#
# VERBOSE=1 shows what was compared, KEEP=DIR keeps the files of the last case.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/objects.sh"

BATCH=10 # seeds that share a binary: always the same ones, so that each can be had again
mapfile -t versions < <(go_versions)
variants=(normal stripped pie)

generate=$WORK/generate
go_build '' "$ROOT/tests/oracle/generate" "$generate" || exit 1

# The module that the programs of a batch are part of: its go.mod files, its common packages, and them.
write_module() { # DIR FIRST [GENERATE]
	mkdir -p "$1" && (cd "$ROOT/tests/victims" && cp -r go.mod go118.mod control truth random "$1") &&
		"${3:-$generate}" "$1/seeds" "$2" "$BATCH"
}

# run_seed PROGRAM CASE SEED: one in ten is stopped between mark and sweep.
run_seed() {
	# shellcheck disable=SC2034 # examine says it when something differs
	local AGAIN="tests/oracle/run-random.sh $2 $3"
	if (($3 % BATCH == BATCH - 1)); then
		GOMAXPROCS=1 examine "random $2 seed $3, unswept" unswept "$1" "$3" 3000
	else
		examine "random $2 seed $3" at_rest "$1" "$3"
	fi
}

# run_batch CASE SEED...: in a folder of its own. All seeds are of the same batch. Fails if one failed.
run_batch() {
	local case=$1 first=$(($2 / BATCH * BATCH)) seed
	shift
	WORK=$WORK/$first
	mkdir -p "$WORK/files"
	cd "$WORK/files" || return 1
	if ! { write_module "$WORK/module" "$first" &&
		build_victim "${case%/*}" "${case#*/}" "$WORK/module/seeds" "$WORK/random"; } >build.log 2>&1; then
		sed 's/^/    /' build.log
		not_ok "random $case seeds $first to $((first + BATCH - 1))" "they do not build"
		return 1
	fi
	for seed; do
		run_seed "$WORK/random" "$case" "$seed" >report
		cat report # in one piece: other batches run at the same time
	done
	((_failed == 0))
}

# Which release and variant a batch gets: each release in turn, and in turn its variants.
case_of() { # FIRST
	local n=$(($1 / BATCH)) of=${#versions[@]}
	echo "${versions[n % of]}/${variants[(n + n / of) % ${#variants[@]}]}"
}

run_range() { # FIRST COUNT
	local seed=$1 end=$(($1 + $2)) seeds running=0
	while ((seed < end)); do
		seeds=()
		while ((${#seeds[@]} == 0 || seed < end && seed % BATCH)); do
			seeds+=("$seed")
			seed=$((seed + 1))
		done
		if ((running >= $(nproc))); then
			wait -n || _failed=$((_failed + 1))
			running=$((running - 1))
		fi
		(run_batch "$(case_of "${seeds[0]}")" "${seeds[@]}") &
		running=$((running + 1))
	done
	while ((running-- > 0)); do
		wait -n || _failed=$((_failed + 1))
	done
}

# A seed must mean the same program wherever it is tried again.
same_source() {
	local newest=${versions[-1]}
	go_build "$newest" "$ROOT/tests/oracle/generate" "$WORK/generate-newest" && write_module "$WORK/one" 0 &&
		write_module "$WORK/other" 0 "$WORK/generate-newest" && diff -r "$WORK/one" "$WORK/other"
}

case ${1:-} in
*/*) (run_batch "$1" "${2:?which seed?}") || _failed=1 ;;
'')
	check 'random programs are the same with every Go' same_source
	run_range 0 200
	;;
*) run_range "$1" "${2:-1}" ;;
esac
