#!/usr/bin/env bash
# Checks everything that can be checked without running it.
#
# usage: scripts/lint.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
scripts/install-dependencies.sh build test lint || exit 1
failed=0

check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		echo "ok lint $name"
	else
		echo "not ok lint $name: see above"
		failed=1
	fi
}

tracked() { # PATTERN...: files of the tree, generated ones left out
	git ls-files --cached --others --exclude-standard -- "$@" | grep -v '\.gen\.' | while read -r path; do
		[[ -f $path ]] && echo "$path"
	done
}

is_bash() {
	head -n 1 "$1" | grep -qE '^#!.*\b(ba)?sh\b'
}

analysis() {
	CC=clang-16 scripts/build.sh build-test/clang -Dwerror=true -Dchecks=true || return 1
	tracked 'src/*.c' 'tests/unit/*.c' | grep -Ff <(sed -n 's/.*"file": "\(\.\.\/\)*\(.*\)",\{0,1\}$/\2/p' build-test/clang/compile_commands.json) |
		xargs -r -P "$(nproc)" -n 4 clang-tidy-16 --quiet -p build-test/clang \
		2> >(grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated' >&2)
}

scripts=()
while read -r path; do
	is_bash "$path" && scripts+=("$path")
done < <(tracked '*.sh' run.sh test.sh .ci/run | sort -u)

syntax() {
	local path bad=0
	for path in "${scripts[@]}"; do
		"$(sed -n '1s/.*\b\(bash\|sh\)\b.*/\1/p' "$path")" -n "$path" || bad=1
	done
	return "$bad"
}

completions() {
	bash -n completions/heldby.bash && zsh -n completions/_heldby && fish --no-execute completions/heldby.fish
}

go_layout() {
	local files
	files=$(tracked '*.go' | xargs -r "$(scripts/go-toolchain.sh)/bin/gofmt" -l) || return 1
	if [[ -n $files ]]; then
		printf 'not as gofmt lays it out:\n%s\n' "$files"
		return 1
	fi
}

links() { # relative links of the documentation lead to files
	local path target bad=0
	while read -r path; do
		while read -r target; do
			if [[ $target != *://* && ! -e $(dirname "$path")/${target%%#*} ]]; then
				echo "$path: links to $target, which is not there"
				bad=1
			fi
		done < <(grep -oE '\]\([^)#][^)]*\)' "$path" | sed 's/^](//; s/)$//')
	done < <(tracked '*.md')
	return "$bad"
}

check clang-format scripts/format.sh --check
check clang-tidy analysis
check gofmt go_layout
check 'manual page' mandoc -Tlint -W warning docs/man/heldby.1
check 'shell syntax' syntax
check shellcheck shellcheck --external-sources --severity=warning --shell=bash completions/heldby.bash "${scripts[@]}"
check completions completions
check links links
exit "$failed"
