#!/usr/bin/env python3
# test: timeout=600
"""heldby exec: commands end as they would without it, whatever happens to heldby, and are examined at their end."""

import concurrent.futures
import json
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import time

import common
from common import HELDBY, WORK, build_victim, run, status_of

VERSIONS = ("1.18.10", "1.23.12", "1.27.3")
LEFT = 10  # goroutines that the victim leaves behind
WORLD = [] # what heldby is started through: a kernel that can do less (tests/victims/without)


def check(name, *args):
    return common.check((f"without {WORLD[1]}: " if WORLD else "") + name, *args)


def started(*command, **kwargs):
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stderr", subprocess.PIPE)
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(word) for word in command], text=True, errors="replace", **kwargs)


def watched(*words, options=(), **kwargs):
    return started(*WORLD, HELDBY, "exec", *options, "--", *words, **kwargs)


def finished(process, *text):
    out, err = process.communicate(*text, timeout=60)
    return process.returncode, out, err


def until_ready(process):
    """Reads standard error up to the line that the victim prints when its goroutines wait."""
    while (line := process.stderr.readline()) not in ("ready\n", ""):
        pass


def mark(name):
    """An argument that a command of this run has, and no other one on the machine."""
    return f"mark-{os.getpid()}-{name}"


def processes(mark, program):
    """The folders in /proc of the processes of a program that were started with that argument."""
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (directory / "cmdline").read_bytes().split(b"\0") and os.readlink(directory / "exe") == os.path.realpath(program):
                yield directory
        except OSError:
            pass # it has ended


def watchers(mark):
    """The processes of heldby that look after the command which has that argument."""
    return {int(directory.name) for directory in processes(mark, HELDBY)}


def all_end(mark, seconds=20):
    for pid in watchers(mark):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        select.select([fd], [], [], seconds)
        os.close(fd)
    return not watchers(mark)


def binaries():
    return {version: build_victim("ending", version) for version in VERSIONS}


BUILT = binaries()
NEWEST = BUILT[VERSIONS[-1]]


def without_time(text):
    """The first lines, without the moment that package log begins its own with."""
    return [re.sub(r"^[0-9/]+ [0-9:]+ ", "", line) for line in text.splitlines()[:2]]


def goroutines(text):
    report = json.loads(text)
    return sum(group["count"] for group in report["goroutines"]["groups"]
               if group["created_by"].startswith("main.leave") and group["wait_reason"] == "chan send")


# ---- every way to end ----

ENDS = {"return": 0, "exit 3": 3, "exit-elsewhere": 4, "fatal": 1, "panic": 2, "nothing": 2, "threads 5": 12, "again 2": 13}


def every_way_to_end():
    for version, binary in BUILT.items():
        for way, status in ENDS.items():
            name = f"{way}, Go {version}"
            result = WORK / "end.json"
            result.unlink(missing_ok=True)
            code, _, err = finished(watched(binary, *way.split(), options=("--format", "json", "-o", result)))
            alone, _, err_alone = finished(started(binary, *way.split()))
            check(f"{name}: ends with its own status", code == status == alone, f"{code}, alone {alone}: {err}")
            check(f"{name}: what it says is not touched", without_time(err) == without_time(err_alone), err)
            check(f"{name}: is examined with all that it left", result.exists() and goroutines(result.read_text()) == LEFT,
                  result.read_text()[:300] if result.exists() else err)


def signals_end_it():
    for version, binary in BUILT.items():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            name = f"{number.name}, Go {version}"
            result = WORK / "signal.json"
            result.unlink(missing_ok=True)
            process = watched(binary, "linger", options=("--format", "json", "-o", result))
            until_ready(process)
            process.send_signal(number)
            code, _, err = finished(process)
            # Go prints its goroutines and exits with 2 at SIGQUIT.
            check(f"{name}: ends as it would", code == (2 if number == signal.SIGQUIT else -number), f"{code}: {err}")
            check(f"{name}: is examined", result.exists() and goroutines(result.read_text()) == LEFT, err)
    process = watched(NEWEST, "handle")
    process.stdout.readline()
    process.terminate()
    check("a signal that it handles reaches it", finished(process)[0] == 7)
    process = watched(NEWEST, "linger", mark("kill"))
    until_ready(process)
    process.kill()
    code, _, err = finished(process)
    check("SIGKILL: it ends, and that it was not examined is said", code == -9 and "could not be examined" in err or
          "before it could be examined" in err, f"{code}: {err}")
    check("SIGKILL: nobody stays", all_end(mark("kill")), watchers(mark("kill")))


