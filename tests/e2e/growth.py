#!/usr/bin/env python3
# test: timeout=600
"""What heldby says of containers that only grow, and of those that only look so, after several looks.

All programs of tests/victims/growth run at once, and are looked at at once: nearly all of the time is waiting.
"""

import json
import os
import re
import signal
import sqlite3
import sys
import threading
import time

import jsonschema

from common import HELDBY, ROOT, WORK, Process, Victim, build_victim, check, disturbed, heldby, run, score, settled

VERSIONS = os.environ.get("GROWTH_VERSIONS", "1.18.10 1.23.12 1.27.3").split()
WINDOW = 10
RATE = 100
STAGGER = 0.25  # seconds from one analysis to the next: what one takes of a processor

TWO_CONTAINERS = {"router-leak"}  # that leak side by side
# Rule and holder of what grows besides.
BESIDES = {"hub-leak": ("H101", r"^global main\.hub\b"), "answers-leak": ("H102", r"^global main\.results\b")}

# Program: rule and holder of the leak, None where there is none.
PROGRAMS = {
    "map-leak": ("H101", r"^global main\.sessions\b"),
    "map-plain-leak": ("H101", r"^global main\.seen\b"),
    "map-set-leak": ("H101", r"^global main\.ids\b"),
    "map-wide-leak": ("H101", r"^global main\.wide\b"),
    "map-store-leak": ("H101", r"^global main\.responses\b"),
    "map-error-path-leak": ("H101", r"^global main\.requests\b"),
    "map-updated-leak": ("H101", r"^global main\.sessions\b"),
    "slice-leak": ("H102", r"^global main\.history\b"),
    "slice-numbers-leak": ("H102", r"^global main\.numbers\b"),
    "slice-field-leak": ("H102", r"^global main\.record\b"),
    "children-leak": ("H102", r"^global main\.topics\b"),
    "linked-stack-leak": ("H103", r"^global main\.stack\b"),
    "linked-queue-leak": ("H103", r"^global main\.line\b"),
    "tree-leak": ("H103", r"^global main\.index\b"),
    "list-leak": ("H103", r"^global main\.visits\b"),
    "channel-leak": ("H103", r"^global main\.backlog\b"),
    "channel-numbers-leak": ("H103", r"^global main\.ticks\b"),
    "lru-without-bound-leak": ("H101", r"^global main\.cache\b"),
    "syncmap-leak": ("H103", r"^global main\.users\b"),
    "syncmap-error-path-leak": ("H103", r"^global main\.users\b"),
    "nested-inner-leak": ("H105", r"^global main\.byHost\b"),
    "nested-outer-leak": ("H105", r"^global main\.byHost\b"),
    "router-leak": ("H105", r"^global main\.(VmcAddresses|VmcRoutes)\b"),
    "hub-leak": ("H202", r"^goroutines created by main\.begin\b"),
    "workers-leak": ("H202", r"^goroutines created by main\.begin\b"),
    "answers-leak": ("H202", r"^goroutines created by main\.begin\b"),
    "gate-leak": ("H202", r"^goroutines created by main\.begin\b"),
    "hub-fixed": None,
    "workers-fixed": None,
    "workers-busy": None,
    "answers-fixed": None,
    "gate-fixed": None,
    "requests-in-flight": None,
    "sessions": None,
    "map-fixed": None,
    "router-fixed": None,
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
    "slice-fixed": None,
    "linked-stack-fixed": None,
    "linked-queue-fixed": None,
    "list-fixed": None,
    "channel-fixed": None,
    "syncmap-fixed": None,
    "nested-outer-fixed": None,
    "ring-buffer": None,
    "batches": None,
    "presized-slice": None,
    "queue-with-backlog": None,
    "free-list": None,
    "lru": None,
    "lru-with-hits": None,
    "lru-of-its-own": None,
    "sharded-cache": None,
    "syncmap-registry": None,
    "replaced-whole": None,
    "connection-pool": None,
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


def judge(case):
    expected = PROGRAMS[case.program]
    if not check(f"{case.title}: a report is made", case.report is not None,
                 lambda: case.done and f"{case.done.returncode}: {case.done.stderr.strip()}"):
        return
    check(f"{case.title}: it is unharmed", not case.harm, case.harm)
    said = case.likely()
    if expected is None:
        score(case.program, case.version, False, False, said)
        check(f"{case.title}: nothing likely is said of it", not said, lambda: tell(said))
        return
    rule, holder = expected
    found = [f for f in said if f["rule"] == rule and re.search(holder, f["holder"])]
    wanted = 2 if case.program in TWO_CONTAINERS else 1
    score(case.program, case.version, True, len(found) == wanted, said)
    if not check(f"{case.title}: the leak is found", len(found) == wanted, lambda: tell(case.report["findings"]) or case.judgements() or case.done.stderr):
        return
    others = [f for f in said if f not in found]
    if case.program in BESIDES:
        besides, root = BESIDES[case.program]
        check(f"{case.title}: what grows besides is found", [f["rule"] for f in others] == [besides] and
              re.search(root, others[0]["holder"]), lambda: tell(said))
        kept = re.search(f"{re.escape(others[0]['holder'])} still leads to what they wait for, by a .* that only grows as well", " ".join(found[0]["evidence"]))
        check(f"{case.title}: it is said to lead to what they wait for", kept, lambda: tell(found))
    else:
        check(f"{case.title}: nothing else is", not others, lambda: tell(said))
    if rule == "H202":  # a g struct has some 400 bytes
        check(f"{case.title}: what it costs is said", found[0]["bytes"] >= case.counts[0] * 350 and
              any("their stacks take" in line for line in found[0]["evidence"]), lambda: tell(found))
    # What the program itself counted before and after encloses what heldby counted.
    check(f"{case.title}: its count is the program's", case.counts[0] <= found[0]["count"] <= case.counts[1],
          lambda: (found[0]["count"], case.counts))


def every_program():
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
        judge(case)
        if case.report:
            pauses += [look["pause_ms"] for look in case.report["growth"]["looks"]]
    pauses.sort()
    print(f"pause of a look: median {pauses[len(pauses) // 2]:.2f} ms, 99 % {pauses[len(pauses) * 99 // 100]:.2f} ms")


def start(version, name):
    binary = build_victim("growth", version)
    return Victim(binary, name, env=dict(os.environ, RATE=str(RATE)))


def watch(victim, window, *arguments):
    """A report that has taken its first look."""
    report = Process(HELDBY, "report", victim.pid, "--wait", f"{window}s", "-v", *arguments, "--max-pause", "2s")
    report.wait_for("look 1:")
    return report


def keys_of_nested_maps():
    victim = start(VERSIONS[-1], "router-leak")
    time.sleep(4)
    victim.ask("hold")  # the first VRF's is not the outer map's alone any more
    hidden = heldby("report", victim.pid, "--wait", "4s", "--format", "json").stdout
    shown = json.loads(heldby("report", victim.pid, "--wait", "4s", "--format", "json", "--show-data").stdout)
    check("keys are numbered", "key #1 owns" in hidden and "vmc-00" not in hidden, hidden[-3000:])
    evidence = {f["holder"].split()[1]: " ".join(f["evidence"]) for f in shown["findings"]}
    addresses, routes = evidence.get("main.VmcAddresses", ""), evidence.get("main.VmcRoutes", "")
    check("each VRF is named with what it owns", all(re.search(rf"\b{vrf} owns [\d.]+ kB \(2\d %\)", addresses) for vrf in range(100, 104)),
          addresses)
    check("VMCs that are long dead are named", re.search(r'10[0-3], "vmc-0000\d\d" owns', addresses), addresses)
    check("and their routes", re.search(r'"vmc-0000\d\d" owns', routes), routes)
    victim.stop()


def many_that_are_emptied(victim, since):
    """What most of what is at one place does is said of all: the process is so old that a few have not been emptied for half of its life."""
    time.sleep(max(0, since + 60 - time.monotonic()))
    done = heldby("report", victim.pid, "--wait", "10s", "--format", "json", "-v")
    likely = [f for f in json.loads(done.stdout)["findings"] if f["verdict"] == "likely"]
    alone = len(re.findall(r"^heldby: \[\]\*int at .*failed: none$", done.stderr, re.M))
    check("of many that are emptied some look as if they never were", alone > 0, done.stderr[-3000:])
    check("many that are emptied: nothing likely is said of them", not likely, tell(likely))
    victim.stop()


def history():
    victim = start(VERSIONS[-1], "map-leak")
    time.sleep(5)  # older than half of the window
    before = int(victim.ask("count")[0])
    file = WORK / "history.sqlite"
    done = heldby("watch", victim.pid, "--every", "2s", "--for", "8s", "--history", file, "--format", "json", "--max-pause", "2s")
    after = int(victim.ask("count")[0])
    check("watch: it ends by itself", done.returncode == 0, done.stderr)
    check("watch: each look says what only grows", done.stderr.count("only grows: global main.sessions") >= 2, done.stderr)
    findings = json.loads(done.stdout)["findings"]
    check("watch: it ends with a report", [f["rule"] for f in findings] == ["H101"], tell(findings))
    with sqlite3.connect(file) as db:
        looks = db.execute("SELECT count(*) FROM look").fetchone()[0]
        counts = [row[0] for row in db.execute("SELECT n.count FROM count n JOIN container c ON c.id = n.container WHERE c.holder LIKE "
                                               "'global main.sessions %' ORDER BY n.look")]
        verdicts = db.execute("SELECT count(*) FROM verdict WHERE verdict = 'likely'").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
    check("watch: every look is in the history", looks == 5, looks)
    check("watch: with its counts, which the program agrees with",
          len(counts) == 5 and counts == sorted(counts) and before <= counts[0] and counts[-1] <= after, (before, counts, after))
    check("watch: and with its verdicts", verdicts >= 2, verdicts)
    check("watch: the schema has its version", version == 1, version)
    again = heldby("watch", victim.pid, "--every", "1s", "--for", "2s", "--history", file, "-q", "--max-pause", "2s")
    with sqlite3.connect(file) as db:
        processes = db.execute("SELECT count(*) FROM process").fetchone()[0]
    check("watch: a file holds several examinations", again.returncode == 0 and processes == 2, again.stderr)
    broken = WORK / "broken.sqlite"
    broken.write_text("this is no database, and it is longer than the header of one would be" * 20)
    refused = heldby("watch", victim.pid, "--every", "1s", "--for", "2s", "--history", broken, "--max-pause", "2s")
    check("watch: what is no history is refused", refused.returncode == 3 and "history" in refused.stderr, refused.stderr)
    short = heldby("watch", victim.pid, "--every", "1m", "--for", "1m")
    check("watch: three looks are needed", short.returncode == 2, short.stderr)
    victim.stop()


def history_of_goroutines():
    victim = start(VERSIONS[-1], "hub-leak")
    time.sleep(5)
    file = WORK / "goroutines.sqlite"
    before = int(victim.ask("count")[0])
    done = heldby("watch", victim.pid, "--every", "2s", "--for", "4s", "--history", file, "--format", "json", "--max-pause", "2s")
    after = int(victim.ask("count")[0])
    with sqlite3.connect(file) as db:
        looks = db.execute("SELECT rss_bytes, threads, fds, goroutines FROM look").fetchall()
        rows = db.execute("SELECT p.reason, p.blocked, p.created, w.count FROM waiting w JOIN pile p ON p.id = w.pile ORDER BY w.look").fetchall()
    counts = [row[3] for row in rows]
    check("watch: the history has the goroutines that pile up", done.returncode == 0 and len(rows) == 3 and len(set(row[:3] for row in rows)) == 1 and
          rows[0][0] == "chan receive" and "main." in rows[0][1] and "main." in rows[0][2], (rows, done.stderr))
    # main, the goroutine that serves requests, and the one that makes the program grow are there besides.
    check("watch: every look has the whole process", len(looks) == 3 and
          all(1 < threads <= len(os.listdir(f"/proc/{victim.pid}/task")) and fds == len(os.listdir(f"/proc/{victim.pid}/fd")) and
              1 << 20 < rss < 1 << 30 and 0 <= alive - count <= 5 for (rss, threads, fds, alive), count in zip(looks, counts)), (looks, counts))
    check("watch: and says so", len(re.findall(r"; [\d.]+ MB resident, \d+ goroutines, \d+ open files, \d+ threads\n", done.stderr)) == 3, done.stderr)
    check("watch: as many as the program says", counts == sorted(counts) and counts and before <= counts[0] < counts[-1] <= after, (before, counts, after))
    # A file of an earlier heldby, whose looks have fewer columns.
    old = WORK / "old.sqlite"
    with sqlite3.connect(old) as db:
        db.execute("CREATE TABLE look(id INTEGER PRIMARY KEY, process INTEGER NOT NULL, at_s REAL NOT NULL, uptime_s REAL, pause_ms REAL NOT NULL)")
        db.execute("INSERT INTO look VALUES(7, 1, 1.0, 1.0, 1.0)")
        db.execute("PRAGMA user_version = 1")
    done = heldby("watch", victim.pid, "--every", "1s", "--for", "2s", "--history", old, "-q", "--max-pause", "2s")
    with sqlite3.connect(old) as db:
        known = db.execute("SELECT goroutines IS NOT NULL FROM look ORDER BY id").fetchall()
    check("watch: a file of an earlier heldby is gone on with", done.returncode == 0 and known == [(0,), (1,), (1,), (1,)], (known, done.stderr))
    victim.stop()


def two_moments():
    victim = start(VERSIONS[-1], "map-leak")
    cores, counts = [WORK / "old.core", WORK / "new.core"], []
    for core in cores:
        time.sleep(2)
        counts.append(int(victim.ask("count")[0]))
        done = heldby("snapshot", victim.pid, "-o", core, "--max-pause", "2s")
        counts.append(int(victim.ask("count")[0]))
        check(f"diff: {core.name} is written", done.returncode == 0, done.stderr)
    done = heldby("diff", *cores, "--format", "json")
    if check("diff: two cores", done.returncode == 0, done.stderr):
        found = json.loads(done.stdout)
        schema = json.loads((ROOT / "docs/diff.schema.json").read_text())
        errors = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(found)]
        check("diff: it is as the schema says", not errors, errors[:3])
        rows = [row for row in found["containers"] if row["name"].startswith("global main.sessions ")]
        check("diff: the map that grew is the only container", len(found["containers"]) == len(rows) == 1, found["containers"])
        check("diff: its counts are the program's", rows and counts[0] <= rows[0]["before"] <= counts[1] and
              counts[2] <= rows[0]["after"] <= counts[3], (rows, counts))
        check("diff: the objects are among the types", any(row["name"] == "main.session" for row in found["types"]), found["types"])
    text = heldby("diff", cores[1], victim.pid, "--max-pause", "2s")
    check("diff: a core and the process", text.returncode == 0 and "global main.sessions" in text.stdout, text.stdout + text.stderr)
    check("diff: it claims nothing", not re.search(r"H\d\d\d|likely|leaks\b", text.stdout), text.stdout)
    same = heldby("diff", cores[0], cores[0])
    check("diff: a core and itself", same.returncode == 0 and "Nothing became more" in same.stdout, same.stdout)
    one = heldby("diff", cores[0])
    check("diff: two are needed", one.returncode == 2, one.stderr)
    victim.stop()


