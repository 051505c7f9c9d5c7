#!/usr/bin/python3
# test: timeout=600
"""Formats that other programs read, read by such programs: of programs that leak, of healthy ones, and of a report made by hand
in which every name tries to be more than text (tests/unit/report_model.c)."""
# Debian's own Python, which has the packages that scripts/dependencies.txt names.

import html.parser
import json
import os
import pathlib
import re
import subprocess
import urllib.parse

import jsonschema
import junitparser

from common import HELDBY, ROOT, WORK, Victim, build_victim, check, heldby, program, run

RENDER_MODEL = pathlib.Path(HELDBY).parent / "tests/unit/render_model"
FORMATS = ("sarif", "junit", "github", "markdown")
LEVELS = {"proven": "error", "likely": "warning", "estimate": "note"}
REPORTS = {}  # name -> {format: text}; findings as JSON where there is a process


def of_victim(name, kind, form, version, *flags):
    victim = Victim(build_victim("leaks", version, flags), kind, form)
    done = {}
    for format in ("json", *FORMATS):
        got = heldby("report", victim.pid, "--format", format, "--max-pause", "2s", env={**os.environ, "GITHUB_WORKSPACE": str(ROOT)})
        check(f"{name}: {format} is made", got.returncode == 0, f"{got.returncode}: {got.stderr.strip()}")
        done[format] = got.stdout
    done["findings"] = json.loads(done.pop("json"))["findings"]
    victim.stop()
    REPORTS[name] = done


def make():
    of_victim("proven", "ticker", "leaking", "1.18.10")
    of_victim("likely", "contexts", "leaking", "1.27.3", "-trimpath=false")
    of_victim("healthy", "ticker", "healthy", "1.27.3")
    check("a leak is proven, one is likely, and one program is healthy",
          [[f["verdict"] for f in REPORTS[name]["findings"]] for name in ("proven", "likely", "healthy")] == [["proven"], ["likely"], []],
          [REPORTS[name]["findings"] for name in REPORTS])
    for name in "healthy", "findings", "suppressed", "hostile":
        REPORTS[f"model, {name}"] = {
            format: subprocess.run([RENDER_MODEL, format, name], stdout=subprocess.PIPE, check=True).stdout.decode()
            for format in FORMATS}


def place(finding):
    """What an annotation must point at: the victim's own line, relative to the project where the victim knows its folder."""
    for site in finding["blocked_at"] + finding["allocated_at"] + finding["created_at"]:
        found = re.fullmatch(rf"main\..*  (?:{re.escape(str(ROOT))}/)?(.+):(\d+)", site)
        if found:
            return found[1], int(found[2])
    return None


# ---- SARIF ----

