#!/usr/bin/env bash
# Compares heldby with the Go runtime on random programs that nobody tried before; tests/oracle/run-random.sh says what of.
#
# usage: tests/fuzz/random.sh [COUNT [FIRST]]      COUNT programs (2000), with seeds from FIRST on (today's date, and zeros)
#
# Each program that heldby is wrong about is named with the command that tries it again. Takes about a second a program and core.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/lib.sh

AT_A_TIME=100 # their binaries are removed then
count=${1:-2000}
first=${2:-$(date +%Y%m%d)00000}
[[ $count =~ ^[0-9]+$ && $first =~ ^[0-9]+$ ]] || { sed -n 's/^# usage: /usage: /p' "$0"; exit 1; }

build=$ROOT/build-fuzz/random
scripts/build.sh "$build" -Dchecks=true || { not_ok 'fuzz random: build' 'see above'; exit 1; }

# What is only needed once is no matter for the cache that all tests share.
mkdir -p "$WORK/cache/victims" "$CACHE"
for kept in "$CACHE"/*; do
	[[ ! -e $kept || $kept == */victims ]] || ln -s "$kept" "$WORK/cache"
done

echo "random programs: seeds $first to $((first + count - 1)); again: tests/fuzz/random.sh $count $first"
for ((at = first; at < first + count; at += AT_A_TIME)); do
	left=$((first + count - at))
	HELDBY=$build/heldby HELDBY_CACHE=$WORK/cache tests/oracle/run-random.sh "$at" \
		$((left < AT_A_TIME ? left : AT_A_TIME)) >"$WORK/report" || _failed=$((_failed + 1))
	grep -v '^ok ' "$WORK/report"
	echo "$(grep -c '^ok ' "$WORK/report") of the programs from $at on are right"
	rm -f "$WORK/cache/victims"/*
done
((!_failed)) && ok "fuzz random ($count programs)"
