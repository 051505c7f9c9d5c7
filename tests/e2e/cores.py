#!/usr/bin/env python3
# test: timeout=600
"""Cores: of the kernel, of gcore and of heldby itself, packed and unpacked; whole, cut and foreign. docs/cores.md."""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess

from common import ROOT, WORK, Victim, build_victim, check, disturbed, heldby, not_ok, run, skip

CACHE = pathlib.Path(os.environ.get("HELDBY_CACHE") or pathlib.Path.home() / ".cache/heldby")


def report(target, **kwargs):
    """(exit status, the JSON report or None, stderr)."""
    done = heldby("report", target, "--format", "json", **kwargs)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except ValueError:
        return done.returncode, None, done.stderr


def without_times(value):
    """How long a goroutine has waited is the one thing that differs between two looks at a program at rest."""
    if isinstance(value, dict):
        return {key: without_times(part) for key, part in value.items() if not key.startswith("since")}
    if isinstance(value, list):
        return [without_times(part) for part in value if not (isinstance(part, str) and part.startswith("blocked for "))]
    return value


def difference(one, other, parts):
    for part in parts:
        a, b = without_times(one[part]), without_times(other[part])
        if part == "coverage" and abs(a["named_bytes"] - b["named_bytes"]) < 1000:
            # Being stopped wakes threads of the Go runtime: which of its small objects has a name moves by a few.
            b["named_bytes"] = a["named_bytes"]
        if part == "types":  # for the same reason, what its structs hold
            for x, y in zip(a, b):
                if x["name"] == y["name"] and x["name"].startswith("runtime.") and abs(x["retained_bytes"] - y["retained_bytes"]) < 1000:
                    y["retained_bytes"] = x["retained_bytes"]
        if a != b:
            if isinstance(a, list):
                return f"{part}: " + next((f"{x} / {y}" for x, y in zip(a, b) if x != y), f"{len(a)} / {len(b)} entries")[:400]
            return f"{part}: " + str([(key, a[key], b.get(key)) for key in a if a[key] != b.get(key)])[:400]
    return ""


WHAT_IT_HOLDS = ("coverage", "types", "holders", "goroutines", "findings")


def same(name, core, live, parts=WHAT_IT_HOLDS, **kwargs):
    status, got, errors = report(core, **kwargs)
    if not check(f"{name}: is examined", got and status == live["status"], f"exit status {status}: {errors}"):
        return None
    what = difference(live["report"], got, parts)
    check(f"{name}: says what the live report says", not what, what)
    return got


def pack(path):
    subprocess.run(["zstd", "-q", "-f", str(path), "-o", f"{path}.zst"], check=True)
    return pathlib.Path(f"{path}.zst")


