#!/usr/bin/env bash
# Lays out the C code, or says which of it is laid out otherwise. Generated files are left alone.
#
# usage: scripts/format.sh [--check]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=(-i)
if [[ ${1:-} == --check ]]; then
	mode=(--dry-run -Werror)
fi
find src tests -name '*.[ch]' ! -name '*.gen.*' -print0 | xargs -0 -r clang-format-16 "${mode[@]}"
