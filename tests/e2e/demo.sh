#!/usr/bin/env bash
# test: timeout=600
# The two commands of the README: ./run.sh and ./run.sh PID, and what they say of the demo, whose source is the truth.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need python3

# ---- ./run.sh ----

if "$ROOT/run.sh" >"$WORK/out" 2>"$WORK/err"; then
	ok './run.sh'
else
	cat "$WORK/out" "$WORK/err"
	not_ok './run.sh' 'it failed'
	exit 1
fi
pid=$(sed -n 's/^ready: pid //p' "$WORK/out")
if [[ -n $pid && ! -d /proc/$pid ]]; then
	ok 'the demo is gone afterwards'
else
	not_ok 'the demo is gone afterwards' "'$pid' is still there"
fi
check_match 'the report is on the demo' "^heldby +leak_demo \(pid $pid\)" "$WORK/out"
check_match 'the report names the map' '\bmain\.leakyCache\b' "$WORK/out"
check_match 'the report names the slice' '\bmain\.leakyHeader\b' "$WORK/out"
check_match 'the report names the goroutines' '\bmain\.leakyGoroutine\b' "$WORK/out"

start run "$ROOT/run.sh"
wait_for_line run '^ready: pid' 120 || exit 1
pid=${LINE##* }
stop run TERM
if [[ ! -d /proc/$pid ]]; then
	ok 'ended early, it ends the demo, too'
else
	not_ok 'ended early, it ends the demo, too' "$pid is still there"
fi

# ---- ./run.sh PID ----

go_build '' "$ROOT/demo/leak_demo" "$WORK/leak_demo" || exit 1
start demo "$WORK/leak_demo"
wait_for_line demo '^ready: pid' || exit 1
pid=$(pid_of demo)
"$ROOT/run.sh" "$pid" >"$WORK/text" 2>"$WORK/err"
check_match './run.sh PID' "^heldby +leak_demo \(pid $pid\)" "$WORK/text"

# ---- what it says, in numbers ----

check 'report as json' "$HELDBY" report "$pid" --format json -o "$WORK/report.json"
check 'the process goes on' test -d "/proc/$pid"
line_of() { # TEXT: its line in the demo
	grep -nF -- "$1" "$ROOT/demo/leak_demo/main.go" | head -n 1 | cut -d: -f1
}
python3 - "$WORK/report.json" "$(line_of '<-ch')" "$(line_of 'go leakyGoroutine(ch)')" <<'PYTHON' || exit 1
import json, sys

report = json.load(open(sys.argv[1]))
blocked_line, created_line = sys.argv[2:]


failed = False


def check(name, condition, why):
    global failed
    failed = failed or not condition
    print(f"ok {name}" if condition else f"not ok {name}: {why}")


holders = {holder["name"].removeprefix("global "): holder for holder in report["holders"]}
header = holders.get("main.leakyHeader", {}).get("retained_bytes")
check("100 bytes hold the array of 10 MiB", header == 10 * 1024 * 1024, header)

# 1,000 values of 10,000 bytes, in a size class of 10,240 (runtime/sizeclasses.go), and the map's own tables.
cache = holders.get("main.leakyCache", {})
held = cache.get("retained_bytes", 0)
check("the map holds its values", 1000 * 10240 <= held <= 1000 * 10240 + 200_000, held)
values = [child["count"] for child in cache.get("children", [])]
check("the map has 1,000 values", 1000 in values, values)

groups = [group for group in report["goroutines"]["groups"] if group["blocked_at"].startswith("main.leakyGoroutine ")]
check("100 goroutines wait in one place", [group["count"] for group in groups] == [100], groups)
for group in groups:
    check("where they wait", group["blocked_at"].endswith(f"main.go:{blocked_line}"), group["blocked_at"])
    check("where they were started", group["created_by"].endswith(f"main.go:{created_line}"), group["created_by"])
# The 100, main, and the one that os/signal starts.
check("as many goroutines as runtime.NumGoroutine() counts", report["goroutines"]["total"] == 102,
      report["goroutines"]["total"])

accused = json.dumps(report["findings"])
check("the repaired forms are not accused", "main.fixed" not in accused, accused)
pinned = [finding for finding in report["findings"] if finding["rule"] == "H301"]
check("the pinned array is the one finding of its kind",
      len(pinned) == 1 and "main.leakyHeader" in pinned[0]["holder"], pinned)
sys.exit(failed)
PYTHON