# ---- what it inherits ----

def what_it_inherits():
    block = os.urandom(1 << 20)
    process = subprocess.Popen([HELDBY, "exec", "-q", "--", NEWEST, "copy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    out, _ = process.communicate(block * 8)
    check("standard input and output are its own", out == block * 8, len(out))
    process = watched(NEWEST, "pid")
    code, out, _ = finished(process)
    check("it has the pid and the parent that heldby had", out.split() == [str(process.pid), str(os.getpid())], out)
    ignoring = {"preexec_fn": lambda: (signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGCHLD, signal.SIG_IGN),
                               signal.signal(signal.SIGPIPE, signal.SIG_DFL))}
    same = [finished(command)[1] for command in (started(NEWEST, "dispositions", **ignoring), watched(NEWEST, "dispositions", **ignoring))]
    code, _, err = finished(watched(NEWEST, "return", options=("--fail-on", "proven"), **ignoring))
    check("ignored signals change nothing", code == 1 and f"{LEFT} goroutines" in err, f"{code}: {err}")
    check("signals are handled as its parent wished", same[0] == same[1] and "SigIgn" in same[0], same)
    process = started("sh", "-c", '"$0" exec -- "$1" write 4096 2>"$2" | head -c 1000000000 | wc -c', HELDBY, NEWEST, WORK / "pipe")
    code, out, _ = finished(process)
    check("gigabytes through a pipe whose reader leaves", out.strip() == "1000000000", out)


def a_terminal():
    pid, terminal = pty.fork()
    if not pid:
        os.execv(HELDBY, [HELDBY, "exec", "-q", "--", "sh", "-c", "ps -o pgid=,tpgid= -p $$; tty"])
    text = b""
    try:
        while piece := os.read(terminal, 1000):
            text += piece
    except OSError:
        pass # the other end is closed
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    words = text.split()
    check("the terminal is its own, in the foreground", status == 0 and len(words) >= 3 and words[0] == words[1] == str(pid).encode() and
          words[2].startswith(b"/dev/pts/"), text)


# ---- commands that are no Go program, or none at all ----

def other_commands():
    code, _, err = finished(watched(WORK / "missing"))
    check("a missing command: 127", code == 127 and "cannot run" in err and "No such file" in err, f"{code}: {err}")
    (WORK / "plain").write_text("text")
    code, _, err = finished(watched(WORK / "plain"))
    check("a file that cannot be run: 126", code == 126 and "cannot run" in err, f"{code}: {err}")
    code, out, err = finished(watched("sh", "-c", "echo shell; exit 5"))
    check("a command that is no Go program runs through, with a word", (code, out) == (5, "shell\n") and "not a Go program" in err,
          f"{code}: {err}")
    odd = WORK / "\x1b[31mred"
    shutil.copy("/bin/true", odd)
    code, _, err = finished(watched(odd))
    check("a name with escapes in it is shown without them", code == 0 and "not a Go program" in err and "\x1b" not in err, repr(err))
    code, _, err = finished(started(HELDBY, "exec"))
    check("no command: wrong usage", code == 2 and "no command" in err, f"{code}: {err}")
    code, out, err = finished(watched(HELDBY, "exec", "--", NEWEST, "exit", "6"))
    if WORLD: # the outer one traces it
        check("within another heldby exec: it is run, and examined by one of the two", code == 6 and "run without being examined" in err and
              f"{LEFT} goroutines can never run again" in err, f"{code}: {err}")
    else: # the inner one does, as there is a filter already
        check("within another heldby exec: it is run, and examined by one of the two", code == 6 and "already traced by heldby" in err and
              f"{LEFT} goroutines can never run again" in err, f"{code}: {err}")
    code, _, err = finished(watched(HELDBY, "--version"))
    check("heldby itself is not taken for a Go program", code == 0 and "'heldby' is not a Go program" in err, f"{code}: {err}")


# ---- other processes ----

def children():
    pattern = WORK / "of-%e-%p.json"
    for report in WORK.glob("of-*.json"):
        report.unlink()
    code, out, err = finished(watched(NEWEST, "parent", options=("--children", "--format", "json", "-o", pattern)))
    reports = list(WORK.glob("of-ending*.json"))
    check("children: parent and child are examined, and end as they should", code == 0 and "exit status 9" in out and len(reports) == 2 and
          all(goroutines(report.read_text()) == LEFT for report in reports), f"{code}: {out} {err} {reports}")
    for report in reports:
        report.unlink()
    code, out, err = finished(watched(NEWEST, "parent-of-many", options=("--children",)))
    check("children that end at the same time: each is examined once, and ends as it should", code == 0 and
          out.splitlines() == ["child exit status 9"] * 8 and len(re.findall("^heldby  ending", err, re.MULTILINE)) == 9,
          f"{code}: {out} {err.count('heldby  ending')}")
    code, out, err = finished(watched(NEWEST, "parent", options=("--format", "json", "-o", pattern)))
    check("children are left alone otherwise", "exit status 9" in out and len(list(WORK.glob("of-ending*.json"))) == 1, err)


def a_daemon():
    process = watched(NEWEST, "daemon", mark("daemon"), stdin=subprocess.PIPE, options=("-q",))
    until_ready(process)
    process.wait(timeout=60)
    check("a daemon's parent ends", process.returncode == 0, process.returncode)
    # The supervisor has gone, or is about to: the keeper answers for the child from now on.
    process.stdin.close()
    out = process.stdout.read()
    check("the child goes on and ends, which closes its output", out == "outlived\n", out)
    check("then nobody of heldby's stays", all_end(mark("daemon")), watchers(mark("daemon")))


def another_user():
    code, _, err = finished(watched(NEWEST, "user"))
    check("a command that changes its user ends as it should", code == 0, f"{code}: {err}")


# ---- before its end ----

def before_its_end():
    result = WORK / "at-%p.json"
    process = watched(NEWEST, "linger", options=("--at", "500ms", "--format", "json", "-o", result))
    at = WORK / f"at-{process.pid}.json"
    end = time.monotonic() + 30
    while not at.exists() and time.monotonic() < end:
        time.sleep(0.01)
    check("--at: it is examined while it runs", at.exists() and process.poll() is None and goroutines(at.read_text()) == LEFT)
    process.kill()
    finished(process)
    process = watched(NEWEST, "linger", mark("signal"), options=("-v", "--signal", "USR1"))
    text = ""
    while "ready" not in text.splitlines():
        text += process.stderr.readline()
    named = re.search(r"process (\d+) examines process (\d+) when it is sent", text)
    if check("--signal: -v names who is to be sent it", named and int(named[2]) == process.pid, text):
        os.kill(int(named[1]), signal.SIGUSR1)
        while not (line := process.stderr.readline()).startswith("Goroutines") and line:
            pass
        check("--signal: it is examined while it runs", line.startswith(f"Goroutines  {LEFT + 1}") and process.poll() is None, line)
    process.kill()
    finished(process)


# ---- a gate ----

def a_gate():
    for version, binary in BUILT.items():
        code, _, err = finished(watched(binary, "return", options=("--fail-on", "proven")))
        check(f"--fail-on, Go {version}: goroutines were left, and 0 becomes 1", code == 1 and
              f"H201  proven  {LEFT} goroutines" in err and "Largest holders" not in err, f"{code}: {err}")
        code, _, err = finished(watched(binary, "exit", "5", options=("--fail-on", "proven")))
        check(f"--fail-on, Go {version}: what fails keeps its own status", code == 5 and "H201" in err, f"{code}: {err}")
        code, _, err = finished(watched(binary, "clean", options=("--fail-on", "likely")))
        check(f"--fail-on, Go {version}: nothing was left, and nothing is said", (code, err) == (0, "ready\n"), f"{code}: {err}")
    code, _, err = finished(watched(HELDBY, "exec", "--fail-on", "proven", "--", NEWEST, "return"))
    check("--fail-on, within another heldby exec: goroutines were left, and 0 becomes 1", code == 1 and
          f"{LEFT} goroutines can never run again" in err, f"{code}: {err}")


# ---- where the kernel can do less ----

def states(mark):
    """Of the processes that were started with that argument, and are not heldby's: what they do."""
    found = [status_of(int(directory.name)) for directory in processes(mark, NEWEST)]
    return {status["State"][0] for status in found if status}


def a_front():
    """Where it takes heldby as its parent to change the status of a command, who means the command gets there all the same."""
    gate = ("--fail-on", "proven")
    for number in (signal.SIGTERM, signal.SIGQUIT):
        process = watched(NEWEST, "linger", options=gate)
        until_ready(process)
        process.send_signal(number)
        code, _, err = finished(process)
        check(f"{number.name} at its parent: ends as it would, and is examined", code == (2 if number == signal.SIGQUIT else -number) and
              f"{LEFT} goroutines can never run again" in err, f"{code}: {err}")
    # Without a process group of its own it could not be stopped where the test's is orphaned (setpgid(2)): in a session without a terminal.
    process = watched(NEWEST, "handle", mark("stop"), options=gate, preexec_fn=os.setpgrp)
    process.stdout.readline()
    process.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    check("SIGTSTP at its parent: it stops, and the parent, too", os.WIFSTOPPED(status) and states(mark("stop")) in ({"T"}, {"t"}), states(mark("stop")))
    process.send_signal(signal.SIGCONT)
    process.terminate()
    check("SIGCONT: both go on", finished(process)[0] == 7)
    process = watched(NEWEST, "linger", mark("front"), options=gate)
    until_ready(process)
    process.kill()
    check("SIGKILL at its parent: it ends, too, and nobody of heldby's stays", finished(process)[0] == -9 and all_end(mark("front")) and
          not states(mark("front")), states(mark("front")))
    process = watched(NEWEST, "handle", mark("alone"), options=gate)
    process.stdout.readline()
    for pid in watchers(mark("alone")) - {process.pid}:
        os.kill(pid, signal.SIGKILL)
    process.terminate()
    code, _, err = finished(process)
    check("SIGKILL at what watches it: it ends with its own status, and that it was not examined is said", code == 7 and "not examined" in err,
          f"{code}: {err}")
    code, _, err = finished(watched(WORK / "missing", options=gate))
    check("--fail-on, a missing command: 127", code == 127 and err.count("No such file") == 1, f"{code}: {err}")
    code, _, err = finished(watched("sh", "-c", "exit 5", options=gate))
    check("--fail-on, a command that is no Go program runs through", code == 5, f"{code}: {err}")


def one_end():
    code, _, err = finished(watched(NEWEST, "exit", "6"))
    check("it is examined at its end", code == 6 and f"{LEFT} goroutines can never run again" in err, f"{code}: {err}")


def nothing_helps():
    code, _, err = finished(watched(NEWEST, "exit", "6"))
    check("it is run, and that it is not examined is said", code == 6 and "run without being examined" in err and "ready\n" in err,
          f"{code}: {err}")
    code, _, err = finished(watched(NEWEST, "return", options=("--fail-on", "proven")))
    check("--fail-on: what cannot be watched is not run, and that is said once", code == 3 and "was not run" in err and
          len(err.splitlines()) == 1, f"{code}: {err}")


WITHOUT = build_victim("without", VERSIONS[-1])


def without(what, *parts):
    def part_without(part):
        def run_it():
            WORLD[:] = [WITHOUT, what]
            try:
                part()
            finally:
                WORLD.clear()
        run_it.__name__ = f"{part.__name__}, without {what}"
        return run_it
    return [part_without(part) for part in parts]


# ---- as a wrapper of tests ----

def go_test(name, version, expected, *flags, options="", **environment):
    """Runs the tests of a package, whose binary heldby examines: {test: goroutines proven}."""
    done = subprocess.run(["bash", "-c", ". tests/lib.sh; toolchain $0", version], stdout=subprocess.PIPE, text=True)
    goroot = done.stdout.strip()
    if not check(f"{name}: the toolchain is there", done.returncode == 0):
        return
    victims = pathlib.Path(__file__).resolve().parents[1] / "victims"
    old = ["-modfile=" + str(victims / "go118.mod")] if int(version.split(".")[1]) < 24 else []
    result = WORK / f"test-{version}-{len(flags)}-{len(options)}.json"
    done = subprocess.run([f"{goroot}/bin/go", "test", *old, *flags, "-exec", f"{' '.join(map(str, WORLD))} {HELDBY} exec --fail-on proven --format json -o {result} {options} --",
                           "./tested"], cwd=victims, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, GOROOT=goroot, GOTOOLCHAIN="local", GOWORK="off", GOFLAGS="", CGO_ENABLED="0") | environment)
    check(f"{name}: the tests pass, the package fails", done.returncode == 1 and "PASS" in done.stdout and "--- FAIL" not in done.stdout,
          f"{done.returncode}: {done.stdout}")
    found = {}
    for finding in json.loads(result.read_text())["findings"] if result.exists() else []:
        if (finding["rule"], finding["verdict"]) == ("H201", "proven"):
            tests = [re.fullmatch(r"(?:started by|by their labels they belong to) the test (.+)", line) for line in finding["evidence"]]
            found[next((test[1] for test in tests if test), None)] = finding["count"]
    check(f"{name}: each goroutine that was left is proven, with the test that started it", found == expected, found)
    labelled = [line for finding in json.loads(result.read_text())["findings"] for line in finding["evidence"] if line.startswith("labelled ")]
    wanted = {"labelled like=TestOfNobody", f"labelled of={BY_LABEL}", "labelled user=ada@example.org"} if options else set()
    check(f"{name}: labels are shown when they are asked for, and not else", set(labelled) == wanted and
          ("ada@example.org" in result.read_text()) == bool(options), labelled)


