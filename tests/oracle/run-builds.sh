#!/usr/bin/env bash
# shellcheck disable=SC2154,SC2034 # oracle, comparing: objects.sh
# test: timeout=2400
# The comparison of run-objects.sh for programs that are built, linked or set up in unusual ways.
#
# usage: [FULL=1] tests/oracle/run-builds.sh [VERSION/PART[+PART]...]...   without arguments: what changed something, where it
#        changed it; FULL=1: everything on every version as well, which takes half an hour
#
# PART: an experiment                nogreenteagc, arenas …
#       a flag of go build           -race, -asan, -msan
#       how the program is linked    stripped, external, c-archive, c-shared, plugin, linkshared
#       a setting of the process     GODEBUG=madvdontneed=1, GOMAXPROCS=64 …
#       what goes on in it           observed (the tracer and the profiler are on)
#       where its heap may not be    far (arenas lie a terabyte apart), down (wherever the system has room, downwards)
#       a way to look (objects.sh)   unswept, in_mark, in_sweep, from_core, from_snapshot …
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/objects.sh"
cd "$WORK" || exit 1
victims=$ROOT/tests/victims
export MALLOC_ARENA_MAX=2 # of 64 MB each, which gcore would write

# ---- building ----

# A C program that is linked with, or loads, a library made by Go.
build_host() { # OUT [FLAG...]
	local out=$1
	shift
	gcc -O1 "$victims/host/host.c" -o "$out" "$@"
}

# The whole standard library as one shared library, in a copy of the toolchain.
linkshared_goroot() { # VERSION
	local root=$CACHE/linkshared/$1 goroot
	if [[ ! -d $root ]]; then
		goroot=$(toolchain "$1") || return
		mkdir -p "$CACHE/linkshared" && rm -rf "$root.new" && cp -r "$goroot" "$root.new" && chmod -R u+w "$root.new" &&
			GOROOT=$root.new GOTOOLCHAIN=local GOFLAGS='' CGO_ENABLED=1 "$root.new/bin/go" install -trimpath \
				-buildmode=shared -linkshared std >&2 && mv "$root.new" "$root" || return
	fi
	echo "$root"
}

build_linkshared() { # VERSION OUT
	local goroot modfile=()
	goroot=$(linkshared_goroot "$1") || return
	[[ ! $1 =~ ^1\.(1[0-9]|2[0-3])(\.|$) ]] || modfile=(-modfile=../go118.mod)
	(cd "$victims/kinds" && GOROOT=$goroot GOTOOLCHAIN=local GOWORK=off GOFLAGS='' CGO_ENABLED=1 \
		"$goroot/bin/go" build "${modfile[@]}" -trimpath -buildvcs=false -linkshared -o "$2" .)
}

# build_kinds VERSION LINK FLAG...: leaves in `program` what starts the victim.
build_kinds() {
	local version=$1 link=$2
	shift 2
	program=(./kinds)
	case $link in
	c-archive)
		go_build "$version" "$victims/kinds" "$WORK/kinds.a" -buildmode=c-archive -tags library "$@" &&
			build_host kinds -DLINKED=RunKinds kinds.a -pthread
		;;
	c-shared)
		program=(./host ./kinds.so RunKinds)
		go_build "$version" "$victims/kinds" "$WORK/kinds.so" -buildmode=c-shared -tags library "$@" && build_host host
		;;
	plugin)
		program+=(-plugin ./part.so)
		go_build "$version" "$victims/kinds" "$WORK/kinds" -tags plugged "$@" &&
			go_build "$version" "$victims/part" "$WORK/part.so" -buildmode=plugin -tags plugged "$@"
		;;
	linkshared) build_linkshared "$version" "$WORK/kinds" ;;
	*) go_build "$version" "$victims/kinds" "$WORK/kinds" "$@" ;;
	esac
}

# ---- addresses ----

# Where the runtime would put its heap: runtime/malloc.go mallocinit, 1.18-1.25; later ones choose at random.
hints() { # N
	local i
	for ((i = 0; i < $1; i++)); do
		printf '%x-%x ' $(((i << 40) + 0xc000000000)) $(((i << 40) + 0xc004000000))
	done
}

# ---- one case ----

from_snapshot() {
	ask gc && types && ask dump "$PWD/before" && "$HELDBY" snapshot "$(pid_of victim)" -o snapshot.core &&
		ask dump "$PWD/after" && "$oracle" snapshot.core facts && ask gc-once && ask dump "$PWD/collected"
}

# Other names for what only these cases need.
names_of_plugin() { # FACTS: the plugin's globals have names
	local name
	for name in leaves all large visitors; do
		grep -qE "^root .* part\.$name\$" "$1" || return
	done
}

