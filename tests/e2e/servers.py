#!/usr/bin/env python3
# test: timeout=900
"""Real servers, stripped, under light load: each examination must succeed, and the server must not notice."""

import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time

from common import ORACLE, WORK, Process, check, disturbed, examine, free_port, heldby, not_ok, program, run

VERSION = "go1.26.8"  # what tests/programs/get.sh builds with


class Load:
    """Runs one request after another on a thread, a few hundred a second at most, and keeps what went wrong."""

    def __init__(self, connect, request):
        self.done, self.errors, self.slowest = 0, [], 0.0
        self._go = threading.Event()
        self._go.set()
        self._end = False
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(connect, request), daemon=True)
        self._thread.start()

    def _run(self, connect, request):
        state = connect()
        while not self._end and not self.errors:
            if not self._go.is_set():
                self._idle.set()
                self._go.wait()
                self._idle.clear()
            start = time.monotonic()
            try:
                request(state, self.done)
            except Exception as error:  # whatever a broken server makes of it
                self.errors.append(repr(error))
                return
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.done += 1
            time.sleep(0.003)

    def pause(self):
        self._go.clear()
        self._idle.wait(30)

    def resume(self):
        self._go.set()

    def wait_for(self, more, seconds=30):
        target, end = self.done + more, time.monotonic() + seconds
        while self.done < target and not self.errors and time.monotonic() < end:
            time.sleep(0.01)
        return self.done >= target

    def stop(self):
        self._end = True
        self._go.set()
        self._thread.join(30)


def examine_under_load(name, server, load, times=3):
    check(f"{name}: serves", load.wait_for(200), load.errors or "too slowly")
    for i in range(times):
        report = examine(f"{name} ({i + 1})", server.pid, VERSION)
        check(f"{name} ({i + 1}): left alone", not disturbed(server.pid), disturbed(server.pid))
    text = heldby(server.pid)
    check(f"{name}: a text report", text.returncode == 0 and VERSION in text.stdout and "typed" in text.stdout,
          f"{text.returncode}: {text.stderr}{text.stdout[:300]}")
    check(f"{name}: still serves", load.wait_for(200), load.errors or "no more")
    check(f"{name}: no request failed", not load.errors, load.errors)
    check(f"{name}: no request waited long", load.slowest < 2, f"{load.slowest:.1f} s")
    return report


def http_request(connection, path, method="GET", body=None, expect=200):
    connection.request(method, path, body)
    response = connection.getresponse()
    data = response.read()
    if response.status != expect:
        raise RuntimeError(f"{path}: {response.status} {data[:200]!r}")
    return data


# ---- nats: its own profiler is the second witness ----

def nats_connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream = connection.makefile("rwb")
    stream.readline()  # INFO
    stream.write(b"CONNECT {\"verbose\":false}\r\n")
    for i in range(3000):
        stream.write(b"SUB telemetry.device-%d.> %d\r\n" % (i, i))
    nats_ping(stream)
    return connection, stream


def nats_ping(stream):
    stream.write(b"PING\r\n")
    stream.flush()
    while (line := stream.readline().strip()) != b"PONG":
        if line == b"PING":
            stream.write(b"PONG\r\n")
        elif line.startswith(b"MSG "):
            stream.read(int(line.split()[-1]) + 2)
        else:
            raise RuntimeError(line)


def nats_request(state, i):
    _, stream = state
    stream.write(b"PUB telemetry.device-%d.value 5\r\nhello\r\n" % (i % 3000))
    nats_ping(stream)


def examine_nats():
    path = program("nats-server")
    if not path:
        return
    port, profile, monitor = free_port(), free_port(), free_port()
    config = WORK / "nats.conf"
    config.write_text(f"port: {port}\nhost: 127.0.0.1\nprof_port: {profile}\nhttp: 127.0.0.1:{monitor}\n"
                      f"jetstream {{ store_dir: {WORK}/nats }}\n")
    # A finer profile than the default gives more to compare.
    server = Process(path, "-c", config, env=dict(os.environ, GODEBUG="memprofilerate=8192"))
    if not server.wait_for("Server is ready"):
        return not_ok("nats-server: starts", "see above")
    load = Load(lambda: nats_connect(port), nats_request)
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
    port, admin = free_port(), free_port()
    (WORK / "site").mkdir()
    (WORK / "site/index.html").write_text("hello " * 1000)
    (WORK / "Caddyfile").write_text(
        f"{{\n admin 127.0.0.1:{admin}\n auto_https off\n persist_config off\n}}\n"
        f"http://127.0.0.1:{port} {{\n root * {WORK}/site\n encode gzip\n file_server\n templates\n}}\n")
    server = Process(path, "run", "--config", WORK / "Caddyfile", "--adapter", "caddyfile", env=dict(os.environ, HOME=str(WORK)))
    if not server.wait_for("serving initial configuration"):
        return not_ok("caddy: starts", "see above")
    load = Load(lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30), lambda c, i: http_request(c, "/"))
    examine_under_load("caddy", server, load)
    load.pause()
    compare_goroutines("caddy", server, admin)
    load.stop()


# ---- etcd: a memory-mapped database, gRPC, WAL ----

def examine_etcd():
    path = program("etcd")
    if not path:
        return
    port, peer = free_port(), free_port()
    server = Process(path, "--data-dir", WORK / "etcd", "--listen-client-urls", f"http://127.0.0.1:{port}",
                     "--advertise-client-urls", f"http://127.0.0.1:{port}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                     "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                     "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--enable-pprof")
    if not server.wait_for("ready to serve client requests"):
        return not_ok("etcd: starts", "see above")

    def put(connection, i):
        http_request(connection, "/v3/kv/put", "POST", json.dumps({"key": "a2V5" + "%04d" % (i % 10000), "value": "dmFsdWU="}))

    load = Load(lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30), put)
    examine_under_load("etcd", server, load)
    load.pause()
    compare_goroutines("etcd", server, port)
    load.stop()


run(examine_nats, examine_caddy, examine_etcd)
