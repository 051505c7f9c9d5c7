package main

import (
	"container/list"
	"container/ring"
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
	"unsafe"

	"heldby/victims/truth"
)

type node struct {
	next *node
	name string
	id   int64
}

// A pointer in the first, a middle and the last word; the rest are numbers that look like nothing.
type sparse struct {
	first  *node
	a, b   uint64
	middle *node
	c      [5]uint32
	last   *node
}

type embedded struct {
	node
	sync.Mutex
	tail any
}

type tree[K comparable, V any] struct {
	left, right *tree[K, V]
	key         K
	value       V
}

type shape interface{ area() float64 }
type square struct{ side float64 }
type named struct {
	name  string
	owner *node
}
type wordSized struct{ p *node }

func (s square) area() float64    { return s.side * s.side }
func (n *named) area() float64    { return float64(len(n.name)) }
func (w wordSized) area() float64 { return 1 }

// Statically initialised data: none of these is in the heap, what they come to hold is.
var (
	staticTable       = []named{{"one", nil}, {"two", &node{name: "static"}}, {"three", nil}}
	staticMap         = map[string]*node{"k": {name: "v"}}
	staticFunc        = func(n *node) string { return n.name }
	staticIface shape = &named{"static", &node{name: "owned"}}
	staticArray       = [4]*sparse{1: {a: 7}}
	bssPointer  *node
	bssArray    [300]*sparse
	bssStruct   struct {
		pad   [3]uint64
		inner struct{ p *node }
		text  string
		any   any
	}
	bssNoPointers [1 << 14]uint64
)

var (
	slices struct {
		pointers   []*node
		structs    []sparse
		strings    []string
		bytes      []byte
		interior   []sparse // starts in the middle of its array
		empty      []*node
		nested     [][]*node
		arrays     [][3]*node
		interfaces []any
		funcs      []func() int
		channels   []chan *node
		headers    []embedded
		floats     []float64
		structNone []struct{ a, b uint32 }
	}
	sizes []any // one object of every size class, with and without pointers
	large struct {
		bytes   []byte
		nodes   []*node
		structs []sparse
		array   *[6000]*node
		mixed   *[3000]sparse
		odd     []embedded
	}
	tiny       []*byte
	tinyMixed  []*uint16
	generic    *tree[string, []int]
	genericInt *tree[int32, *node]
	shapes     []shape
	closures   []func() int
	bound      func() float64
	linked     *list.List
	around     *ring.Ring
	contexts   []context.Context
	cancels    []context.CancelFunc
	timers     []*time.Timer
	tickers    []*time.Ticker
	files      []*os.File
	errs       []error
	chans      struct {
		structs chan sparse
		ptrs    chan *node
		bytes   chan [40]byte
		empty   chan struct{}
		ofChans chan chan *node
		big     chan [200]*node
	}
	syncMap sync.Map
	pool    = sync.Pool{New: func() any { return new(sparse) }}
	atomics struct {
		value   atomic.Value
		pointer unsafe.Pointer
	}
	library struct {
		expression *regexp.Regexp
		template   *template.Template
		number     *big.Int
		builder    *strings.Builder
		replacer   *strings.Replacer
	}
	interior *[5]uint32 // points into the middle of a struct
	tail     *node      // points past nothing: the last element of an array
)

func chain(n int, name string) *node {
	var head *node
	for i := 0; i < n; i++ {
		head = &node{next: head, name: fmt.Sprintf("%s-%d", name, i), id: int64(i)}
	}
	return head
}