def gcore(pid):
    done = subprocess.run(["gcore", "-o", str(WORK / "gcore"), str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    made = WORK / f"gcore.{pid}"
    if not made.exists():
        not_ok("gcore makes a core", done.stdout[-400:])
        return None
    return made


# --- What a program at rest is to every kind of core ------------------------------------------------------------------

def at_rest(name, victim_program, folder):
    victim = Victim(victim_program, cwd=folder, env=dict(os.environ, GOTRACEBACK="crash"),
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
    victim.ask("gc")
    report(victim.pid)  # the first stop wakes threads that have slept since the start
    status, got, errors = report(victim.pid)
    live = {"status": status, "report": got}
    if not check(f"{name}: live report", got and status in (0, 5), errors):
        return victim, None, []
    again = report(victim.pid)[1]
    check(f"{name}: two live reports are the same", not difference(got, again, WHAT_IT_HOLDS), difference(got, again, WHAT_IT_HOLDS))

    saved = WORK / f"{name}.core"
    done = heldby("snapshot", victim.pid, "-o", saved)
    check(f"{name}: snapshot", done.returncode == status, done.stderr)
    check(f"{name}: snapshot leaves the program alone", not disturbed(victim.pid), disturbed(victim.pid))
    reopened = same(f"{name}: snapshot", saved, live, WHAT_IT_HOLDS)
    if reopened:
        check(f"{name}: a snapshot is told from a process", reopened["target"]["kind"] == "core" and
              reopened["target"]["pid"] == victim.pid, reopened["target"])
        check(f"{name}: a snapshot says how long the program was paused", reopened["capture"]["pause_ms"] > 0 and
              reopened["capture"]["method"] == "copy", reopened["capture"])
    packed = WORK / f"{name}.zst"
    done = heldby("snapshot", victim.pid, "-o", packed)
    check(f"{name}: packed snapshot is smaller", done.returncode == status and
          packed.stat().st_size < saved.stat().st_blocks * 512, done.stderr)
    same(f"{name}: packed snapshot", packed, live)

    twice = WORK / f"{name}-again.core"
    done = heldby("snapshot", saved, "-o", twice)
    check(f"{name}: snapshot of a snapshot", done.returncode == status, done.stderr)
    same(f"{name}: snapshot of a snapshot", twice, {"status": status, "report": reopened or got}, WHAT_IT_HOLDS + ("ledger", "capture"))

    dumped = gcore(victim.pid)
    if dumped:
        same(f"{name}: gcore", dumped, live)
        same(f"{name}: packed gcore", pack(dumped), live)
    return victim, live, [path for path in (saved, twice, dumped) if path]


def kernel_core(name, victim, folder):
    """Dies of SIGABRT: Go's runtime, told GOTRACEBACK=crash, lets the kernel write a core."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        skip(f"{name}: kernel core", f"this machine's cores go to '{pattern}'")
        return None
    os.kill(victim.pid, signal.SIGABRT)
    victim.popen.wait(60)
    found = list(folder.glob("core*"))
    if not check(f"{name}: the kernel writes a core", found, f"nothing in {folder}"):
        return None
    return found[0]


def own_types(got):
    """What the program itself made: the runtime allocates while it dies."""
    return {one["name"]: (one["count"], one["bytes"]) for one in got["types"] if one["name"].startswith("main.")}


def examine_kernel_core(name, core, live):
    status, got, errors = report(core)
    if not check(f"{name}: kernel core: is examined", got and status in (0, 5), f"exit status {status}: {errors}"):
        return
    mine, theirs = own_types(live["report"]), own_types(got)
    check(f"{name}: kernel core: holds what the program held", mine and mine == theirs,
          f"{[(key, mine.get(key), theirs.get(key)) for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)]}"[:400])
    check(f"{name}: kernel core: names the program", got["target"]["pid"] > 0 and
          got["target"]["build_id"] == live["report"]["target"]["build_id"], got["target"])
    packed = report(pack(core))[1]
    check(f"{name}: packed kernel core: the same", packed and not difference(got, packed, WHAT_IT_HOLDS),
          packed and difference(got, packed, WHAT_IT_HOLDS))


def whole_programs():
    for name, flags in (("plain", ()), ("stripped", ("-ldflags=-s -w",)), ("pie", ("-buildmode=pie",))):
        program = build_victim("kinds", flags=flags)
        if not check(f"{name}: victim builds", program):
            continue
        folder = WORK / f"{name}-run"
        folder.mkdir()
        moved = folder / "program"
        shutil.move(program, moved)
        victim, live, cores = at_rest(name, moved, folder)
        core = kernel_core(name, victim, folder) if live else None
        victim.stop()
        if core:
            examine_kernel_core(name, core, live)
        if live and name != "pie":
            without_the_executable(name, moved, live, cores[:1], core)


# --- On another machine -----------------------------------------------------------------------------------------------

def without_the_executable(name, program, live, saved, kernel):
    away = WORK / "away"
    away.mkdir(exist_ok=True)
    hidden = away / f"{name}-elsewhere"
    program.rename(hidden)
    for core in saved:
        same(f"{name}: snapshot without the executable", core, live)
    if kernel:
        # The kernel left text and type descriptors out: that must be said, and nothing be made up.
        done = heldby("report", kernel)
        check(f"{name}: kernel core without the executable says what to do", done.returncode in (3, 4) and
              "HELDBY_EXE" in done.stderr, f"exit status {done.returncode}: {done.stderr[-400:]}")
        found = report(kernel, env=dict(os.environ, HELDBY_EXE=str(hidden)))[1]
        check(f"{name}: kernel core with HELDBY_EXE", found and own_types(found) == own_types(live["report"]))
        shutil.copy(hidden, kernel.parent / "program")
        found = report(kernel)[1]
        check(f"{name}: kernel core with the executable beside it", found and own_types(found) == own_types(live["report"]))
        wrong = heldby("report", kernel, env=dict(os.environ, HELDBY_EXE="/bin/true"))
        check(f"{name}: HELDBY_EXE of another build is refused", wrong.returncode == 3 and "another build" in wrong.stderr, wrong.stderr)


# --- Other tools ------------------------------------------------------------------------------------------------------

def delve():
    """dlv from the Go module proxy, kept in the cache; None where it cannot be had."""
    there = CACHE / "bin/dlv"
    if not there.exists():
        goroot = subprocess.run([ROOT / "scripts/go-toolchain.sh"], stdout=subprocess.PIPE, text=True).stdout.strip()
        subprocess.run([f"{goroot}/bin/go", "install", "github.com/go-delve/delve/cmd/dlv@v1.27.2"], cwd="/", stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env=dict(os.environ, GOBIN=str(there.parent), GOFLAGS="", CGO_ENABLED="0"))
    return there if there.exists() else None


def other_tools():
    program = build_victim("kinds")
    if not program:
        return not_ok("tools: victim builds", "see above")
    victim = Victim(program)
    saved = WORK / "tools.core"
    threads = len(os.listdir(f"/proc/{victim.pid}/task"))  # there may be more by the time of the snapshot: that wakes some
    done = heldby("snapshot", victim.pid, "-o", saved)
    check("tools: snapshot", done.returncode in (0, 5), done.stderr)
    goroutines = int(next(line.split()[1] for line in victim.ask("memstats") if line.startswith("NumGoroutine")))
    gdb_reads(program, saved, victim.pid, threads)
    delve_reads(program, saved, goroutines)
    victim.stop()


def gdb_reads(program, saved, pid, threads):
    done = subprocess.run(["gdb", "-q", "-nx", "-batch", "-ex", "info threads", "-ex", "set language c", "-ex", "x/s *(char**)&'runtime.buildVersion'",
                           "-ex", "info auxv", str(program), str(saved)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check("tools: gdb sees every thread", len(set(re.findall(r"LWP (\d+)", done.stdout))) >= threads and f"LWP {pid}" in done.stdout,
          done.stdout[-600:])
    check("tools: gdb reads memory", re.search(r'"go1\.\d+', done.stdout), done.stdout[-600:])
    check("tools: gdb reads the auxiliary vector", "AT_ENTRY" in done.stdout, done.stdout[-600:])


def delve_reads(program, saved, goroutines):
    dlv = delve()
    if not dlv:
        return skip("tools: delve", "missing dlv, or the network to get it")
    done = subprocess.run([dlv, "core", program, saved, "--allow-non-terminal-interactive=true", "--check-go-version=false"],
                          input="goroutines\nthreads\nquit\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    counted = re.search(r"\[(\d+) goroutines\]", done.stdout)
    # runtime.NumGoroutine leaves the runtime's own out, delve does not.
    check("tools: delve lists the goroutines", counted and goroutines <= int(counted.group(1)) <= goroutines + 12, done.stdout[-600:])
    check("tools: delve lists the threads", "Thread" in done.stdout, done.stdout[-600:])


# --- What is no core, or not a whole one ------------------------------------------------------------------------------

def broken_files():
    program = build_victim("kinds")
    if not program:
        return not_ok("broken: victim builds", "see above")
    victim = Victim(program)
    saved = WORK / "broken.core"
    heldby("snapshot", victim.pid, "-o", saved)
    victim.stop()
    whole = saved.read_bytes()
    cases = [
        ("an empty file", b"", 3, "is empty"),
        ("half an ELF header", whole[:40], 3, "ends inside its ELF header"),
        ("half of the program headers", whole[:200], 3, "program headers"),
        ("a text file", b"hello\n" * 100, 4, "not a core file"),
        ("an arm64 core", whole[:18] + b"\xb7\0" + whole[20:], 4, "arm64"),
        ("a 32-bit core", whole[:4] + b"\x01" + whole[5:], 4, "32-bit"),
        ("a program", program.read_bytes(), 4, "heldby exec"),
    ]
    for name, contents, status, words in cases:
        path = WORK / "case"
        path.write_bytes(contents)
        done = heldby("report", path)
        check(f"broken: {name}", done.returncode == status and words in done.stderr, f"exit status {done.returncode}: {done.stderr}")
        check(f"broken: {name}: one sentence", done.stderr.count("\n") <= 2, done.stderr)
    path.write_bytes(whole[:len(whole) * 2 // 3])
    done = heldby("report", path)
    check("broken: a cut core says so", "cut short" in done.stderr and done.returncode in (3, 4, 5), f"exit status {done.returncode}: {done.stderr}")
    done = heldby("report", WORK)
    check("broken: a folder", done.returncode == 3 and "directory" in done.stderr, done.stderr)


def cut_at(core, addr):
    """The bytes of a core whose segment at an address ends there."""
    made = bytearray(core.read_bytes())
    start, = struct.unpack_from("<Q", made, 32)  # Elf64_Ehdr.e_phoff; e_phentsize, e_phnum
    size, n = struct.unpack_from("<HH", made, 54)
    for at in range(start, start + n * size, size):
        kind, _, _, where, _, _, length = struct.unpack_from("<IIQQQQQ", made, at)  # Elf64_Phdr
        if kind == 1 and where <= addr < where + length:  # PT_LOAD
            struct.pack_into("<QQ", made, at + 32, addr - where, addr - where)  # p_filesz, p_memsz
    return bytes(made)


def without_data():
    """What a global variable holds is not called free, or leaked, where the variable is missing, without a word."""
    program = build_victim("kinds")
    if not program:
        return not_ok("without data: victim builds", "see above")
    symbols = subprocess.run(["nm", program], stdout=subprocess.PIPE, text=True).stdout
    victim = Victim(program)
    saved = WORK / "data.core"
    heldby("snapshot", victim.pid, "-o", saved)
    victim.stop()
    for section in "data", "bss":
        addr = int(re.search(rf"^([0-9a-f]+) . runtime\.{section}$", symbols, re.M).group(1), 16) & -4096
        path = WORK / f"no-{section}.core"
        path.write_bytes(cut_at(saved, addr))
        done = heldby("report", path)
        check(f"without data: {section} is missed", done.returncode == 5 and "words of global variables" in done.stderr,
              f"exit status {done.returncode}: {done.stderr}")


def places():
    program = build_victim("kinds")
    if not program:
        return not_ok("places: victim builds", "see above")
    victim = Victim(program)
    done = heldby("snapshot", victim.pid, "-o", "/dev/full")
    check("places: a full disk", done.returncode == 3 and "full" in done.stderr, f"exit status {done.returncode}: {done.stderr}")
    folder = WORK / "places"
    folder.mkdir()
    done = heldby("snapshot", victim.pid, "-o", folder / "x.core", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    check("places: a file size limit leaves nothing behind", done.returncode != 0 and not list(folder.iterdir()), f"{done.returncode}: {done.stderr}")
    done = heldby("snapshot", victim.pid, "-o", WORK / "no/such/folder/x.core")
    check("places: no such folder", done.returncode == 3 and "no/such/folder" in done.stderr, done.stderr)
    check("places: the program is left alone", not disturbed(victim.pid), disturbed(victim.pid))
    victim.stop()


run(whole_programs, other_tools, broken_files, without_data, places)
