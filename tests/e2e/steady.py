#!/usr/bin/env python3
# test: timeout=300
"""Real servers under steady load, looked at several times: what only seems to grow is no finding, and what does grow is one."""

import http.client
import json
import subprocess
import sys
import threading

from common import WORK, Process, check, disturbed, free_port, heldby, not_ok, program, run
from loads import Load, Server, http_request, start_caddy, start_etcd, start_nats

WINDOW = 20
CONNECTIONS = 3


def start_esbuild(path):
    """A server that bundles anew for each request."""
    port = free_port()
    source = WORK / f"esbuild-{port}"
    source.mkdir()
    for i in range(20):
        (source / f"part{i}.js").write_text(f"export function part{i}(x) {{ return x + {i} }}\n")
    (source / "main.js").write_text("".join(f"import {{part{i}}} from './part{i}.js'\n" for i in range(20)) +
                                    "console.log([" + ", ".join(f"part{i}(1)" for i in range(20)) + "])\n")
    # It ends when its stdin does.
    process = Process(path, "--bundle", source / "main.js", f"--serve=127.0.0.1:{port}", f"--servedir={source}", f"--outdir={source}",
                      stdin=subprocess.PIPE)
    if not process.wait_for(f":{port}"):
        return None
    return Server(process, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30),
                  lambda connection, i: http_request(connection, "/main.js"), None)


def etcd_reads(etcd):
    """Each revision of a key is kept until it is compacted: to write is to grow."""
    for i in range(1000):
        etcd.request(connection := etcd.connect(), i)
        connection.close()
    etcd.request = lambda connection, i: http_request(connection, "/v3/kv/range", "POST", json.dumps({"key": "a2V5" + "%04d" % (i % 1000)}))


def likely(report):
    return [(f["rule"], f["verdict"], f["title"], f["holder"], f["evidence"]) for f in report["findings"] if f["verdict"] != "estimate"]


def judge(name, report, grows):
    said = likely(report)
    if grows:
        check(f"{name}: what grows is found", any(rule == grows[0] and grows[1] in title for rule, _, title, *_ in said), said)
    else:
        check(f"{name}: nothing is likely or proven", not said, said)


def started(name, start, prepare=None, grows=None):
    path = program(name.split(",")[0])
    server = path and start(path)
    if path and not server:
        not_ok(f"{name}: starts", "see above")
    if server and prepare:
        prepare(server)
    return server and (name, server, grows)


def look_for_a_while(name, server, grows):
    pid = server.process.pid
    loads = [Load(server) for _ in range(CONNECTIONS)]
    # Older than half of the window, and as busy as it will be.
    check(f"{name}: serves", all(load.wait_for(1000, 60) for load in loads), [load.errors or load.done for load in loads])
    done = heldby("report", pid, "--wait", f"{WINDOW}s", "--format", "json", timeout=200)
    if check(f"{name}: a report with several looks is made", done.returncode == 0, f"{done.returncode}: {done.stderr.strip()}"):
        report = json.loads(done.stdout)
        check(f"{name}: several looks were taken", len(report["growth"]["looks"]) >= 3, report["growth"])
        judge(name, report, grows)
        print(f"    {name}: pauses {[look['pause_ms'] for look in report['growth']['looks']]} ms; estimates: "
              f"{[(f['rule'], f['title']) for f in report['findings']]}")
    check(f"{name}: left alone", not disturbed(pid), disturbed(pid))
    check(f"{name}: still serves", all(load.wait_for(100) for load in loads), [load.errors for load in loads])
    for load in loads:
        load.stop()


SERVERS = {
    "nats-server": (start_nats,),
    "caddy": (start_caddy,),
    "etcd": (start_etcd, etcd_reads),
    "etcd, new keys all the time": (start_etcd, None, ("H103", "mvcc.keyIndex")),
    "esbuild": (start_esbuild,),
}


def all_at_once():
    """Nearly all of the time is waiting."""
    servers = [started(name, *SERVERS[name]) for name in sys.argv[1:] or SERVERS]
    threads = [threading.Thread(target=look_for_a_while, args=server) for server in servers if server]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    run(all_at_once)