# parse VERSION/PARTS: sets version, experiments, flags, link, settings, how, arguments, cgo and comparing.
parse() {
	local part parts
	version=${1%%/*} experiments='' flags=() link='' settings=() how=at_rest arguments=() cgo=0 comparing=()
	IFS=+ read -ra parts <<<"${1#*/}"
	for part in "${parts[@]}"; do
		case $part in
		-msan) flags+=("$part") cgo=1 CC=clang-16 ;;
		-asan) flags+=("$part") cgo=1 settings+=(ASAN_OPTIONS=detect_leaks=0) ;;
		-ldflags=*) flags+=("$part") ;;
		-*) flags+=("$part") cgo=1 ;;
		stripped) flags+=(-ldflags='-s -w') ;;
		external) flags+=(-ldflags=-linkmode=external) cgo=1 ;;
		c-archive | c-shared | plugin | linkshared) link=$part cgo=1 ;;
		far) settings+=("RESERVE=c004000000-c008000000 1c004000000-1c008000000") ;;&
		down) settings+=("RESERVE=$(hints 128)") ;;&
		far | down) settings+=("LD_PRELOAD=$WORK/reserve.so") arguments+=(-spread) cgo=1 ;;
		observed) arguments+=(-observed) settings+=(GODEBUG=traceadvanceperiod=1000000) comparing=(-ticking) ;;
		*=*) settings+=("$part") ;;
		unswept | in_* | before_* | from_*) how=$part ;;
		*) experiments+=${experiments:+,}$part ;;
		esac
	done
}

examine_case() { # VERSION/PARTS
	local name="builds $1" version experiments flags link settings how arguments cgo CC=gcc program keep=${KEEP:-}
	parse "$1"
	if ! command -v "$CC" >/dev/null; then
		missing "$name" "$CC"
		return
	fi
	export CC
	if ! GOEXPERIMENT=$experiments CGO_ENABLED=$cgo build_kinds "$version" "$link" "${flags[@]}" >build.log 2>&1; then
		sed 's/^/    /' build.log
		not_ok "$name" "the victim does not build"
		return
	fi
	case $how in
	unswept | in_* | before_*) settings+=(GOMAXPROCS=1) ;;
	esac
	[[ $link != plugin ]] || keep=${keep:-$WORK/kept}
	KEEP=$keep AGAIN="tests/oracle/run-builds.sh '$1'" examine "$name" "$how" env "${settings[@]}" "${program[@]}" \
		"${arguments[@]}"
	if [[ $link == plugin ]]; then
		check "names of $name" names_of_plugin "$keep/$how/facts"
	fi
}

# ---- what cannot be examined ----

# refuses NAME PROGRAM...: heldby says so, with exit status 4.
refuses() { # NAME REGEX PROGRAM [ARG...]
	local name=$1 regex=$2 status=0
	shift 2
	start victim "$@"
	if wait_for_line victim '^ready'; then
		"$HELDBY" "$(pid_of victim)" >refused 2>&1 || status=$?
		if ((status == 4)) && grep -qE -- "$regex" refused; then
			ok "$name"
		else
			sed 's/^/    /' refused
			not_ok "$name" "exit status $status, or another message"
		fi
	else
		not_ok "$name" 'the victim did not start'
	fi
	stop victim
}

refused_sbrk() { # VERSION
	if go_build "$1" "$victims/tiny" "$WORK/tiny"; then
		refuses "builds $1/GODEBUG=sbrk=1 is refused" 'outside the Go heap.*sbrk' env GODEBUG=sbrk=1 ./tiny
	else
		not_ok "builds $1/GODEBUG=sbrk=1 is refused" 'the victim does not build'
	fi
}

refused() {
	local version=1.26.8
	if GOEXPERIMENT=staticlockranking go_build $version "$victims/tiny" "$WORK/tiny"; then
		refuses "builds $version/staticlockranking is refused" 'GOEXPERIMENT=staticlockranking' ./tiny
	else
		not_ok "builds $version/staticlockranking is refused" 'the victim does not build'
	fi
	if [[ -n ${FULL:-} ]]; then
		for version in $(go_versions); do
			refused_sbrk "$version"
		done
	else
		refused_sbrk 1.24.10
		refused_sbrk 1.27.3
	fi
}

