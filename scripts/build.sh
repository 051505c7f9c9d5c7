#!/usr/bin/env bash
# Configures a build folder if it is new (only then do the options count), and builds it.
#
# usage: scripts/build.sh FOLDER [MESON OPTION...]      CC chooses the compiler (default: gcc)
#
# Prints nothing but a failure's output, unless VERBOSE is set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1
shift

quietly() {
	if [[ -n ${VERBOSE:-} ]]; then
		"$@" >&2
		return
	fi
	local output
	if ! output=$("$@" 2>&1); then
		printf '%s\n' "$output" >&2
		return 1
	fi
}

if [[ ! -f $folder/build.ninja ]]; then
	CC=${CC:-gcc} quietly meson setup "$folder" "$@"
fi
quietly ninja -C "$folder"