func holdObjects() {
	bssPointer = chain(40, "bss")
	for i := range bssArray {
		if i%3 == 0 {
			bssArray[i] = &sparse{first: chain(1, "first"), last: chain(1, "last"), a: uint64(i)}
		}
	}
	bssStruct.inner.p = chain(3, "inner")
	bssStruct.text = strings.Repeat("text ", 30)
	bssStruct.any = &named{"any", chain(1, "any")}
	bssNoPointers[5] = uint64(uintptr(unsafe.Pointer(new([64]byte)))) // a number, not a pointer: holds nothing
	staticArray[2] = &sparse{middle: chain(2, "middle")}

	s := &slices
	for i := 0; i < 100; i++ {
		s.pointers = append(s.pointers, chain(1, "p"))
		s.structs = append(s.structs, sparse{last: chain(1, "s")})
		s.strings = append(s.strings, fmt.Sprint("string ", i))
		s.nested = append(s.nested, make([]*node, i%7))
		s.arrays = append(s.arrays, [3]*node{1: chain(1, "a")})
		s.headers = append(s.headers, embedded{tail: i})
		s.interfaces = append(s.interfaces, i*1000, fmt.Sprint(i), square{2}, &named{}, nil, wordSized{chain(1, "w")})
		k := i
		s.funcs = append(s.funcs, func() int { return k })
	}
	s.bytes = make([]byte, 5000)
	s.empty = make([]*node, 0, 16)
	s.interior = make([]sparse, 40)[17:30:35]
	s.interior[0].middle = chain(1, "interior")
	s.channels = []chan *node{make(chan *node), nil, make(chan *node, 4)}
	s.floats = make([]float64, 77)
	s.structNone = make([]struct{ a, b uint32 }, 33)
	note(s.pointers)
	note(s.structs)
	note(s.headers)
	note(s.arrays)
	note(s.interfaces)

	holdSizes()
	holdLarge()
	for i := 0; i < 64; i++ {
		b, w := byte(i), uint16(i)
		tiny = append(tiny, &b)
		if i%5 == 0 {
			tinyMixed = append(tinyMixed, &w)
		}
	}
	generic = grow(0, 4)
	genericInt = &tree[int32, *node]{key: 1, value: chain(2, "generic"), left: &tree[int32, *node]{key: 2}}
	note(generic)
	note(genericInt)
	shapes = []shape{square{3}, &named{"shape", chain(1, "shape")}, wordSized{chain(1, "word")}}
	holdClosures()
	linked = list.New()
	for i := 0; i < 10; i++ {
		linked.PushBack(chain(1, "list"))
	}
	around = ring.New(5)
	around.Value = chain(1, "ring")
	holdContexts()
	for i := 0; i < 5; i++ {
		n := chain(1, "timer")
		late := func() { n.id++ }
		truth.Timer(late)
		timers = append(timers, time.NewTimer(10*time.Hour), time.AfterFunc(20*time.Hour, late))
		tickers = append(tickers, time.NewTicker(30*time.Hour))
	}
	time.AfterFunc(40*time.Hour, chainTimer) // held by the timer heap alone
	truth.Timer(chainTimer)
	timers[2].Stop()
	tickers[3].Stop()
	r, w, _ := os.Pipe()
	files = append(files, r, w)
	errs = append(errs, errors.New("plain"), fmt.Errorf("wrapped: %w", errors.New("inner")))
	holdChannels()
	for i := 0; i < 50; i++ {
		syncMap.Store(fmt.Sprint("key ", i), chain(1, "sync"))
	}
	syncMap.Range(func(k, v any) bool { return k != "key 25" })
	syncMap.Delete("key 7")
	atomics.value.Store(chain(2, "atomic"))
	atomic.StorePointer(&atomics.pointer, unsafe.Pointer(chain(1, "unsafe")))
	library.expression = regexp.MustCompile(`^(\w+)-(\d+)(?:\.(\w*))?$`)
	library.template = template.Must(template.New("t").Parse(`{{range .}}{{.Name | printf "%q"}}{{end}}`))
	library.number, _ = new(big.Int).SetString(strings.Repeat("9", 200), 10)
	library.builder = new(strings.Builder)
	library.builder.WriteString(strings.Repeat("b", 300))
	library.replacer = strings.NewReplacer("a", "b", "c", "d")
	interior = &(&sparse{first: chain(1, "held by its middle")}).c
	ends := make([]node, 9)
	ends[0].next = chain(1, "held by its tail")
	tail = &ends[8]
}

func chainTimer() { bssPointer.id++ }

func grow(low, depth int) *tree[string, []int] {
	if depth == 0 {
		return nil
	}
	return &tree[string, []int]{grow(low, depth-1), grow(low+1, depth-1), fmt.Sprint(low), make([]int, depth)}
}

func add[T any](v *T) {
	sizes = append(sizes, v)
	note(v)
}

