#!/usr/bin/env python3
# test: timeout=900
"""What heldby finds at one look in programs that leak, in the same programs repaired, and in healthy ones that look alike."""

import json
import os
import re
import sys

from common import Victim, build_victim, check, go_versions, heldby, run, score

STRIPPED = ("-ldflags=-s -w",)

# Per class: rule, verdict, how many, least bytes, title, holder, function that allocated, and the versions that have the leak.
ALL = lambda minor, asynchronous: True
# docs/detectors/timers.md. Victims for releases below 1.24 say "go 1.18" in their go.mod: so 1.23 runs with asynctimerchan=1.
SINCE_CLEANUPS = lambda minor, asynchronous: minor >= 24
UNTIL_STOPPED = lambda minor, asynchronous: minor <= 23 or asynchronous
CLASSES = {
    "map-ints": ("H104", "likely", 1, 5e6, r"^a map of 500 entries keeps the room of 13\d,\d{3}$", r"main\b", "main.most", ALL),
    "map-strings": ("H104", "likely", 1, 6e6, r"^a map of 500 entries keeps the room of 13\d,\d{3}$", r"main\b", "main.leakMapStrings", ALL),
    "map-nested": ("H104", "likely", 20, 15e6, r"^20 maps with 200 entries in all keep the room of 6\d\d,\d{3}$", r"main\b", "main.leakMapNested", ALL),
    "map-large": ("H104", "likely", 1, 2e6, r"^a map of 500 entries keeps the room of 13\d,\d{3}$", r"main\b", "main.leakMapLarge", ALL),
    "afterfunc": ("H401", "likely", 3000, 3000 * 500, r"3,000 timers of main\.leakAfterFunc\.func1 are pending",
                  r"^timers of main\.leakAfterFunc\.func1$", "main.leakAfterFunc", ALL),
    "ticker": ("H402", "proven", 200, 200 * 150, r"200 tickers tick for nobody", r"^timers of time\.", "main.poll.func1", UNTIL_STOPPED),
    "after": ("H403", "likely", 3000, 3000 * 150, r"3,000 timers that nobody waits for", r"^timers of time\.", "main.leakAfter", UNTIL_STOPPED),
    "contexts": ("H701", "likely", 3000, 3000 * 48, r"3,000 contexts were not cancelled", r"main\b", "main.leakContexts", ALL),
    "timeouts": ("H701", "likely", 3000, 3000 * 96, r"3,000 contexts were not cancelled", r"main\b", "main.leakTimeouts", ALL),
    "deadlines": ("H701", "likely", 3000, 3000 * 96, r"3,000 contexts wait for their deadline", r"^timers of context\.", "main.leakDeadlines", ALL),
    "finalizers": ("H702", "proven", 2000, 2000 * 240, r"2,000 main\.handle keep themselves alive through their finalizers", r"^finalizers$",
                   "main.leakFinalizers", ALL),
    "rings": ("H702", "proven", 2000, 2000 * 208, r"2,000 main\.end keep themselves alive through their finalizers", r"^finalizers$",
              "main.leakRings", ALL),
    "cleanups": ("H702", "likely", 2000, 2000 * 240, r"2,000 main\.handle keep themselves alive through their cleanups", r"^cleanups$",
                 "main.leakCleanups", SINCE_CLEANUPS),
    "pools": ("H703", "estimate", 4, 4 * 5e6, r"^do 4 of the 40 bytes\.Buffer in a sync\.Pool need 21\.0 MB\?$", r"main\b", "main.newBuffer", ALL),
}


def findings(name, binary, kind, form):
    victim = Victim(binary, kind, form)
    done = heldby("report", victim.pid, "--format", "json", "--max-pause", "2s", "-v")
    victim.stop()
    if check(f"{name}: a report is made", done.returncode == 0, f"{done.returncode}: {done.stderr.strip()}"):
        return json.loads(done.stdout)["findings"]
    return None


def as_expected(finding, expected):
    rule, verdict, count, least, title, holder, function, _ = expected
    return (finding["rule"], finding["verdict"], finding["count"]) == (rule, verdict, count) and finding["bytes"] >= least and \
        re.search(title, finding["title"]) and re.search(holder, finding["holder"]) and \
        any(site.startswith(function + "  ") for site in finding["allocated_at"])


def examine(version, stripped, asynchronous=False):
    binary = build_victim("leaks", version, STRIPPED if stripped else ())
    extra = (", stripped" if stripped else "") + (", asynctimerchan=1" if asynchronous else "")
    if not check(f"leaks, Go {version}{extra}: builds", binary):
        return
    minor = int(version.split(".")[1])
    for kind, expected in CLASSES.items():
        if sys.argv[1:] and kind not in sys.argv[1:]:  # leaks.py CLASS...
            continue
        for form in ("leaking", "fixed", "healthy"):
            name = f"{kind}, {form}, Go {version}{extra}"
            found = findings(name, binary, kind, form)
            if found is None:
                continue
            said = [(f["rule"], f["verdict"], f["count"], f["bytes"], f["title"], f["holder"], f["allocated_at"]) for f in found]
            leaks = form == "leaking" and expected[-1](minor, asynchronous)
            score(f"{kind}-{form}", version, leaks, len(found) == 1 and as_expected(found[0], expected), found)
            if leaks:
                check(f"{name}: is found, and nothing else", len(found) == 1 and as_expected(found[0], expected), said)
            else:
                check(f"{name}: nothing is found", not found, said)


def every_version():
    for version in go_versions():
        examine(version, False)
        examine(version, True)


def with_the_channels_of_before():
    os.environ["GODEBUG"] = "asynctimerchan=1"
    for version in go_versions():
        if 24 <= int(version.split(".")[1]) <= 26:
            examine(version, False, asynchronous=True)
    del os.environ["GODEBUG"]


if __name__ == "__main__":
    run(every_version, with_the_channels_of_before)
