#!/usr/bin/env bash
# What surrounds the program agrees with it: installation, manual page, completions, and the helpers of the tests.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# ---- the helpers that other tests rely on ----

start echo cat
say echo 'one line'
if wait_for_line echo '^one l' && [[ $LINE == 'one line' ]]; then
	ok 'wait_for_line finds a line'
else
	not_ok 'wait_for_line finds a line' "it found '$LINE'"
fi
pid=$(pid_of echo)
stop echo
if [[ ! -d /proc/$pid ]]; then ok 'stop ends a process'; else not_ok 'stop ends a process' "$pid is still there"; fi

start brief true
if wait_for_line brief 'never printed' >/dev/null; then
	not_ok 'wait_for_line fails when the process ends' 'it succeeded'
else
	ok 'wait_for_line fails when the process ends'
fi

# ---- options: what --help names, the manual page and the completions name, too, and nothing else ----

options() { # the long options that stdin names
	grep -oE -- '--[a-z][a-z-]+' | sort -u
}
for command in report watch diff exec snapshot explain doctor; do
	"$HELDBY" "$command" --help | options >"$WORK/$command.options"
done
{
	echo --version # of heldby itself, not of a command
	cat "$WORK"/*.options
} | sort -u >"$WORK/all.options"
if (($(wc -l <"$WORK/all.options") < 2)); then
	not_ok 'help names options' "$("$HELDBY" report --help 2>&1 | head -n 3)"
fi
check 'help of heldby itself' "$HELDBY" --help
check 'version' "$HELDBY" --version
agrees() { # NAME FILE: its options come on stdin
	options >"$WORK/other"
	check "$1 names the options that heldby has" diff "$2" "$WORK/other"
}
sed -nE 's/(Fl|,) -([a-z])/\1 --\2/gp' "$ROOT/docs/man/heldby.1" | agrees 'the manual page' "$WORK/all.options"
sed -n '/^	local -a commands/,$p' "$ROOT/completions/_heldby" | agrees 'zsh completion' "$WORK/all.options"
sed -n 's/^complete .* -l \([a-z-]*\).*/--\1/p' "$ROOT/completions/heldby.fish" | agrees 'fish completion' "$WORK/all.options"

# ---- explanations: which rules have a detector ----

grep -ohE '"H[0-9]{3}"' "$ROOT"/src/leak/*.c | tr -d '"' | sort -u >"$WORK/detected"
grep -lx 'This version has no detector for it yet\..*' "$ROOT"/src/explain/texts/*.md | sed 's|.*/||; s|\.md$||' | sort >"$WORK/undetected"
check 'explanations say that there is no detector only where there is none (else edit src/explain/texts/RULE.md)' \
	diff /dev/null <(comm -12 "$WORK/detected" "$WORK/undetected")
"$HELDBY" explain | cut -d' ' -f1 | sort >"$WORK/explained"
check 'every rule that has a detector is explained' diff /dev/null <(comm -23 "$WORK/detected" "$WORK/explained")

# ---- completion, as a shell asks for it ----

complete_in_bash() { # WORD...: the last one is being typed
	bash -c '
		source "$0"
		compopt() { :; } # only there while readline completes
		COMP_WORDS=(heldby "$@") COMP_CWORD=$#
		_heldby
		printf "%s\n" "${COMPREPLY[@]}"
	' "$ROOT/completions/heldby.bash" "$@"
}
for command in report watch diff exec snapshot explain doctor; do
	complete_in_bash "$command" -- | agrees "bash completion of $command" "$WORK/$command.options"
done
complete_in_bash -- | agrees 'bash completion' "$WORK/all.options"
cp "$(command -v sleep)" "$WORK/evil\$(touch pwned)" # what a process may be called
cp "$(command -v sleep)" "$WORK/heldby-victim"
start victim "$WORK/heldby-victim" 1000
start evil "$WORK/evil\$(touch pwned)" 1000
mkdir "$WORK/empty" && cd "$WORK/empty" || exit 1
complete_in_bash heldby-vic >"$WORK/names"
check_match 'bash completes the name of a process' '^heldby-victim$' "$WORK/names"
complete_in_bash report evil >"$WORK/names"
if [[ -e $WORK/empty/pwned ]] || grep -q 'touch' "$WORK/names"; then
	not_ok 'bash does not run the name of a process' "$(cat "$WORK/names")"
else
	ok 'bash does not run the name of a process'
fi
complete_in_bash snapshot "$(pid_of victim)" >"$WORK/pids"
check_match 'bash completes a pid' "^$(pid_of victim)\$" "$WORK/pids"
complete_in_bash re >"$WORK/commands"
check_match 'bash completes a command' '^report$' "$WORK/commands"
"$HELDBY" report 1 --format cuneiform 2>&1 | sed -n 's/.* is not one of: //p' | tr -d , | tr ' ' '\n' >"$WORK/all.formats"
complete_in_bash report --format '' >"$WORK/formats"
check 'bash completes the formats that heldby has' diff "$WORK/all.formats" "$WORK/formats"
sed -nE "s/.*\[form of the report\]:format:\((.*)\)'/\1/p" "$ROOT/completions/_heldby" | sort -u | tr ' ' '\n' >"$WORK/formats"
check 'zsh completes the formats that heldby has' diff "$WORK/all.formats" "$WORK/formats"
sed -nE "s/.* -l format -x -a '([^']*)'.*/\1/p" "$ROOT/completions/heldby.fish" | tr ' ' '\n' >"$WORK/formats"
check 'fish completes the formats that heldby has' diff "$WORK/all.formats" "$WORK/formats"
complete_in_bash report --format js >"$WORK/formats"
check_match 'bash completes a format' '^json$' "$WORK/formats"
PATH=$(dirname "$HELDBY"):$PATH complete_in_bash explain h3 >"$WORK/rules"
check_match 'bash completes a rule' '^H301$' "$WORK/rules"

# ---- installation ----

build=$(dirname "$HELDBY")
if [[ -f $build/build.ninja ]]; then
	check 'install' env DESTDIR="$WORK/root" meson install -C "$build" --no-rebuild --quiet
	(cd "$WORK/root" && find . -type f | sed 's|^\./usr/local/||' | sort) >"$WORK/installed"
	printf '%s\n' bin/heldby share/bash-completion/completions/heldby share/fish/vendor_completions.d/heldby.fish \
		share/man/man1/heldby.1 share/zsh/site-functions/_heldby >"$WORK/expected"
	check 'install puts each file in its place' diff "$WORK/expected" "$WORK/installed"
	check 'the installed binary runs' "$WORK/root/usr/local/bin/heldby" --version
fi
