"""What the end-to-end tests in Python share: reporting, processes, and the checks that any report must pass."""

import atexit
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELDBY = os.environ.get("HELDBY") or str(ROOT / "build/heldby")
ORACLE = pathlib.Path(HELDBY).parent / "tests/oracle/oracle-objects"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="heldby-e2e-"))
# What runs in the background of a shell has these ignored, and so would have what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
_failures = 0
_started = []


def ok(name):
    print(f"ok {name}", flush=True)


def not_ok(name, why):
    global _failures
    _failures += 1
    print(f"not ok {name}: {why}", flush=True)


def run(*parts):
    """Runs each part; what it raises is a failure of that part, and the others are run all the same."""
    for part in parts:
        try:
            part()
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            not_ok(part.__name__.replace("_", " "), repr(error))
    sys.exit(1 if _failures else 0)


def skip(name, why):
    print(f"skip {name}: {why}", flush=True)


def check(name, condition, why="no"):
    if condition:
        ok(name)
    else:
        not_ok(name, why() if callable(why) else why)
    return bool(condition)


def score(program, version, leaks, found, findings):
    """A run of a program of the corpus, for the sum at the end of ./test.sh: whether it leaks, and if so, whether that was found
    with its rule and its holder."""
    verdicts = {finding["verdict"] for finding in findings} - {"estimate"}
    if leaks:
        said = "found" if found else "missed"
    else:
        said = "proven" if "proven" in verdicts else "likely" if verdicts else "nothing"
    print(f"score {program.replace(' ', '-')} {version} {'leaks' if leaks else 'healthy'} {said}", flush=True)


