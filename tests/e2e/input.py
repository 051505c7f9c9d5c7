#!/usr/bin/env python3
# test: timeout=300
"""What is no running Go program that may be examined: a clear sentence, the right exit status, and no harm done."""

import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import time

from common import HELDBY, ROOT, WORK, Process, Victim, build_victim, check, disturbed, heldby, not_ok, run, settled, skip, status_of

SANITIZED = os.environ.get("HELDBY_SANITIZED") or HELDBY

WORK.chmod(0o755)  # others must get at the programs there


def refuses(name, status, pattern, *arguments, **kwargs):
    """Exits with the status and says something that matches, in one line, as an error of heldby's own."""
    done = heldby(*arguments, **kwargs)
    said = done.stderr.strip()
    good = done.returncode == status and re.search(pattern, said) and said.startswith("heldby: ") and len(said.splitlines()) <= 2
    check(name, good, f"exit status {done.returncode} instead of {status}, or not '{pattern}': {said!r}")
    check(f"{name}: nothing on stdout", not (done.stdout or ""), (done.stdout or "")[:200])


def toolchain(version):
    return subprocess.run([ROOT / "scripts/go-toolchain.sh", version], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build(name, version, source, **environment):
    """Builds a Go program of one file that prints "ready" and waits."""
    folder = WORK / f"source-{name}"
    folder.mkdir()
    (folder / "main.go").write_text(source)
    (folder / "go.mod").write_text("module victim\n\ngo 1.18\n")
    goroot = toolchain(version)
    subprocess.run([f"{goroot}/bin/go", "build", "-o", WORK / name, "."], cwd=folder, check=True,
                   env=dict(os.environ, GOROOT=goroot, GOTOOLCHAIN="local", GOWORK="off", GOFLAGS="", CGO_ENABLED="0", **environment))
    return WORK / name


WAITING = 'package main\n\nimport "os"\n\nfunc main() {\n\tprintln("ready")\n\tos.Stdin.Read(make([]byte, 1))\n}\n'


def waiting(*command):
    """Starts a program that prints ready on stderr and reads stdin."""
    process = Process(*command, stdin=subprocess.PIPE)
    if not process.wait_for("ready"):
        raise RuntimeError(f"{command} did not start")
    return process


def command_line():
    done = heldby()
    check("no target", done.returncode == 2 and done.stderr.startswith("usage: heldby") and not done.stdout, done.stderr)
    refuses("unknown option", 2, "--no-such-option", "--no-such-option", "1")
    refuses("unknown format", 2, "format", "report", "1", "--format", "cuneiform")
    refuses("no such process", 3, "999999", 999999999)
    refuses("no process of that name", 3, "no-such-program", "no-such-program")
    refuses("no such file", 3, "no/such/core", "no/such/core")


def processes():
    target = waiting(build("narrow", "1.26.8", WAITING, GOARCH="386"))
    refuses("a 32-bit program", 4, "32-bit", target.pid)
    for name, command in (("C", ["sleep", "1000"]), ("Python", ["python3", "-c", "import time; time.sleep(1000)"]),
                          ("Node.js", ["node", "-e", "setInterval(() => {}, 1e6)"])):
        if not shutil.which(command[0]):
            skip(f"a {name} program", f"no {command[0]} here")
            continue
        other = Process(*command)
        while pathlib.Path(f"/proc/{other.pid}/exe").resolve() == pathlib.Path("/proc/self/exe").resolve() != \
                pathlib.Path(shutil.which(command[0])).resolve() and name != "Python":
            time.sleep(0.001)  # until exec
        refuses(f"a {name} program", 4, "not a Go program", other.pid)
        check(f"a {name} program: left alone", not disturbed(other.pid), disturbed(other.pid))
    java()
    rust()
    parent = Process("sh", "-c", "true & exec sleep 1000")
    while not (zombies := children(parent.pid, "Z")):
        time.sleep(0.001)
    refuses("a zombie", 3, "zombie|exited|ended", zombies[0])
    if (status := status_of(2)) and status["Name"] == "kthreadd":
        refuses("a kernel thread", 4, "kernel thread", 2)
    shell = subprocess.run(["bash", "-c", f'exec "{HELDBY}" $$'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=60)
    check("itself", shell.returncode in (2, 3) and "itself" in shell.stderr, f"{shell.returncode}: {shell.stderr}")


def children(pid, state):
    listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if (status := status_of(child)) and status["State"].startswith(state)]


def java():
    if not shutil.which("java"):
        return skip("a Java program", "no java here")
    (WORK / "Wait.java").write_text(
        'public class Wait { public static void main(String[] a) throws Exception {\n'
        'System.err.println("ready"); System.in.read(); } }\n')
    target = waiting("java", "-Xmx64m", WORK / "Wait.java")
    refuses("a Java program", 4, "not a Go program", target.pid)
    check("a Java program: left alone", not disturbed(target.pid), disturbed(target.pid))


def rust():
    if not shutil.which("rustc"):
        return skip("a Rust program", "no rustc here")
    (WORK / "wait.rs").write_text('fn main() { eprintln!("ready"); let mut s = String::new(); let _ = std::io::stdin().read_line(&mut s); }\n')
    subprocess.run(["rustc", "-O", "-o", WORK / "rusty", WORK / "wait.rs"], check=True)
    target = waiting(WORK / "rusty")
    refuses("a Rust program", 4, "not a Go program", target.pid)
    check("a Rust program: left alone", not disturbed(target.pid), disturbed(target.pid))


def several_of_a_name():
    program = WORK / "twins"
    shutil.copy(build("one", "1.26.8", WAITING), program)
    first, second = waiting(program), waiting(program)
    refuses("two processes of a name", 3, rf"{first.pid}.*{second.pid}|{second.pid}.*{first.pid}", "twins")
    second.stop()
    done = heldby("twins")
    check("one process of a name", done.returncode == 0 and f"pid {first.pid}" in done.stdout, f"{done.returncode}: {done.stderr}")


def permission():
    if os.geteuid() or not shutil.which("setpriv"):
        return skip("not permitted", "needs root to become somebody else")
    target = waiting(build("rooted", "1.26.8", WAITING))
    copy = WORK / "heldby"
    shutil.copy(HELDBY, copy)
    copy.chmod(0o755)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy]
    done = subprocess.run([*command, str(target.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, cwd="/")
    check("not permitted", done.returncode == 3 and re.search("permi|allowed", done.stderr) and "CAP_SYS_PTRACE" in done.stderr,
          f"{done.returncode}: {done.stderr}")
    own = waiting("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", WORK / "rooted")
    done = subprocess.run([*command, str(own.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, cwd="/")
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and scope.read_text().strip() != "0":
        return skip("an unprivileged user on a process of his own", "Yama allows only parents")
    check("an unprivileged user on a process of his own", done.returncode == 0, f"{done.returncode}: {done.stderr}")


def traced_already():
    for tracer in ("gdb", "strace"):
        if not shutil.which(tracer):
            skip(f"traced by {tracer}", f"missing {tracer}")
            continue
        target = waiting(build(f"traced-{tracer}", "1.26.8", WAITING))
        command = ["gdb", "-q", "-nx", "-p", target.pid] if tracer == "gdb" else ["strace", "-f", "-o", "/dev/null", "-p", target.pid]
        debugger = Process(*command, stdin=subprocess.PIPE)
        while status_of(target.pid)["TracerPid"] == "0":
            if debugger.popen.poll() is not None:
                return not_ok(f"traced by {tracer}", "it does not attach: " + debugger.text())
            time.sleep(0.001)
        refuses(f"traced by {tracer}", 3, rf"trac.*{debugger.pid}|{debugger.pid}.*trac", target.pid)
        check(f"traced by {tracer}: it still is", status_of(target.pid)["TracerPid"] == str(debugger.pid))
        debugger.stop()


def ends_meanwhile():
    program = build_victim("kinds", "1.26.8")
    times = 25
    outcomes = {}
    for i in range(times):
        target = Victim(program)
        process = subprocess.Popen([SANITIZED, str(target.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        time.sleep(0.5 * (i / times) ** 2)  # most moments early, some when all was read
        target.stop()
        said = process.communicate(timeout=60)[1]
        outcomes[process.returncode] = outcomes.get(process.returncode, 0) + 1
        if process.returncode not in (0, 3, 5) or (process.returncode == 3 and not said.startswith("heldby: ")):
            return not_ok("the target ends meanwhile", f"{process.returncode} at moment {i}: {said}")
    check("the target ends meanwhile", True)
    print(f"    exit statuses {outcomes}")


def broken_output():
    target = Victim(build_victim("kinds", "1.26.8"))
    with open("/dev/full", "w") as full:
        for format in "text", "json":
            done = heldby("report", target.pid, "--format", format, stdout=full)
            check(f"a full disk, {format}", done.returncode == 3 and "space" in done.stderr, f"{done.returncode}: {done.stderr}")
    done = heldby("report", target.pid, "-o", "/dev/full")
    check("a full disk, -o", done.returncode == 3 and "/dev/full" in done.stderr and "space" in done.stderr,
          f"{done.returncode}: {done.stderr}")
    refuses("a folder that is not there", 3, "no/such/folder", "report", target.pid, "-o", "no/such/folder/report")
    reader, writer = os.pipe()
    os.close(reader)
    done = heldby(target.pid, stdout=writer)
    os.close(writer)
    # A reader that has had enough (head) is nothing to complain about.
    check("a closed pipe", done.returncode in (0, 3, -signal.SIGPIPE) and "Traceback" not in done.stderr, f"{done.returncode}: {done.stderr}")
    check("after broken output: the target is left alone", not settled(target.pid), disturbed(target.pid))


def survives(name, path, allowed=(3, 4, 5)):
    """An examination ends by itself, in its own way, and soon."""
    start = time.monotonic()
    done = subprocess.run([SANITIZED, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", timeout=120)
    seconds = time.monotonic() - start
    if done.returncode not in allowed or seconds > 60 or (done.returncode in (3, 4) and not done.stderr.startswith("heldby: ")):
        not_ok(name, f"exit status {done.returncode} after {seconds:.1f} s: {done.stderr[:2000]}")
        return False
    return True


def end_of_contents(core):
    """Where the last segment of an ELF core ends."""
    with open(core, "rb") as file:
        header = file.read(64)
        offset, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
        file.seek(offset)
        segments = [struct.unpack("<IIQQQQQQ", file.read(56)) for _ in range(count)]
    return max(segment[2] + segment[5] for segment in segments)


def cores():
    target = Victim(build_victim("kinds", "1.26.8", ["-ldflags=-s -w"]))
    core = WORK / "core"
    done = heldby("snapshot", target.pid, "-o", core)
    check("a core of heldby's own", done.returncode == 0, f"{done.returncode}: {done.stderr}")
    target.stop()
    done = heldby(core)
    check("a whole core", done.returncode == 0 and "go1.26.8" in done.stdout, f"{done.returncode}: {done.stderr}")
    broken = WORK / "broken"
    broken.touch()
    refuses("an empty core", 3, "core|ELF|empty", broken)
    refuses("a text file", 4, "core|ELF", __file__)
    refuses("a folder", 3, "folder|directory|core", WORK)
    refuses("an executable", 4, "core", WORK / "one" if (WORK / "one").exists() else HELDBY)
    size, contents = core.stat().st_size, end_of_contents(core)
    random.seed(1)
    good, times = 0, 20
    with open(core, "r+b") as file:  # lies: in the headers first, then anywhere
        for i in range(times):
            changes = {}
            for _ in range(1 + i % 7):
                file.seek(at := random.randrange(64 + 56 * 60 if i < times // 2 else size))
                changes.setdefault(at, file.read(1))
                file.seek(at)
                file.write(bytes([random.choice((0, 1, 0x7f, 0x80, 0xff, random.randrange(256)))]))
            file.flush()
            good += survives(f"a lying core, number {i}", core, (0, 3, 4, 5))
            for at, byte in changes.items():
                file.seek(at)
                file.write(byte)
            file.flush()
    check("cores that lie", good == times, f"{good} of {times}")
    os.truncate(core, 1 << 42)  # terabytes, all but the beginning a hole
    check("a huge core", survives("a huge core", core, (0, 3, 4, 5)))
    sizes = sorted([4, 63, 64, 100, 1000, 4096] + [random.randrange(size) for _ in range(8)], reverse=True)
    good = 0
    for size in sizes:
        os.truncate(core, size)
        # Behind the memory are only things that help.
        good += survives(f"a core cut at {size} bytes", core, (3, 4, 5) if size < contents else (0, 3, 4, 5))
    check("cores that are cut", good == len(sizes), f"{good} of {len(sizes)}")


run(command_line, processes, several_of_a_name, permission, traced_already, ends_meanwhile, broken_output, cores)