# A chunk of a user arena that was freed is no memory any more as long as something points there, and no dump can be made:
# it is an object without pointers, which is reached.
freed_arena() { # VERSION
	local name="builds $1/arenas, one of them freed"
	if ! GOEXPERIMENT=arenas go_build "$1" "$victims/kinds" "$WORK/kinds"; then
		not_ok "$name" 'the victim does not build'
		return
	fi
	start victim ./kinds
	if wait_for_line victim '^ready' && ask free-arena && "$oracle" "$(pid_of victim)" facts; then
		check "$name" awk '
			$1 == "span" && $3 > 8000000 { kinds[$6 == 1]++; if ($6 == 1) freed[$2] = 1 }
			$1 == "object" && freed[$2] { reached += $4 && $5; pointers += NF - 5 }
			$1 == "note" { print; noted = 1 }
			END { exit !(kinds[1] && kinds[0] && reached == kinds[1] && !pointers && !noted) }' facts
	else
		not_ok "$name" 'the victim did not start, or was not examined'
	fi
	stop victim
}

# ---- which cases ----

changed=(
	1.22.12/noallocheaders+noexectracer2
	1.24.10/noswissmap
	1.25.5/greenteagc+noswissmap{,+unswept,+in_mark}
	1.26.8/nogreenteagc{,+in_mark}
	1.27.3/nogreenteagc+mapsplitgroup+nosizespecializedmalloc+runtimesecret{,+unswept,+in_sweep}
	{1.20.14,1.22.12,1.27.3}/arenas
	1.27.3/arenas+from_snapshot
	{1.18.10,1.27.3}/-race
	1.21.13/-asan
	1.26.8/-asan+arenas
	1.24.10/-msan
	{1.18.10,1.27.3}/c-shared
	1.27.3/c-shared+{from_core,from_snapshot}
	{1.18.10,1.26.8}/plugin
	1.26.8/plugin+{from_core,from_snapshot,-ldflags=-buildid=}
	1.26.8/{c-archive,linkshared}
	1.25.5/{far,down}
	1.26.8/GODEBUG={madvdontneed=1,clobberfree=1,gccheckmark=1,memprofilerate=1}
	1.21.13/GODEBUG=madvdontneed=0+GOMAXPROCS=64
	{1.21.13,1.27.3}/observed
)

every() {
	local version part
	for version in $(go_versions); do
		for part in -race -asan -msan external c-archive c-shared plugin linkshared GODEBUG={madvdontneed=0,madvdontneed=1} \
			GODEBUG={clobberfree=1,gccheckmark=1,memprofilerate=1,disablethp=1,asyncpreemptoff=1,tracebackancestors=9} \
			GOGC=off GOMEMLIMIT=64MiB GOMAXPROCS=64 observed{,+from_core} {c-shared,plugin}+-ldflags=-buildid=; do
			case $version/$part in
			1.21.*/linkshared) ;; # Go 1.21 initialises package flag before os there: no such program starts
			*) echo "$version/$part" ;;
			esac
		done
		case $version in
		1.2[0-9].*) echo "$version"/arenas{,+from_core,+from_snapshot,+-race,+-asan} ;;
		esac
		case $version in
		1.1[89].* | 1.2[0-5].*) echo "$version"/{far,down} ;;
		*) echo "$version"/norandomizedheapbase64+{far,down} ;;
		esac
	done
	echo 1.18.10/nopacerredesign 1.{18.10,27.3}/noregabiargs+noregabiwrappers 1.{20.14,21.13,22.12}/pagetrace
	echo 1.22.12/{noallocheaders,noexectracer2,arenas+noallocheaders}
	echo {1.24.10,1.25.5}/{noswissmap,nosynchashtriemap,synctest} 1.24.10/nospinbitmutex
	echo 1.25.5/greenteagc{,+arenas}{,+unswept,+in_mark,+in_sweep}
	echo {1.26.8,1.27.3}/{norandomizedheapbase64,sizespecializedmalloc,nosizespecializedmalloc,runtimesecret,runtimefreegc,simd}
	echo {1.26.8,1.27.3}/nogreenteagc{,+unswept,+in_mark,+in_mark_termination,+before_sweep,+in_sweep}
	echo 1.26.8/goroutineleakprofile 1.27.3/{mapsplitgroup,preemptibleloops,heapminimum512kib,cgocheck2,nojsonv2}
}

need gcc
if ! gcc -O1 -shared -fPIC "$victims/reserve/reserve.c" -o reserve.so; then
	not_ok builds 'the C compiler does not work'
	exit
fi
cases=("$@")
if ((${#cases[@]} == 0)); then
	refused
	for version in 1.21.13 1.27.3; do
		freed_arena $version
	done
	cases=("${changed[@]}")
	if [[ -n ${FULL:-} ]]; then
		mapfile -t -O "${#cases[@]}" cases < <(every | tr ' ' '\n')
	fi
fi
for case in "${cases[@]}"; do
	examine_case "$case"
done
