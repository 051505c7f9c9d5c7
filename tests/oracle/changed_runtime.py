#!/usr/bin/env python3
"""Prepares a Go runtime that is not as any that heldby knows: structs, numbers and places are changed.

usage: changed_runtime.py GOROOT FOLDER CHANGE...     writes FOLDER/*.go and FOLDER/overlay.json for `go build -overlay`

The changes are those of CHANGES below, made in the sources of 1.27.
"""
import json
import pathlib
import sys

PAD = "\theldbyPad uint64\n"

# By name: what stands in a file of package runtime exactly once, and what comes instead of it.
CHANGES = {
    # Fields move: what is inserted before them is as large as a word.
    "mspan": [("mheap.go", "\tstartAddr uintptr // address of first byte", PAD + "\tstartAddr uintptr // address of first byte")],
    "g": [("runtime2.go", "\tgoid         uint64\n", PAD + "\tgoid         uint64\n")],
    "hchan": [("chan.go", "\telemsize uint16\n\tclosed   uint32\n", PAD + "\telemsize uint16\n\tclosed   uint32\n")],
    "mheap": [
        ("mheap.go", "\tallspans []*mspan // all spans out there\n", "\tallspans []*mspan // all spans out there\n" + PAD),
        ("mheap.go", "\theapArenas []arenaIdx\n", "\theldbyPad2 uint64\n\theapArenas []arenaIdx\n"),
    ],
    "p": [("runtime2.go", "\tmcache      *mcache\n", PAD + "\tmcache      *mcache\n")],
    "sudog": [("runtime2.go", "\tacquiretime int64\n", PAD + "\tacquiretime int64\n")],
    "timer": [("time.go", "\twhen   int64\n\tperiod int64\n", PAD + "\twhen   int64\n\tperiod int64\n")],
    # Records outside the heap, which have no type descriptor.
    "special": [("mheap.go", "type specialprofile struct {\n\t_       sys.NotInHeap\n\tspecial special\n", "type specialprofile struct {\n\t_       sys.NotInHeap\n\tspecial special\n" + PAD)],
    "bucket": [("mprof.go", "\thash    uintptr\n\tsize    uintptr\n", PAD + "\thash    uintptr\n\tsize    uintptr\n")],
    # Numbers.
    "kinds": [
        ("mheap.go", "\t_KindSpecialFinalizer = 2\n", "\t_KindSpecialFinalizer = 3\n"),
        ("mheap.go", "\t_KindSpecialWeakHandle = 3\n", "\t_KindSpecialWeakHandle = 4\n"),
        ("mheap.go", "\t_KindSpecialProfile = 4\n", "\t_KindSpecialProfile = 2\n"),
    ],
    "reasons": [
        ("runtime2.go", "\twaitReasonGCAssistMarking                         //", "\twaitReasonHeldby\n\twaitReasonGCAssistMarking                         //"),
        ("runtime2.go", '\twaitReasonGCAssistMarking:       "GC assist marking",\n', '\twaitReasonHeldby: "a new reason",\n\twaitReasonGCAssistMarking:       "GC assist marking",\n'),
    ],
    # What no description tells: 64 bytes between the pointer bitmaps of small objects and what follows them.
    "bitmap": [
        ("mbitmap.go", "\tbase = spanBase + spanSize - size\n", "\tbase = spanBase + spanSize - size - 64\n"),
        ("mheap.go", "\t\t\t\t\treserve += nbytes / goarch.PtrSize / 8\n", "\t\t\t\t\treserve += nbytes/goarch.PtrSize/8 + 64\n"),
        ("mgcmark_greenteagc.go", "\t\tusableSpanSize -= gc.PageSize / goarch.PtrSize / 8\n", "\t\tusableSpanSize -= gc.PageSize/goarch.PtrSize/8 + 64\n"),
        ("mgcmark_greenteagc.go", "\tbase := spanBase + gc.PageSize - unsafe.Sizeof(gc.PtrMask{}) -", "\tbase := spanBase + gc.PageSize - 64 - unsafe.Sizeof(gc.PtrMask{}) -"),
    ],
}


def main():
    goroot, folder = map(pathlib.Path, sys.argv[1:3])
    texts = {}
    for change in sys.argv[3:]:
        for name, old, new in CHANGES[change]:
            path = goroot / "src/runtime" / name
            text = texts.get(path) or path.read_text()
            if text.count(old) != 1:
                sys.exit(f"changed_runtime.py: {change}: {path} is not as expected")
            texts[path] = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    overlay = {}
    for path, text in texts.items():
        (folder / path.name).write_text(text)
        overlay[str(path)] = str((folder / path.name).resolve())
    (folder / "overlay.json").write_text(json.dumps({"Replace": overlay}))


main()
