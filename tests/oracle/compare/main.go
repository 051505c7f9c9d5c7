// Compare holds heldby's view of a process at rest against three heap dumps by the process's own runtime:
//
//	compare FACTS BEFORE AFTER COLLECTED TYPES
//
// BEFORE and AFTER were dumped right before and after heldby looked; a word that differs between them has changed
// meanwhile and proves nothing, all others must agree. COLLECTED was dumped after one more collection: what it lacks was
// garbage, what it has was alive when heldby looked.
//
// It prints a line for each kind of disagreement with examples, then a summary, and exits 1 when there is any.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
)

// The kinds of spans, as enum hb_span_kind numbers them.
const noScan = 1

type verdict struct {
	values bool
	// The collector was at work when heldby looked: its own goroutines have moved, and their structs with them.
	collecting bool
	// A timer of the runtime expires all the time: where processors keep their timers changes meanwhile, and may change back.
	ticking    bool
	collectors map[uint64]bool // addresses of their g
	count      map[string]int
	examples   map[string][]string
	agreed     map[string]int
}

func (v *verdict) differ(kind, format string, args ...any) {
	v.count[kind]++
	if len(v.examples[kind]) < 6 {
		v.examples[kind] = append(v.examples[kind], fmt.Sprintf(format, args...))
	}
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
}

func main() {
	values := flag.Bool("values", true, "compare the pointers' values, too: off when nothing says which have changed")
	collecting := flag.Bool("collecting", false, "the collector was at work when heldby looked: leave its own goroutines out")
	ticking := flag.Bool("ticking", false, "a timer of the runtime's own expires all the time: leave out where timers are kept")
	flag.Parse()
	if flag.NArg() != 5 {
		fmt.Fprintln(os.Stderr, "usage: compare [-values=false] [-collecting] [-ticking] FACTS BEFORE AFTER COLLECTED TYPES")
		os.Exit(2)
	}
	facts, err := readFacts(flag.Arg(0))
	fatal(err)
	var dumps [3]*dump
	for i := range dumps {
		dumps[i], err = readDump(flag.Arg(1 + i))
		fatal(err)
		dropTails(facts, dumps[i])
	}
	v := &verdict{*values, *collecting, *ticking, map[uint64]bool{}, map[string]int{}, map[string][]string{}, map[string]int{}}
	for _, g := range dumps[1].goroutines {
		v.collectors[g.g] = g.system && v.collecting
	}
	if !v.values && facts.swept() > len(facts.spans)/4 {
		v.differ("most spans should be unswept", "%d of %d are swept", facts.swept(), len(facts.spans))
	}
	compareObjects(v, facts, dumps)
	compareGoroutines(v, facts, dumps)
	compareRoots(v, facts, dumps)
	compareSamples(v, facts, dumps)
	compareTypes(v, facts, flag.Arg(4))
	os.Exit(v.print())
}

