#!/usr/bin/env bash
# test: timeout=600
# Compares goroutines as heldby reads them with the Go runtime's own: every frame's function, file, line, sp, fp and pc, the
# states and wait reasons, the creators, the count, and the positions that pclntab gives for every function.
#
# usage: tests/oracle/run-goroutines.sh [VERSION/VARIANT]...     VARIANT: normal, stripped, pie, cgo; KEEP=DIR keeps the
#                                                                files of the last case
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
oracle=$(dirname "$HELDBY")/tests/oracle/oracle-goroutines

if (($# != 1)); then
	cases=("$@")
	if ((${#cases[@]} == 0)); then
		for version in $(go_versions); do
			cases+=("$version"/{normal,stripped,pie,cgo})
		done
	fi
	once_for_each "${cases[@]}"
fi
name="goroutines $1"
minor=${1#1.} minor=${minor%%.*}
cd "$WORK" || exit 1

# The traceback that the runtime prints on SIGQUIT as lines "ID WHAT…", by ID. runtime/traceback.go: runtime.gopanic is
# called panic; from frame 51 on, all but the last 50 are left out. Up to 1.20 there are no more than 100, not counting inlined
# calls, and it says that there are more when it printed just 100 lines.
runtime_says() { # FILE
	awk '
		/^goroutine [1-9][0-9]* / {
			id = $2
			status = $0
			sub(/^[^[]*\[/, "", status)
			sub(/\]:$/, "", status)
			gsub(/, [0-9]+ minutes|, locked to thread|, synctest bubble [0-9]+/, "", status)
			sub(/ \((scan|leaked)\)/, "", status)
			print id, "status", status
			next
		}
		/^$/ || /^r[a-z0-9]+ / { id = 0 }
		!id { next }
		/^\.\.\..*frames elided/ { print id, $1; next }
		/^\t/ {
			sub(/ \+0x[0-9a-f]+/, "")
			sub(/^\t/, "")
			print id, name, $0
			next
		}
		/^created by / { sub(/^created by /, ""); name = "creator " $0; next }
		{ sub(/\([^()]*\)$/, ""); sub(/\(\.\.\.\)$/, ""); name = "frame " $0 }
	' "$1" | sort -s -n -k 1,1
}

# What heldby says, in the same form.
heldby_says() { # FILE
	grep -E '^[0-9]+ (status|frame|incomplete|creator)' "$1" | awk -v minor="$minor" '
		# Type arguments are printed as [...].
		function plain(name,   open, close_) {
			open = index(name, "[")
			close_ = match(name, /\][^\]]*$/)
			return open && close_ > open ? substr(name, 1, open) "..." substr(name, close_) : name
		}
		function flush_frames(   i, called) {
			for (i = 1; i <= n && minor <= 20; i++) {
				print frames[i]
				called += frames[i] ~ / fp=/
				if (called == 100) {
					if (i == 100)
						print last, "...additional"
					break
				}
			}
			for (i = 1; i <= n && minor > 20; i++) {
				if (n > 100 && i == 51) {
					print last, "..." n - 100
					i = n - 49
				}
				print frames[i]
			}
			n = 0
		}
		$2 != "frame" { flush_frames() }
		$2 == "frame" || $2 == "creator" { $3 = plain($3) }
		$3 == "runtime.gopanic" { $3 = "panic" }
		$2 == "frame" { frames[++n] = $0; last = $1; next }
		{ print }
		END { flush_frames() }
	'
}

# without_scavenger FILE: all but the goroutine that gives memory back to the system: it wakes up by itself, so the two looks
# may find it at different places.
without_scavenger() {
	awk 'NR == FNR { if ($3 ~ /^runtime\.bgscavenge/) skip[$1] = 1; next } !($1 in skip)' "$1" "$1"
}

same() { # NAME ACTUAL EXPECTED
	if diff -u --label heldby --label runtime "$2" "$3" >difference; then
		ok "$1"
	else
		sed -n '1,40s/^/    /p' difference
		not_ok "$1" "$(grep -c '^[-+][^-+]' difference) lines differ"
	fi
}

# look FILE: false when heldby fails, or when a goroutine that stands still could not be unwound or scanned precisely. (One
# whose stack is being copied is scanned conservatively.)
look() {
	local times=0
	# On a machine that is busy enough a thread may not get the processor that it needs to stop: heldby lets go and says so.
	until "$oracle" -w "$(pid_of stacks)" >"$1" 2>"$1.err"; do
		cat "$1.err"
		times=$((times + 1))
		((times < 10)) && grep -q 'did not stop in time.*try again$' "$1.err" || return 1
	done
	awk '
		$2 == "status" { running = $3 == "running" || $3 == "copystack" }
		!running && ($2 == "incomplete" || $3 == "conservative") { of[$1] }
		{ line[NR] = $0; goroutine[NR] = $1 }
		END {
			for (i = 1; i <= NR; i++)
				if (goroutine[i] in of)
					print line[i]
			exit length(of) > 0
		}
	' "$1"
}

# look_at_rest FILE: looks when the goroutine that obeys commands waits for one: after its answer it first has to get there.
look_at_rest() {
	local times
	for times in {1..100}; do
		look "$1" || return 1
		! grep -q '^1 frame syscall\.read ' "$1" || return 0
	done
	grep '^1 ' "$1"
	return 1
}

heldby_count() { # FILE
	sed -n 's/^count //p' "$1"
}

runtime_count() {
	forget_output stacks
	say stacks count && wait_for_line stacks '^goroutines' >&2 && echo "${LINE#goroutines }"
}

same_count() { # NAME FILE
	local theirs
	theirs=$(runtime_count)
	if [[ $(heldby_count "$2") == "$theirs" ]]; then
		ok "$1"
	else
		not_ok "$1" "heldby counts $(heldby_count "$2"), the runtime $theirs"
	fi
}

command() { # TEXT
	forget_output stacks
	say stacks "$1" && wait_for_line stacks "^ok ${1%% *}\$"
}

# program_only IDS FILE: what is said of goroutines that in IDS are in functions of the program (the runtime's own ones do
# not stay where they are, nor does the one that obeys commands).
program_only() {
	awk 'NR == FNR { if ($1 != 1 && $3 ~ /^main\./) ids[$1] = 1; next } $1 in ids' "$1" "$2"
}

# While goroutines run, those that are parked must look as they do at rest.
busy() {
	local bad=0 computing=0 lost=0
	command 'spin 4' || return
	grep '^held' stacks.out >held.runtime
	for _ in 1 2 3 4 5; do
		look busy || bad=1
		heldby_says busy >busy.heldby
		diff <(program_only idle.heldby idle.heldby) <(program_only idle.heldby busy.heldby) || bad=1
		grep -q '^[0-9]* frame main.compute ' busy && computing=1
		grep '^held ' busy >held.heldby
		grep -vxFf held.heldby held.runtime && lost=1
	done
	((bad)) && not_ok "$name: parked among running" "see above" || ok "$name: parked among running"
	((computing)) && ok "$name: running" || not_ok "$name: running" "main.compute is never seen on a stack"
	((lost)) && not_ok "$name: held by registers" "see above" || ok "$name: held by registers"
	same_count "$name: count of running" busy
	command 'churn 4' || return
	bad=0
	for _ in {1..10}; do
		look busy || bad=1
	done
	((bad)) && not_ok "$name: coming and going" "see above" || ok "$name: coming and going"
	command rest
}

examine() {
	start stacks env GOTRACEBACK=system ./stacks
	if ! wait_for_line stacks '^ready' 60 || ! look idle; then
		not_ok "$name" "could not look"
		stop stacks
		return
	fi
	same_count "$name: count" idle
	check "$name: threads" awk '$1 == "threads" { exit $2 != $4 }' idle
	heldby_says idle >idle.heldby
	"$oracle" -l "$(pid_of stacks)" >lines.heldby && cut -f 1 lines.heldby >pcs &&
		command "lines $WORK/pcs $WORK/lines.runtime" &&
		sed -E 's/^([^\t]*\t[^\t[]*)\[.*\]([^]\t]*\t[^\t]*)$/\1[...]\2/; s/\t:0$/\t?:0/' lines.heldby >lines.plain &&
		same "$name: $(wc -l <pcs) positions" lines.plain lines.runtime
	busy
	look_at_rest idle && heldby_says idle >idle.all # collections have moved stacks
	forget_output stacks
	kill -QUIT "$(pid_of stacks)"
	wait_for_line stacks '^rflags|^rip'
	runtime_says stacks.out >all.runtime
	without_scavenger idle.all >idle.heldby
	without_scavenger all.runtime >idle.runtime
	same "$name: $(grep -c frame idle.heldby) frames" idle.heldby idle.runtime
	stop stacks
	[[ -z ${KEEP:-} ]] || cp idle* busy* lines* held* stacks.out "$KEEP"
}

have_toolchain "$name" "${1%/*}" || exit 0
if build_victim "${1%/*}" "${1#*/}" "$ROOT/tests/victims/stacks" "$WORK/stacks"; then
	examine
else
	not_ok "$name" "the victim does not build"
fi