BY_LABEL = "TestLeavesLabelled/by_the_way"


def go_test_exec():
    # A goroutine that another one started, which has ended: nobody knows who started that, unless the runtime was told to remember.
    go_test("go test -exec, Go 1.21", "1.21.13", {"TestLeavesOne": 1, "TestLeavesTwo": 2, BY_LABEL: 1, None: 1})
    go_test("go test -exec -count=2, Go 1.27", "1.27.3", {"TestLeavesOne": 2, "TestLeavesTwo": 4, BY_LABEL: 2, None: 2}, "-count=2")
    go_test("go test -exec -race, Go 1.27", "1.27.3", {"TestLeavesOne": 1, "TestLeavesTwo": 2, BY_LABEL: 1, None: 1}, "-race", "-count=1", CGO_ENABLED="1")
    for version in VERSIONS:
        go_test(f"go test -exec --show-data, Go {version}", version, {"TestLeavesOne": 1, "TestLeavesTwo": 2, BY_LABEL: 1, None: 1},
                "-count=1", options="--show-data")
        go_test(f"go test -exec, with ancestors, Go {version}", version, {"TestLeavesOne": 1, "TestLeavesTwo": 2, "TestLeavesThroughALibrary": 1, "TestLeavesLabelled": 1},
                "-count=1", "-v", GODEBUG="tracebackancestors=10")