def sarif():
    tool = program("sarif-multitool")
    if not tool:
        return
    schema = json.loads((pathlib.Path(tool) / "sarif-2.1.0.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    multitool = pathlib.Path(tool) / "Sarif.Multitool"
    multitool.chmod(0o755)
    for name, report in REPORTS.items():
        log = json.loads(report["sarif"])
        errors = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(log)]
        check(f"sarif, {name}: as the schema says", not errors, errors[:3])
        path = WORK / "report.sarif"
        path.write_text(report["sarif"])
        done = subprocess.run([multitool, "validate", path, "-o", WORK / "validated.sarif", "--log", "ForceOverwrite",
                               "-j", pathlib.Path(tool) / "sarif-2.1.0.json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"})
        said = [line for line in done.stdout.splitlines() if re.search(r": (error|warning) ", line)]
        # There is no address where this tool is described.
        said = [line for line in said if "SARIF2005" not in line or "'informationUri'" not in line]
        check(f"sarif, {name}: the multitool has nothing to say", done.returncode == 0 and "1 files scanned" in done.stdout and not said,
              said or done.stdout)
        results = log["runs"][0]["results"]
        if "findings" in report:
            sarif_says(name, log, results, report["findings"])
    check("sarif: nothing is found in a healthy program", not json.loads(REPORTS["healthy"]["sarif"])["runs"][0]["results"])
    hostile = json.loads(REPORTS["model, hostile"]["sarif"])["runs"][0]["results"][2]["locations"][0]["physicalLocation"]
    check("sarif: a URI is the path", urllib.parse.unquote(hostile["artifactLocation"]["uri"], errors="surrogateescape") ==
          "a b%41<c>&`|,:\udcff\"'\x1b.go", hostile)


def sarif_says(name, log, results, findings):
    check(f"sarif, {name}: as many results", len(results) == len(findings), results)
    for result, finding in zip(results, findings):
        rule = log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
        check(f"sarif, {name}: rule, level and fingerprint", rule["id"] == result["ruleId"] == finding["rule"] and
              result["level"] == LEVELS[finding["verdict"]] and result["partialFingerprints"] == {"heldby/v1": finding["fingerprint"]},
              result)
        where = result["locations"][0]["physicalLocation"]
        check(f"sarif, {name}: the place", (where["artifactLocation"], where["region"]["startLine"]) ==
              ({"uri": place(finding)[0], **({"uriBaseId": "%SRCROOT%"} if name == "likely" else {})}, place(finding)[1]) and
              (name != "likely" or (ROOT / place(finding)[0]).exists()), where)
        check(f"sarif, {name}: the message", result["message"]["text"].startswith(finding["title"]) and
              all(line.replace("{", "{{").replace("}", "}}") in result["message"]["text"] for line in finding["evidence"]), result["message"])


# ---- JUnit ----

def junit():
    for name, report in REPORTS.items():
        path = WORK / "report.xml"
        path.write_bytes(report["junit"].encode())
        suites = list(junitparser.JUnitXml.fromfile(str(path)))  # fails where it is not well-formed
        cases = [case for suite in suites for case in suite if isinstance(case, junitparser.TestCase)]
        by_result = {kind: [case for case in cases if any(isinstance(r, kind) for r in case.result)]
                     for kind in (junitparser.Failure, junitparser.Skipped, junitparser.Error)}
        suite = suites[0]
        check(f"junit, {name}: one suite, and it counts right", len(suites) == 1 and suite.name == "heldby" and
              (suite.tests, suite.failures, suite.skipped, suite.errors) == (len(cases), *map(len, by_result.values())),
              (suite.tests, suite.failures, suite.skipped, suite.errors))
        check(f"junit, {name}: each case once", len({(c.classname, c.name) for c in cases}) == len(cases), [c.name for c in cases])
        failed = by_result[junitparser.Failure]
        if "findings" in report:
            check(f"junit, {name}: a failure a finding, with its title", [c.result[0].message for c in failed] ==
                  [f["title"] for f in report["findings"]], [c.result[0].message for c in failed])
            check(f"junit, {name}: the rules that need several looks are skipped, the others pass", len(cases) > len(failed) and
                  [c.name for c in by_result[junitparser.Skipped]] ==
                  ["GrowingMap", "GrowingSlice", "GrowingContainer", "GrowingNestedMap"], [c.name for c in cases])
            check(f"junit, {name}: where", [(c._elem.get("file"), int(c._elem.get("line"))) for c in failed] ==
                  [place(f) for f in report["findings"]], [dict(c._elem.attrib) for c in failed])
    check("junit: an estimate is skipped", "H999" in "".join(c.classname for c in by_result[junitparser.Skipped]))


# ---- annotations ----

def parse_command(line):
    """As the runner does it: src/Runner.Common/ActionCommand.cs, TryParseV2. None: no command."""
    line = line.lstrip()
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    command, _, rest = line[2:end].partition(" ")
    properties = {}
    for pair in rest.strip().split(","):
        key, _, value = pair.partition("=")
        if value:
            for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                value = value.replace(escape, character)
            properties[key] = value
    message = line[end + 2:]
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        message = message.replace(escape, character)
    return command, properties, message


def annotations():
    for name, report in REPORTS.items():
        lines = report["github"].splitlines()
        commands = [parse_command(line) for line in lines]
        check(f"github, {name}: commands, and a last line of heldby's own", all(commands[:-1]) and not commands[-1] and
              re.fullmatch(r"heldby: (nothing suspicious|\d findings? \([a-z0-9, ]+\))", lines[-1]), lines)
        check(f"github, {name}: only annotations", {c[0] for c in commands[:-1]} <= {"error", "warning", "notice"} and
              all(set(c[1]) <= {"file", "line", "title"} for c in commands[:-1]), commands)
        if "findings" in report:
            check(f"github, {name}: level, place and title of each", [(c[0], c[1]["file"], int(c[1]["line"]), c[1]["title"]) for c in commands[:-1]] ==
                  [(LEVELS[f["verdict"]], *place(f), f"{f['rule']} {f['verdict']}") for f in report["findings"]], commands)
            check(f"github, {name}: the message", all(c[2].startswith(f["title"]) and f["help"] in c[2]
                                                      for c, f in zip(commands, report["findings"])), commands)
    hostile = parse_command(REPORTS["model, hostile"]["github"].splitlines()[2])
    check("github: what is hostile is text", hostile[1]["file"] == "a b%41<c>&`|,:\\xff\"'\\x1b.go" and "%0A::error::owned" in hostile[2],
          hostile)


# ---- Markdown ----

class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.outside, self.code, self.depth = set(), [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add((tag, *attributes))
        self.depth += tag == "code"

    def handle_endtag(self, tag):
        self.depth -= tag == "code"

    def handle_data(self, data):
        (self.code if self.depth else self.outside).append(data)

    def handle_comment(self, data):
        self.tags.add(("comment", data))


def markdown():
    for name, report in REPORTS.items():
        done = subprocess.run(["cmark-gfm", "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", "-e", "tasklist"],
                              input=report["markdown"].encode(), stdout=subprocess.PIPE, check=True)
        page = Page(done.stdout.decode())
        check(f"markdown, {name}: headings, lists and code, nothing else", {tag[0] for tag in page.tags} <= {"h3", "h4", "p", "ul", "li", "code"}
              and all(len(tag) == 1 for tag in page.tags), page.tags)
        outside = "".join(page.outside)
        check(f"markdown, {name}: nobody is mentioned, nothing is referred to", not re.search(r"@|#\d|://|www\.|[<>*_`~]|:\w+:", outside), outside)
        for finding in report.get("findings", []):
            text = re.sub(r"\s+", " ", "".join(Page(done.stdout.decode().replace("\n", " ")).outside))
            check(f"markdown, {name}: {finding['rule']}", f"{finding['rule']} {finding['verdict']}: " in text and finding["holder"] in page.code and
                  finding["fingerprint"] in page.code, done.stdout.decode())


# ---- pprof ----

def pprof_says(path):
    """Samples as go tool pprof reads them: ([function, outermost first], objects, bytes, labels); comments."""
    goroot = subprocess.run([ROOT / "scripts/go-toolchain.sh"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    done = subprocess.run([f"{goroot}/bin/go", "tool", "pprof", "-raw", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          cwd=WORK, env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""})
    if not check(f"pprof, {path.name}: go tool pprof reads it", done.returncode == 0, done.stderr):
        return []
    samples, _, rest = done.stdout.partition("\nLocations\n")
    locations, _, mappings = rest.partition("\nMappings\n")
    names = dict(re.findall(r"^ *(\d+): 0x0 M=1 (.*) :0:0 s=0\(\)$", locations, re.M))
    check(f"pprof, {path.name}: the kinds of values", "inuse_objects/count inuse_space/bytes[dflt]\n" in samples, samples[:300])
    return [([names[id] for id in reversed(ids.split())], int(objects), int(bytes), labels)
            for objects, bytes, ids, labels in re.findall(r"^ *(\d+) +(\d+): ([\d ]+)\n *(.*)$", samples.partition("[dflt]\n")[2], re.M)]


def frame(holder):
    if holder["kind"] == "shared":
        return f"{holder['type']} shared by {holder['name']}"
    return f"{holder['kind']} {holder['name']} {holder['type']}".rstrip()


def rows(row, names):
    """Every row of a tree as its frames and itself."""
    yield names, row
    for child in row["children"]:
        yield from rows(child, names + [f"{child['label']} {child['type']}".rstrip()])


def pprof():
    core, path = WORK / "holders.core", WORK / "holders.pb.gz"
    victim = Victim(build_victim("holders", "1.26.8"))
    check("pprof: a core", heldby("snapshot", victim.pid, "-o", core).returncode == 0)
    victim.stop()
    report = json.loads(heldby("report", core, "--format", "json").stdout)  # of the same moment
    done = heldby("report", core, "--format", "pprof", "-o", path)
    check("pprof: it is made", done.returncode == 0, done.stderr)
    samples = pprof_says(path)
    check("pprof: all samples are the live heap", [sum(s[1] for s in samples), sum(s[2] for s in samples)] ==
          [report["coverage"]["objects"], report["coverage"]["bytes"]], [sum(s[1] for s in samples), report["coverage"]])
    expected, sites = {}, set()
    for holder in report["holders"]:
        for names, row in rows(holder, [frame(holder)]):
            expected[tuple(names)] = expected.get(tuple(names), 0) + row["retained_bytes"]
            if row["allocated_at"]:
                sites.add((tuple(names), row["allocated_at"]))
    check("pprof: there are rows, and places", len(expected) > 20 and sites, len(expected))
    wrong = [(names, size) for names, size in expected.items()
             if sum(s[2] for s in samples if tuple(s[0][:len(names)]) == names) != size]
    check("pprof: what is below a frame is what its row retains", not wrong, wrong[:3])
    said = {(tuple(s[0]), site) for s in samples for site in re.findall(r"allocated_at:\[(.*?)\] kind:", s[3])}
    own = {tuple(s[0]) for s in samples}
    check("pprof: places", said == {(names, site) for names, site in sites if names in own}, said ^ sites)

    for name in "healthy", "hostile":
        path = WORK / f"{name}.pb.gz"
        with open(path, "wb") as file:
            subprocess.run([RENDER_MODEL, "pprof", name], stdout=file, check=True)
        samples = pprof_says(path)
        check(f"pprof, {name}: the live heap", sum(s[2] for s in samples) == 2410000000, samples)
    check("pprof: a hostile name is whole", any("```|<script>alert(1)</script>&amp;" in name for s in samples for name in s[0]), samples)

    controller, terminal = os.openpty()
    done = heldby("report", core, "--format", "pprof", stdout=terminal)
    os.close(terminal)
    check("pprof: nothing for a terminal", done.returncode == 2 and "-o FILE" in done.stderr, done.stderr)
    os.close(controller)


# ---- the command line ----

def command_line():
    done = heldby("report", 1, "--format", "html")
    check("a format that is not there: the others are named", done.returncode == 2 and all(format in done.stderr for format in (*FORMATS, "pprof")), done.stderr)


if __name__ == "__main__":
    run(make, sarif, junit, annotations, markdown, pprof, command_line)
