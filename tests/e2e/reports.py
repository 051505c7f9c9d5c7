#!/usr/bin/env python3
# test: timeout=900
"""What reports say of programs that know what they hold: by every supported Go, with symbols and stripped."""

import json
import re

import jsonschema

from common import ROOT, Victim, build_victim, check, go_versions, heldby, not_ok, ordered, run

VERSIONS = go_versions()
STRIPPED = ("-ldflags=-s -w",)
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/report.schema.json").read_text()))
KB, MB = 1024, 1024 * 1024


def report_on(name, victim):
    """A report that is valid, adds up, and is said in the same words twice; None when there is none."""
    done = heldby("report", victim.pid, "--format", "json", "--max-pause", "2s")
    if not check(f"{name}: a report is made", done.returncode == 0, f"{done.returncode}: {done.stderr.strip()}"):
        return None
    report = json.loads(done.stdout)
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in SCHEMA.iter_errors(report)]
    check(f"{name}: it is as the schema says", not errors, errors[:3])
    ledger = dict(report["ledger"])
    rss = ledger.pop("rss")
    check(f"{name}: the ledger sums to RSS", rss > 0 and sum(ledger.values()) == rss, ledger)
    check(f"{name}: less than 1 % of RSS is unexplained", ledger["other"] * 100 < rss, ledger)
    check(f"{name}: holders are in order", ordered(report["holders"]), [h["name"] for h in report["holders"]])
    check(f"{name}: children hold no more than their parents", all(map(fits, report["holders"])))
    check(f"{name}: types add up to all objects", sum(t["count"] for t in report["types"]) == report["coverage"]["objects"]
          or len(report["types"]) == 1000)
    return report


def fits(row):
    return sum(child["retained_bytes"] for child in row["children"]) <= row["retained_bytes"] and all(map(fits, row["children"]))


def rows(row, label=""):
    """Every row of a tree as (labels from the top, row)."""
    yield label, row
    for child in row["children"]:
        yield from rows(child, label + child["label"])


# ---- H301: tests/victims/slices ----

# Per finding: verdict, how many, bytes that are freed (at least, at most), last step of the path, function that allocated.
SLICES = {
    "header": ("likely", 1, 10 * MB - 200, 10 * MB + 8 * KB, r"\[\]byte$", "main.readHeader"),
    "messages": ("likely", 200, 200 * 65000, 200 * 66 * KB, r"\.body \[\]byte$", "main.readMessage"),
    "names": ("likely", 300, 300 * 65000, 300 * 66 * KB, r"\{value\} string$", "main.readName"),
    "both": ("likely", 1, 2 * MB - 200, 2 * MB + 8 * KB, r"\.(first|second) string$", "main.main"),
    "left": ("estimate", 1, 100_000 * 240, 100_000 * 250, r"global", "main.shorten"),
    "parts": ("estimate", 100, 100 * 255 * KB, 100 * 256 * KB, r"\.body \[\]byte$", "main.readPart"),
}


def matches(finding, expected):
    verdict, count, least, most, path, function = expected
    where = " ".join([finding["holder"], *finding["path"]])
    return (finding["verdict"], finding["count"]) == (verdict, count) and least <= finding["bytes"] <= most and \
        re.search(path, where) and any(site.startswith(function + "  ") for site in finding["allocated_at"])


def slices(version, stripped):
    name = f"slices, Go {version}{', stripped' if stripped else ''}"
    binary = build_victim("slices", version, STRIPPED if stripped else ())
    if not check(f"{name}: builds", binary):
        return
    victim = Victim(binary)
    report = report_on(name, victim)
    if not report:
        return
    found = [f for f in report["findings"] if f["rule"] == "H301"]
    held = {package["name"]: package["retained_bytes"] for package in report["packages"]}
    check(f"{name}: package main holds all of it", max(held, key=held.get) == "main" and held["main"] >= sum(f["bytes"] for f in found) and
          sum(held.values()) <= report["coverage"]["bytes"], held)
    sizes = [package["retained_bytes"] for package in report["packages"]]
    check(f"{name}: packages are in order", sizes == sorted(sizes, reverse=True), sizes)
    for what, expected in SLICES.items():
        mine = [f for f in found if matches(f, expected)]
        check(f"{name}: {what} is found", len(mine) == 1, [f["title"] for f in found])
        if len(mine) == 1:
            found.remove(mine[0])
            # Without symbols it is said which functions use the variable; another one's name would be a lie.
            named = rf"global main\.{what}( |$)"
            check(f"{name}: {what} is named", re.match(rf"{named}|main global \d+ \(used by main\.\w+\)" if stripped else named,
                                                      mine[0]["holder"]), mine[0]["holder"])
    check(f"{name}: nothing else is", not found, [(f["title"], f["holder"], f["path"]) for f in found])
    prints = {f["fingerprint"] for f in report["findings"]}
    again = Victim(binary)
    other = report_on(f"{name}, another process", again)
    if other:
        check(f"{name}: another process has the same fingerprints", prints == {f["fingerprint"] for f in other["findings"]},
                  lambda: [(f["fingerprint"], f["holder"], f["path"], f["allocated_at"])
                           for f in report["findings"] + other["findings"]])
    victim.stop()
    again.stop()


