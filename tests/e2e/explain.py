#!/usr/bin/env python3
# test: timeout=600
"""What `heldby explain` shows: the code is the code of src/explain/examples, which is built, run and examined here."""

import json
import os
import re
import subprocess

from common import ROOT, WORK, Process, Victim, build_victim, check, go_versions, heldby, run, score

EXAMPLES = ROOT / "src/explain/examples"
RULES = ["H101", "H102", "H103", "H104", "H105", "H201", "H202", "H203", "H301", "H401", "H402", "H403", "H501", "H502", "H503", "H601", "H602",
         "H603", "H701", "H702", "H703", "H801"]
IN_C = ["H601", "H602", "H603"]
# What one look finds in the leaking form, and the last minor release of Go that has the leak.
FOUND = {"H104": 99, "H201": 99, "H301": 99, "H401": 99, "H402": 22, "H403": 22, "H501": 99, "H502": 99, "H503": 99, "H701": 99,
         "H702": 99}


def explain(*words, columns=100):
    return heldby("explain", *words, env=dict(os.environ, COLUMNS=str(columns), NO_COLOR="1"))


def shown(path):
    text = path.read_text().expandtabs(4)
    begin, end = (text.index("\n", text.index("explain:begin")), text.rindex("\n", 0, text.index("explain:end")))
    return text[begin:end].strip("\n").split("\n")


def code_of(rule, form):
    return shown(EXAMPLES / "c" / f"{rule}_{form}.c" if rule in IN_C else EXAMPLES / form / f"{rule}.go")


def pages():
    listed = explain().stdout.splitlines()
    check("explain lists the rules, a line each", [line.split("  ")[0] for line in listed] == RULES, listed)
    check("each with what it is", all(re.fullmatch(r"H\d{3}  \S.{8,75}", line) for line in listed), listed)
    for rule in RULES:
        done = explain(rule.lower())
        lines = done.stdout.splitlines()
        check(f"explain {rule}", done.returncode == 0 and lines[0] in listed and not done.stderr, done)
        headings = [line for line in lines[1:] if line and not line.startswith(" ")]
        check(f"{rule}: says all that is to be said", headings == [
            "What it is", "Why the collector cannot help", "The leak, and its repair", "How heldby recognises it", "What it cannot see",
            "In C"], headings)
        check(f"{rule}: the two forms are side by side in 100 columns", re.search(r"^  leaks +repaired$", done.stdout, re.M), done.stdout)
        for columns in (60, 80, 100):
            long = [line for line in explain(rule, columns=columns).stdout.splitlines() if len(line) > columns or line != line.rstrip()]
            check(f"{rule}: fits {columns} columns", not long, long)


def the_code_is_that_of_the_files():
    for rule in RULES:
        leaks, repaired = code_of(rule, "leaking"), code_of(rule, "fixed")
        lines = explain(rule).stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if re.match("  leaks +repaired$", line))
        middle = lines[at].index("repaired")
        rows = lines[at + 1:at + 1 + max(len(leaks), len(repaired))]
        left, right = ([row[2:middle].rstrip() for row in rows], [row[middle:] for row in rows])
        check(f"{rule}: the leaking code is that of the file", left[:len(leaks)] == leaks and not any(left[len(leaks):]), left)
        check(f"{rule}: the repaired code is that of the file", right[:len(repaired)] == repaired and not any(right[len(repaired):]), right)
        stacked = "\n".join(line[4:] if line.startswith("    ") else line for line in explain(rule, columns=40).stdout.splitlines())
        check(f"{rule}: and so it is in 40 columns", "\n".join(leaks) in stacked and "\n".join(repaired) in stacked, stacked)


def the_code_runs_and_is_examined():
    for rule in IN_C:
        for form in ("leaking", "fixed"):
            source = EXAMPLES / "c" / f"{rule}_{form}.c"
            done = subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-c", source, "-o", WORK / "c.o"])
            check(f"{rule}, {form}: C code compiles", done.returncode == 0)
    versions = go_versions()
    for version in (versions[0], versions[-1]):
        binary = build_victim("../../src/explain/examples", version)
        if not check(f"examples, Go {version}: build", binary):
            continue
        for rule in RULES:
            if rule not in IN_C:
                examine(binary, version, rule)


def findings(binary, name, rule, form):
    victim = Victim(binary, rule, form)
    done = heldby("report", victim.pid, "--format", "json", "--max-pause", "5s")
    victim.stop()
    if check(f"{name}, {form}: runs, and a report is made", done.returncode == 0, done.stderr):
        return json.loads(done.stdout)["findings"]
    return []


def examine(binary, version, rule):
    name = f"{rule}, Go {version}"
    leaking, fixed = (findings(binary, name, rule, form) for form in ("leaking", "fixed"))
    sure = [f["rule"] for f in leaking if f["verdict"] != "estimate"]
    leaks = int(version.split(".")[1]) <= FOUND.get(rule, 0)
    if leaks:  # else it does not, or several looks are needed
        score(f"explain-{rule}-leaking", version, True, sure == [rule], leaking)
    score(f"explain-{rule}-fixed", version, False, False, fixed)
    if leaks:
        check(f"{name}: the leak is found, and no other", sure == [rule], leaking)
    else:
        check(f"{name}: nothing else is found in the leak", set(sure) <= {rule}, leaking)
    check(f"{name}: nothing is found in its repaired form", not [f for f in fixed if f["verdict"] != "estimate"], fixed)


def mistakes():
    for typed, said in {"H302": "H301", "h9": "H101", "999": "H801", "ticker": "H402", "CLOSED": "H501"}.items():
        done = explain(typed)
        check(f"explain {typed}: the nearest is named", done.returncode == 2 and said in done.stderr and not done.stdout, done)
    done = explain("nonsense")
    check("explain nonsense: where the rules are", done.returncode == 2 and "heldby explain lists them" in done.stderr, done)
    done = explain("H301", "1")
    check("a rule needs no target", done.returncode == 2 and "the same for every target" in done.stderr, done)
    done = explain("H301", "1", "2")
    check("three words are too many", done.returncode == 2, done)


def fingerprints():
    done = explain("0123456789abcdef")
    check("a fingerprint alone: name the target", done.returncode == 2 and "TARGET" in done.stderr, done)
    binary = build_victim("../../src/explain/examples")
    victim = Victim(binary, "H301", "leaking")
    found = json.loads(heldby("report", victim.pid, "--format", "json").stdout)["findings"][0]
    text = heldby("report", victim.pid, "-v").stdout
    check("-v shows the fingerprint", f"fingerprint {found['fingerprint']}" in text, text)
    check("a report says where more is", "heldby explain H301" in heldby("report", victim.pid).stdout)
    done = explain(found["fingerprint"], victim.pid)
    check("a fingerprint and its target: the finding, then its rule", done.returncode == 0 and
          found["title"] in done.stdout and done.stdout.index(found["title"]) < done.stdout.index("What it is"), done)
    done = explain("0123456789abcdef", victim.pid)
    check("a fingerprint that the target has not", done.returncode == 2 and "no finding" in done.stderr and not done.stdout, done)
    victim.stop()


if __name__ == "__main__":
    run(pages, the_code_is_that_of_the_files, the_code_runs_and_is_examined, mistakes, fingerprints)
