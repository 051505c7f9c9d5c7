#!/usr/bin/env python3
# test: timeout=300
"""The demonstration of common leaks, stage by stage: what heldby counts is what the runtime counts."""

import json
import subprocess

from common import Process, build_victim, check, go_versions, heldby, run

# Goroutines and megabytes at each stage, as whoever wrote the program knows them.
EXPECTED = [(1, 0), (1, 0), (1, 10), (1, 0), (101, 0), (201, 0), (101, 0), (101, 10), (101, 0)]


def every_version():
    for version in go_versions():
        for flags in ((), ("-ldflags=-s -w",)):
            demonstrate(version, flags)


def said(demo, when):
    word, count, alloc, label = demo.popen.stdout.readline().decode().split(maxsplit=3)
    if word != when:
        raise ValueError(f"it says '{word}', not '{when}'")
    return int(count), int(alloc), label.strip()


def demonstrate(version, flags):
    binary = build_victim("leak_demo", version, flags)
    demo = Process(binary, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for goroutines, megabytes in EXPECTED:
        count, alloc, label = said(demo, "stage")
        name = f"Go {version}{', stripped' if flags else ''}, {label}"
        done = heldby("report", demo.pid, "--format", "json", "--max-pause", "2s")
        if not check(f"{name}: a report is made", done.returncode == 0, done.stderr):
            return
        report = json.loads(done.stdout)
        total, live = report["goroutines"]["total"], report["coverage"]["bytes"]
        check(f"{name}: as many goroutines as runtime.NumGoroutine", total == count == goroutines, f"{total}, the runtime says {count}")
        demo.popen.stdin.write(b"\n")
        demo.popen.stdin.flush()
        _, until, _ = said(demo, "until")
        check(f"{name}: as much heap as MemStats.HeapAlloc", alloc * 0.99 <= live <= until * 1.01 and live // 9_000_000 == megabytes // 9,
              f"{live}, the runtime says {alloc} before and {until} after")
    check(f"Go {version}: it ends well", demo.popen.wait(60) == 0, demo.popen.returncode)


if __name__ == "__main__":
    run(every_version)
