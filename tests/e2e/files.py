#!/usr/bin/env python3
# test: timeout=900
"""Files, connections and goroutines that wait: what heldby finds at one look in programs that leak, in the same programs
repaired, and in healthy ones that look alike."""

import concurrent.futures
import json
import os
import re

from common import WORK, Victim, build_victim, check, heldby, run, score

STRIPPED = ("-ldflags=-s -w",)
VERSIONS = ("1.18.10", "1.21.13", "1.23.12", "1.26.8", "1.27.3")


class Leak:
    """What must be found: and its descriptors are those that the kernel says are of that sort."""

    def __init__(self, rule, verdict, count, title, holder="", function=None, evidence="", fds=None, blocked=None):
        self.rule, self.verdict, self.count, self.title, self.holder = rule, verdict, count, title, holder
        self.function, self.evidence, self.fds, self.blocked = function, evidence, fds, blocked

    def is_said(self, finding, pid):
        return (finding["rule"], finding["verdict"], finding["count"]) == (self.rule, self.verdict, self.count) and \
            re.search(self.title, finding["title"]) and re.search(self.holder, finding["holder"]) and \
            (not self.function or any(site.startswith(self.function + "  ") for site in finding["allocated_at"])) and \
            (not self.blocked or finding["blocked_at"][0].startswith(self.blocked + "  ")) and \
            any(re.search(self.evidence, text) for text in finding["evidence"]) and \
            (not self.fds or (len(finding["fds"]) == self.count and all(is_open(pid, fd, self.fds) for fd in finding["fds"])))


def is_open(pid, fd, pattern):
    try:
        return re.search(pattern, os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError:
        return False


CLASSES = {
    "files": Leak("H501", "proven", 300, r"^300 files were not closed, and nobody can", "finalizers of os.File", "main.create",
                  r"^where: /tmp$", r"/heldby-files-\d+ \(deleted\)$"),
    "conns": Leak("H502", "proven", 60, r"^60 connections were not closed, and nobody can", "finalizers of package net", "main.ask",
                  r"^with: 127\.0\.0\.1:\d+$", r"^socket:"),
    "deferred": Leak("H501", "likely", 300, r"^300 files stay open until main\.importAll returns", "created by main.leakDeferred",
                     None, r"^where: /tmp$", r"/heldby-files-\d+ \(deleted\)$"),
    "bodies": Leak("H502", "likely", 60, r"^60 HTTP responses were received, and their bodies not closed$", "readLoop and writeLoop",
                   "main.status", r"^from: 127\.0\.0\.1:\d+$", r"^socket:"),
    "watch": Leak("H502", "likely", 300, r"^300 HTTP responses were received", "readLoop and writeLoop", "main.watch",
                  r"nothing but deferred calls", r"^socket:"),
    "hung-up": Leak("H503", "likely", 60, r"^60 connections whose peer has hung up were not closed$", r"main\b", None,
                    r"^with: 127\.0\.0\.1$", r"^socket:"),
    "unread": Leak("H503", "estimate", 60, r"^60 peers have hung up: does", r"main\b", None, r"^60 have 300 B that nobody", r"^socket:"),
    "stuck": Leak("H503", "estimate", 60, r"^60 peers have hung up: do the goroutines", "created by main.leakStuck.func1", None,
                  r"something else \(chan receive\)$", r"^socket:", "main.leakStuck.func1.1"),
    "requests": Leak("H203", "estimate", 60, r"^60 HTTP requests wait without a time limit", "created by main.leakRequests", None,
                     r"^from: 127\.0\.0\.1:\d+$", r"^socket:", "main.notify"),
    "pile": Leak("H202", "estimate", 1500, r"^1,500 goroutines wait at one place \(chan send\)", "created by main.leakPile", None,
                 r"^they all wait for one channel$", None, "main.query"),
}
ONLY_LEAKING = ("unread", "stuck")


def examine(version, stripped):
    binary = build_victim("files", version, STRIPPED if stripped else ())
    extra = ", stripped" if stripped else ""
    if not check(f"files, Go {version}{extra}: builds", binary):
        return
    cases = [(kind, form) for kind in CLASSES for form in ("leaking", "fixed", "healthy") if form == "leaking" or kind not in ONLY_LEAKING]
    # Their pages are faulted in and their goroutines parked by the time they are ready; one is looked at while others start.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda case: look_at(binary, version, extra, *case), cases))


def look_at(binary, version, extra, kind, form):
    name = f"{kind}, {form}, Go {version}{extra}"
    victim = Victim(binary, kind, form, env=dict(os.environ, TMPDIR="/tmp"))
    done = heldby("report", victim.pid, "--format", "json", "--max-pause", "2s")
    if check(f"{name}: a report is made", done.returncode == 0, f"{done.returncode}: {done.stderr.strip()}"):
        judge(name, (f"{kind}-{form}", version), json.loads(done.stdout), CLASSES[kind] if form == "leaking" else None, victim.pid)
    victim.stop()


def from_a_core():
    """Nobody can ask the kernel what was open."""
    victim = Victim(build_victim("files", VERSIONS[-1], STRIPPED), "files", "leaking", env=dict(os.environ, TMPDIR="/tmp"))
    core = WORK / "files.core"
    heldby("snapshot", victim.pid, "-o", core)
    victim.stop()
    done = heldby("report", core, "--format", "json")
    if check("files, leaking, a core: a report is made", done.returncode == 0, done.stderr.strip()):
        report = json.loads(done.stdout)
        said = [(f["rule"], f["verdict"], f["count"], f["evidence"]) for f in report["findings"]]
        check("files, leaking, a core: is likely", [s[:3] for s in said] == [("H501", "likely", 300)], said)
        check("files, leaking, a core: what is open is not known", report["fds"] is None, report["fds"])


def judge(name, program, report, leak, pid):
    found = report["findings"]
    score(*program, leak, len(found) == 1 and leak and leak.is_said(found[0], pid), found)
    said = [(f["rule"], f["verdict"], f["count"], f["title"], f["holder"], f["evidence"], f["allocated_at"], f["blocked_at"]) for f in found]
    if leak:
        check(f"{name}: is found, and nothing else", len(found) == 1 and leak.is_said(found[0], pid), said)
    else:
        check(f"{name}: nothing is found", not found, said)
    listed = len(os.listdir(f"/proc/{pid}/fd"))
    check(f"{name}: what is open", report["fds"]["open"] == listed == sum(report["fds"]["by_kind"].values()),
          f"{report['fds']}, /proc has {listed}")


def every_version():
    for version in VERSIONS:
        examine(version, False)
        examine(version, True)


if __name__ == "__main__":
    run(every_version, from_a_core)