# ---- heldby is killed ----

def killed_once(number):
    """Kills one process of heldby's at some moment of the command's life or end: how it ended, or what went wrong."""
    its_mark = mark(f"killed-{number}")
    status = number % 100 + 1
    process = watched(NEWEST, "exit", str(status), its_mark, options=("-q",), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(random.random() * 0.15) # any moment is to do
    killed = False
    others = [pid for pid in watchers(its_mark) if pid != process.pid]
    if others:
        try:
            os.kill(random.choice(others), signal.SIGKILL)
            killed = True
        except ProcessLookupError:
            pass
    try:
        code = process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        return killed, f"{number}: it did not end"
    # Before there is a filter, heldby itself may be what ends: it says that the command was not run.
    return killed, "" if code == status or code == 3 else f"{number}: status {code}, not {status}"


def heldby_is_killed():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(killed_once, range(200)))
    wrong = [what for _, what in results if what]
    killed = sum(killed for killed, _ in results)
    check(f"the command ends with its own status, whenever heldby is killed ({killed} of {len(results)} times in its life)",
          not wrong and killed >= 20, wrong or killed)
    check("nobody of heldby's stays", all(all_end(mark(f"killed-{number}")) for number in range(200)))


if __name__ == "__main__":
    everywhere = (every_way_to_end, signals_end_it, what_it_inherits, a_terminal, other_commands, children, a_daemon, another_user, before_its_end,
                  a_gate, go_test_exec, heldby_is_killed)
    run(*everywhere, *without("listener", *everywhere, a_front), *without("going-on", one_end), *without("tracing", nothing_helps))
