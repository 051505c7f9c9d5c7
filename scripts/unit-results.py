#!/usr/bin/env python3
"""Turns meson's log of the unit tests into the lines that test.sh counts.

usage: scripts/unit-results.py BUILD path/to/testlog.json

Each cmocka test becomes a line of its own on stdout. What a failing program printed goes to stderr.
"""

import json
import re
import sys

PLAN = re.compile(r"^1\.\.(\d+)$", re.MULTILINE)
# cmocka 1.1.5 writes "ok 1 - name", "not ok 2 - name" and, for a skipped one, "not ok 3 # SKIP name".
RESULT = re.compile(r"^(ok|not ok) \d+ (?:- (?P<test>.*)|# SKIP (?P<skipped>.*))$", re.MULTILINE)


def lines_of(record, build):
    program = f"{build} {record['name'].split(' / ')[-1]}"
    output = record.get("stdout") or ""
    seen = failed = 0
    for match in RESULT.finditer(output):
        seen += 1
        if match["skipped"]:
            yield f"skip {program}.{match['skipped']}: the test says so"
        elif match[1] == "ok":
            yield f"ok {program}.{match['test']}"
        else:
            failed += 1
            yield f"not ok {program}.{match['test']}: see its output"
    planned = sum(int(count) for count in PLAN.findall(output))
    if seen < planned or seen == 0:
        yield f"not ok {program}: ended after {seen} of {planned} tests ({record['result']}, {record['returncode']})"
    elif record["result"] != "OK" and record["returncode"] != failed:
        # cmocka's exit status is the number of failed tests; a sanitizer's complaint at the end has its own.
        yield f"not ok {program}: {record['result']}, exit status {record['returncode']}"


def main():
    build, log = sys.argv[1:]
    with open(log, encoding="utf-8", errors="replace") as records:
        for text in records:
            record = json.loads(text)
            lines = list(lines_of(record, build))
            print(*lines, sep="\n")
            if any(line.startswith("not ok") for line in lines):
                print(f"--- {build} {record['name']}", record.get("stdout") or "", record.get("stderr") or "",
                      sep="\n", file=sys.stderr)


if __name__ == "__main__":
    main()
