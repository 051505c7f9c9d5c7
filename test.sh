#!/usr/bin/env bash
# Installs what the tests need and runs them: all stages, or those that are named.
#
# usage: ./test.sh [builds|unit|oracle|e2e]...      HELDBY: the heldby that oracle and e2e test, instead of their own build
#
# The last line sums every stage: "N passed, N failed, N skipped". tests/README.md says how a test reports.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
root=$PWD
stages=("$@")
((${#stages[@]})) || stages=(builds unit oracle e2e)
jobs=$(nproc)
folder=$root/build-test
results=$folder/results
rm -rf "$results"
mkdir -p "$results"

# A test may be interrupted while it holds processes: it gets to end them.
trap 'trap - EXIT; kill $(jobs -p) 2>/dev/null; wait' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

stage() {
	printf '\n== %s\n' "$*"
}

# Every check of every stage ends up as a line "ok NAME", "not ok NAME: why" or "skip NAME: why" in a file of results/.
count() { # KIND FILE...
	local kind=$1
	shift
	cat -- "$@" /dev/null | grep -c "^$kind "
}

# In CI everything that a test needs must be there; "skip NAME: missing ..." says that something was not.
strict() {
	if [[ ${CI:-} == true ]]; then
		sed -E 's/^skip ([^:]*: missing )/not ok \1/'
	else
		cat
	fi
}

summary() { # TITLE FILE SECONDS
	local passed failed skipped
	passed=$(count ok "$2") failed=$(count 'not ok' "$2") skipped=$(count skip "$2")
	printf '%s: %d passed, %d failed, %d skipped (%d s)\n' "$1" "$passed" "$failed" "$skipped" "$3"
	((failed == 0)) || grep '^not ok ' "$2" | sed 's/^/    /'
	((skipped == 0)) || grep '^skip ' "$2" | sed 's/^/    /'
}

declare -A built # by name: 0 or 1

build() { # NAME: once a run, whichever stage needs it first; fails if it cannot be built
	local name=$1 started=$SECONDS options=(-Dwerror=true -Dchecks=true) compiler=gcc
	if [[ -n ${built[$name]:-} ]]; then
		return "${built[$name]}"
	fi
	case $name in
	clang) compiler=clang-16 ;;
	sanitizers) options+=("-Db_sanitize=address,undefined") ;;
	esac
	if CC=$compiler scripts/build.sh "$folder/$name" "${options[@]}" >"$results/build-$name.log" 2>&1; then
		echo "ok build $name" >"$results/build-$name"
		built[$name]=0
	else
		cat "$results/build-$name.log"
		echo "not ok build $name: see above" >"$results/build-$name"
		built[$name]=1
	fi
	summary "build $name" "$results/build-$name" $((SECONDS - started))
	return "${built[$name]}"
}

unit() { # NAME of a build
	local name=$1 started=$SECONDS log=$folder/$1/meson-logs
	if ! build "$name"; then
		echo "not ok unit $name: not built" >"$results/unit-$name"
		return
	fi
	rm -f "$log/testlog.json"
	CMOCKA_MESSAGE_OUTPUT=TAP \
		ASAN_OPTIONS=${ASAN_OPTIONS:-halt_on_error=1:abort_on_error=1:detect_stack_use_after_return=1} \
		UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1} \
		meson test -C "$folder/$name" --suite unit --no-rebuild --num-processes "$jobs" >"$results/unit-$name.log" 2>&1
	if [[ -f $log/testlog.json ]]; then
		scripts/unit-results.py "$name" "$log/testlog.json" >"$results/unit-$name" 2>"$results/unit-$name.output"
		cat "$results/unit-$name.output"
	fi
	if [[ ! -s $results/unit-$name ]]; then
		cat "$results/unit-$name.log"
		echo "not ok unit $name: no unit test ran" >"$results/unit-$name"
	fi
	summary "unit $name" "$results/unit-$name" $((SECONDS - started))
}

option_of() { # SCRIPT OPTION: its value in a line "# test: OPTION=VALUE ..." near the top, or nothing
	sed -n '1,20s/^# test://p' "$1" | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1
}

