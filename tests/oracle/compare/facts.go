package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// What oracle-objects wrote: see the head of objects.c.

type span struct {
	base, size, pages, count, kind uint64
	unswept                        bool
}

type found struct {
	marked, reached bool
	size            uint64
	pointers        []uint64
	values          []uint64
	what            string
}

type held struct {
	value        uint64
	conservative bool
}

type foundGoroutine struct {
	g, id, status, gopc       uint64
	system, complete, precise bool
	wait                      string
	frames                    []frame
	live                      map[uint64]held
}

type facts struct {
	version    string
	spans      []span // by address
	objects    map[uint64]*found
	goroutines map[uint64]*foundGoroutine
	roots      map[uint64]uint64 // word to value
	rootName   map[uint64]string
	samples    map[uint64][]string
	notes      []string
}

func parse(text string, base int) uint64 {
	v, err := strconv.ParseUint(text, base, 64)
	if err != nil {
		panic(fmt.Sprintf("not a number: %q", text))
	}
	return v
}

func (f *facts) goroutine(id uint64) *foundGoroutine {
	g := f.goroutines[id]
	if g == nil {
		g = &foundGoroutine{id: id, live: map[uint64]held{}}
		f.goroutines[id] = g
	}
	return g
}

func readFacts(path string) (*facts, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &facts{objects: map[uint64]*found{}, goroutines: map[uint64]*foundGoroutine{}, roots: map[uint64]uint64{},
		rootName: map[uint64]string{}, samples: map[uint64][]string{}}
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<28)
	for in.Scan() {
		kind, rest, _ := strings.Cut(in.Text(), " ")
		w := strings.Fields(rest)
		switch kind {
		case "version":
			f.version = rest
		case "span":
			f.spans = append(f.spans, span{parse(w[0], 16), parse(w[1], 10), parse(w[2], 10), parse(w[3], 10), parse(w[4], 10),
				w[5] == "1"})
		case "object":
			o := &found{size: parse(w[1], 10), marked: w[2] == "1", reached: w[3] == "1"}
			for _, pair := range w[4:] {
				offset, value, _ := strings.Cut(pair, "=")
				o.pointers = append(o.pointers, parse(offset, 10))
				o.values = append(o.values, parse(value, 16))
			}
			f.objects[parse(w[0], 16)] = o
		case "what":
			addr, what, _ := strings.Cut(rest, " ")
			f.objects[parse(addr, 16)].what = what
		case "frame":
			g := f.goroutine(parse(w[0], 10))
			g.frames = append(g.frames, frame{sp: parse(w[1], 16), pc: parse(w[2], 16), name: strings.Join(w[3:], " ")})
		case "live":
			f.goroutine(parse(w[0], 10)).live[parse(w[1], 16)] = held{parse(w[2], 16), w[3] == "1"}
		case "goroutine":
			g := f.goroutine(parse(w[1], 10))
			g.g, g.status, g.gopc = parse(w[0], 16), parse(w[2], 10), parse(w[4], 16)
			g.system, g.complete, g.precise = w[3] == "1", w[5] == "1", w[6] == "1"
			g.wait = strings.Join(w[7:], " ")
		case "root":
			f.roots[parse(w[0], 16)] = parse(w[1], 16)
			f.rootName[parse(w[0], 16)] = strings.Join(w[3:], " ")
		case "sample":
			stack := strings.Split(rest, "\t")
			addr, _, _ := strings.Cut(stack[0], " ")
			f.samples[parse(addr, 16)] = stack[1:]
		case "note":
			f.notes = append(f.notes, rest)
		default:
			return nil, fmt.Errorf("%s: %q", path, in.Text())
		}
	}
	sort.Slice(f.spans, func(i, k int) bool { return f.spans[i].base < f.spans[k].base })
	return f, in.Err()
}

// span returns the span that addr lies in, nil when none does.
func (f *facts) span(addr uint64) *span {
	i := sort.Search(len(f.spans), func(i int) bool { return f.spans[i].base > addr }) - 1
	if i < 0 || addr >= f.spans[i].base+f.spans[i].pages*8192 {
		return nil
	}
	return &f.spans[i]
}

// heldConservatively says whether a word of a stack that may not be a pointer points into [addr, addr+size).
func (f *facts) heldConservatively(addr, size uint64) bool {
	for _, g := range f.goroutines {
		for _, h := range g.live {
			if h.conservative && h.value-addr < size {
				return true
			}
		}
	}
	return false
}

func (f *facts) swept() (n int) {
	for _, s := range f.spans {
		if !s.unswept {
			n++
		}
	}
	return n
}
