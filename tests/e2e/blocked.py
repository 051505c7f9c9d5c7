#!/usr/bin/env python3
# test: timeout=1800
"""H201: every goroutine that nothing can wake is told of, none that something can; by what the program says of itself, by
trying, and by what the runtime's own profile says of the same process."""

import json
import os
import sys

from common import Victim, build_victim, check, go_versions, heldby, run

STRIPPED = ("-ldflags=-s -w",)


def numbers(lines, word):
    """{id: case} of the lines that begin with a word."""
    return {int(line.split()[-1]): line.split()[-2] for line in lines if line.startswith(word + " ")}


def claimed(victim, name):
    """{id: finding} of what heldby calls proven; None when there is no report."""
    done = heldby("report", victim.pid, "--format", "json", "--max-pause", "2s")
    if not check(f"{name}: a report is made", done.returncode == 0, f"{done.returncode}: {done.stderr.strip()}"):
        return None
    found = [f for f in json.loads(done.stdout)["findings"] if f["rule"] == "H201"]
    check(f"{name}: all are proven", all(f["verdict"] == "proven" for f in found), [f["verdict"] for f in found])
    check(f"{name}: a finding has as many as it says", all(f["count"] == len(set(f["goroutines"])) for f in found), found)
    return {id: f for f in found for id in f["goroutines"]}


def names(ids, cases):
    return sorted({cases.get(id, f"goroutine {id}") for id in ids})


# Threads that run make some of the stuck ones look held: what is in their registers and on their system stacks may be stale.
BUSY = ("spinning", "yielding")
# Of a goroutine that somebody could wake by a weak pointer the runtime says that it has leaked, and dies when it is woken.
RUNTIME_ERRS = ("weak",)


def start(binary, *arguments):
    """Go 1.20 now and then does not get as far as main (seen: its first goroutine stays runnable in runtime.gcenable, and every
    thread sleeps); then another one is started."""
    for last in (False, False, True):
        try:
            return Victim(binary, *arguments)
        except TimeoutError:
            if last:
                raise


def examine(version, stripped=False, experiment=None, asked=False, busy=False):
    name = f"Go {version}" + (", stripped" if stripped else "") + (f", {experiment}" if experiment else "") + (", busy" if busy else "")
    if experiment:
        os.environ["GOEXPERIMENT"] = experiment
    binary = build_victim("blocked", version, STRIPPED if stripped else ())
    os.environ.pop("GOEXPERIMENT", None)
    if not check(f"{name}: builds", binary):
        return
    victim = start(binary, "-", *(() if busy else BUSY), *(RUNTIME_ERRS if asked else ()))
    lines = victim.ask("ids")
    stuck, held = numbers(lines, "stuck"), numbers(lines, "held")
    found = claimed(victim, name)
    if found is None:
        return
    if not busy:
        check(f"{name}: every stuck goroutine is proven", not stuck.keys() - found.keys(), names(stuck.keys() - found.keys(), stuck))
    check(f"{name}: nothing else is", not found.keys() - stuck.keys(), names(found.keys() - stuck.keys(), held))
    if asked:
        leaked = {int(line.split()[1]) for line in victim.ask("runtime") if line.startswith("leaked ")}
        check(f"{name}: the runtime has found some", leaked)
        check(f"{name}: what the runtime calls leaked is proven", not leaked - found.keys(), names(leaked - found.keys(), stuck | held))
        beyond = found.keys() - leaked
        print(f"    {name}: {len(found)} proven, {len(leaked)} by the runtime; beyond: {', '.join(names(beyond, stuck)) or 'none'}")
    lines = victim.ask("try")
    woke = numbers(lines, "woke")
    check(f"{name}: no goroutine that is proven ever runs", not woke.keys() & found.keys(), names(woke.keys() & found.keys(), stuck | held))
    check(f"{name}: all that are held can run", not numbers(lines, "asleep"), sorted(set(numbers(lines, "asleep").values())))
    victim.stop()


def every_version():
    for version in versions:
        examine(version)
        examine(version, stripped=True)
        examine(version, stripped=True, busy=True)


def against_the_runtime():
    for version in versions:
        if version.startswith("1.26."):
            examine(version, experiment="goroutineleakprofile", asked=True)
        elif int(version.split(".")[1]) >= 27:
            examine(version, asked=True)


if __name__ == "__main__":
    versions = sys.argv[1:] or go_versions()
    run(every_version, against_the_runtime)
