# shellcheck shell=bash disable=SC2034 # LINE, STATUS: results for the caller
# Helpers of the integration tests. A test begins with
#
#	. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
#
# and gets strict mode, these variables, and the functions below:
#
#	ROOT     the project's folder
#	HELDBY   the heldby to test
#	WORK     a folder of its own, removed at the end
#	CACHE    a folder that outlives the test: toolchains, built victims
#
# Whatever was started by `start` is ended at the end, by its pid. tests/README.md says what a test prints.

set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
HELDBY=${HELDBY:-$ROOT/build/heldby}
CACHE=${HELDBY_CACHE:-${HOME:?}/.cache/heldby}
WORK=$(mktemp -d)
export ROOT HELDBY CACHE WORK

_test=$(realpath "$0")
_failed=0
_at_exit=()
declare -A _pid _in

_finish() {
	local status=$? i name
	trap - EXIT
	for ((i = ${#_at_exit[@]} - 1; i >= 0; i--)); do
		eval "${_at_exit[i]}"
	done
	for name in "${!_pid[@]}"; do
		stop "$name"
	done
	rm -rf "$WORK"
	if ((status == 0 && _failed > 0)); then
		status=1
	fi
	exit "$status"
}
trap _finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# at_exit 'COMMAND': run when the test ends, last one first.
at_exit() {
	_at_exit+=("$1")
}

# ---- reporting ----

ok() { # NAME
	echo "ok $1"
}

not_ok() { # NAME WHY
	echo "not ok $1: $2"
	_failed=$((_failed + 1))
}

skip() { # NAME WHY: this machine cannot show it (an old kernel, another architecture)
	echo "skip $1: $2"
}

# missing NAME WHAT: a tool or the network is not there. A skip at home, a failure in CI.
missing() {
	echo "skip $1: missing $2"
}

# need TOOL...: ends the test when one is missing.
need() {
	local tool
	for tool in "$@"; do
		if ! command -v "$tool" >/dev/null; then
			missing "$(basename "$0")" "$tool"
			exit 0
		fi
	done
}

# check NAME COMMAND...: ok if the command succeeds; its output is shown if not.
check() {
	local name=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	if ((status == 0)); then
		ok "$name"
	else
		sed 's/^/    /' <<<"$output"
		not_ok "$name" "'$*' exited with $status"
	fi
	return "$status"
}

# check_status NAME STATUS COMMAND...: ok if the command exits with STATUS.
check_status() {
	local name=$1 expected=$2 output status=0
	shift 2
	output=$("$@" 2>&1) || status=$?
	if ((status == expected)); then
		ok "$name"
	else
		sed 's/^/    /' <<<"$output"
		not_ok "$name" "'$*' exited with $status instead of $expected"
		return 1
	fi
}

# check_match NAME REGEX FILE: ok if a line of the file matches (ERE); the file is shown if not.
check_match() {
	if grep -qE -- "$2" "$3"; then
		ok "$1"
	else
		sed 's/^/    /' "$3"
		not_ok "$1" "nothing matches '$2'"
		return 1
	fi
}

# once_for_each ARG...: runs this very test once for each, as many at a time as there are cores, shows what they print in
# that order, and ends the test.
once_for_each() {
	local arg n=0 status=0 running=()
	for arg; do
		((n < $(nproc))) || wait -n
		"$_test" "$arg" >"$WORK/$n.log" 2>&1 &
		running+=($!)
		n=$((n + 1))
	done
	for ((n = 0; n < $#; n++)); do
		wait "${running[n]}" || status=1
		cat "$WORK/$n.log"
	done
	exit "$status"
}

# ---- processes ----

# start NAME COMMAND...: in the background; stdout and stderr go to $WORK/NAME.out, `say` writes to its stdin.
start() {
	local name=$1 in
	shift
	mkfifo "$WORK/$name.in"
	: >"$WORK/$name.out"
	# The other processes' stdins are closed in it, so that each sees its own end.
	(
		for in in "${_in[@]}"; do
			exec {in}>&-
		done
		exec "$@" <"$WORK/$name.in" >>"$WORK/$name.out" 2>&1
	) &
	_pid[$name]=$!
	exec {in}>"$WORK/$name.in" # opens once the process has its end
	_in[$name]=$in
}

pid_of() { # NAME
	echo "${_pid[$1]}"
}

# say NAME TEXT: a line to its stdin. Fails when nobody reads it any more: the signal for that would end the test.
say() {
	(
		trap '' PIPE
		printf '%s\n' "$2" >&"${_in[$1]}"
	) 2>/dev/null
}

# wait_for_line NAME REGEX [SECONDS]: waits until its output has a line that matches (ERE) and leaves that line in LINE.
# Fails, and shows the output, when the process ends first or the time (30 s) is up.
wait_for_line() {
	local name=$1 regex=$2 seconds=${3:-30} follower follower_pid status=0
	exec {follower}< <(exec timeout "$seconds" tail -n +1 -f --pid="${_pid[$name]}" "$WORK/$name.out" 2>/dev/null)
	follower_pid=$!
	LINE=$(grep -m 1 -E -- "$regex" <&"$follower") || status=1
	exec {follower}<&-
	kill "$follower_pid" 2>/dev/null
	wait "$follower_pid" 2>/dev/null
	if ((status)); then
		echo "    no line of $name matched '$regex' (at most $seconds s); it printed:"
		sed 's/^/    /' "$WORK/$name.out"
	fi
	return "$status"
}

# forget_output NAME: wait_for_line looks only at what is printed from now on.
forget_output() {
	: >"$WORK/$1.out"
}

# stop NAME [SIGNAL]: ends it by its pid and waits until it is gone; leaves its exit status in STATUS.
stop() {
	local name=$1 in=${_in[$1]}
	exec {in}>&-
	kill "-${2:-KILL}" "${_pid[$name]}" 2>/dev/null
	STATUS=0
	wait "${_pid[$name]}" 2>/dev/null || STATUS=$?
	unset "_pid[$name]" "_in[$name]"
	rm -f "$WORK/$name.in"
}

# ---- Go ----

# toolchain VERSION: prints the GOROOT of a Go release (1.25.5), fetching it if need be.
toolchain() {
	"$ROOT/scripts/go-toolchain.sh" "$1"
}

# have_toolchain NAME VERSION: whether that Go release is there or can be fetched; if not, NAME is reported as missing it.
have_toolchain() {
	toolchain "$2" >/dev/null && return
	missing "$1" "Go $2"
	return 1
}

# go_versions: the Go releases to test with, oldest first.
go_versions() {
	awk '/^\[/ { on = ($1 == "[toolchains]") } on && /^[0-9]/ { print $1 }' "$ROOT/scripts/dependencies.txt" | sort -V
}

# go_build VERSION DIR OUT [FLAG...]: builds the program in DIR, with CGO_ENABLED and GOEXPERIMENT as they are set (cgo is
# off by default). What was once built from the same sources, the same way, comes from the cache. VERSION may be empty:
# any Go that is new enough. For releases that are older than the module says it needs, the module may have a second
# go.mod, go118.mod.
go_build() {
	local version=$1 dir out=$3 goroot module key built
	dir=$(cd "$2" && pwd) || return 1
	shift 3
	mkdir -p "$(dirname "$out")"
	goroot=$(GOEXPERIMENT='' toolchain "$version") || return 1 # another Go may not know these experiments
	module=$dir
	while [[ ! -f $module/go.mod && $module != / ]]; do
		module=$(dirname "$module")
	done
	[[ $module != / ]] || module=$dir
	if [[ $version =~ ^1\.(1[0-9]|2[0-3])(\.|$) && -f $module/go118.mod ]]; then
		set -- -modfile="$(realpath --relative-to="$dir" "$module/go118.mod")" "$@"
	fi
	key=$(
		{
			printf '%s\0' "$("$goroot/bin/go" version)" "${dir#"$module"}" "${CGO_ENABLED:-0}" "${GOEXPERIMENT:-}" \
				"${GOAMD64:-}" "$@"
			[[ " $* " != *' -trimpath=false '* ]] || printf '%s\0' "$module" # the program knows where it was built
			cd "$module" && find . -type f ! -path './.*/*' -print0 | sort -z | xargs -0 sha256sum --
		} | sha256sum | cut -c1-32
	)
	built=$CACHE/victims/$key
	if [[ ! -f $built ]]; then
		local temporary=$built.$BASHPID # another one in the subshell
		mkdir -p "$CACHE/victims"
		(cd "$dir" && GOROOT=$goroot GOTOOLCHAIN=local GOWORK=off GOFLAGS='' CGO_ENABLED=${CGO_ENABLED:-0} \
			"$goroot/bin/go" build -trimpath -buildvcs=false -o "$temporary" "$@" .) &&
			mv "$temporary" "$built" || return 1
	fi
	# A copy under a new name, so that a process that runs the old file is left alone.
	cp "$built" "$out.new" && mv "$out.new" "$out"
}

# build_victim VERSION VARIANT DIR OUT: VARIANT is normal, stripped, pie or cgo.
build_victim() {
	local flags=() cgo=0
	case $2 in
	normal) ;;
	stripped) flags=(-ldflags='-s -w') ;;
	pie) flags=(-buildmode=pie) ;;
	cgo) flags=(-ldflags='-s -w') cgo=1 ;;
	*)
		echo "    there is no variant '$2'" >&2
		return 1
		;;
	esac
	CGO_ENABLED=$cgo go_build "$1" "$3" "$4" "${flags[@]}"
}