func (v *verdict) print() int {
	kinds := []string{}
	for kind := range v.count {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	for _, kind := range kinds {
		fmt.Printf("%d × %s\n", v.count[kind], kind)
		for _, example := range v.examples[kind] {
			fmt.Printf("    %s\n", example)
		}
	}
	kinds = kinds[:0]
	for kind := range v.agreed {
		kinds = append(kinds, fmt.Sprintf("%d %s", v.agreed[kind], kind))
	}
	sort.Strings(kinds)
	fmt.Println("agreed:", strings.Join(kinds, ", "))
	if len(v.count) > 0 {
		return 1
	}
	return 0
}

// dropTails removes what dumpobjs invents: it counts span bytes / slot size, so where pointer bits end a span (Go 1.22+,
// slots up to 512 bytes) it lists slots on top of the bits that do not exist.
func dropTails(facts *facts, d *dump) {
	for addr := range d.objects {
		if s := facts.span(addr); s != nil && (addr-s.base)/s.size >= s.count {
			reserved := s.pages*8192 - s.count*s.size
			if reserved < 128+s.size+128 {
				delete(d.objects, addr)
			}
		}
	}
}

func compareObjects(v *verdict, facts *facts, dumps [3]*dump) {
	before, after, collected := dumps[0], dumps[1], dumps[2]
	for addr, o := range before.objects {
		f := facts.objects[addr]
		if after.objects[addr] == nil {
			v.garbage(facts, addr, f)
			continue
		}
		if f == nil {
			v.differ("an allocated object is missing", "%x of %d bytes", addr, len(o.contents))
			continue
		}
		if f.size != uint64(len(o.contents)) {
			v.differ("an object's size differs", "%x: %d, the runtime says %d", addr, f.size, len(o.contents))
			continue
		}
		v.agreed["objects"]++
		if addr == after.dumper.g || after.dumperThread-addr < f.size {
			v.agreed["objects of the dump itself"]++
		} else {
			compareWords(v, addr, f, o, after.objects[addr])
		}
		alive := collected.objects[addr] != nil
		switch {
		case alive && !f.marked && (madeAnew(facts, f) || v.madeMeanwhile(addr, dumps)):
			v.agreed["garbage whose place was taken at once"]++
		case alive && !f.marked:
			v.differ("a live object is not reached", "%x of %d bytes: %s", addr, f.size, f.what)
		case !alive && f.marked:
			v.garbage(facts, addr, f)
		case alive && f.marked != f.reached:
			v.differ("the graph and the mark disagree", "%x of %d bytes: %s", addr, f.size, f.what)
		case alive:
			v.agreed["live objects"]++
		default:
			v.agreed["garbage"]++
		}
	}
	for addr, f := range facts.objects {
		if before.objects[addr] != nil || after.objects[addr] != nil {
			continue
		}
		// Programs with the green tea collector mark small pointer-free objects in bits beside them, in pages that heldby does not read. Between
		// mark and sweep it cannot tell which of them died; it must not reach any that did, but by a stale word of a frame that
		// it scans conservatively.
		s := facts.span(addr)
		if !v.values && s.kind == noScan && s.size >= 16 && s.size <= 512 && facts.marksInSpans() &&
			(!f.marked || facts.loose[addr]) {
			v.agreed["free pointer-free slots taken for garbage"]++
			continue
		}
		if s.beingSwept && !f.marked {
			v.agreed["free slots of a span that was being swept"]++
			continue
		}
		v.differ("a free slot is taken for an object", "%x of %d bytes: %s", addr, f.size, f.what)
	}
}

// garbage compares an object that was dead when heldby looked.
func (v *verdict) garbage(facts *facts, addr uint64, f *found) {
	switch {
	case f == nil || !f.marked:
		v.agreed["garbage"]++
	case facts.loose[addr]:
		v.agreed["garbage behind words that may not be pointers"]++
	case facts.stopped[addr]:
		// A stopped timer stays in its p's heap until the p gets to cleaning up: runtime/time.go cleantimers, clearDeletedTimers
		// (1.18-1.22), timers.cleanHead, adjust (1.23+).
		v.agreed["garbage behind stopped timers"]++
	default:
		v.differ("garbage is reached", "%x of %d bytes: %s", addr, f.size, f.what)
	}
}

// madeMeanwhile: while the collector works, the runtime may make an object in the place of one that was garbage. The
// profile samples most objects when they are made, and their contents are others.
func (v *verdict) madeMeanwhile(addr uint64, dumps [3]*dump) bool {
	before, after := dumps[0].objects[addr], dumps[1].objects[addr]
	return v.collecting && (dumps[0].samples[addr] != dumps[1].samples[addr] || before == nil || after == nil ||
		!bytes.Equal(before.contents, after.contents))
}

// madeAnew: a goroutine of Go 1.24's package unique makes these closures again at every collection, in the same places.
func madeAnew(facts *facts, f *found) bool {
	return strings.HasPrefix(facts.version, "go1.24") && f.size == 24 && strings.HasPrefix(f.what, "closure of ") &&
		(strings.Contains(f.what, "unique.addUniqueMap[") || strings.Contains(f.what, "internal/sync.(*HashTrieMap["))
}

func compareWords(v *verdict, addr uint64, f *found, before, after *object) {
	if !slices.Equal(f.pointers, before.pointers) {
		if !slices.Equal(before.pointers, after.pointers) {
			v.agreed["objects that changed"]++
			return
		}
		extra, missing := without(f.pointers, before.pointers), without(before.pointers, f.pointers)
		v.differ("an object's pointer words differ", "%x of %d bytes: too many %v, missing %v: %s", addr, f.size,
			extra, missing, f.what)
		return
	}
	for i, offset := range f.pointers {
		old, now := before.word(offset), after.word(offset)
		if old != now || !v.values {
			v.agreed["words that changed"]++
		} else if f.values[i] != now && (f.what == "runtime.m" || f.what == "runtime.mPadded" || f.what == "runtime.p") {
			v.agreed["words of threads that changed and changed back"]++
		} else if f.values[i] != now && v.collectors[addr] {
			v.agreed["words of the collector's goroutines that changed and changed back"]++
		} else if f.values[i] != now && v.ticking && keepsTimers[f.what[:strings.IndexByte(f.what+" ", ' ')]] {
			v.agreed["words of timers that changed and changed back"]++
		} else if f.values[i] != now {
			v.differ("a pointer's value differs", "%x+%d: %x, the runtime says %x: %s", addr, offset, f.values[i], now,
				f.what)
		} else {
			v.agreed["pointers"]++
		}
	}
}

// keepsTimers: what a p keeps its timers in (runtime/time.go, 1.18-1.22 and later), and the timers, which say where they are.
var keepsTimers = map[string]bool{"[]*runtime.timer": true, "[]runtime.timerWhen": true, "runtime.timer": true}

// without returns at most eight of a's elements that b lacks. Both are sorted.
func without(a, b []uint64) (rest []uint64) {
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); !ok && len(rest) < 8 {
			rest = append(rest, x)
		}
	}
	return rest
}