// holdSizes makes an object of most size classes: small ones with a bitmap, ones above 512 bytes with a type header.
func holdSizes() {
	add(new([1]uint64))
	add(new([2]uint64))
	add(new([3]uint64))
	add(new([61]uint64))
	add(new([65]uint64))
	add(new([500]uint64))
	add(new([4000]uint64))
	add(&[1]*node{chain(1, "1")})
	add(&[2]*node{1: chain(1, "2")})
	add(&[3]*node{2: chain(1, "3")})
	add(&[5]*node{4: chain(1, "5")})
	add(&[6]*node{5: chain(1, "6")})
	add(&[7]*node{6: chain(1, "7")})
	add(&[13]*node{12: chain(1, "13")})
	add(&[31]*node{30: chain(1, "31")})
	add(&[32]*node{31: chain(1, "32")})
	add(&[33]*node{32: chain(1, "33")})
	add(&[63]*node{62: chain(1, "63")})
	add(&[64]*node{63: chain(1, "64")})
	add(&[65]*node{64: chain(1, "65")})
	add(&[79]*node{78: chain(1, "79")})
	add(&[80]*node{79: chain(1, "80")})
	add(&[127]*node{126: chain(1, "127")})
	add(&[128]*node{127: chain(1, "128")})
	add(&[200]*node{199: chain(1, "200")})
	add(&[513]*node{512: chain(1, "513")})
	add(&[1025]*node{1024: chain(1, "1025")})
	add(&[4095]*node{4094: chain(1, "4095")}) // 32,760 B and a header: the largest small object
	add(&[4096]*node{4095: chain(1, "4096")}) // 32,768 B: large
	add(&struct {
		head [100]uint64
		p    *node
		tail [100]uint64
	}{p: chain(1, "between")})
	add(&struct {
		p    *node
		tail [1000]uint64
	}{p: chain(1, "before")})
	add(&struct {
		head [4000]uint64
		p    *node
	}{p: chain(1, "after")})
	add(&[20]sparse{19: {last: chain(1, "last of 20")}})
	add(&[200]sparse{199: {last: chain(1, "last of 200")}})
	add(&struct {
		a [3]struct {
			n uint32
			s string
		}
		b [2][2]any
	}{})
}

func holdLarge() {
	l := &large
	l.bytes = make([]byte, 3<<20)
	l.nodes = make([]*node, 20000)
	l.nodes[0], l.nodes[19999] = chain(1, "large"), chain(1, "large")
	l.structs = make([]sparse, 5000)
	l.structs[4999].last = chain(1, "large")
	l.array = new([6000]*node)
	l.array[5999] = chain(1, "large")
	l.mixed = new([3000]sparse)
	l.mixed[1500].middle = chain(1, "large")
	l.odd = make([]embedded, 700)
	l.odd[699].tail = chain(1, "large")
	note(l.nodes)
	note(l.structs)
	note(l.array)
	note(l.mixed)
	note(l.odd)
}

func holdClosures() {
	one, many := chain(1, "captured"), 0
	a, b, c := "a", []int{1}, map[string]int{"c": 1}
	closures = append(closures,
		func() int { return int(one.id) },
		func() int { many++; return many },
		func() int { return len(a) + len(b) + len(c) + many },
		(&named{"bound", one}).length,
	)
	bound = shapes[1].area
}

func (n *named) length() int { return len(n.name) }

type contextKey struct{ name string }

func holdContexts() {
	root, cancel := context.WithCancel(context.Background())
	cancels = append(cancels, cancel)
	for i := 0; i < 5; i++ {
		child, stop := context.WithTimeout(context.WithValue(root, contextKey{"k"}, chain(1, "value")), 50*time.Hour)
		grandchild, halt := context.WithCancel(child)
		contexts = append(contexts, grandchild)
		cancels = append(cancels, stop, halt)
	}
	cancels[1]()
	newerContexts(root)
}

func holdChannels() {
	c := &chans
	c.structs = make(chan sparse, 8)
	for i := 0; i < 11; i++ { // go round the ring
		if i > 5 {
			<-c.structs
		}
		c.structs <- sparse{first: chain(1, "ring"), last: chain(1, "ring")}
	}
	c.ptrs = make(chan *node, 100)
	for i := 0; i < 30; i++ {
		c.ptrs <- chain(1, "buffered")
	}
	c.bytes = make(chan [40]byte, 10)
	c.empty = make(chan struct{}, 10)
	c.ofChans = make(chan chan *node, 2)
	c.ofChans <- make(chan *node, 3)
	c.big = make(chan [200]*node, 3)
	c.big <- [200]*node{199: chain(1, "big")}
	note(c.structs)
	note(c.ptrs)
	note(c.bytes)
	note(c.ofChans)
	note(c.big)
}

var pooled = &sparse{a: 99}

func fillPool() { pool.Put(pooled) }
