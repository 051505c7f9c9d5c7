#!/usr/bin/env python3
# test: timeout=900
"""Real servers, stripped, under light load: each examination must succeed, and the server must not notice."""

import http.client
import json
import os
import re
import subprocess

from common import ORACLE, WORK, check, disturbed, examine, heldby, not_ok, program, run
from loads import Load, http_request, start_caddy, start_etcd, start_nats

VERSION = "go1.26.8"  # what tests/programs/get.sh builds with


def examine_under_load(name, server, load, times=3):
    check(f"{name}: serves", load.wait_for(200), load.errors or "too slowly")
    for i in range(times):
        report = examine(f"{name} ({i + 1})", server.pid, VERSION)
        found = [(f["rule"], f["verdict"], f["title"]) for f in report["findings"]] if report else None
        check(f"{name} ({i + 1}): no finding", found == [], found)
        check(f"{name} ({i + 1}): left alone", not disturbed(server.pid), disturbed(server.pid))
    text = heldby(server.pid)
    check(f"{name}: a text report", text.returncode == 0 and VERSION in text.stdout and "typed" in text.stdout,
          f"{text.returncode}: {text.stderr}{text.stdout[:300]}")
    check(f"{name}: still serves", load.wait_for(200), load.errors or "no more")
    check(f"{name}: no request failed", not load.errors, load.errors)
    check(f"{name}: no request waited long", load.slowest < 2, f"{load.slowest:.1f} s")
    return report


# ---- nats: its own profiler is the second witness ----

def examine_nats():
    path = program("nats-server")
    if not path:
        return
    # A finer profile than the default gives more to compare.
    nats = start_nats(path, env=dict(os.environ, GODEBUG="memprofilerate=8192"))
    if not nats:
        return not_ok("nats-server: starts", "see above")
    server, load, profile = nats.process, Load(nats), nats.profile
    report = examine_under_load("nats-server", server, load)
    if report:
        types = [row["name"] for row in report["types"]]
        check("nats-server: subscriptions are among the types", any("server.subscription" in name for name in types), types[:20])
    load.pause()
    compare_goroutines("nats-server", server, profile)
    compare_profile("nats-server", server, profile)
    load.stop()


def compare_goroutines(name, server, port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def profiled():
        text = http_request(connection, "/debug/pprof/goroutine?debug=1").decode()
        return int(re.search(r"total (\d+)", text)[1])

    # Goroutines of the load before may still end: a look counts when the profiles around it agree.
    total = profiled()
    for _ in range(50):
        report = json.loads(heldby("report", server.pid, "--format", "json").stdout)
        before, total = total, profiled()
        if before == total:
            break
    # The profile counts the goroutine that writes it; its connection's own stay.
    check(f"{name}: goroutines", abs(report["goroutines"]["total"] - total) <= 1,
          f"{report['goroutines']['total']}, the profiler says {total}")
    connection.close()


def compare_profile(name, server, port):
    """Live samples by allocation stack: the profiler's own count right after collections, and what heldby finds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(3):
        text = http_request(connection, "/debug/pprof/heap?gc=1&debug=1").decode()
    facts = WORK / "facts"
    subprocess.run([ORACLE, str(server.pid), facts], check=True)
    theirs = {}
    for match in re.finditer(r"^(\d+): (\d+) \[\d+: \d+\] @((?: 0x[0-9a-f]+)+)\n((?:#.*\n)*)", text, re.M):
        stack = tuple(pc[2:] for pc in match[3].split())
        functions = re.findall(r"^#\t0x[0-9a-f]+\t(\S+?)\+0x", match[4], re.M)
        if match[1] != "0":
            theirs[stack] = (int(match[1]), int(match[2]), functions)
    ours, what = {}, {}
    for line in open(facts, errors="replace"):
        if line.startswith("what "):
            _, addr, description = line.rstrip("\n").split(" ", 2)
            what[addr] = description
        elif line.startswith("sample "):
            addr, pcs = line.split("\t")[0].split()[1:]
            ours.setdefault(tuple(pcs.split(",")), []).append(addr)
    samples = sum(count for count, _, _ in theirs.values())
    agreed = sum(min(count, len(ours.get(stack, ()))) for stack, (count, _, _) in theirs.items())
    extra = sum(len(addrs) for addrs in ours.values()) - agreed
    # The profile is as of the last collection, so that what was made since (the answer itself) is more.
    check(f"{name}: allocation sites as its profiler has them", samples > 100 and agreed >= 0.98 * samples and extra <= 0.15 * samples,
          f"{agreed} of {samples} samples agree, {extra} more")
    # One place in the code allocates one type, or few.
    top = sorted(theirs, key=lambda stack: -theirs[stack][1])[:20]
    mixed = []
    for stack in top:
        names = {re.sub(r"[0-9][0-9,]*", "#", what.get(addr, "")) for addr in ours.get(stack, ())}
        names = {n for n in names if n and not n.startswith("untyped")}
        if len(names) > 3:
            mixed.append((theirs[stack][2][:3], sorted(names)[:6]))
    check(f"{name}: the types at the largest sites are consistent", not mixed, mixed[:3])
    subscriptions = [addr for stack, (_, _, functions) in theirs.items() for addr in ours.get(stack, ())
                     if functions and functions[0].endswith("(*client).processSubEx")]
    # It keeps them in a map, which grows there, too.
    wrong = [what.get(addr) for addr in subscriptions if "server.subscription" not in what.get(addr, "")]
    print(f"    {len(subscriptions)} subscriptions sampled, {len(theirs)} sites, {samples} samples")
    check(f"{name}: what makes subscriptions allocates subscriptions", subscriptions and not wrong, wrong[:5] or "none sampled")


# ---- caddy ----

def examine_caddy():
    path = program("caddy")
    if not path:
        return
    caddy = start_caddy(path)
    if not caddy:
        return not_ok("caddy: starts", "see above")
    server, load = caddy.process, Load(caddy)
    examine_under_load("caddy", server, load)
    load.pause()
    compare_goroutines("caddy", server, caddy.profile)
    load.stop()


# ---- etcd: a memory-mapped database, gRPC, WAL ----

def examine_etcd():
    path = program("etcd")
    if not path:
        return
    etcd = start_etcd(path)
    if not etcd:
        return not_ok("etcd: starts", "see above")
    server, load = etcd.process, Load(etcd)
    examine_under_load("etcd", server, load)
    load.pause()
    compare_goroutines("etcd", server, etcd.profile)
    load.stop()


run(examine_nats, examine_caddy, examine_etcd)
