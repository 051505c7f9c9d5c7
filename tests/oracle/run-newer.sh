#!/usr/bin/env bash
# test: timeout=900
# Go releases that heldby has no table for. There are none to test with, so they are made: programs of the newest release that say
# they are of a later one, with runtimes as they are and with changed ones. What heldby says of them must be right, object
# for object, or it must refuse.
#
# usage: tests/oracle/run-newer.sh [PART]...     descriptions, unchanged, changed, perturbed; FULL=1 perturbs what type descriptors
#                                          correct, too
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/objects.sh"
need python3 objcopy
build=$(dirname "$HELDBY")/tests/oracle
newest=$(go_versions | tail -n 1)
later=${newest/#1.27/1.29}
cd "$WORK" || exit 1
have_toolchain 'newer releases' "$newest" || exit 0

says_it_is_newer() { # PROGRAM: the version in its build info and in runtime.buildVersion
	python3 - "$1" "go$newest" "go$later" <<'PYTHON'
import pathlib, sys

path, old, new = pathlib.Path(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
contents = path.read_bytes()
assert len(old) == len(new) and contents.count(old) >= 2
path.write_bytes(contents.replace(old, new))
PYTHON
}

build_newer() { # VARIANT: ./kinds
	build_victim "$newest" "$1" "$ROOT/tests/victims/kinds" kinds && says_it_is_newer kinds
}

# ---- What programs say of the runtime they have, where there is a table to compare it with ----

descriptions() {
	local version variant
	check 'what heldby can do without, it does not read' nobody_reads_spares
	for version in $(go_versions); do
		have_toolchain "descriptions $version" "$version" || continue
		for variant in normal pie; do
			build_victim "$version" "$variant" "$ROOT/tests/victims/kinds" kinds || continue
			check "descriptions $version/$variant, debug information" same_as_table dwarf
			check "descriptions $version/$variant, type descriptors" same_as_table types
		done
		start victim ./kinds
		wait_for_line victim '^ready' && check "checks of $version" "$build/oracle-layouts" confirm "$(pid_of victim)"
		stop victim
	done
}

same_as_table() { # dwarf|types: nothing but "same N"; type descriptors leave some out
	"$build/oracle-layouts" "$1" kinds >described || return
	[[ $1 == dwarf ]] || sed -i '/^without /d' described
	cat described
	grep -q '^same [1-9]' described && ! grep -qv '^same ' described
}

# A version may lack these (layout_describe.c): then they are HB_ABSENT, and nobody asks. Checks do.
nobody_reads_spares() {
	local of field readers=0
	sed -n '/^static const char \*const spare/,/^}/s/^ *"\(.*\)",$/\1/p' "$ROOT/src/golang/layout_describe.c" >spares
	[[ -s spares ]] || return
	while IFS=. read -r of field; do
		grep -rnE "layout(->|\.)$of\.${field:-[a-z_]+}\b" "$ROOT/src" --include='*.[ch]' --exclude='confirm*' && readers=1
	done <spares
	return "$readers"
}

# ---- A later release whose runtime is as before ----

unchanged() {
	local variant
	for variant in normal stripped pie cgo; do
		if ! build_newer "$variant"; then
			not_ok "newer, $variant" 'the victim does not build'
			continue
		fi
		examine "newer, $variant" at_rest ./kinds
		case $variant in
		normal) examine "newer, $variant, from a core" from_core ./kinds ;;
		stripped)
			examine "newer, $variant, queued finalizers" at_rest ./kinds -queued
			look a_report ./kinds
			;;
		esac
	done
}

a_report() {
	check_status 'newer: a report' 0 "$HELDBY" "$(pid_of victim)"
	"$HELDBY" "$(pid_of victim)" >/dev/null 2>notes
	check_match 'newer: a note says how it was read' "note: go$later is newer than any that heldby knows.*checks of it agree" notes
	"$HELDBY" doctor "$(pid_of victim)" >diagnosis
	check_match 'newer: doctor says so' 'newer than any Go that heldby knows' diagnosis
}

# ---- Later releases with other runtimes ----

build_changed() { # OUT CHANGE...
	local out=$1 goroot
	shift
	goroot=$(toolchain "$newest") && rm -rf overlay &&
		python3 "$ROOT/tests/oracle/changed_runtime.py" "$goroot" overlay "$@" || return
	# Files below GOMODCACHE cannot be overlaid, and fetched toolchains may be there.
	(cd "$ROOT/tests/victims/kinds" && GOMODCACHE=$WORK/modules GOROOT=$goroot GOTOOLCHAIN=local GOWORK=off GOFLAGS='' CGO_ENABLED=0 \
		"$goroot/bin/go" build -trimpath -buildvcs=false -overlay "$WORK/overlay/overlay.json" -o "$WORK/$out" .) &&
		says_it_is_newer "$out"
}

