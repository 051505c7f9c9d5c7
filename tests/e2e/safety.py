#!/usr/bin/env python3
# test: timeout=400 alone=yes
"""The target comes first: whatever happens to heldby, at any moment, the target runs on, undisturbed and untraced."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from common import HELDBY, Process, Victim, build_victim, check, disturbed, heldby, not_ok, run, settled, status_of

TIMES = 100


class Target:
    def __init__(self, program, *arguments):
        self.victim = Victim(program, *arguments)
        self.pid = self.victim.pid
        self.stream = socket.create_connection(("127.0.0.1", int(self.victim.ask("port")[0])), timeout=30).makefile("rwb")

    def beats(self):
        return int(self.victim.ask("beats")[0])

    def lives(self):
        """Counts on, serves on, nobody traces it, none of its threads is stopped. "" or what is wrong."""
        if what := settled(self.pid):
            return what
        first = self.beats()
        end = time.monotonic() + 10
        while self.beats() <= first:
            if time.monotonic() > end:
                return "its heart does not beat"
        self.stream.write(b"hello\n")
        self.stream.flush()
        if not self.stream.readline().startswith(b"hello "):
            return "it does not serve"
        if failures := int(self.victim.ask("failures")[0]):
            return f"{failures} of its system calls failed"
        return ""

    def finish(self, name):
        self.victim.popen.stdin.write(b"quit\n")
        self.victim.popen.stdin.flush()
        status = self.victim.popen.wait(30)
        check(f"{name}: the target's own exit status", status == 0, status)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def wait_until_traced(pid, heldby_process):
    path = pathlib.Path(f"/proc/{pid}/status")
    while heldby_process.poll() is None:
        if "TracerPid:\t0\n" not in path.read_text():
            return True
    return False


def start_heldby(pid):
    return subprocess.Popen([HELDBY, str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(pid):
    """How long a whole run takes, and how long the target is traced."""
    start = time.perf_counter()
    process = start_heldby(pid)
    traced = wait_until_traced(pid, process)
    attached = time.perf_counter()
    while traced and status_of(pid)["TracerPid"] != "0":
        pass
    detached = time.perf_counter()
    process.wait()
    return time.perf_counter() - start, detached - attached if traced else 0.0


def interrupt(name, target, number, expected, times):
    """Sends a signal at moments that are spread over the run, half of them over the short time that heldby traces."""
    whole, traced = next(times for times in (measure(target.pid) for _ in range(20)) if times[1] > 0.0005)
    print(f"    a run takes {whole * 1e3:.0f} ms, {traced * 1e3:.1f} ms of it tracing")
    hits, statuses = 0, {}
    for i in range(times):
        process = start_heldby(target.pid)
        if i % 2:
            if wait_until_traced(target.pid, process):
                spin(traced * 1.2 * (i // 2) / (times // 2))
        else:
            time.sleep(whole * 1.05 * (i // 2) / (times // 2))
        status = status_of(target.pid)
        hits += status["TracerPid"] != "0"
        process.send_signal(number)
        result = process.wait(30)
        statuses[result] = statuses.get(result, 0) + 1
        if result not in expected and result != -number:
            not_ok(f"{name}: heldby's exit status", f"{result} at moment {i}")
            break
        if what := target.lives():
            not_ok(f"{name}: the target runs on", f"{what}, at moment {i}")
            return
    else:
        check(f"{name}: the target runs on, {times} times", True)
    # What comes before it has a handler ends it as any other program.
    check(f"{name}: it ends in its own way", statuses.get(-number, 0) <= (times if number == signal.SIGKILL else times // 5), statuses)
    check(f"{name}: some moments were those of tracing", hits >= times // 10, f"{hits} of {times}; statuses {statuses}")
    print(f"    {hits} of {times} while traced; exit statuses {statuses}")


def main():
    program = build_victim("heartbeat", "1.26.8", ["-ldflags=-s -w"])
    if not program:
        return not_ok("safety", "the victim does not build")
    target = Target(program)
    check("undisturbed: the target lives", not (what := target.lives()), what)
    done = heldby(target.pid)
    check("a whole run", done.returncode == 0, f"{done.returncode}: {done.stderr}")
    check("after a whole run: the target lives", not (what := target.lives()), what)
    interrupt("killed", target, signal.SIGKILL, (0,), TIMES)
    interrupt("interrupted", target, signal.SIGINT, (0, 130), TIMES // 2)
    interrupt("terminated", target, signal.SIGTERM, (0, 130, 143), TIMES // 4)
    two_at_once(target)
    stopped_by_its_owner(target)
    target.finish("safety")
    unstoppable_thread()
    replaced_program(program)


def two_at_once(target):
    """Two at the same target: each succeeds, or says who else traces it."""
    for i in range(5):
        both = [subprocess.Popen([HELDBY, str(target.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        ends = [(process.communicate(timeout=60)[1], process.returncode) for process in both]
        bad = [end for end in ends if end[1] not in (0, 3) or end[1] == 3 and "trace" not in end[0]]
        if bad or (what := target.lives()):
            return not_ok("two heldbys at once", bad or what)
    check("two heldbys at once", True)


def stopped_by_its_owner(target):
    """A target under job control stays stopped, and goes on when its owner says so."""
    target.victim.popen.send_signal(signal.SIGSTOP)
    while status_of(target.pid)["State"][0] != "T":
        pass
    done = heldby(target.pid)
    check("a stopped target: report", done.returncode == 0, f"{done.returncode}: {done.stderr}")
    status = status_of(target.pid)
    check("a stopped target: stays as it was", status["State"][0] == "T" and status["TracerPid"] == "0", status["State"])
    target.victim.popen.send_signal(signal.SIGCONT)
    check("a stopped target: goes on when told", not (what := target.lives()), what)


def longest_stop(pid, process):
    """For how long a thread is seen in a tracer's hands without a break, until the process ends."""
    since, longest = {}, 0
    while process.popen.poll() is None:
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if (status_of(pid, thread.name) or {"State": ""})["State"].startswith("t"):
                longest = max(longest, time.monotonic() - since.setdefault(thread.name, time.monotonic()))
            else:
                since.pop(thread.name, None)
        time.sleep(0.01)
    return longest


