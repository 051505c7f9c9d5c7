#!/usr/bin/env python3
# test: timeout=300
"""--suppressions and --fail-on, on a process that has one likely and one proven finding."""

import json

import jsonschema

from common import ROOT, WORK, Victim, build_victim, check, heldby, run

FILE = WORK / "known.toml"
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())


def report(text, *options):
    FILE.write_text(text)
    done = heldby("report", VICTIM.pid, "--suppressions", FILE, *options)
    return done, done.stdout


def entry(lines, reason="looked at"):
    return f'[[suppress]]\n{lines}\nreason = "{reason}"\n'


def each_key():
    plain = json.loads(heldby("report", VICTIM.pid, "--format", "json").stdout)
    check("there are a proven and a likely finding", [(f["rule"], f["verdict"]) for f in plain["findings"]] ==
          [("H402", "proven"), ("H401", "likely")], plain["findings"])
    check("nothing is suppressed without a file", plain["suppressed"] == [], plain["suppressed"])
    for rule in ("H401", "H402"):
        finding = next(f for f in plain["findings"] if f["rule"] == rule)
        for key, value in {"rule": rule, "fingerprint": finding["fingerprint"], "holder": "*" + finding["holder"][10:],
                           "function": finding["allocated_at"][0].split("  ")[0]}.items():
            done, text = report(entry(f"{key} = '{value}'"), "--format", "json")
            result = json.loads(text)
            name = f"{rule} by {key}"
            check(f"{name}: is suppressed, and the other one is not", [f["rule"] for f in result["suppressed"]] == [rule] and
                  [f["rule"] for f in result["findings"]] == [r for r in ("H402", "H401") if r != rule], text[-2000:])
            check(f"{name}: says why", result["suppressed"][0]["suppression"] == {"reason": "looked at", "line": 1, "expires": None}, text[-2000:])
            check(f"{name}: no notes, status 0", not result["capture"]["notes"] and done.returncode == 0, result["capture"])
            jsonschema.validate(result, SCHEMA)


def both_forms():
    done, text = report(entry("holder = '*'", "all known"))
    check("text: nothing is found, and what was suppressed is counted", "\nnothing suspicious" in text and "\n2 suppressed" in text, text)
    _, text = report(entry("holder = '*'", "all known"), "-v")
    check("text with -v: they are listed", text.count("\nsuppressed  H40") == 2 and text.count("(all known)") == 2, text)
    _, text = report(entry("rule = 'H401'"), "--format", "sarif")
    results = json.loads(text)["runs"][0]["results"]
    check("SARIF: a result with suppressions", [(r["ruleId"], [s["justification"] for s in r["suppressions"]]) for r in results] == [("H402", []), ("H401", ["looked at"])], results)


def notes():
    done, text = report(entry("rule = 'H401'\nexpires = 2020-01-01", "until May") + entry("rule = 'H301'", "gone"))
    check("what has expired counts again", "timers of main." in text and "2 findings" in text, text)
    check("and a note says so", f"{FILE}:1: this suppression expired on 2020-01-01" in done.stderr and "(until May)" in done.stderr, done.stderr)
    check("what was not needed is named", f"{FILE}:5: this suppression was not needed (gone)" in done.stderr, done.stderr)


def gates():
    both, one, none = "", entry("rule = 'H402'"), entry("holder = '*'")
    for name, text, options, status in (
            ("no gate", both, (), 0), ("likely", both, ("--fail-on", "likely"), 1), ("proven", both, ("--fail-on", "proven"), 1),
            ("proven, suppressed", one, ("--fail-on", "proven"), 0), ("likely, one suppressed", one, ("--fail-on", "likely"), 1),
            ("all suppressed", none, ("--fail-on=likely",), 0)):
        done, out = report(text, *options)
        check(f"--fail-on, {name}: exit status {status}, and a report", done.returncode == status and out.startswith("heldby"), done)
    done = heldby("report", VICTIM.pid, "--fail-on", "estimate")
    check("--fail-on estimate is no gate", done.returncode == 2 and "proven, likely" in done.stderr, done)


def mistakes():
    done, text = report("[[suppress]]\nrule = \"H401\"\nreason = oops\n")
    check("a broken file: status 2, its line, no report", done.returncode == 2 and f"{FILE}:3: " in done.stderr and not text, done)
    FILE.write_bytes(b"[[suppress]]\0")
    done = heldby("report", VICTIM.pid, "--suppressions", FILE)
    check("a binary file", done.returncode == 2 and "no file of suppressions" in done.stderr, done)
    done = heldby("report", VICTIM.pid, "--suppressions", WORK / "missing")
    check("no file", done.returncode == 2 and "missing" in done.stderr, done)
    check("the target was left alone", VICTIM.ask("ping") == [])


if __name__ == "__main__":
    VICTIM = Victim(build_victim("leaks", "1.22.12"), "afterfunc", "leaking", "ticker", "leaking")
    run(each_key, both_forms, notes, gates, mistakes)
