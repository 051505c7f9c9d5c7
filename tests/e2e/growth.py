#!/usr/bin/env python3
# test: timeout=600
"""What heldby says of containers that only grow, and of those that only look so, after several looks.

All programs of tests/victims/growth run at once, and are looked at at once: nearly all of the time is waiting.
"""

import json
import os
import re
import sys
import threading
import time

from common import Victim, build_victim, check, disturbed, heldby, run

VERSIONS = os.environ.get("GROWTH_VERSIONS", "1.18.10 1.23.12 1.27.3").split()
WINDOW = 10
RATE = 100
STAGGER = 0.25  # seconds from one analysis to the next: what one takes of a processor

# Program: rule and holder of the leak, None where there is none.
PROGRAMS = {
    "map-leak": ("H101", r"^global main\.sessions "),
    "map-plain-leak": ("H101", r"^global main\.seen "),
    "map-set-leak": ("H101", r"^global main\.ids "),
    "map-wide-leak": ("H101", r"^global main\.wide "),
    "map-store-leak": ("H101", r"^global main\.responses "),
    "map-error-path-leak": ("H101", r"^global main\.requests "),
    "map-updated-leak": ("H101", r"^global main\.sessions "),
    "map-fixed": None,
    "map-set-fixed": None,
    "map-error-path-fixed": None,
    "warm-cache": None,
    "presized-table": None,
    "intern-cache": None,
    "sawtooth-flush": None,
    "sawtooth-clear": None,
    "expiring-sessions": None,
    "static-table": None,
    "metrics-registry": None,
}


class Case(threading.Thread):
    """One program, and the report on it."""

    def __init__(self, version, name, binary, turn):
        super().__init__(daemon=True)
        self.version, self.program = version, name
        self.title = f"{name}, Go {version}"
        self.victim = Victim(binary, name, env=dict(os.environ, RATE=str(RATE)))
        # The process is to be old enough that growth says something: half of the window (docs/growth.md).
        self.due = time.monotonic() + WINDOW * 0.7 + turn * STAGGER
        self.report = self.done = None
        self.counts = []

    def count(self):
        return int(self.victim.ask("count")[0])

    def run(self):
        time.sleep(max(0, self.due - time.monotonic()))
        self.counts.append(self.count())
        self.done = heldby("report", self.victim.pid, "--wait", f"{WINDOW}s", "--format", "json", "--max-pause", "2s", "-v",
                           timeout=300)
        self.counts.append(self.count())
        self.harm = disturbed(self.victim.pid)
        self.victim.stop()
        if self.done.returncode == 0:
            self.report = json.loads(self.done.stdout)

    def likely(self):
        return [f for f in self.report["findings"] if f["verdict"] != "estimate"]


    def judgements(self):
        return [line for line in self.done.stderr.splitlines() if "settled stayed" in line]


def tell(findings):
    return [(f["rule"], f["verdict"], f["count"], f["title"], f["holder"], f["path"], f["evidence"]) for f in findings]


def judge(case, score):
    expected = PROGRAMS[case.program]
    if not check(f"{case.title}: a report is made", case.report is not None,
                 lambda: case.done and f"{case.done.returncode}: {case.done.stderr.strip()}"):
        return
    check(f"{case.title}: it is unharmed", not case.harm, case.harm)
    said = case.likely()
    if expected is None:
        score["healthy"] += 1
        score["false"] += bool(said)
        check(f"{case.title}: nothing likely is said of it", not said, lambda: tell(said))
        return
    rule, holder = expected
    score["leaks"] += 1
    found = [f for f in said if f["rule"] == rule and re.search(holder, f["holder"])]
    score["found"] += len(found) == 1
    if not check(f"{case.title}: the leak is found", len(found) == 1, lambda: tell(case.report["findings"]) or case.judgements()):
        return
    check(f"{case.title}: nothing else is", len(said) == 1, lambda: tell(said))
    # What the program itself counted before and after encloses what heldby counted.
    check(f"{case.title}: its count is the program's", case.counts[0] <= found[0]["count"] <= case.counts[1],
          lambda: (found[0]["count"], case.counts))


def every_program():
    score = dict(leaks=0, found=0, healthy=0)
    score["false"] = 0
    pauses = []
    chosen = sys.argv[1:] or list(PROGRAMS)
    cases = []
    for version in VERSIONS:
        binary = build_victim("growth", version)
        if not check(f"growth, Go {version}: builds", binary):
            continue
        cases += [Case(version, name, binary, len(cases) + i) for i, name in enumerate(chosen)]
    for case in cases:
        case.start()
    for case in cases:
        case.join()
        judge(case, score)
        if case.report:
            pauses += [look["pause_ms"] for look in case.report["growth"]["looks"]]
    pauses.sort()
    print(f"score: {score['found']} of {score['leaks']} leaks found, {score['false']} of {score['healthy']} healthy programs "
          f"accused; pause of a look: median {pauses[len(pauses) // 2]:.2f} ms, 99 % {pauses[len(pauses) * 99 // 100]:.2f} ms")


if __name__ == "__main__":
    run(every_program)