def unstoppable_thread():
    """A thread in an uninterruptible wait: heldby tries again for a while, then gives up, and no other thread stays held."""
    program = build_victim("heartbeat", "1.26.8", cgo=1)
    if not program:
        return not_ok("a thread that cannot be stopped", "the victim does not build")
    target = Target(program)

    def waits(seconds):
        target.victim.ask(f"unstoppable {seconds}")
        while not any((status_of(target.pid, thread.name) or {"State": ""})["State"].startswith("D")
                      for thread in pathlib.Path(f"/proc/{target.pid}/task").iterdir()):
            pass

    waits(1)
    done = heldby(target.pid)
    check("a thread that cannot be stopped for a second", done.returncode == 0, f"{done.returncode}: {done.stderr}")
    check("a thread that cannot be stopped for a second: the target lives", not (what := target.lives()), what)
    report = Process(HELDBY, "report", target.pid, "--wait", "4s", "-v")
    report.wait_for("look 1:")
    waits(8)  # far beyond the second look, and until after tries at it
    longest = longest_stop(target.pid, report)
    code, text = report.popen.wait(timeout=60), report.text()
    check("a thread that cannot be stopped at a look: it goes on when it can", longest < 0.2, f"it was held for {longest:.2f} s")
    check("a thread that cannot be stopped at a look: it is put off", code == 0 and "look 2 is put off" in text and "look 3:" in text, f"{code}: {text}")
    check("a thread that cannot be stopped at a look: the target lives", not (what := target.lives()), what)
    waits(600)
    done = heldby(target.pid)
    check("a thread that cannot be stopped", done.returncode == 3 and "did not stop in time" in done.stderr,
          f"{done.returncode}: {done.stderr}")
    check("a thread that cannot be stopped: the target lives", not (what := target.lives()), what)
    for thread in pathlib.Path(f"/proc/{target.pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
    check("a thread that could not be stopped: the target lives", not (what := target.lives()), what)
    target.finish("a thread that cannot be stopped")


def replaced_program(program):
    """A target that calls execve all the time: a whole report on one of its lives, or the news that it has ended or not begun."""
    outcomes, news = {}, {0: "", 3: "ended|exited|zombie|cannot be read", 4: "Go program"}
    for i in range(100):
        target = Process(program, f"-replace={5 + i % 40}ms", "-records=20000", stdin=subprocess.PIPE)
        target.wait_for("ready")
        done = heldby(target.pid)
        outcomes[done.returncode] = outcomes.get(done.returncode, 0) + 1
        what = settled(target.pid)
        target.stop()
        if what or done.returncode not in news or not re.search(news[done.returncode], done.stderr):
            return not_ok("a program that calls execve", what or f"{done.returncode}: {done.stderr}")
    check("a program that calls execve", True)
    print(f"    exit statuses {outcomes}")


run(main)
