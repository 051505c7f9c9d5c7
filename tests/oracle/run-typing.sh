#!/usr/bin/env bash
# test: timeout=900
# Compares the types that heldby gives to objects with what the program knows: its own descriptors through reflect, the
# numbers of objects that a victim made, and the types that its allocator was called with.
#
# usage: tests/oracle/run-typing.sh [VERSION]...     VERBOSE=1 shows coverage
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need python3
oracle=$(dirname "$HELDBY")/tests/oracle/oracle-typing
cd "$WORK" || exit 1

show() {
	[[ -z ${VERBOSE:-} ]] || sed 's/^/    /' "$@"
}

# Addresses relative to one type's, wherever the program was loaded.
relative() {
	python3 -c '
import re, sys
text = sys.stdin.read()
base = int(re.search(r"^(0x[0-9a-f]+) .* \*main\.huge \"\"$", text, re.M)[1], 16)
sys.stdout.write(re.sub(r"\b0x[0-9a-f]+", lambda m: hex(int(m[0], 16) - base), text))'
}

# Every descriptor that reflect reaches, field by field, and next to nothing else: what reflect does not reach are closures'
# structs and interfaces in type assertions.
descriptors() { # NAME VERSION [FLAG...]
	local name="descriptors $1" version=$2 missing extra
	shift 2
	go_build "$version" "$ROOT/tests/victims/typelist" typelist "$@" || return
	./typelist | relative | sort >expected
	"$oracle" types typelist | relative | sort >found
	[[ -s expected ]] || {
		not_ok "$name" 'the victim listed nothing'
		return
	}
	missing=$(comm -23 expected found | wc -l)
	extra=$(comm -13 expected found | grep -cvE '^-?0x[0-9a-f]+(\.[0-9]+ | [0-9]+ [0-9]+ (struct struct|interface interface) )')
	if ((missing == 0 && extra <= 2)); then # sync.dequeueNil, which only unsafe code uses
		ok "$name"
	else
		comm -3 expected found | head -20 | sed 's/^/    /'
		not_ok "$name" "$missing missing, $extra that reflect does not know"
	fi
}

# The victim's own counts and paths; it is ./typed. KIND is named or stripped.
counts() { # NAME KIND
	local name="counts $1" kind=$2
	start typed ./typed
	if wait_for_line typed '^ready'; then
		"$oracle" heap "$(pid_of typed)" >found 2>coverage
		show coverage
		compare_counts "$kind" >wrong
		compare_edges >>wrong
		if [[ -s wrong || ! -s found ]]; then
			sed 's/^/    /' coverage wrong
			not_ok "$name" "$(wc -l <wrong) classes or paths are not what the program has"
		else
			ok "$name"
		fi
	else
		not_ok "$name" 'the victim did not start'
	fi
	stop typed
}

compare_counts() { # KIND: one line for each class with another number of objects
	awk -v kind="$1" '
		NR == FNR { n = $1; sub(/^[0-9]+ [0-9]+ [0-9]+ /, ""); found[$0] = n; next }
		/^(want|least|symbols) / {
			word = $1; n = $2; sub(/^[a-z]+ [0-9]+ /, "")
			if (word == "symbols" && kind != "named") next
			have = found[$0] + 0
			if (word == "least" ? have < n : have != n) print word, n, $0 ", found", have
		}' found typed.out
}

compare_edges() {
	local classes line
	mapfile -t classes < <(sed -n 's/^edge \(.*\) | .*/\1/p' typed.out | sort -u)
	"$oracle" paths "$(pid_of typed)" "${classes[@]}" 2>/dev/null | sort -u >paths
	sed -n 's/^edge //p' typed.out | while IFS= read -r line; do
		grep -qxF -- "$line" paths || echo "no edge of $line"
	done
}

# Against the runtime's notes: no object with pointers may have a type that it was not allocated with, and 99 % have one.
truth() { # NAME VERSION VICTIM
	local name="allocator $1" version=$2 victim=$3 shadow experiments=
	[[ ! $version =~ ^1\.2[6-9] ]] || experiments=norandomizedheapbase64,nosizespecializedmalloc
	# Files below GOMODCACHE cannot be overlaid, and fetched toolchains are there; victims need no other module.
	if ! shadow=$("$ROOT/tests/oracle/shadow.py" "$(toolchain "$version")" "$CACHE/shadow") ||
		! GOMODCACHE=$WORK/modules GOEXPERIMENT=$experiments go_build "$version" "$ROOT/tests/victims/$victim" noted \
			-ldflags='-s -w' -overlay "$shadow"; then
		not_ok "$name" 'the runtime that notes types cannot be built'
		return
	fi
	start noted ./noted
	if wait_for_line noted '^ready'; then
		"$oracle" truth "$(pid_of noted)" >differences 2>sums
		show sums
		if awk '
			/^pointerful, / { match($0, /[0-9]+ bytes/); bytes = substr($0, RSTART, RLENGTH) + 0; all += bytes }
			/^pointerful, the same/ { same += bytes }
			/^pointerful, wrong/ { wrong += bytes }
			END { exit !(all > 100000 && !wrong && same >= 0.99 * all) }' sums; then
			ok "$name"
		else
			sort differences | uniq -c | sort -rn | head -20 | sed 's/^/    /'
			sed 's/^/    /' sums
			not_ok "$name" 'types that were not allocated, or too few'
		fi
	else
		not_ok "$name" 'the victim did not start'
	fi
	stop noted
}

(($#)) || set -- 1.18.10 1.19.13 1.20.14 1.21.13 1.22.12 1.23.12 1.24.10 1.25.5 1.26.8 1.27.3
(($# == 1)) || once_for_each "$@"
version=$1
descriptors "$version" "$version"
descriptors "$version pie" "$version" -buildmode=pie
go_build "$version" "$ROOT/tests/victims/typed" typed && counts "$version" named
go_build "$version" "$ROOT/tests/victims/typed" typed -ldflags='-s -w' && counts "$version stripped" stripped
go_build "$version" "$ROOT/tests/victims/typed" typed -ldflags='-s -w' -buildmode=pie &&
	counts "$version stripped pie" stripped
truth "$version" "$version" typed
if [[ $version == 1.2[45]* ]]; then # they still have the maps before swiss maps
	GOEXPERIMENT=noswissmap go_build "$version" "$ROOT/tests/victims/typed" typed && counts "$version with buckets" named
fi
