#!/usr/bin/env bash
# Fuzzes what reads bytes of a target, with clang's libFuzzer and the address and undefined-behaviour sanitizers.
#
# usage: tests/fuzz/run.sh [SECONDS] [TARGET…]      SECONDS for each target (60); TARGET: core elf pclntab types analysis …
#        tests/fuzz/run.sh --short                  the seeds and a fixed number of runs with a fixed seed, for ./test.sh
#
# An input that breaks something is kept in build-fuzz/artifacts; once it is mended, move it to tests/fuzz/corpus/TARGET,
# where every later run tries it again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/lib.sh

short=
seconds=60
if [[ ${1:-} == --short ]]; then
	short=1
	shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
	seconds=$1
	shift
fi
targets=("$@")
((${#targets[@]})) || targets=(core bytes escape elf pclntab types analysis)

# Runs of each target that take about two seconds.
declare -A max_len=([escape]=2048 [bytes]=16384 [pclntab]=256 [types]=256 [analysis]=256)
declare -A short_runs=([core]=6000 [bytes]=60000 [escape]=30000 [elf]=300 [pclntab]=20000 [types]=40 [analysis]=15)

need clang-16
folder=$ROOT/build-fuzz
sanitizers=address,undefined
flags=(-g -O1 "-fsanitize=$sanitizers" -fno-sanitize-recover=undefined -std=gnu17 -D_GNU_SOURCE -Isrc -Iinclude -Itests/unit
	-Itests/fuzz)
mkdir -p "$folder/bin" "$folder/artifacts"

build() {
	# Instrumented for coverage, but linked without libFuzzer's main.
	CC=clang-16 scripts/build.sh "$folder/heldby" -Db_sanitize=address,undefined -Db_lundef=false -Dtests=false \
		'-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer' \
		'-Dc_link_args=-fsanitize=fuzzer-no-link' || return 1
	local library=$folder/heldby/libheldby-core.a target libraries
	libraries=(-lelf -ldw -lzstd -lz -lZydis -lm -lpthread)
	clang-16 "${flags[@]}" -o "$folder/bin/seeds" tests/fuzz/seeds.c tests/unit/core_writer.c "$library" "${libraries[@]}" || return 1
	for target in "${targets[@]}"; do
		clang-16 "${flags[@]}" -fsanitize=fuzzer -o "$folder/bin/$target" "tests/fuzz/fuzz_$target.c" tests/fuzz/base.c "$library" \
			"${libraries[@]}" || return 1
	done
}

# The program that the larger targets start from.
make_base() {
	export FUZZ_BASE=$WORK/base.core
	go_build '' tests/victims/tiny "$WORK/tiny" -ldflags='-s -w' || return 1
	start base "$WORK/tiny"
	wait_for_line base '^ready' || return 1
	ASAN_OPTIONS=detect_leaks=0 "$folder/heldby/heldby" snapshot "$(pid_of base)" -o "$FUZZ_BASE" || return 1
	stop base
}

# An ELF file with symbols and debug information, small enough to be changed in its every part.
make_elf_seed() {
	mkdir -p "$WORK/seeds/elf"
	printf 'int counter = 3; struct s { int a; char *b; } thing = { 1, "x" }; int main(void) { return counter; }\n' |
		clang-16 -g -O0 -x c -o "$WORK/seeds/elf/program" - || return 1
	clang-16 -g -c -x c -o "$WORK/seeds/elf/object" - <<<'int counter = 3;' || return 1
	clang-16 -c -x assembler -o "$WORK/seeds/elf/runtime" tests/fuzz/runtime.s
}

fuzz() { # TARGET
	local target=$1 log=$WORK/$1.log status=0 options
	mkdir -p "$WORK/seeds/$target" "$folder/corpus/$target"
	local corpora=("$WORK/seeds/$target")
	[[ ! -d tests/fuzz/corpus/$target ]] || corpora+=("tests/fuzz/corpus/$target")
	options=(-artifact_prefix="$folder/artifacts/$target-" -timeout=60 -rss_limit_mb=4096 -malloc_limit_mb=2048 -print_final_stats=1
		"-max_len=${max_len[$target]:-65536}" -len_control=0)
	if [[ -n $short ]]; then
		options+=(-seed=1 "-runs=${short_runs[$target]}")
	else
		options+=("-max_total_time=$seconds")
		corpora=("$folder/corpus/$target" "${corpora[@]}")
	fi
	ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 TMPDIR=$WORK HELDBY_THREADS=1 \
		"$folder/bin/$target" "${options[@]}" "${corpora[@]}" >"$log" 2>&1 || status=$?
	if ((status)); then
		tail -n 60 "$log" | sed 's/^/    /'
		not_ok "fuzz $target" "$(grep -m 1 -E 'ERROR|runtime error|deadly signal|SUMMARY' "$log" || echo "exit status $status")"
		return
	fi
	ok "fuzz $target ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs)"
}

if ! build; then
	not_ok 'fuzz build' 'see above'
	exit 1
fi
if ! "$folder/bin/seeds" "$WORK/seeds" || ! make_elf_seed; then
	not_ok 'fuzz seeds' 'see above'
	exit 1
fi
case " ${targets[*]} " in
*' pclntab '* | *' types '* | *' analysis '*)
	make_base || { not_ok 'fuzz base' 'see above'; exit 1; }
	;;
esac
for target in "${targets[@]}"; do
	fuzz "$target"
done
