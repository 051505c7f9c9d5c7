#!/usr/bin/env bash
# Measures heldby on heaps of 1, 10 and 30 million objects beside the target's own runtime.GC() and
# debug.WriteHeapDump() on the same process, and prints the table of docs/bench.md.
#
#	tests/bench/run.sh [OBJECTS…]      HELDBY=build/heldby RUNS=3 GO=1.26.8
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need python3
victim=$WORK/heap
go_build "${GO:-1.26.8}" "$ROOT/tests/bench/heap" "$victim" -ldflags='-s -w' || exit 1
# shellcheck disable=SC2068 # a list of numbers
python3 "$ROOT/tests/bench/measure.py" "$HELDBY" "$victim" "${RUNS:-3}" ${@:-1000000 10000000 30000000}
