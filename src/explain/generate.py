#!/usr/bin/env python3
"""Turns the texts that `heldby explain` prints into C: texts/H*.md and the code that they link to.

usage: generate.py OUT.c TEXT.md...

A text is a small part of Markdown: one "# RULE title", then "## section"s of paragraphs, "- item"s and fenced code. A line of two
links, [leaking](FILE) [repaired](FILE), stands for what is between explain:begin and explain:end of the two files, side by side.
"""

import pathlib
import re
import sys

SECTIONS = ["What it is", "Why the collector cannot help", "The leak, and its repair", "How heldby recognises it",
            "What it cannot see", "In C"]
PAIR = re.compile(r"\[leaking\]\(([^)]+)\) \[repaired\]\(([^)]+)\)$")


def fail(path, number, why):
    sys.exit(f"{path}:{number}: {why}")


def shown(path):
    """The part of a source file that is shown, tabs as four spaces."""
    lines = path.read_text().split("\n")
    begin = [i for i, line in enumerate(lines) if "explain:begin" in line]
    end = [i for i, line in enumerate(lines) if "explain:end" in line]
    if len(begin) != 1 or len(end) != 1 or end[0] <= begin[0]:
        fail(path, 1, "has no one explain:begin before one explain:end")
    return "\n".join(lines[begin[0] + 1:end[0]]).strip("\n").expandtabs(4)


def blocks(path):
    """(kind, text, second text) of each block of a text."""
    kind, words, fence = None, [], None
    title = None
    result = []

    def flush():
        nonlocal kind, words
        if words:
            result.append((kind, " ".join(words), None))
        kind, words = None, []

    for number, line in enumerate(path.read_text().rstrip("\n").split("\n"), 1):
        if fence is not None:
            if line == "```":
                result.append(("CODE", "\n".join(fence), None))
                fence = None
            else:
                fence.append(line.expandtabs(4))
            continue
        pair = PAIR.match(line)
        if line.startswith("```"):
            flush()
            fence = []
        elif pair:
            flush()
            result.append(("PAIR", *(shown(path.parent / file) for file in pair.groups())))
        elif line.startswith("## "):
            flush()
            result.append(("HEADING", line[3:], None))
        elif line.startswith("# "):
            title = line[2:]
        elif not line:
            flush()
        elif line.startswith("- "):
            flush()
            kind, words = "ITEM", [line[2:]]
        elif line.startswith("  ") and kind == "ITEM" or not line.startswith(" "):
            kind = kind or "PARAGRAPH"
            words.append(line.strip())
        else:
            fail(path, number, "is neither a paragraph, an item, code nor a heading")
    flush()
    if fence is not None:
        fail(path, number, "code does not end")
    rule, _, title = (title or "").partition(" ")
    if rule != path.stem or not title:
        fail(path, 1, f"must begin with '# {path.stem} TITLE'")
    headings = [text for kind, text, _ in result if kind == "HEADING"]
    if headings != SECTIONS:
        fail(path, 1, f"has the sections {headings}, not {SECTIONS}")
    return rule, title, result


def c_string(text):
    if text is None:
        return "NULL"
    out = ""
    for byte in text.encode():
        out += {10: "\\n", 34: '\\"', 92: "\\\\"}.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
    return f'"{out}"'


def main():
    out, *paths = sys.argv[1:]
    rules = [blocks(pathlib.Path(path)) for path in sorted(paths)]
    with open(out, "w") as file:
        file.write('/* Made by generate.py from texts and examples. */\n#include "explain/explain.h"\n\n')
        for rule, _, parts in rules:
            file.write(f"static const struct hb_explain_block blocks_{rule}[] = {{\n")
            for kind, text, second in parts:
                file.write(f"\t{{HB_EXPLAIN_{kind}, {c_string(text)}, {c_string(second)}}},\n")
            file.write("};\n")
        file.write("\nconst struct hb_explanation hb_explanations[] = {\n")
        for rule, title, parts in rules:
            file.write(f"\t{{{c_string(rule)}, {c_string(title)}, blocks_{rule}, {len(parts)}}},\n")
        file.write(f"}};\nconst size_t hb_nexplanations = {len(rules)};\n")


main()
