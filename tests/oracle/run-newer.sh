#!/usr/bin/env bash
# test: timeout=900
# Go releases that heldby has no table for. There are none to test with, so they are made: programs of the newest release that say
# they are of a later one, with runtimes as they are and with changed ones. What heldby says of them must be right, object
# for object, or it must refuse.
#
# usage: tests/oracle/run-newer.sh [PART]...     descriptions, unchanged, changed, perturbed; FULL=1 perturbs every field
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

# ---- What programs say of the runtime they have, where there is a table to compare it with ----

descriptions() {
	local version variant
	for version in $(go_versions); do
		have_toolchain "descriptions $version" "$version" || continue
		for variant in normal pie; do
			build_victim "$version" "$variant" "$ROOT/tests/victims/kinds" kinds || continue
			check "descriptions $version/$variant, debug information" same_as_table dwarf
			check "descriptions $version/$variant, type descriptors" same_as_table types
		done
	done
}

same_as_table() { # dwarf|types: nothing but "same N" and "without NAME"
	"$build/oracle-layouts" "$1" kinds >described && grep -q '^same [1-9]' described &&
		! grep -vE '^(same [0-9]+|without .*)$' described
}

# ---- A later release whose runtime is as before ----

# Like at_rest; REFUSED when heldby said that it does not know this runtime.
REFUSED=76
or_refused() {
	ask gc && types && ask dump "$PWD/before" || return
	"$oracle" "$(pid_of victim)" facts 2>refusal
	case $? in
	0) ;;
	4) return "$REFUSED" ;;
	*)
		cat refusal
		return 1
		;;
	esac
	ask dump "$PWD/after" && ask gc-once && ask dump "$PWD/collected"
}

right_or_refused() { # NAME PROGRAM
	look or_refused "$2" >look.log 2>&1
	case $? in
	0)
		if "$compare" facts before after collected types >compared; then
			ok "$1 (right)"
		else
			sed 's/^/    /' compared
			not_ok "$1" 'it is read, and wrong'
		fi
		;;
	"$REFUSED") ok "$1 (refused)" ;;
	*)
		sed 's/^/    /' look.log
		not_ok "$1" 'neither read nor refused'
		;;
	esac
}

unchanged() {
	local variant
	for variant in normal stripped pie cgo; do
		build_victim "$newest" "$variant" "$ROOT/tests/victims/kinds" kinds && says_it_is_newer kinds || continue
		examine "newer, $variant" at_rest ./kinds
	done
	start victim ./kinds && wait_for_line victim '^ready'
	check_status 'newer: a report' 0 "$HELDBY" "$(pid_of victim)"
	"$HELDBY" report "$(pid_of victim)" >report 2>notes
	check_match 'newer: a note says how it was read' "note: go$later is newer than any that heldby knows.*checks of it agree" notes
	stop victim
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

changed() {
	local name changes
	while read -r name changes; do
		# shellcheck disable=SC2086 # a list of words
		if ! build_changed kinds $changes; then
			not_ok "newer, other $name" 'the runtime does not build'
			continue
		fi
		objcopy --strip-all kinds stripped
		case $name in
		places) right_or_refused "newer, other $name" ./kinds ;; # no description tells
		*) examine "newer, other $name" at_rest ./kinds ;;
		esac
		right_or_refused "newer, other $name, stripped" ./stripped
	done <<-'CHANGES'
		structs mspan g hchan mheap p sudog timer
		records special bucket
		numbers kinds reasons
		places bitmap
	CHANGES
}

# ---- Layouts that are wrong in one place ----

# The fields that objects, pointers, roots, stacks and goroutines come from.
fields() {
	if [[ -n ${FULL:-} ]]; then
		awk -F'[(,]' '/^STRUCT/ { s = $2 } /^FIELD/ { print s "." $2 }' "$ROOT/src/golang/layout_fields.def"
		return
	fi
	printf '%s\n' moduledata.{pctab,pclntable,ftab,data,edata,bss,ebss,rodata,gofunc,types,gcdatamask,gcbssmask} \
		func.{pcsp,args,npcdata} mheap.{sweepgen,allspans} mspan.{start_addr,npages,nelems,freeindex,alloc_bits} \
		mspan.{gcmark_bits,sweepgen,spanclass,state,elemsize,specials,large_type} special.{next,offset,kind} \
		special_finalizer.fn g.{stack,sched,atomicstatus,goid,waitreason,defer,m,syscallsp} gobuf.{sp,pc} m.curg \
		p.{id,mcache,timers} mcache.tiny stack_object.{off,ptr_bytes,gcdataoff} defer.{fn,link} bucket.nstk
}

perturbed() {
	local field delta
	oracle=$build/oracle-perturbed
	build_victim "$newest" stripped "$ROOT/tests/victims/kinds" kinds && says_it_is_newer kinds || return
	for field in $(fields); do
		for delta in 8 -8; do
			HELDBY_PERTURB="$field $delta" HELDBY_PERTURB_LATE=1 right_or_refused "newer, $field off by $delta" ./kinds
		done
	done
	for field in finalizer weak_handle profile cleanup; do
		HELDBY_PERTURB="kind.$field 1" HELDBY_PERTURB_LATE=1 right_or_refused "newer, kind $field off by 1" ./kinds
	done
}

(($#)) || set -- descriptions unchanged changed perturbed
for part; do
	"$part"
done