def the_target_ends():
    victim = start(VERSIONS[-1], "map-leak")
    report = watch(victim, 60)
    victim.stop()
    check("the target ends between looks: the report is given, and is partial", report.popen.wait(60) == 5, report.text()[-500:])
    check("it says so", re.search(r"the program of process \d+ ended.*what grows was not judged", report.text()), report.text()[-500:])
    check("it has holders", "Largest holders" in report.text(), report.text()[-500:])


def the_target_becomes_another_program():
    go = Victim(build_victim("growth", VERSIONS[-1]), "exec-self")
    report = watch(go, 60)
    go.popen.stdin.write(b"exec\n")
    go.popen.stdin.flush()
    check("the target calls exec between looks: the report is partial", report.popen.wait(60) == 5, report.text()[-500:])
    check("what it became is left alone", not settled(go.pid), settled(go.pid))
    go.stop()


def heldby_is_interrupted():
    victim = start(VERSIONS[-1], "map-leak")
    report = watch(victim, 60)
    report.popen.send_signal(signal.SIGINT)
    check("heldby is interrupted between looks: 130", report.popen.wait(60) == 130, report.text()[-500:])
    check("the target is as before", not settled(victim.pid), settled(victim.pid))
    victim.ask("count")
    victim.stop()


def wrong_use():
    for wait in ("0s", "100ms", "2h", "soon"):
        done = heldby("report", os.getpid(), "--wait", wait)
        check(f"--wait {wait} is refused", done.returncode == 2, done.stderr)


if __name__ == "__main__":
    if sys.argv[1:]:
        run(every_program)
    EMPTIED = start(VERSIONS[-1], "batches-emptied"), time.monotonic()  # grows old meanwhile
    run(wrong_use, keys_of_nested_maps, history, history_of_goroutines, two_moments, the_target_ends, the_target_becomes_another_program, heldby_is_interrupted,
        every_program, lambda: many_that_are_emptied(*EMPTIED))
