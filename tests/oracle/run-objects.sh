#!/usr/bin/env bash
# test: timeout=600
# Compares heldby's objects, pointers, goroutines, frames, roots, sites and types with the Go runtime's own heap dump.
#
# usage: tests/oracle/run-objects.sh [VERSION/VARIANT]...     VARIANT: normal, stripped, pie, cgo; VERBOSE=1 shows what
#                                                             was compared; KEEP=DIR keeps the files of the last case of each way to look
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/objects.sh"
cd "$WORK" || exit 1

cases=("$@")
if ((${#cases[@]} == 0)); then
	for version in $(go_versions); do
		cases+=("$version"/{normal,stripped,pie,cgo})
	done
fi
for case in "${cases[@]}"; do
	have_toolchain "objects $case" "${case%/*}" || continue
	version=${case%/*} variant=${case#*/}
	if ! build_victim "$version" "$variant" "$ROOT/tests/victims/kinds" "$WORK/kinds"; then
		not_ok "objects $case" "the victim does not build"
		continue
	fi
	examine "objects $case" at_rest ./kinds
	case $variant in
	normal)
		# What the runtimes before do between mark and sweep leaves no time to stop by oneself.
		if [[ $version == 1.2[4-9]* ]]; then
			GOMAXPROCS=1 examine "objects $case, unswept" unswept ./kinds
		fi
		for phase in in_mark in_mark_termination before_sweep in_sweep in_sweep_of_a_span; do
			VERSION=$version examine "objects $case, ${phase//_/ }" "$phase" ./kinds
		done
		;;
	stripped) examine "objects $case, queued finalizers" at_rest ./kinds -queued ;;
	pie) examine "objects $case, from a core" from_core ./kinds ;;
	esac
done
