#!/usr/bin/env python3
"""Runs heldby on victims of several sizes; prints one Markdown table row a size. Called by run.sh.

All figures of a row come from one process of the victim, in turn: its own GC, heldby, its own heap dump; medians of RUNS.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

COLUMNS = [
    "objects", "pause ms", "heap dump pause ms", "pause / dump", "wall s", "GC s", "wall / GC", "copied MB", "peak RSS MB",
    "(RSS - copied) / object B", "search ns", "dominators ns", "retained ns", "typing ns",
]


class Victim:
    def __init__(self, path, objects):
        self.process = subprocess.Popen([path, str(objects)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read("ready")

    def read(self, word):
        line = self.process.stdout.readline().split()
        if not line or line[0] != word:
            sys.exit(f"the victim said {line} instead of {word}")
        return line

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.read(word)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def examine(heldby, pid):
    """One run of heldby: the report, wall seconds, peak RSS in bytes, and what -v says."""
    with tempfile.NamedTemporaryFile() as report, tempfile.NamedTemporaryFile("r") as log:
        child = subprocess.Popen([heldby, "report", str(pid), "--format", "json", "-v", "--max-pause", "10s", "-o", report.name], stderr=log.fileno())
        started = os.times().elapsed
        _, status, usage = os.wait4(child.pid, 0)
        wall = os.times().elapsed - started
        child.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)  # the child moved the offset, which is shared
        text = log.read()
        if child.returncode:
            sys.exit(f"heldby failed with status {child.returncode}:\n{text}")
        return json.load(open(report.name)), wall, usage.ru_maxrss * 1024, text


def per_object(log, stage):
    found = re.search(rf"{stage} ([0-9.]+) ns", log)
    return float(found.group(1)) if found else float("nan")


def measure(heldby, path, objects, runs):
    victim = Victim(path, objects)
    rows = []
    for _ in range(runs):
        collect = float(victim.ask("gc")[1])
        report, wall, peak, log = examine(heldby, victim.process.pid)
        dump = float(victim.ask("dump")[1])
        pause, copied, n = report["capture"]["pause_ms"], report["capture"]["bytes_copied"], report["coverage"]["objects"]
        rows.append([
            n, pause, dump * 1e3, pause / (dump * 1e3), wall, collect, wall / collect, copied / 1e6, peak / 1e6,
            (peak - copied) / n, *(per_object(log, stage) for stage in ("search", "dominators", "retained", "typing")),
        ])
    victim.stop()
    return [statistics.median(column) for column in zip(*rows)]


def main():
    heldby, victim, runs, *sizes = sys.argv[1:]
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " ---: |" * len(COLUMNS))
    for size in sizes:
        row = measure(heldby, victim, int(size), int(runs))
        print(f"| {row[0]:,.0f} | " + " | ".join(f"{value:.2f}" if value < 10 else f"{value:,.0f}" for value in row[1:]) + " |", flush=True)


if __name__ == "__main__":
    main()
