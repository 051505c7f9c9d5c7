#!/usr/bin/env python3
# test: timeout=1800
"""H201 against the goroutine leaks of real projects that come with Go (62 of GoKer, 22 patterns), on old and new releases.

The programs are taken from the newest toolchain's own tree and built as they are, but for one import: where they would write the
runtime's goroutine-leak profile, they stop and wait. heldby looks; where the runtime has that profile (Go 1.26 with the experiment,
1.27), the same process is asked for it; heldby looks again. What the runtime calls leaked must be proven, what was proven must stay so,
and no goroutine that is proven may ever run.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from common import ROOT, WORK, Victim, check, go_versions, heldby, run

MINORS = (18, 21, 23, 26, 27)

# Takes the place of runtime/pprof.
STAND_IN = '''package pprof

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

type Profile struct{}

func Lookup(string) *Profile { return nil }

var header = regexp.MustCompile(`(?m)^goroutine (\\d+) [^\\n]*`)

// WriteTo announces itself and obeys: "runtime" and "alive" print goroutines, by the runtime's profile and all.
func (*Profile) WriteTo(w io.Writer, debug int) error {
	if w != os.Stdout {
		return nil
	}
	os.Stdout.WriteString("ready\\n")
	for {
		switch readLine() {
		case "runtime":
			var text bytes.Buffer
			if profile := pprof.Lookup("goroutineleak"); profile != nil {
				profile.WriteTo(&text, 2)
			}
			for _, line := range header.FindAll(text.Bytes(), -1) {
				if bytes.Contains(line, []byte("(leaked")) {
					os.Stdout.Write(append(line, '\\n'))
				}
			}
			os.Stdout.WriteString("ok runtime\\n")
		case "alive":
			for i := 0; i < 3; i++ {
				runtime.GC()
				time.Sleep(10 * time.Millisecond)
			}
			buf := make([]byte, 64<<20)
			for _, line := range header.FindAll(buf[:runtime.Stack(buf, true)], -1) {
				os.Stdout.Write(append(line, '\\n'))
			}
			os.Stdout.WriteString("ok alive\\n")
		default:
			os.Exit(0)
		}
	}
}

func readLine() string {
	var line []byte
	for {
		var b [1]byte
		n, err := syscall.Read(0, b[:])
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 || b[0] == '\\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}
'''


def toolchain(version):
    done = subprocess.run([ROOT / "scripts/go-toolchain.sh", version], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


def corpus(newest):
    """The sources, with the stand-in; a module of its own."""
    tree = WORK / "goker"
    shutil.copytree(toolchain(newest) / "src/runtime/testdata/testgoroutineleakprofile", tree)
    (tree / "held").mkdir()
    (tree / "held/held.go").write_text(STAND_IN)
    (tree / "go.mod").write_text("module corpus\n\ngo 1.18\n")
    for source in list(tree.glob("*.go")) + list(tree.glob("goker/*.go")):
        os.chmod(source, 0o644)
        source.write_text(source.read_text().replace('"runtime/pprof"', 'pprof "corpus/held"'))
    return tree


def build(tree, version, package):
    out = WORK / f"{package}-{version}"
    environment = dict(os.environ, GOROOT=str(toolchain(version)), GOTOOLCHAIN="local", GOFLAGS="", GOWORK="off", CGO_ENABLED="0",
                       GOEXPERIMENT="goroutineleakprofile" if version.startswith("1.26.") else "")
    done = subprocess.run([toolchain(version) / "bin/go", "build", "-ldflags=-s -w", "-o", out, "./" + package], cwd=tree, env=environment)
    return out if done.returncode == 0 else None


def programs(tree, package):
    text = "".join(source.read_text() for source in sorted((tree / package).glob("*.go")))
    return re.findall(r'register\("(\w+)"', text)


def look(victim):
    done = heldby("report", victim.pid, "--format", "json", "--max-pause", "10s")
    if done.returncode != 0:
        raise RuntimeError(f"heldby: {done.returncode}: {done.stderr.strip()}")
    found = [f for f in json.loads(done.stdout)["findings"] if f["rule"] == "H201" and f["verdict"] == "proven"]
    return {id for f in found for id in f["goroutines"]}


def goroutines(lines):
    """{id: state} of traceback headers."""
    return {int(line.split()[1]): line.split("[", 1)[1] for line in lines if line.startswith("goroutine ")}


class Score:
    def __init__(self):
        self.programs = self.proven = self.leaked = self.settled = self.again = 0
        self.missed, self.woke, self.lost, self.failed = [], [], [], []
        self.beyond = {}  # {program and what the goroutine waits in: how many}


def examine(binary, program, score, simple):
    os.environ["GODEBUG"] = "asyncpreemptoff=1"
    if simple:
        os.environ["GOMAXPROCS"] = "1"
    try:
        victim = Victim(binary, program)
        first = look(victim)
        # 1.26 accuses a main goroutine in select {}, which is there on purpose; 1.27 does not.
        leaked = {id for id, state in goroutines(victim.ask("runtime")).items() if (id, state[:17]) != (1, "select (no cases)")}
        second = look(victim)
        # A thread that runs timers all the time may have something in a register at the very moment: then it is reached, and the next look
        # decides.
        for _ in range(3):
            if not (first | leaked) - second:
                break
            score.again += 1
            second = look(victim)
        alive = goroutines(victim.ask("alive"))
        victim.stop()
    except (EOFError, TimeoutError, RuntimeError) as error:
        score.failed.append(f"{program}: {error}")
        return
    finally:
        os.environ.pop("GODEBUG", None)
        os.environ.pop("GOMAXPROCS", None)
    score.programs += 1
    score.proven += len(second)
    score.leaked += len(leaked)
    score.settled += len(second - first)
    for id in second - leaked if leaked else ():
        cause = f"{program}: {alive.get(id, 'gone').split(']')[0].split(',')[0]}" + ("" if id in first else ", later")
        score.beyond[cause] = score.beyond.get(cause, 0) + 1
    score.missed += [f"{program} {id}" for id in leaked - second]
    score.lost += [f"{program} {id}" for id in first - second]
    score.woke += [f"{program} {id} {alive.get(id, 'gone')}" for id in first | second
                   if id not in alive or alive[id].startswith(("run", "syscall", "sleep"))]


def every_version():
    tree = corpus(go_versions()[-1])
    for version in versions:
        score = Score()
        for package in (".", "goker"):
            binary = build(tree, version, package)
            if not check(f"Go {version}: {package} builds", binary):
                return
            for program in programs(tree, package):
                examine(binary, program, score, package == ".")
        print(f"    Go {version}: {score.programs} programs held; {score.proven} goroutines proven, {score.leaked} by the runtime; "
              f"{sum(score.beyond.values())} beyond it; {score.settled} were proven by the second look alone")
        check(f"Go {version}: hardly a look has to be repeated", score.again <= 3, score.again)
        for cause, count in sorted(score.beyond.items()):
            print(f"        beyond, {cause}: {count}")
        check(f"Go {version}: every program was examined", score.programs >= 80, score.failed)
        check(f"Go {version}: everything that the runtime calls leaked is proven", not score.missed, score.missed[:20])
        check(f"Go {version}: what was proven stays so", not score.lost, score.lost[:20])
        check(f"Go {version}: nothing that was proven ever ran", not score.woke, score.woke[:20])
        if score.failed:
            print("    not held:", "; ".join(score.failed))


if __name__ == "__main__":
    versions = sys.argv[1:] or [v for v in go_versions() if int(v.split(".")[1]) in MINORS]
    run(every_version)
