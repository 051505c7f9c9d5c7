#!/usr/bin/env bash
# test: timeout=600
# Compares heldby's objects, pointers, goroutines, frames, roots, sites and types with the Go runtime's own heap dump.
#
# usage: tests/oracle/run-objects.sh [VERSION/VARIANT]...     VARIANT: normal, stripped, pie, cgo; VERBOSE=1 shows what
#                                                             was compared; KEEP=DIR keeps the files of the last case
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need gcore
oracle=$(dirname "$HELDBY")/tests/oracle/oracle-objects
go_build '' "$ROOT/tests/oracle/compare" "$WORK/compare" || exit 1
cd "$WORK" || exit 1

ask() { # COMMAND [ARGUMENT]: what the victim answers is in kinds.out
	forget_output kinds
	say kinds "$*"
	wait_for_line kinds "^ok $1\$" 60
}

types() {
	ask types && cp kinds.out types && ask count && cat kinds.out >>types
}

# The three ways to look: each leaves facts, before, after, collected and types.

at_rest() {
	ask gc && types && ask dump "$WORK/before" && "$oracle" "$(pid_of kinds)" facts && ask dump "$WORK/after" &&
		ask gc-once && ask dump "$WORK/collected"
}

from_core() {
	ask gc && types && ask dump "$WORK/before" && gcore -o core "$(pid_of kinds)" >gcore.log 2>&1 &&
		ask dump "$WORK/after" && "$oracle" "core.$(pid_of kinds)" facts && ask gc-once && ask dump "$WORK/collected" &&
		rm "core.$(pid_of kinds)"
}

# The process stops itself right after a mark, before the sweep: liveness is in the mark bits. Nothing says which words
# change while it goes on, so that values are not compared.
TOO_LATE=75 # the sweeper was given the time to do its work, or somebody else is about to: again
unswept() {
	local status
	status=/proc/$(pid_of kinds)/status
	ask gc-once && ask gc-once && types || return 1 # not "gc": what it puts into a pool would not live on
	forget_output kinds
	say kinds "unswept $WORK/after"
	until grep -q '^State:.T' "$status"; do :; done
	"$oracle" "$(pid_of kinds)" facts || return
	grep '^State:.T' "$status" || return # still stopped, as it was
	kill -CONT "$(pid_of kinds)"
	wait_for_line kinds '^ok unswept' || return
	# Goroutines 1 to 4 are the main one and the runtime's own; another that can run may allocate before the dump.
	awk '$1 == "span" { n++; unswept += $7 } $1 == "goroutine" && $3 > 4 && ($4 == 1 || $4 == 2) { busy++ }
		END { exit busy || unswept < n * 3 / 4 }' facts || return "$TOO_LATE"
	cp after before && ask gc-once && ask dump "$WORK/collected"
}

look() { # HOW PROGRAM [ARG...]
	local how=$1 times status
	shift
	for ((times = 0; times < 40; times++)); do
		start kinds "$@"
		wait_for_line kinds '^ready' && "$how"
		status=$?
		say kinds quit
		stop kinds
		((status == TOO_LATE)) || break
	done
	return "$status"
}

examine() { # NAME HOW PROGRAM [ARG...]
	local name="objects $1" how=$2 values=true
	shift 2
	[[ $how != unswept ]] || values=false
	if look "$how" "$@" >look.log 2>&1; then
		if ./compare -values=$values facts before after collected types >compared; then
			ok "$name"
			[[ -z ${VERBOSE:-} ]] || sed 's/^/    /' compared
		else
			sed 's/^/    /' compared
			not_ok "$name" "$(grep -c '^[0-9]* × ' compared) kinds of disagreement"
		fi
	else
		sed 's/^/    /' look.log
		not_ok "$name" "could not look"
	fi
	[[ -z ${KEEP:-} ]] || cp facts before after collected types "$KEEP"
	rm -f facts before after collected types
}

cases=("$@")
if ((${#cases[@]} == 0)); then
	for version in 1.24.10 1.25.5 1.26.8 1.27.3; do
		cases+=("$version"/{normal,stripped,pie,cgo})
	done
fi
for case in "${cases[@]}"; do
	version=${case%/*} variant=${case#*/} flags=() cgo=0
	case $variant in
	stripped) flags=(-ldflags='-s -w') ;;
	pie) flags=(-buildmode=pie) ;;
	cgo) flags=(-ldflags='-s -w') cgo=1 ;;
	esac
	if ! CGO_ENABLED=$cgo go_build "$version" "$ROOT/tests/victims/kinds" "$WORK/kinds" "${flags[@]}"; then
		not_ok "objects $case" "the victim does not build"
		continue
	fi
	examine "$case" at_rest ./kinds
	case $variant in
	normal) GOMAXPROCS=1 examine "$case, unswept" unswept ./kinds ;;
	stripped) examine "$case, queued finalizers" at_rest ./kinds -queued ;;
	pie) examine "$case, from a core" from_core ./kinds ;;
	esac
done