# ---- Holders: tests/victims/holders ----

def holder(report, kind, pattern):
    return next((h for h in report["holders"] if h["kind"] == kind and re.search(pattern, h["name"])), None)


def check_row(name, top, path, type_name, count, least, most):
    """A row at a path below a holder, with so many objects that hold so many bytes."""
    if not top:
        not_ok(name, "there is no such holder")
        return
    found = [row for label, row in rows(top) if label == path]
    row = next((row for row in found if re.search(type_name, row["type"])), None)
    check(name, row and row["count"] == count and least <= row["retained_bytes"] <= most,
          lambda: f"{[(r['type'], r['count'], r['retained_bytes']) for r in found]} of {[label for label, _ in rows(top)]}")


def site(row):
    return row["allocated_at"].split("  ")[0]


def holders(version):
    name = f"holders, Go {version}"
    binary = build_victim("holders", version)
    if not check(f"{name}: builds", binary):
        return
    victim = Victim(binary)
    report = report_on(name, victim)
    if not report:
        return
    server = holder(report, "global", r"^main\.srv$")
    check_row(f"{name}: files of the server", server, ".files.open[*].data", r"^\[\]byte$", 3000, 3000 * 10240, 3000 * 10240)
    check(f"{name}: the server has its type", server and server["type"] == "*main.server")
    check(f"{name}: where files were allocated", server and any(site(row) == "main.openFile" for _, row in rows(server)))
    pool = holder(report, "global", r"^main\.aside$")
    check(f"{name}: what is in a pool holds what nobody else does", pool and pool["retained_bytes"] < 10_000, pool and pool["retained_bytes"])
    check_row(f"{name}: sessions of the cache", holder(report, "global", r"^main\.cache$"), "{value}", r"^main\.session$",
              1000, 1000 * 216, 1000 * 224)
    check_row(f"{name}: a list is one row", holder(report, "global", r"^main\.head$"), ".next", r"^main\.node$", 49999,
              49999 * 16, 49999 * 16)
    tree = holder(report, "global", r"^main\.tree$")
    check_row(f"{name}: half a tree is one row", tree, ".left", r"^main\.leaf$", 8191, 8191 * 96, 8191 * 96)
    shared = next((h for h in report["holders"] if h["kind"] == "shared" and h["type"] == "main.catalogue"), None)
    check(f"{name}: what two share is neither's", shared and shared["retained_bytes"] == 3 * MB and
          "main.north" in shared["name"] and "main.south" in shared["name"], shared and shared["name"])
    shared = next((h for h in report["holders"] if h["kind"] == "shared" and h["type"] == "main.stock"), None)
    check(f"{name}: a goroutine that leads there is named as well", shared and shared["retained_bytes"] == 2 * MB and
          "main.front" in shared["name"] and "goroutines created by main.main" in shared["name"], shared and shared["name"])
    workers = holder(report, "goroutine", r"^created by main\.startWorkers$")
    check(f"{name}: goroutines hold what is on their stacks", workers and workers["count"] == 25 and
          25 * 106496 <= workers["retained_bytes"] <= 25 * 108000, workers and workers["retained_bytes"])
    timers = holder(report, "timer", r"main\.startTimers\.func1")
    check(f"{name}: timers hold what they will need", timers and
          40 * 32768 <= timers["retained_bytes"] <= 40 * 34000, timers and timers["retained_bytes"])
    check(f"{name}: nothing is found in a healthy program", not report["findings"], report["findings"])
    goroutines(name, report)
    victim.stop()


def goroutines(name, report):
    groups = report["goroutines"]["groups"]
    waiting = next((g for g in groups if g["count"] == 25), None)
    check(f"{name}: goroutines are counted as the runtime does", report["goroutines"]["total"] == 27 ==
          sum(g["count"] for g in groups), report["goroutines"]["by_status"])
    check(f"{name}: where they wait", waiting and waiting["wait_reason"] == "chan receive" and
          waiting["blocked_at"].startswith("main.work  ") and waiting["created_by"].startswith("main.startWorkers  "), groups)
    check(f"{name}: what waiting ones hold", waiting and waiting["retained_bytes"] >= 25 * 106496 and
          waiting["stack_bytes"] >= 25 * 2048, groups)
    check(f"{name}: a stack from end to end", waiting and waiting["stack"][0].startswith("runtime.gopark  ") and
          waiting["stack"][-1].startswith("runtime.goexit  "), waiting and waiting["stack"])


def all_slices():
    for version in VERSIONS:
        for stripped in (False, True):
            slices(version, stripped)


def all_holders():
    for version in VERSIONS:
        holders(version)


if __name__ == "__main__":
    run(all_slices, all_holders)
