#!/usr/bin/env python3
"""How much of real servers heldby types and names, against the truth: servers built so that their allocator notes the type of
every allocation (tests/programs/noted.sh), with steady load until the very moment of the look.

usage: tests/oracle/coverage.py [-v] [SERVER[/GO]]...       SERVER: nats-server, caddy, etcd; without: all, on all Go releases

Each is examined with its symbols and debug information and stripped. Prints a table in Markdown, and exits with 1 when a
number is below what is aimed for. -v lists what is untyped, unnamed or wrong. Takes minutes each, mostly to build.
"""
import collections
import os
import pathlib
import re
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from common import HELDBY, WORK  # noqa: E402
from loads import Load, start_caddy, start_etcd, start_nats  # noqa: E402

START = {"nats-server": start_nats, "caddy": start_caddy, "etcd": start_etcd}
CLIENTS = 3
REQUESTS = 1500  # before the look
ORACLES = pathlib.Path(HELDBY).parent / "tests/oracle"
TYPED = {"DWARF": 98.0, "stripped": 96.0}  # % of the bytes of objects with pointers
NAMED = 95.0  # % of the bytes that global variables retain; none may be charged to a wrong package
WRONG = 0.1  # % of the bytes of objects with pointers that may have another type: docs/types.md says which do
WORDS, TYPES = "packages of words that point into the heap", "types of variables that point into the heap"
verbose = False