script() { # SCRIPT: runs it, leaves its lines in results/ and shows what went wrong
	local path=$1 started=$SECONDS limit status=0 name output
	name=${path//\//_}
	output=$results/$name.output
	limit=$(option_of "$path" timeout)
	limit=${limit:-300}
	timeout --kill-after=20 "$limit" "./$path" >"$output" 2>&1 </dev/null || status=$?
	grep -E '^(ok|not ok|skip) ' "$output" | strict >"$results/$name"
	case $status in
	0) [[ -s $results/$name ]] || echo "not ok $path: exited 0 without checking anything" >>"$results/$name" ;;
	124 | 137) echo "not ok $path: ended after $limit s" >>"$results/$name" ;;
	*) grep -q '^not ok ' "$results/$name" || echo "not ok $path: exit status $status" >>"$results/$name" ;;
	esac
	{
		if grep -q '^not ok ' "$results/$name"; then
			sed 's/^/    | /' "$output"
		fi
		summary "$path" "$results/$name" $((SECONDS - started))
	} >"$output.shown"
	cat "$output.shown" # in one piece: others run at the same time
}

scripts_in() { # GLOB...: executable files only
	local path
	for path in "$@"; do
		[[ -f $path && -x $path ]] && echo "$path"
	done
}

run_scripts() { # STAGE SCRIPT...: those that say "# test: alone=yes" by themselves, the rest as many at a time as there are cores
	local stage=$1 path running=0 alone=()
	shift
	if [[ -z ${HELDBY:-} ]]; then
		if ! build gcc || ! build sanitizers; then
			echo "not ok $stage: heldby was not built" | tee "$results/stage-$stage"
			return
		fi
		HELDBY=$folder/gcc/heldby
		HELDBY_SANITIZED=$folder/sanitizers/heldby
	fi
	HELDBY=$(realpath "$HELDBY")
	export HELDBY HELDBY_SANITIZED=${HELDBY_SANITIZED:-$HELDBY}
	for path in "$@"; do
		if [[ $(option_of "$path" alone) == yes ]]; then
			alone+=("$path")
			continue
		fi
		if ((running >= jobs)); then
			wait -n
			running=$((running - 1))
		fi
		script "$path" &
		running=$((running + 1))
	done
	wait
	for path in "${alone[@]}"; do
		script "$path" &
		wait
	done
}

stage dependencies
if scripts/install-dependencies.sh build go npm test; then
	echo "ok dependencies" >"$results/dependencies"
else
	echo "not ok dependencies: not all can be had" | tee "$results/dependencies"
fi
# Without the network, what needs a Go release that was never fetched is skipped.
if scripts/install-dependencies.sh toolchains; then
	echo "ok toolchains" >"$results/toolchains"
else
	echo "skip toolchains: missing some Go releases: is the network there?" | strict | tee "$results/toolchains"
fi

for name in "${stages[@]}"; do
	stage "$name"
	case $name in
	builds)
		build gcc
		build clang
		build sanitizers
		;;
	unit)
		unit gcc
		unit clang
		unit sanitizers
		;;
	oracle)
		mapfile -t found < <(scripts_in tests/oracle/run*.sh tests/oracle/run*.py)
		run_scripts oracle "${found[@]}"
		;;
	e2e)
		mapfile -t found < <(scripts_in tests/e2e/*.sh tests/e2e/*.py)
		run_scripts e2e "${found[@]}"
		;;
	*)
		echo "not ok stage $name: there is no such stage" | tee "$results/stage-$name"
		;;
	esac
done

# What e2e tests say of programs that leak and of ones that do not (score in tests/e2e/common.py).
cat "$results"/*.output 2>/dev/null | awk '
	$1 != "score" { next }
	{ programs[$2]; split($3, v, "."); versions[v[1] "." v[2]]; runs[$4]++; said[$4, $5]++ }
	END {
		if (!runs["leaks"] || !runs["healthy"]) exit
		printf "\ncorpus: %d programs, %d Go releases\n", length(programs), length(versions)
		printf "    found, with rule and holder: %d of %d leaks (%.1f %%)\n", said["leaks", "found"], runs["leaks"],
			100 * said["leaks", "found"] / runs["leaks"]
		printf "    proven of repaired and healthy programs: %d of %d; likely: %d (%.1f %%)\n", said["healthy", "proven"],
			runs["healthy"], said["healthy", "likely"], 100 * said["healthy", "likely"] / runs["healthy"]
	}'

# Files with an extension are logs.
mapfile -t files < <(find "$results" -type f ! -name '*.log' ! -name '*.output' ! -name '*.shown')
passed=$(count ok "${files[@]}") failed=$(count 'not ok' "${files[@]}") skipped=$(count skip "${files[@]}")
if ((failed > 0)); then
	printf '\nfailed:\n'
	cat -- "${files[@]}" | grep '^not ok ' | sed 's/^not ok /    /'
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
