#!/usr/bin/env python3
# test: timeout=300
"""Where results go and in which form: files that appear whole or not at all, terminals, colour, what stderr is for."""

import fcntl
import json
import os
import pty
import re
import resource
import signal
import stat
import struct
import subprocess
import termios

from common import HELDBY, WORK, Victim, build_victim, check, disturbed, heldby, run

COLOR = re.compile(r"\x1b\[[0-9;]*m")


def environment(**changes):
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS")}
    return {**clean, "TERM": "xterm", **changes}


def on_terminal(*arguments, columns=100, **changes):
    """What a terminal of that width gets, and the exit status."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([HELDBY, *map(str, arguments)], stdout=terminal, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, env=environment(**changes))
    os.close(terminal)
    got = b""
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        got += piece
    os.close(controller)
    process.stderr.read()
    return got.decode().replace("\r\n", "\n"), process.wait()


def files():
    path = WORK / "report.json"
    os.umask(0o022)
    done = heldby("report", VICTIM.pid, "--format", "json", "-o", path)
    check("-o: the report is in the file", done.returncode == 0 and json.loads(path.read_text())["target"]["pid"] == VICTIM.pid,
          done.stderr)
    check("-o: nothing is on stdout", not done.stdout, done.stdout[:100])
    check("-o: an ordinary file", stat.S_IMODE(path.stat().st_mode) == 0o644, oct(path.stat().st_mode))
    check("-o: nothing is left beside it", list(WORK.glob("report.json*")) == [path], list(WORK.glob("report.json*")))

    link = WORK / "latest.json"
    link.symlink_to("report.json")
    path.write_text("old")
    heldby(VICTIM.pid, "--format", "json", "-o", link)
    check("-o: a link stays a link", link.is_symlink() and path.read_text().startswith("{"))

    before = path.read_text()
    done = heldby(VICTIM.pid, "--format", "json", "-o", path,
                  preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                      resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))))
    check("no room for the whole: it is said", done.returncode == 3 and "report.json" in done.stderr, done.stderr)
    check("no room for the whole: the old file is still there", path.read_text() == before)
    check("no room for the whole: no half file is", sorted(WORK.glob("report.json*")) == [path], list(WORK.glob("report.json*")))

    for name, where, why in (("a folder that is not there", WORK / "none/report", "No such file"), ("a folder", WORK, "directory")):
        done = heldby(VICTIM.pid, "-o", where)
        check(f"-o: {name}", done.returncode == 3 and why in done.stderr and str(where) in done.stderr, done.stderr)


def terminals():
    text, status = on_terminal(VICTIM.pid)
    check("a terminal gets colour", status == 0 and COLOR.search(text), text[:200])
    plain = heldby(VICTIM.pid, env=environment()).stdout
    check("a pipe does not", "\x1b" not in plain)
    check("NO_COLOR", "\x1b" not in on_terminal(VICTIM.pid, NO_COLOR="1")[0])
    check("an empty NO_COLOR is none", "\x1b" in on_terminal(VICTIM.pid, NO_COLOR="")[0])
    check("TERM=dumb", "\x1b" not in on_terminal(VICTIM.pid, TERM="dumb")[0])
    check("--color never", "\x1b" not in on_terminal(VICTIM.pid, "--color", "never")[0])
    check("--color always", "\x1b" in heldby(VICTIM.pid, "--color", "always", env=environment(NO_COLOR="1")).stdout)
    check("CLICOLOR_FORCE", "\x1b" in heldby(VICTIM.pid, env=environment(CLICOLOR_FORCE="1")).stdout)
    check("CLICOLOR_FORCE=0", "\x1b" not in heldby(VICTIM.pid, env=environment(CLICOLOR_FORCE="0")).stdout)
    check("JSON has no colour", "\x1b" not in heldby(VICTIM.pid, "--format", "json", "--color", "always").stdout)
    for columns in (80, 100, 160):
        text = COLOR.sub("", on_terminal(VICTIM.pid, columns=columns)[0])
        widest = max(text.splitlines(), key=len)
        check(f"a terminal of {columns} columns is not overrun", len(widest) <= columns, widest)


def words():
    done = heldby(VICTIM.pid, "--top", "2")
    check("stderr is silent when all is well", done.returncode == 0 and not done.stderr, done.stderr)
    tops = re.findall(r"and (\d+) more: --top (\d+)", done.stdout)
    check("--top", tops and all(int(more) + 2 == int(all_) for more, all_ in tops), done.stdout)
    verbose = heldby(VICTIM.pid, "-v")
    check("-v says what it does on stderr, addresses on stdout", "heldby: " in verbose.stderr and " at 0x" in verbose.stdout)
    check("addresses only there", not re.search(r"0x[0-9a-f]{4}", heldby(VICTIM.pid).stdout))
    check("a report on a healthy program says so", "\nnothing suspicious; the largest holders are " in done.stdout, done.stdout)
    limited = heldby(VICTIM.pid, "--max-pause", "1us")
    check("--max-pause refuses beforehand", limited.returncode == 3 and "--max-pause" in limited.stderr and not limited.stdout,
          limited.stderr)


def doctor():
    done = heldby("doctor")
    check("doctor: the machine", done.returncode == 0 and "attach" in done.stdout and "kernel" in done.stdout, done.stderr)
    check("doctor: the program runs here", re.search(rf"^ +{VICTIM.pid} .*holders.*go1\.26\.8", done.stdout, re.M), done.stdout)
    done = heldby("doctor", VICTIM.pid)
    check("doctor: a process", done.returncode == 0 and "go1.26.8" in done.stdout and "pause it for" in done.stdout, done.stdout)
    check("doctor: it has not been touched", not disturbed(VICTIM.pid), disturbed(VICTIM.pid))
    traced = subprocess.run(["grep", "-h", "voluntary", f"/proc/{VICTIM.pid}/status"], stdout=subprocess.PIPE, text=True).stdout
    heldby("doctor", VICTIM.pid)
    again = subprocess.run(["grep", "-h", "voluntary", f"/proc/{VICTIM.pid}/status"], stdout=subprocess.PIPE, text=True).stdout
    check("doctor: its main thread did not even notice", traced == again, f"{traced} {again}")
    other = heldby("doctor", os.getpid())
    check("doctor: another program", other.returncode == 4 and "not a Go program" in other.stdout, other.stdout)
    nobody = heldby("doctor", 999999999)
    check("doctor: nobody", nobody.returncode == 3 and "999999999" in nobody.stdout, nobody.stdout + nobody.stderr)


def interrupted():
    """Ctrl-C while a large result is on its way: nothing is left, the status says so, the target runs on."""
    path = WORK / "interrupted.json"
    process = subprocess.Popen([HELDBY, str(VICTIM.pid), "--format", "json", "-o", str(path)], stderr=subprocess.PIPE, text=True)
    process.send_signal(signal.SIGINT)
    error = process.communicate()[1]
    before_main = process.returncode == -signal.SIGINT  # it came before heldby was ready for it
    check("interrupted: exit status", before_main or process.returncode == 130, f"{process.returncode}: {error}")
    check("interrupted: no file", not list(WORK.glob("interrupted.json*")), list(WORK.glob("interrupted.json*")))
    check("interrupted: the target runs on", not disturbed(VICTIM.pid), disturbed(VICTIM.pid))


if __name__ == "__main__":
    VICTIM = Victim(build_victim("holders", "1.26.8"))
    run(files, terminals, words, doctor, interrupted)
