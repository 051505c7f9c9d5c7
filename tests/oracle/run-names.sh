#!/usr/bin/env bash
# test: timeout=900
# Compares the names, packages, extents and types of global variables with what compiler and linker wrote down: with
# symbols they must be exact, without them no variable of the program may be charged to a wrong package or type.
#
# usage: tests/oracle/run-names.sh [VERSION/VARIANT|debug-files]...     VARIANT: normal, pie, external; VERBOSE=1 shows the scores
# shellcheck disable=SC2317 # the steps are called by name
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need objcopy readelf gcc
oracle=$(dirname "$HELDBY")/tests/oracle/oracle-names
go_build '' "$ROOT/tests/oracle/names" "$WORK/names" || exit 1
cd "$WORK" || exit 1

# compare OPTIONS... -- FACTS: the program is ./twin.
compare() {
	local options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	./names "${options[@]}" twin <"$2" >scores || {
		cat scores
		return 1
	}
	[[ -z ${VERBOSE:-} ]] || grep '[0-9] right' scores
}

from_file() { # FACTS FILE [DEBUG_FILE]
	"$oracle" "${@:2}" >"$1"
}

with_symbols() {
	from_file facts twin && compare -certain -typed -- facts
}

with_debug_file() {
	objcopy --only-keep-debug twin twin.debug && from_file facts stripped twin.debug && compare -certain -typed -- facts
}

# .zdebug_*: what linkers wrote before sections could be marked as compressed.
with_old_compression() {
	objcopy --decompress-debug-sections twin plain && objcopy --compress-debug-sections=zlib-gnu plain zdebug &&
		readelf -SW zdebug >sections && grep -q zdebug sections && from_file facts zdebug && compare -certain -typed -- facts
}

with_symbol_table_only() {
	objcopy --strip-debug twin symbols && from_file facts symbols && compare -certain -own example.org/ -- facts
}

load_bias() { # PID: how much higher than in its file a program's first segment is
	local first loaded
	first=$(readelf -lW stripped | awk '$1 == "LOAD" && !n++ { print $3 }')
	loaded=$(awk -v exe="$(readlink "/proc/$1/exe")" '$6 == exe { sub(/-.*/, "", $1); print "0x" $1; exit }' "/proc/$1/maps")
	echo $((loaded - (first & ~4095)))
}

process_with_symbols() {
	start symbols ./twin && wait_for_line symbols '^ready' && "$oracle" -p "$(pid_of symbols)" >facts || return
	compare -certain -typed -bias "$(load_bias "$(pid_of symbols)")" -- facts
	local status=$?
	stop symbols
	return "$status"
}

# Only a process has the collector's mask of pointer words, without which a first field's type passes for the whole.
stripped_process() {
	"$oracle" -p "$(pid_of globals)" >facts &&
		compare -own example.org/ -bias "$(load_bias "$(pid_of globals)")" -- facts
}

process_without_file() {
	"$oracle" -px "$(pid_of globals)" >facts.nofile &&
		compare -own example.org/ -bias "$(load_bias "$(pid_of globals)")" -- facts.nofile
}

# The same program at another time, perhaps elsewhere in memory: what a variable is called does not depend on it.
stable_names() {
	local again
	start again ./stripped && wait_for_line again '^ready' && "$oracle" -p "$(pid_of again)" >facts.again || return
	for again in facts facts.again; do
		grep '^global' "$again" | cut -f 2- >"$again.names"
	done
	stop again
	[[ -s facts.names ]] && diff facts.names facts.again.names
}

try() { # VERSION VARIANT
	local version=$1 flags=() step
	variant=$2
	case $variant in
	pie) flags=(-buildmode=pie) ;;
	external) flags=(-ldflags=-linkmode=external) ;;
	esac
	if ! CGO_ENABLED=$([[ $variant = external ]] && echo 1 || echo 0) \
		go_build "$version" "$ROOT/tests/victims/globals" twin "${flags[@]}" >build.log 2>&1; then
		cat build.log
		not_ok "names $version $variant" 'the program does not build'
		return
	fi
	objcopy --strip-all twin stripped
	for step in with_symbols with_debug_file with_old_compression with_symbol_table_only; do
		check "names $version $variant ${step//_/ }" "$step"
	done
	start globals ./stripped && wait_for_line globals '^ready' || return
	for step in process_with_symbols stripped_process stable_names process_without_file; do
		check "names $version $variant ${step//_/ }" "$step"
	done
	stop globals
}

if (($# == 0)); then
	set -- {1.18.10,1.19.13,1.20.14,1.21.13,1.22.12,1.23.12,1.24.10,1.25.5,1.26.8,1.27.3}/normal \
		{1.18.10,1.21.13,1.24.10,1.27.3}/{pie,external} debug-files
fi
(($# == 1)) || once_for_each "$@"
if [[ $1 != debug-files ]]; then
	try "${1%/*}" "${1#*/}"
	exit
fi
go_build 1.25.5 "$ROOT/tests/victims/globals" twin && objcopy --strip-all twin stripped &&
	go_build 1.25.5 "$ROOT/tests/victims/globals" other -trimpath=false && objcopy --only-keep-debug other other.debug
check_status 'names: a debug file of another build is refused' 2 "$oracle" stripped other.debug
check_status 'names: a debug file that is none is refused' 2 "$oracle" stripped "$ROOT/tests/oracle/run-names.sh"
