#!/usr/bin/env bash
# Lays out the C and Go code, or says which of it is laid out otherwise. Generated files are left alone.
#
# usage: scripts/format.sh [--check]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=(-i)
if [[ ${1:-} == --check ]]; then
	mode=(--dry-run -Werror)
fi
find src tests -name '*.[ch]' ! -name '*.gen.*' -print0 | xargs -0 -r clang-format-16 "${mode[@]}"
if [[ ${1:-} != --check ]]; then # scripts/lint.sh checks Go
	"$(scripts/go-toolchain.sh)/bin/gofmt" -w demo src tests tools
fi
