# shellcheck shell=bash disable=SC2154 # sourced after lib.sh
# What the comparisons of heldby's objects with the Go runtime's heap dump have in common. They look at a victim that obeys
# as tests/victims/control and tests/victims/truth say, from a folder of their own; what looking leaves there is
#
#	facts                    what heldby says (oracle-objects)
#	before after collected   the runtime's dumps: right before, right after, and after one more collection
#	types                    what the victim says

need gcore
oracle=$(dirname "$HELDBY")/tests/oracle/oracle-objects
compare=$WORK/compare
go_build '' "$ROOT/tests/oracle/compare" "$compare" || exit 1

ask() { # COMMAND [ARGUMENT]: what the victim answers is in victim.out
	forget_output victim
	say victim "$*"
	wait_for_line victim "^ok $1\$" 60
}

types() {
	ask types && cp "$WORK/victim.out" types && ask count && cat "$WORK/victim.out" >>types
}

# The three ways to look.

at_rest() {
	ask gc && types && ask dump "$PWD/before" && "$oracle" "$(pid_of victim)" facts && ask dump "$PWD/after" &&
		ask gc-once && ask dump "$PWD/collected"
}

from_core() {
	local core
	core=core.$(pid_of victim)
	ask gc && types && ask dump "$PWD/before" && gcore -o core "$(pid_of victim)" >gcore.log 2>&1 &&
		ask dump "$PWD/after" && "$oracle" "$core" facts && ask gc-once && ask dump "$PWD/collected" && rm "$core"
}

# The process stops itself right after a mark, before the sweep: liveness is in the mark bits. Nothing says which words
# change while it goes on, so that values are not compared.
TOO_LATE=75 # the sweeper was given the time to do its work, or somebody else is about to: again
unswept() {
	local status
	status=/proc/$(pid_of victim)/status
	ask gc-once && ask gc-once && types || return 1 # not "gc": what it puts into a pool would not live on
	forget_output victim
	say victim "unswept $PWD/after"
	until grep -q '^State:.T' "$status"; do :; done
	"$oracle" "$(pid_of victim)" facts || return
	grep '^State:.T' "$status" || return # still stopped, as it was
	kill -CONT "$(pid_of victim)"
	wait_for_line victim '^ok unswept' || return
	# Goroutines 1 to 4 are the main one and the runtime's own; another that can run may allocate before the dump.
	awk '$1 == "span" { n++; unswept += $7 == 1 } $1 == "goroutine" && $3 > 4 && ($4 == 1 || $4 == 2) { busy++ }
		END { exit busy || unswept < n * 3 / 4 }' facts || return "$TOO_LATE"
	cp after before && ask gc-once && ask dump "$PWD/collected"
}

# The collector is stopped in the middle by a debugger, which leaves a core; what the very same collection then keeps was
# alive in it, and what it does not keep was garbage.
in_phase() { # FUNCTION HIT: at the HITth call of a function of the runtime
	ask gc && types && ask litter && ask dump "$PWD/before" || return
	gdb -p "$(pid_of victim)" -batch -nx -ex 'set auto-load python-scripts off' -ex 'handle SIGURG nostop noprint pass' \
		-ex "break $1" -ex "ignore 1 $(($2 - 1))" -ex "shell echo gc-once >'$WORK/victim.in'" -ex continue -ex bt \
		-ex "generate-core-file core.phase" -ex detach >gdb.log 2>&1 </dev/null
	wait_for_line victim '^ok gc-once' && ask dump "$PWD/after" && grep -E "^#0 .*${1#runtime.}" gdb.log &&
		"$oracle" core.phase facts && cp after collected && rm core.phase && return
	cat gdb.log
	return 1
}
in_mark() { in_phase runtime.markroot 20; }
in_mark_termination() { in_phase runtime.gcMark 1; }
before_sweep() { in_phase runtime.sweepone 1; }
in_sweep() { in_phase runtime.sweepone 100; }
# Between two steps of the sweep of one span: nothing is allocated by index any more, and the mark bits are not the
# allocation bits yet. VERSION is the victim's Go release; it has DWARF.
in_sweep_of_a_span() {
	local line
	line=$(grep -n 's.allocBits = s.gcmarkBits' "$(toolchain "$VERSION")/src/runtime/mgcsweep.go")
	in_phase "mgcsweep.go:${line%%:*}" 100 && grep -E '^span .* 2$' facts
}

look() { # HOW PROGRAM [ARG...]
	local how=$1 times status
	shift
	for ((times = 0; times < 40; times++)); do
		start victim "$@"
		wait_for_line victim '^ready' && "$how"
		status=$?
		say victim quit
		stop victim
		((status == TOO_LATE)) || break
	done
	return "$status"
}

comparing=() # options of compare

# examine NAME HOW PROGRAM [ARG...]: looks, compares and reports. AGAIN is the command that does it again, for whoever reads
# of a failure; KEEP=DIR keeps the files of the last case of each way to look, VERBOSE=1 shows what was compared.
examine() {
	local name=$1 how=$2 options=("${comparing[@]}") again=${AGAIN:+; again: $AGAIN}
	shift 2
	case $how in
	unswept) options+=(-values=false) ;;
	in_* | before_*) options+=(-collecting) ;;
	esac
	if look "$how" "$@" >look.log 2>&1; then
		if "$compare" "${options[@]}" facts before after collected types >compared; then
			ok "$name"
			[[ -z ${VERBOSE:-} ]] || sed 's/^/    /' compared
		else
			sed 's/^/    /' compared
			not_ok "$name" "$(grep -c '^[0-9]* × ' compared) kinds of disagreement$again"
		fi
	else
		sed 's/^/    /' look.log
		not_ok "$name" "could not look$again"
	fi
	[[ -z ${KEEP:-} ]] || { mkdir -p "$KEEP/$how" && cp facts before after collected types "$KEEP/$how"; }
	rm -f facts before after collected types
}
