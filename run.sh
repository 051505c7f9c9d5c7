#!/usr/bin/env bash
# Builds heldby and reports on a process.
#
# usage: ./run.sh                          builds a Go program that leaks, starts it, and says who holds its memory
#        ./run.sh TARGET [OPTION...]       reports on TARGET: a pid, the name of a process, or a core file
#
# On a bare Debian 12 it first installs what is missing (scripts/dependencies.txt says what, and why).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$root/scripts/install-dependencies.sh" build
"$root/scripts/build.sh" "$root/build" -Dtests=false
heldby=$root/build/heldby

if (($# > 0)); then
	exec "$heldby" "$@"
fi

goroot=$("$root/scripts/go-toolchain.sh")
demo=$root/build/leak_demo
(cd "$root/demo/leak_demo" && GOROOT=$goroot GOTOOLCHAIN=local GOWORK=off GOFLAGS='' CGO_ENABLED=0 \
	"$goroot/bin/go" build -trimpath -buildvcs=false -o "$demo" .)

exec {output}< <(exec "$demo")
pid=$!
trap 'kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

ready=no
while IFS= read -r -u "$output" line; do
	printf '%s\n' "$line"
	if [[ $line == ready:* ]]; then
		ready=yes
		break
	fi
done
if [[ $ready == no ]]; then
	echo "run.sh: the demo ended before it was ready" >&2
	exit 1
fi

# Where only root and a process's parents may look into it (Yama), ask for root.
as_root=()
if ((EUID != 0)) && [[ $(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0) != 0 ]] && command -v sudo >/dev/null; then
	as_root=(sudo)
fi
printf '\n$ heldby %s\n' "$pid"
status=0
"${as_root[@]}" "$heldby" "$pid" || status=$?
exit "$status"
