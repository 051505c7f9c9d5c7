#!/usr/bin/env python3
"""Prepares a Go runtime that notes the type of every allocation where an outside reader finds it.

usage: shadow.py GOROOT FOLDER       prints the path of a file for `go build -overlay`, which it keeps in FOLDER

mallocgc stores the type that it was called with (1 for none) at SHADOW + (address - HEAP): 8 bytes for each 8 bytes of
heap. Parts of tiny blocks that begin elsewhere get none: it would overlap their neighbour's. Build with
GOEXPERIMENT=norandomizedheapbase64,nosizespecializedmalloc from Go 1.26 on, so that the heap begins at HEAP and all
allocations go through mallocgc. oracle-typing (typing.c) knows the same constants.
"""
import hashlib
import json
import os
import pathlib
import re
import sys

SHADOW, HEAP, SIZE = 0x600000000000, 0xC000000000, 1 << 33

RECORD = f"""
func heldbyRecord(x unsafe.Pointer, typ *_type) {{
	at := uintptr(x) - {HEAP:#x}
	if at < {SIZE:#x} && at % 8 == 0 {{
		value := uintptr(unsafe.Pointer(typ))
		if value == 0 {{
			value = 1
		}}
		*(*uintptr)(unsafe.Pointer(uintptr({SHADOW:#x}) + at)) = value
	}}
}}
"""
NORESERVE = 0x4000
RESERVE = f"""
	mmap(unsafe.Pointer(uintptr({SHADOW:#x})), {SIZE:#x}, _PROT_READ|_PROT_WRITE,
		_MAP_ANON|_MAP_PRIVATE|_MAP_FIXED|{NORESERVE:#x}, -1, 0)
"""


def main():
    goroot, folder = map(pathlib.Path, sys.argv[1:])
    path = goroot / "src/runtime/malloc.go"
    text = path.read_text()
    text, found = re.subn(
        r"(\nfunc mallocgc\(.*?)(\n\treturn x\n}\n)", r"\1\n\theldbyRecord(x, typ)\2" + RECORD, text, count=1, flags=re.S
    )
    text, inits = re.subn(r"(\nfunc mallocinit\(\) \{\n)", r"\1" + RESERVE, text, count=1)
    if found != 1 or inits != 1:
        sys.exit(f"shadow.py: {path} is not as expected")
    # The same contents under the same name: what was built with it need not be built again.
    folder = folder.resolve() / hashlib.sha256(f"{path}\n{text}".encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    overlay = {"Replace": {str(path): str(folder / "malloc.go")}}
    for name, content in ("malloc.go", text), ("overlay.json", json.dumps(overlay)):
        (folder / f"{name}.{os.getpid()}").write_text(content)
        (folder / f"{name}.{os.getpid()}").rename(folder / name)
    print(folder / "overlay.json")


main()