func compareGoroutines(v *verdict, facts *facts, dumps [3]*dump) {
	for id, g := range dumps[1].goroutines {
		f := facts.goroutines[id]
		if f == nil || f.g == 0 {
			v.differ("a goroutine is missing", "%d, %s", id, g.wait)
			continue
		}
		if dumps[0].goroutines[id] == nil || !slices.EqualFunc(g.frames, dumps[0].goroutines[id].frames, sameFrame) {
			v.agreed["goroutines that moved"]++
			continue
		}
		if (!v.values || v.collecting) && g.system {
			continue // the collector's own, which go on
		}
		wait := g.wait
		if g.status != 4 {
			wait = ""
		}
		// The dump does not call a goroutine of the runtime a system goroutine while it runs the program's finalizers or
		// cleanups; runtime.NumGoroutine does not count it all the same.
		system := g.system || slices.ContainsFunc(g.frames, func(f frame) bool {
			return f.name == "runtime.runfinq" || f.name == "runtime.runFinalizers" || strings.HasPrefix(f.name, "runtime.runCleanups") ||
				strings.HasPrefix(f.name, "runtime.(*cleanupQueue)") || f.name == "runtime.runCleanup"
		})
		if f.g != g.g || f.status != g.status || f.system != system || f.gopc != g.gopc || f.wait != wait {
			v.differ("a goroutine's state differs", "%d: status %d system %v wait %q, the runtime says %d %v %q", id, f.status,
				f.system, f.wait, g.status, system, wait)
		}
		if !f.complete {
			v.differ("a stack is not unwound to its end", "%d", id)
		}
		if !slices.EqualFunc(f.frames, g.frames, sameFrame) {
			v.differ("a stack differs", "%d:\n%s", id, sideBySide(f.frames, g.frames))
		} else {
			v.agreed["goroutines"]++
			v.agreed["frames"] += len(g.frames)
		}
		for i := range g.frames {
			if i > 0 && g.frames[i-1].continpc != g.frames[i-1].pc {
				continue // a deferred call returns into the one below: the dump takes its arguments for alive
			}
			compareFrame(v, facts, f, &g.frames[i], dumps[0].goroutines[id].frames[i].contents)
		}
	}
	for id, f := range facts.goroutines {
		if dumps[1].goroutines[id] == nil && id != dumps[1].dumper.id {
			v.differ("a goroutine does not exist", "%d: status %d, %s", id, f.status, f.wait)
		}
	}
}

func sameFrame(a, b frame) bool { return a.sp == b.sp && a.pc == b.pc && a.name == b.name }

func sideBySide(a, b []frame) string {
	var text strings.Builder
	for i := 0; i < max(len(a), len(b)) && i < 30; i++ {
		var left, right frame
		if i < len(a) {
			left = a[i]
		}
		if i < len(b) {
			right = b[i]
		}
		if sameFrame(left, right) {
			continue
		}
		fmt.Fprintf(&text, "        #%d %x %x %s, the runtime says %x %x %s\n", i, left.sp, left.pc, left.name, right.sp,
			right.pc, right.name)
	}
	return strings.TrimRight(text.String(), "\n")
}

// compareFrame: the runtime's pointers into the heap from a live frame must be held. The dump does not know stack objects, which heldby
// adds when something points to them, so more may be.
func compareFrame(v *verdict, facts *facts, f *foundGoroutine, g *frame, before []byte) {
	if !f.precise {
		v.differ("a stack is not scanned precisely", "%d: %s", f.id, g.name)
	}
	// A frame that faulted goes on at its deferred calls, or never: there the collector asks what is alive (getStackMap, by
	// continpc; runtime/stack.go, stkframe.go). The dump asks where it faulted (dumpframe, by pc; runtime/heapdump.go), and
	// so lists what only the part that is never reached would have used; 1.18-1.27.
	if g.continpc != g.pc {
		v.agreed["frames that faulted"]++
		return
	}
	contents, old := object{contents: g.contents}, object{contents: before}
	for _, offset := range g.pointers {
		value := contents.word(offset)
		if value != old.word(offset) || !v.values || offset+8 > uint64(len(g.contents)) || facts.span(value) == nil {
			continue
		}
		if h, ok := f.live[g.sp+offset]; !ok || h.value != value {
			v.differ("a pointer on a stack is not held", "goroutine %d, %s+%d: %x", f.id, g.name, offset, value)
		} else {
			v.agreed["stack pointers"]++
		}
	}
}