# With debug information it is always right, but for what no description tells; stripped it is when type descriptors say all
# that changed.
changed() {
	local name changes
	while read -r name changes; do
		# shellcheck disable=SC2086 # a list of words
		if ! build_changed kinds $changes; then
			not_ok "newer, other $name" 'the runtime does not build'
			continue
		fi
		objcopy --strip-all kinds stripped
		objcopy --only-keep-debug kinds debug
		case $name in
		places) look refused ./kinds ;;
		*) examine "newer, other $name" at_rest ./kinds ;;
		esac
		case $name in
		structs) examine "newer, other $name, stripped" at_rest ./stripped ;;
		*) look refused ./stripped ;;
		esac
		[[ $name != heap ]] || look with_debug_file ./stripped
	done <<-'CHANGES'
		structs mspan g hchan p sudog timer reasons
		heap mheap mspan
		records special bucket
		numbers kinds
		places bitmap
	CHANGES
}

refused() {
	check_status "newer, other $name: refused" 4 "$HELDBY" "$(pid_of victim)"
	check_status "newer, other $name: no snapshot of it" 4 "$HELDBY" snapshot "$(pid_of victim)" -o core
}

with_debug_file() {
	check_status 'newer, with a debug file' 0 "$HELDBY" --debug-file debug "$(pid_of victim)"
	check_status 'newer, with a debug file: doctor' 0 "$HELDBY" doctor --debug-file debug "$(pid_of victim)"
	check_status 'newer, with a debug file: snapshot' 0 "$HELDBY" snapshot --debug-file debug "$(pid_of victim)" -o core
	check_status 'newer, with a debug file: from a core' 0 "$HELDBY" --debug-file debug core
}

# ---- Layouts that are wrong in one place ----

# What no type descriptor says, so that it is the table's; and moduledata, with which everything begins. Struct and field.
undescribed() {
	local structs='moduledata|inlined_call|mheap|special_.*|finblock|finalizer|bucket|stackmap|stack_object|itab'
	awk -F'[(,]' -v structs="^(${FULL:+.*|}$structs)\$" '
		/^STRUCT/ { s = $2 }
		/^FIELD/ && s ~ structs { print s, $2 }' "$ROOT/src/golang/layout_fields.def"
}

# One after the other: an offset that is another by a word, and two that have changed places.
early() {
	undescribed | awk '
		{ print $1 "." $2 " 8" }
		$1 != "moduledata" { print $1 "." $2 " -8" }
		$1 == s && $1 != "moduledata" { print $1 "." $2 " = " $1 "." f }
		{ s = $1; f = $2 }'
	printf '%s.size 8\n' inlined_call finalizer bucket stack_object
	printf 'kind.%s 1\n' finalizer weak_handle profile cleanup
	printf 'kind.%s\n' 'finalizer = kind.weak_handle' 'profile = kind.cleanup' 'weak_handle = kind.cleanup'
}

# As if type descriptors were wrong, too: the checks alone must find it. The fields that objects, pointers, roots, stacks and
# goroutines come from.
late() {
	printf '%s\n' moduledata.{pctab,pclntable,ftab,data,edata,bss,ebss,rodata,gofunc,types,gcdatamask,gcbssmask} \
		func.{pcsp,args,npcdata} mheap.{sweepgen,allspans} mspan.{start_addr,npages,nelems,freeindex,alloc_bits} \
		mspan.{gcmark_bits,sweepgen,spanclass,state,elemsize,specials,large_type} special.{next,offset,kind} \
		special_finalizer.fn g.{stack,sched,atomicstatus,goid,waitreason,m,syscallsp} gobuf.{sp,pc} m.curg \
		p.{id,mcache,timers} mcache.tiny stack_object.{off,ptr_bytes,gcdataoff} defer.{fn,link} bucket.nstk |
		sed 'h; s/$/ 8/p; g; s/$/ -8/'
}

# Each is right or refused; so that it is seen to be wrong at all, AT_LEAST are refused.
perturb() { # NAME AT_LEAST <PERTURBATIONS
	local perturbation right=0 refused=0 wrong=0
	while read -r perturbation; do
		HELDBY_PERTURB=$perturbation "$build/oracle-perturbed" core found 2>refusal
		case $? in
		0) if cmp -s facts found; then right=$((right + 1)); else
			wrong=$((wrong + 1))
			echo "    $perturbation: it is read, and wrong"
		fi ;;
		4) refused=$((refused + 1)) ;;
		*)
			wrong=$((wrong + 1))
			echo "    $perturbation: $(head -n 3 refusal)"
			;;
		esac
	done
	if ((wrong == 0 && refused >= $2)); then
		ok "newer, $1 ($refused refused, $right right)"
	else
		not_ok "newer, $1" "$wrong wrong, $refused refused, $right right"
	fi
}

perturbed() {
	if ! build_newer stripped; then
		not_ok 'newer, layouts that are wrong in one place' 'the victim does not build'
		return
	fi
	start victim ./kinds -queued
	wait_for_line victim '^ready' && ask gc && gcore -o kept "$(pid_of victim)" >gcore.log 2>&1 &&
		mv "kept.$(pid_of victim)" core && "$build/oracle-perturbed" core facts
	if [[ ! -s facts ]]; then
		not_ok 'newer, layouts that are wrong in one place' 'could not look'
		return
	fi
	stop victim
	perturb 'what only the table says is wrong' 60 < <(early)
	HELDBY_PERTURB_LATE=1 perturb 'what type descriptors say is wrong' 60 < <(late)
	rm core facts
}

(($#)) || set -- descriptions unchanged changed perturbed
for part; do
	"$part"
done
