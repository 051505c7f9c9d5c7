package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// What oracle-objects wrote: see the head of objects.c.

type span struct {
	base, size, pages, count, kind uint64
	unswept, beingSwept            bool
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
	holders    map[string]bool
	registers  []uint64        // what threads hold
	threads    []uint64        // addresses of m structs
	loose      map[uint64]bool // objects that words hold which may not be pointers: see followLoose
	stopped    map[uint64]bool // objects that only stopped timers lead to
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
		rootName: map[uint64]string{}, holders: map[string]bool{}, stopped: map[uint64]bool{}, samples: map[uint64][]string{}}
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
				w[5] == "1", w[5] == "2"})
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
			if strings.HasPrefix(strings.Join(w[3:], " "), "threads (registers") {
				f.registers = append(f.registers, parse(w[1], 16))
			}
			f.roots[parse(w[0], 16)] = parse(w[1], 16)
			f.holders[strings.Join(w[3:], " ")] = true
			f.rootName[parse(w[0], 16)] = strings.Join(w[3:], " ")
		case "thread":
			f.threads = append(f.threads, parse(w[0], 16))
		case "stopped":
			f.stopped[parse(w[0], 16)] = true
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
	f.followLoose()
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

// object returns the start of the allocated object that addr points into, 0 when it points into none.
func (f *facts) object(addr uint64) uint64 {
	s := f.span(addr)
	if s == nil || (addr-s.base)/s.size >= s.count {
		return 0
	}
	addr -= (addr - s.base) % s.size
	if f.objects[addr] == nil {
		return 0
	}
	return addr
}

// followLoose finds what is held by words that may not be pointers: registers, and frames of goroutines that run. The
// collector stops goroutines where it knows better; whoever stops them anywhere may take a stale word for a pointer.
func (f *facts) followLoose() {
	f.loose = map[uint64]bool{}
	var todo []uint64
	add := func(value uint64) {
		if addr := f.object(value); addr != 0 && !f.loose[addr] {
			f.loose[addr] = true
			todo = append(todo, addr)
		}
	}
	for _, g := range f.goroutines {
		for _, h := range g.live {
			if h.conservative {
				add(h.value)
			}
		}
	}
	for _, value := range f.registers {
		add(value)
	}
	for len(todo) > 0 {
		o := f.objects[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for _, value := range o.values {
			add(value)
		}
	}
}

// ofThread says whether addr is a word of the first thread's m, which is no object of the heap.
func (f *facts) ofThread(addr uint64) bool {
	const atMost = 2 << 10 // bytes of an m: 1,200 in Go 1.18, 1,800 in 1.27
	return slices.ContainsFunc(f.threads, func(m uint64) bool { return addr-m < atMost })
}

func (f *facts) swept() (n int) {
	for _, s := range f.spans {
		if !s.unswept {
			n++
		}
	}
	return n
}

// marksInSpans: whether the program has the green tea collector, an experiment that 1.25 leaves off and later ones on.
func (f *facts) marksInSpans() bool {
	_, experiments, _ := strings.Cut(f.version, "X:")
	names := strings.Split(experiments, ",")
	return slices.Contains(names, "greenteagc") || f.version >= "go1.26" && !slices.Contains(names, "nogreenteagc")
}
