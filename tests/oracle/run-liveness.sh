#!/usr/bin/env bash
# test: timeout=900
# What stacks hold: objects that exactly one slot of a frame has, in every way in which a frame can have one, some of which the
# program will still use. heldby must find held what the runtime then keeps, and nothing else.
#
# usage: tests/oracle/run-liveness.sh [VERSION/VARIANT]...     VARIANT: normal, stripped, pie, cgo; without: each release in one of
#                                                              them, FULL=1 in all; KEEP=DIR keeps the files of the last case
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
oracle=$(dirname "$HELDBY")/tests/oracle/oracle-liveness

if (($# != 1)); then
	cases=("$@")
	if ((${#cases[@]} == 0)); then
		variants=(normal stripped pie cgo)
		for version in $(go_versions); do
			if [[ -n ${FULL:-} ]]; then
				cases+=("$version"/{normal,stripped,pie,cgo})
			else
				cases+=("$version/${variants[${#cases[@]} % 4]}")
			fi
		done
	fi
	once_for_each "${cases[@]}"
fi
need gcore
name="liveness $1"
cd "$WORK" || exit 1

ask() { # COMMAND [ARGUMENT]: what the victim answers is in liveness.out
	forget_output liveness
	say liveness "$*"
	wait_for_line liveness "^ok $1\$" 60
}

look() { # FILE [TARGET] [BEFORE_STOP [WHILE_PLANNING]]
	"$oracle" "${2:-$(pid_of liveness)}" things "${@:3}" >"$1" 2>"$1.err" && return
	cat "$1.err"
	return 1
}

# begin: leaves the victim at rest, looked at. In five attempts some goroutine must have been left alone that is not to start.
begin() {
	for _ in {1..5}; do
		start liveness env GODEBUG=clobberfree=1 ./liveness
		wait_for_line liveness '^ready' 60 && grep '^thing ' liveness.out >things && look rest && ask started || return 1
		! grep -q '^started 0$' liveness.out || return 0
		stop liveness
	done
	return 1
}

# A goroutine writes a heap dump into a full pipe: it is on the system stack, and the world is stopped.
stopped() {
	local fifo
	mkfifo dump
	forget_output liveness
	say liveness "dump $WORK/dump"
	exec {fifo}<dump
	head -c 1 <&"$fifo" >/dev/null # it has begun
	look stopped || return 1
	! grep '^status running' stopped || return 1
	cat <&"$fifo" >/dev/null
	exec {fifo}<&-
}

# agree LOOK: what heldby said must be what the runtime did, and what the program says of itself.
agree() {
	awk '
		function after(n,   text) { # the line without its first n words
			text = $0
			while (n-- > 0)
				sub(/^[^ ]* /, "", text)
			return text
		}
		function complain(name, text) {
			print "    " name ": " text
			printf "%s", keepers[name]
			bad = 1
		}
		$1 == "thing" { order[++n] = after(3); kind[order[n]] = $2 }
		$1 == "alive" || $1 == "freed" { truth[after(1)] = $1 }
		$1 == "held" || $1 == "free" || $1 == "unknown" { found[after(2)] = $1; words[after(2)] = $2 }
		$1 == "by" {
			name = after(1)
			sub(/: .*/, "", name)
			keepers[name] = keepers[name] "        " $0 "\n"
		}
		END {
			for (i = 1; i <= n; i++) {
				name = order[i]
				if (found[name] == "" || found[name] == "unknown" || truth[name] == "")
					complain(name, "is no object, or the runtime said nothing")
				else if ((found[name] == "held") != (truth[name] == "alive"))
					complain(name, "heldby says " found[name] ", the runtime " truth[name])
				if (kind[name] == "held" && truth[name] == "freed" || kind[name] ~ /^(dead|gone)$/ && truth[name] == "alive")
					complain(name, "is to be " kind[name] ", the runtime says " truth[name])
				if (kind[name] == "dead" && !words[name])
					complain(name, "is nowhere on a stack: proves nothing")
			}
			if (n < 150)
				complain(n, "things are too few")
			exit bad
		}
	' things truth "$1"
}

# The thread stands on its signal stack, what it computed with is in the registers that the kernel saved there.
interrupted() {
	ask signal && grep '^thing ' liveness.out >things && look interrupted &&
		grep -q '^handlers [1-9]' interrupted && grep -q '^held ' interrupted
	local status=$?
	((status == 0)) || cat interrupted
	say liveness signalled
	return "$status"
}

# While stacks grow, what lies below must be held at each moment, also when one is being copied.
growing() {
	local looks=0 copied=0
	forget_output liveness
	say liveness 'grow 200'
	wait_for_line liveness '^ok grow' && grep '^thing ' liveness.out >things || return 1
	while ((copied < 3)) && ! grep -q '^grown' liveness.out; do
		look growing || return 1
		if ! grep -q '^held ' growing; then
			cat growing
			return 1
		fi
		looks=$((looks + 1))
		! grep -q '^status copystack' growing || copied=$((copied + 1))
	done
	((copied)) || echo "    in $looks looks no stack was being copied"
	((copied))
}

# The heap gets a new arena between the plan of a snapshot and its stop: what begins in an arena that was known and ends in the new
# one is read as a whole. So is what the executable has, though another file has its name by then.
look_across() { # stack|object TRY
	local status=0 looking
	start liveness env GODEBUG=clobberfree=1 ./liveness
	wait_for_line liveness '^ready' 60 || return 1
	mkfifo planned grown
	look across "$(pid_of liveness)" "echo >planned; read line <grown" "mv liveness before; cp before liveness" &
	looking=$!
	read -r <planned
	ask across "$2$1" && grep '^thing ' liveness.out >things || status=1
	echo >grown
	wait "$looking" || status=1
	stop liveness
	rm planned grown
	return "$status"
}

across() { # stack|object
	local try
	for try in {1..5}; do
		look_across "$1" "$try" || return 1
		! grep -q '^across [1-9]' liveness.out || break
	done
	if ((try == 5)); then
		echo "    nothing lies across the arena's end"
		return 1
	fi
	# All of it was read, by the compiler's maps.
	! grep -E '^(free|unknown) |^by .*conservative' across && ! grep -Ev 'memory profile' across.err &&
		(($(grep -c '^held ' across) >= 32))
}

# At each moment something has what goes from hand to hand, while the runtime collects. (Of a live process a queue of
# finalizers or cleanups is found only if it was not empty shortly before; in a core it is.)
all_are_held() { # FILE KIND...
	awk -v kinds=" ${*:2} " '
		$1 == "thing" { name = $0; sub(/^thing [^ ]* [^ ]* /, "", name); kind[name] = $2 }
		$1 == "held" || $1 == "free" || $1 == "unknown" {
			name = $0
			sub(/^[^ ]* [^ ]* /, "", name)
			seen++
			if ($1 != "held" && index(kinds, " " kind[name] " ")) {
				print "    " name " is " $1
				bad = 1
			}
		}
		END { exit bad || seen < 20 }
	' things "$1"
}

juggling() {
	local bad=0 pid
	start juggling env GODEBUG=clobberfree=1 ./liveness juggle
	pid=$(pid_of juggling)
	wait_for_line juggling '^ready' 60 && grep '^thing ' juggling.out >things || return 1
	for _ in {1..10}; do
		look juggled "$pid" || return 1
		all_are_held juggled held || bad=1
	done
	gcore -o core "$pid" >gcore.log 2>&1 && look juggled "core.$pid" || return 1
	all_are_held juggled held queued || bad=1
	rm "core.$pid"
	forget_output juggling
	say juggling rest
	wait_for_line juggling '^ok rest' 60 || return 1
	stop juggling
	awk '$1 == "alive" { n++ } $1 == "freed" { print "    the runtime has " $0; bad = 1 } END { exit bad || n < 20 }' juggling.out &&
		((!bad))
}

have_toolchain "$name" "${1%/*}" || exit 0
if ! build_victim "${1%/*}" "${1#*/}" "$ROOT/tests/victims/liveness" liveness; then
	not_ok "$name" "the victim does not build"
	exit
fi
if begin && stopped && ask collect && grep -E '^(alive|freed) ' liveness.out >truth; then
	cp things all
	check "$name: $(wc -l <things) things at rest" agree rest
	check "$name: with the world stopped" agree stopped
	[[ ${1#*/} != cgo ]] || check "$name: in a signal handler" interrupted
	check "$name: while stacks grow" growing
	stop liveness
	check "$name: stacks in a new arena" across stack
	check "$name: objects in a new arena" across object
	check "$name: while things go from hand to hand" juggling
else
	cat liveness.out
	not_ok "$name" "could not look"
fi
[[ -z ${KEEP:-} ]] || cp all truth rest stopped "$KEEP"