func compareRoots(v *verdict, facts *facts, dumps [3]*dump) {
	inHeap := func(addr uint64) bool { return facts.span(addr) != nil }
	for i := range dumps[1].segments {
		s, old := &dumps[1].segments[i], &dumps[0].segments[i]
		for _, offset := range s.pointers {
			value, from := s.word(offset), s.addr+offset
			if value != old.word(offset) || !v.values {
				v.agreed["roots that changed"]++
			} else if got, ok := facts.roots[from]; inHeap(value) && got != value && facts.ofThread(from) {
				v.agreed["words of threads that changed and changed back"]++
			} else if inHeap(value) && (!ok || got != value) {
				v.differ("a global pointer is not a root", "%x: %x, heldby %x", from, value, got)
			} else if inHeap(value) {
				v.agreed["roots"]++
			}
		}
		for from, value := range facts.roots {
			offset := from - s.addr
			if from < s.addr || offset >= uint64(len(s.contents)) {
				continue
			}
			if _, ok := slices.BinarySearch(s.pointers, offset); !ok {
				v.differ("a root is no pointer of data or bss", "%x %s: %x", from, facts.rootName[from], value)
			}
		}
	}
}

func compareSamples(v *verdict, facts *facts, dumps [3]*dump) {
	for addr, site := range dumps[1].samples {
		stack, ok := facts.samples[addr]
		if !ok {
			// A tiny allocation's sample may lie inside its block.
			if s := facts.span(addr); s != nil {
				stack, ok = facts.samples[addr-(addr-s.base)%s.size]
			}
		}
		want := dumps[1].sites[site]
		if !ok && v.madeMeanwhile(addr, dumps) {
			v.agreed["objects made meanwhile"]++
		} else if !ok {
			v.differ("an allocation site is missing", "%x: %v", addr, want)
		} else if !slices.EqualFunc(stack, want, sameName) && v.madeMeanwhile(addr, dumps) &&
			slices.EqualFunc(stack, dumps[0].sites[dumps[0].samples[addr]], sameName) {
			v.agreed["objects whose place was taken"]++
		} else if !slices.EqualFunc(stack, want, sameName) {
			v.differ("an allocation site differs", "%x: %v, the runtime says %v", addr, stack, want)
		} else {
			v.agreed["sites"]++
		}
	}
}

// sameName: the runtime has no name for the function whose name is the first of a module's table (runtime/symtab.go
// funcName, 1.18-1.27).
func sameName(found, want string) bool { return found == want || want == "" && found != "?" }

// compareTypes: the victim knows what it allocated, and what its timers will call. Untyped is a loss, another type is a lie.
func compareTypes(v *verdict, facts *facts, path string) {
	file, err := os.Open(path)
	fatal(err)
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		w := strings.SplitN(in.Text(), " ", 3)
		if len(w) == 2 && w[0] == "goroutines" {
			compareNumber(v, facts, parse(w[1], 10))
			continue
		}
		if len(w) == 2 && w[0] == "timer" {
			compareTimer(v, facts, w[1])
			continue
		}
		if len(w) != 3 || w[0] != "type" {
			continue
		}
		// What the program sees may follow a type header.
		addr := parse(w[1], 16)
		if s := facts.span(addr); s != nil {
			addr -= (addr - s.base) % s.size
		}
		f := facts.objects[addr]
		switch {
		case f == nil:
			v.differ("a typed object is missing", "%s %s", w[1], w[2])
		case len(f.pointers) == 0:
			v.agreed["types without pointers"]++
		case slices.ContainsFunc(strings.Split(w[2], "\t"), func(what string) bool {
			return strings.Contains(strings.ReplaceAll(f.what, " ", ""), strings.ReplaceAll(what, " ", ""))
		}):
			v.agreed["types"]++
		case f.what == "map" && (strings.HasPrefix(w[2], "map[") || strings.Contains(w[2], "\tmap[")):
			v.agreed["maps of unknown type"]++
		case strings.HasPrefix(f.what, "untyped"):
			v.agreed["types unknown"]++
		default:
			v.differ("an object's type is wrong", "%s: %s, it is %s", w[1], f.what, w[2])
		}
	}
}

func compareTimer(v *verdict, facts *facts, callback string) {
	if facts.holders[callback] {
		v.agreed["timers"]++
	} else {
		v.differ("a pending timer is not found", "%s", callback)
	}
}

// compareNumber: what runtime.NumGoroutine says.
func compareNumber(v *verdict, facts *facts, want uint64) {
	n := uint64(0)
	for _, g := range facts.goroutines {
		if !g.system {
			n++
		}
	}
	if n != want {
		v.differ("the number of goroutines differs", "%d, runtime.NumGoroutine says %d", n, want)
	} else {
		v.agreed["runtime.NumGoroutine"]++
	}
}
