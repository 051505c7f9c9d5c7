"""Real servers and the light load that tests put on them, on the loopback interface."""

import http.client
import json
import os
import socket
import threading
import time

from common import WORK, Process, free_port


class Load:
    """Runs one request of a server's after another on a thread, a few hundred a second at most, and keeps what went wrong."""

    def __init__(self, server):
        self.done, self.errors, self.slowest = 0, [], 0.0
        self._go = threading.Event()
        self._go.set()
        self._end = False
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(server.connect, server.request), daemon=True)
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


class Server:
    """A started server: `connect()` gives what `request(it, i)` sends the i-th request with; `profile` is the port that answers
    /debug/pprof."""

    def __init__(self, process, connect, request, profile):
        self.process, self.connect, self.request, self.profile = process, connect, request, profile


def http_request(connection, path, method="GET", body=None, expect=200):
    connection.request(method, path, body)
    response = connection.getresponse()
    data = response.read()
    if response.status != expect:
        raise RuntimeError(f"{path}: {response.status} {data[:200]!r}")
    return data


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


def start_nats(path, **kwargs):
    """None, and what it printed on stdout, when it does not start; so with the others."""
    port, profile, monitor = free_port(), free_port(), free_port()
    config = WORK / f"nats-{port}.conf"
    config.write_text(f"port: {port}\nhost: 127.0.0.1\nprof_port: {profile}\nhttp: 127.0.0.1:{monitor}\n"
                      f"jetstream {{ store_dir: {WORK}/nats-{port} }}\n")
    process = Process(path, "-c", config, **kwargs)
    if not process.wait_for("Server is ready"):
        return None
    return Server(process, lambda: nats_connect(port), nats_request, profile)


def start_caddy(path):
    port, admin = free_port(), free_port()
    site, config = WORK / f"site-{port}", WORK / f"Caddyfile-{port}"
    site.mkdir(exist_ok=True)
    (site / "index.html").write_text("hello " * 1000)
    config.write_text(
        f"{{\n admin 127.0.0.1:{admin}\n auto_https off\n persist_config off\n}}\n"
        f"http://127.0.0.1:{port} {{\n root * {site}\n encode gzip\n file_server\n templates\n}}\n")
    process = Process(path, "run", "--config", config, "--adapter", "caddyfile", env=dict(os.environ, HOME=str(WORK)))
    if not process.wait_for("serving initial configuration"):
        return None
    return Server(process, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30), lambda c, i: http_request(c, "/"),
                  admin)


def etcd_request(connection, i):
    http_request(connection, "/v3/kv/put", "POST", json.dumps({"key": "a2V5" + "%04d" % (i % 10000), "value": "dmFsdWU="}))


def start_etcd(path):
    port, peer = free_port(), free_port()
    process = Process(path, "--data-dir", WORK / f"etcd-{port}", "--listen-client-urls", f"http://127.0.0.1:{port}",
                      "--advertise-client-urls", f"http://127.0.0.1:{port}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                      "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                      "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--enable-pprof")
    if not process.wait_for("ready to serve client requests"):
        return None
    return Server(process, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30), etcd_request, port)