def releases():
    lines = (ROOT / "tests/programs/releases.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {(name, row[0]): row[i + 1] for row in rows for i, name in enumerate(START)}


def look(name, program):
    """What oracle-coverage says of a server in the middle of its work."""
    server = START[name](program)
    if not server:
        raise RuntimeError(f"{program} does not start")
    loads = [Load(server) for _ in range(CLIENTS)]
    for load in loads:
        if not load.wait_for(REQUESTS // CLIENTS, 120):
            raise RuntimeError(f"{program} does not answer: {load.errors}")
    os.kill(server.process.pid, signal.SIGSTOP)  # so that the notes are those of the moment that heldby looks at
    try:
        facts = subprocess.run([ORACLES / "oracle-coverage", str(server.process.pid)], stdout=subprocess.PIPE, check=True,
                               timeout=300).stdout.decode(errors="replace")
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    before = loads[0].done
    if not loads[0].wait_for(before + 10, 60):
        raise RuntimeError(f"{program} did not go on: {loads[0].errors}")
    for load in loads:
        load.stop()
    server.process.stop()
    return facts


def names_tool():
    tool = WORK / "names"
    if not tool.exists():
        subprocess.run(["bash", "-c", f'. tests/lib.sh; go_build "" tests/oracle/names {tool}'], cwd=ROOT, check=True)
    return tool


def percent(part, whole):
    return 100 * part / whole if whole else 100.0


def measure_types(facts):
    """Of objects with pointers: all bytes, % with their own type, % with another one."""
    found = collections.Counter()
    for _, size, outcome in re.findall(r"^types pointerful (\d+) (\d+) (.*)", facts, re.M):
        found[outcome] += int(size)
    total = sum(found.values()) - found["not noted"]
    right = found["the same"] + found["the same but for go.shape or a runtime box"]
    return {"bytes": total, "typed": percent(right, total), "mistyped": found["wrong"],
            "part": found["its first part or the other way round"], "unnoted": found["not noted"]}


def measure_names(facts, twin):
    """Of the bytes that globals retain: % that are said to be of the right package or variable, % of another one."""
    done = subprocess.run([names_tool(), *(["-v"] if verbose else []), twin], input=facts, stdout=subprocess.PIPE, text=True)
    match = re.search(r"^bytes of roots: (\d+) right .*?, (\d+) wrong .*?, (\d+) unknown of (\d+)", done.stdout, re.M)
    right, wrong, _, total = map(int, match.groups())
    scores = {what: tuple(map(int, re.search(rf"^{what}: (\d+) right .*?, (\d+) wrong .*?, (\d+) unknown", done.stdout, re.M).groups()))
              for what in (WORDS, TYPES)}
    others = sum(int(size) for size in re.findall(r"^other (\d+)", facts, re.M))
    shared = int(re.search(r"^shared (\d+)", facts, re.M)[1])
    return {"named": percent(right, total), "misnamed": wrong, "globals": total, "others": others, "shared": shared,
            "scores": scores, "list": re.findall(r"^(?:wrong|unknown) root .*", done.stdout, re.M)}


def show_details(facts, names):
    counts, sizes = collections.Counter(), collections.Counter()
    for size, what in re.findall(r"^difference \w+ (\d+) (pointerful .*)", facts, re.M):
        what = re.sub(r"untyped [\d,]+-byte object", "untyped", re.sub(r" \(cap [\d,]+\)", "", what))
        counts[what] += 1
        sizes[what] += int(size)
    for what, size in sizes.most_common(40):
        print(f"    {size:>8} B {counts[what]:>6} × {what}")
    for line in sorted(names["list"], key=lambda line: (line[0] != "w", -int(line.split()[2])))[:30]:
        print("   ", line)


def measure(name, go):
    got = subprocess.run([ROOT / "tests/programs/noted.sh", name, go], stdout=subprocess.PIPE, text=True)
    if got.returncode:
        raise RuntimeError(f"{name} cannot be built with Go {go}")
    twin = pathlib.Path(got.stdout.strip())
    stripped = WORK / f"{name}-{go}"
    subprocess.run(["objcopy", "--strip-all", twin, stripped], check=True)
    rows = {}
    for how, program in ("DWARF", twin), ("stripped", stripped):
        facts = look(name, program)
        row = measure_types(facts) | measure_names(facts, twin)
        rows[how] = row
        if verbose:
            print(f"--- {name} Go {go} {how}: {row['typed']:.2f} % typed, {row['named']:.2f} % named", row | {"list": "", "scores": ""})
            show_details(facts, row)
    stripped.unlink()
    return rows


def table_row(name, version, go, rows):
    cells = [f"{name} {version}", go, f"{rows['stripped']['bytes'] / 1e6:.1f} MB"]
    for how in TYPED:
        row = rows[how]
        cells += [f"{row['typed']:.2f}", f"{row['mistyped']}", f"{row['named']:.1f}", f"{row['misnamed']}"]
    return "| " + " | ".join(cells) + " |"


def names_row(name, version, go, row):
    cells = [f"{name} {version}", go]
    for what in WORDS, TYPES:
        right, wrong, unknown = row["scores"][what]
        cells += [f"{right + wrong + unknown:,}", f"{percent(right, right + wrong + unknown):.1f}", f"{wrong}"]
    return "| " + " | ".join(cells) + " |"


def below(rows):
    for how, least in TYPED.items():
        row = rows[how]
        wrong = percent(row["mistyped"], row["bytes"])
        if row["typed"] < least or wrong > WRONG or row["named"] < NAMED or row["misnamed"]:
            yield how


def main():
    global verbose
    arguments = sys.argv[1:]
    verbose = "-v" in arguments
    wanted = [a for a in arguments if a != "-v"]
    known = releases()
    cases = [(name, go) for name, go in known if not wanted or name in wanted or f"{name}/{go}" in wanted]
    if not cases:
        sys.exit(__doc__)
    columns = [f"{how}: {what}" for how in TYPED for what in ("typed %", "wrong B", "named %", "wrong B")]
    print("| server | Go | with pointers |", " | ".join(columns), "|")
    print("|---" * (3 + len(columns)) + "|", flush=True)
    failed, names = [], []
    for name, go in cases:
        try:
            rows = measure(name, go)
        except (RuntimeError, subprocess.SubprocessError) as error:
            failed.append(f"{name}/{go}: {error}")
            continue
        print(table_row(name, known[name, go], go, rows), flush=True)
        names.append(names_row(name, known[name, go], go, rows["stripped"]))
        failed += [f"{name}/{go} {how}" for how in below(rows)]
    print("\nstripped, by words of data and bss that point into the heap and by the variables that they are in:\n")
    print("| server | Go | words | package right % | wrong | variables | type right % | wrong |")
    print("|---|---|---|---|---|---|---|---|", *names, sep="\n")
    if failed:
        print("\nbelow what is aimed for:", *failed, sep="\n    ")
        sys.exit(1)


main()
