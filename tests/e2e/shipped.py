#!/usr/bin/env python3
# test: timeout=300
"""Stripped Go binaries as npm ships them: esbuild as a server, TypeScript's compiler as a language server."""

import http.client
import json
import pathlib
import subprocess
import threading

from common import WORK, Process, check, disturbed, examine, free_port, heldby, not_ok, program, run


# Releases by the Go that they were built with.
RELEASES = {"0.14.40": "go1.18.2", "0.17.5": "go1.19.5", "0.19.12": "go1.20.12", "0.23.1": "go1.22.5", "0.25.2": "go1.23.7"}
TOO_OLD = {"0.12.0": "go1.16.3", "0.14.0": "go1.17.2"}


def write_site():
    (WORK / "site").mkdir()
    (WORK / "site/part.ts").write_text("export const part = (n: number): string => `part ${n}`;\n" +
                                       "".join(f"export const value{i} = part({i});\n" for i in range(2000)))
    (WORK / "site/app.ts").write_text("import * as all from './part';\nconsole.log(all);\n")


def start_esbuild(path):
    port = free_port()
    # It ends when its stdin does.
    server = Process(path, WORK / "site/app.ts", "--bundle", "--sourcemap", f"--outdir={WORK}/site/out", f"--serve=127.0.0.1:{port}",
                     f"--servedir={WORK}/site", stdin=subprocess.PIPE)
    return server, port, server.wait_for(f"127.0.0.1:{port}")


def examine_esbuild(name="esbuild", version="go1.26.5", times=3):
    path = program(name)
    if not path:
        return
    server, port, started = start_esbuild(path)
    if not started:
        return not_ok(f"{name}: starts", server.text())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def builds():
        connection.request("GET", "/out/app.js")
        response = connection.getresponse()
        return response.status == 200 and b"value1999" in response.read()

    check(f"{name}: serves", all(builds() for _ in range(20)))
    for i in range(times):
        examine(f"{name} ({i + 1})", server.pid, version)
        check(f"{name} ({i + 1}): left alone", not disturbed(server.pid), disturbed(server.pid))
        check(f"{name} ({i + 1}): still serves", all(builds() for _ in range(20)))
    server.stop()


def examine_releases():
    for release, version in RELEASES.items():
        examine_esbuild(f"esbuild-{release}", version, times=1)


def refuse_releases():
    for release, version in TOO_OLD.items():
        path = program(f"esbuild-{release}")
        if not path:
            continue
        server, _, started = start_esbuild(path)
        done = heldby(server.pid)
        check(f"esbuild-{release}: is refused as {version}", started and done.returncode == 4 and version in done.stderr and not done.stdout,
              f"{done.returncode}: {done.stderr}")
        check(f"esbuild-{release}: left alone", not disturbed(server.pid), disturbed(server.pid))
        server.stop()


class LanguageServer:
    def __init__(self, path):
        self.process = Process(path, "--lsp", "--stdio", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.last, self.answers, self.arrived = 0, {}, threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.popen.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.popen.stdin.flush()

    def _read(self):
        stream = self.process.popen.stdout
        while header := stream.readline():
            length = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            message = json.loads(stream.read(length))
            if "method" in message and "id" in message:  # it asks: nothing to say
                self._send(id=message["id"], result=None)
            elif "id" in message:
                with self.arrived:
                    self.answers[message["id"]] = message
                    self.arrived.notify_all()

    def tell(self, method, params):
        self._send(method=method, params=params)

    def ask(self, method, params, seconds=60):
        self.last += 1
        number = self.last
        self._send(id=number, method=method, params=params)
        with self.arrived:
            self.arrived.wait_for(lambda: number in self.answers, seconds)
            return self.answers.pop(number, {"error": "no answer"})


def examine_tsgo():
    path, sources = program("tsgo"), program("rxjs")
    if not path or not sources:
        return
    sources = pathlib.Path(sources)
    server = LanguageServer(path)
    file = sources / "internal/Observable.ts"
    text = file.read_text()
    answer = server.ask("initialize", {"processId": None, "rootUri": sources.as_uri(), "capabilities": {},
                                       "workspaceFolders": [{"uri": sources.as_uri(), "name": "rxjs"}]})
    if not check("tsgo: starts", "result" in answer, answer):
        return
    server.tell("initialized", {})
    server.tell("textDocument/didOpen", {"textDocument": {"uri": file.as_uri(), "languageId": "typescript", "version": 1, "text": text}})
    lines = text.splitlines()
    line = next(i for i, content in enumerate(lines) if "subscribe(" in content)
    where = {"textDocument": {"uri": file.as_uri()}, "position": {"line": line, "character": lines[line].index("subscribe(") + 2}}

    def knows():
        answer = server.ask("textDocument/hover", where)
        return "subscribe" in json.dumps(answer.get("result"))

    check("tsgo: understands the project", knows())
    pid = server.process.pid
    for i in range(3):
        asked = threading.Thread(target=lambda: [knows() for _ in range(50)])
        asked.start()
        examine(f"tsgo ({i + 1})", pid, "go1.26.4")
        asked.join(60)
        check(f"tsgo ({i + 1}): left alone", not disturbed(pid), disturbed(pid))
        check(f"tsgo ({i + 1}): still answers", knows())
    text = heldby(pid)
    check("tsgo: a text report names its syntax trees", text.returncode == 0 and "ast." in text.stdout, text.stdout[:500] + text.stderr)


run(write_site, examine_esbuild, examine_releases, refuse_releases, examine_tsgo)