@atexit.register
def _clean_up():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(WORK, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def program(name):
    """The path of a program of tests/programs, None where it cannot be got."""
    got = subprocess.run([ROOT / "tests/programs/get.sh", name], stdout=subprocess.PIPE, text=True)
    if got.returncode == 75:
        skip(name, "missing the network, or a tool, to get it")
        return None
    got.check_returncode()
    return got.stdout.strip()


def go_versions():
    """The Go releases to test with, oldest first."""
    done = subprocess.run(["bash", "-c", ". tests/lib.sh; go_versions"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()


def build_victim(name, version="", flags=(), cgo=0):
    """Builds tests/victims/NAME with a Go release; the path, or None."""
    out = WORK / f"{name}-{version or 'any'}"
    done = subprocess.run(
        ["bash", "-c", '. tests/lib.sh; go_build "$@"', "go_build", version, f"tests/victims/{name}", out, *flags],
        cwd=ROOT, env=dict(os.environ, CGO_ENABLED=str(cgo)))
    return out if done.returncode == 0 else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A started program. Its output goes to a file, for `wait_for`."""

    def __init__(self, *command, **kwargs):
        self.log = WORK / f"log-{len(_started)}"
        output = open(self.log, "wb")
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", output)
        self.popen = subprocess.Popen([str(word) for word in command], stderr=output, **kwargs)
        output.close()
        _started.append(self.popen)
        self.pid = self.popen.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern, seconds=60):
        """Until the output has a match: polls, as the program does not tell when it writes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if re.search(pattern, self.text()):
                return True
            if self.popen.poll() is not None:
                break
            time.sleep(0.01)
        print(f"    '{pattern}' was not printed; it printed:\n" + self.text()[-2000:])
        return False

    def stop(self):
        self.popen.kill()
        return self.popen.wait()


class Victim(Process):
    """A program that obeys on stdin as tests/victims/control says."""

    def __init__(self, *command, **kwargs):
        super().__init__(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **kwargs)
        self.lines_until("ready", 60)

    def line(self, seconds=60):
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            line = b""
            while not line.endswith(b"\n"):
                if not selector.select(seconds):
                    raise TimeoutError(f"the victim said nothing for {seconds} s")
                byte = os.read(self.popen.stdout.fileno(), 1)
                if not byte:
                    raise EOFError("the victim ended")
                line += byte
            return line.decode().rstrip("\n")

    def lines_until(self, start, seconds=60):
        lines = []
        while True:
            line = self.line(seconds)
            if line.startswith(start):
                return lines
            lines.append(line)

    def ask(self, command, seconds=60):
        self.popen.stdin.write(command.encode() + b"\n")
        self.popen.stdin.flush()
        return self.lines_until("ok " + command.split()[0], seconds)


def status_of(pid, thread=None):
    """/proc/PID/status as a dict, None when the process is gone."""
    path = f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status"
    try:
        return dict(line.split(":\t", 1) for line in pathlib.Path(path).read_text().splitlines() if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return None


def disturbed(pid):
    """What a debugger left behind: a tracer, a stopped thread. "" for nothing."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return "the process is gone"
    for thread in threads:
        status = status_of(pid, thread)
        if status and status["TracerPid"] != "0":
            return f"thread {thread} is traced by {status['TracerPid']}"
        if status and status["State"][0] in "Tt":
            return f"thread {thread} is in state {status['State']}"
    return ""


def settled(pid, seconds=5):
    """The same, once the kernel has had the time to undo what a killed tracer held."""
    end = time.monotonic() + seconds
    while (what := disturbed(pid)) and time.monotonic() < end:
        time.sleep(0.001)
    return what


def heldby(*arguments, timeout=120, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    if "stdout" not in kwargs:
        kwargs.update(stdout=subprocess.PIPE)
    kwargs.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([HELDBY, *(str(word) for word in arguments)], timeout=timeout, text=True, errors="replace", **kwargs)


def resident(pid):
    return int(status_of(pid)["VmRSS"].split()[0]) * 1024


def examine(name, pid, version=None, statuses=(0,)):
    """One JSON report on a live process, with what must hold for any; None when there is no report."""
    before = resident(pid)
    done = heldby("report", pid, "--format", "json")
    after = resident(pid)
    if not check(f"{name}: exit status", done.returncode in statuses, f"{done.returncode}: {done.stderr.strip()}"):
        return None
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        not_ok(f"{name}: JSON", error)
        return None
    check(f"{name}: no error on stderr", "error" not in done.stderr, done.stderr.strip())
    target, coverage, ledger = report["target"], report["coverage"], report["ledger"]
    check(f"{name}: it is this process", target["pid"] == pid and target["kind"] == "live", target)
    if version:
        check(f"{name}: Go version", target["go_version"] == version, f"{target['go_version']}, it is {version}")
    check(f"{name}: stripped", target["stripped"] is True, target)
    check(f"{name}: objects", coverage["objects"] > 1000 and coverage["bytes"] > 100_000, coverage)
    check(f"{name}: types", coverage["typed_bytes"] >= 0.5 * coverage["pointerful_bytes"] > 0, coverage)
    check(f"{name}: everything was read", coverage["unread_bytes"] == 0, coverage)
    check(f"{name}: holders", report["holders"] and report["holders"][0]["retained_bytes"] > 0, report["holders"])
    check(f"{name}: holders are ordered and fit the heap", ordered(report["holders"]) and
          report["holders"][0]["retained_bytes"] <= coverage["bytes"], report["holders"][:2])
    parts = sum(value for part, value in ledger.items() if part != "rss")
    check(f"{name}: the ledger sums to the resident set", parts == ledger["rss"], ledger)
    slack = 0.1 * max(before, after) + 4e6
    check(f"{name}: the resident set is the kernel's", min(before, after) - slack <= ledger["rss"] <= max(before, after) + slack,
          f"{ledger['rss']}, the kernel says {before} before and {after} after")
    check(f"{name}: nothing proven or likely is claimed of a healthy program",
          not [f for f in report["findings"] if f["verdict"] == "proven"],
          [f["title"] for f in report["findings"]])
    return report


def ordered(rows):
    sizes = [row["retained_bytes"] for row in rows]
    return sizes == sorted(sizes, reverse=True)
