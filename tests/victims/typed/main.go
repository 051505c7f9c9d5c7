// Command typed holds objects of every kind of type in known numbers, prints how many of each there are, says ready, and
// waits for its standard input to end.
//
//	want COUNT CLASS      so many objects of this class are reachable, no more and no fewer
//	least COUNT CLASS     at least so many: how many is the runtime's business
//	symbols COUNT CLASS   as want, but only debug information says so
//	edge CLASS | NAME -> CLASS     objects of the class have a pointer of that name to objects of the other
//
// Every case has types of its own, so that the counts do not mix.
package main

import (
	"bufio"
	"container/list"
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type expectation struct {
	word, class string
	count       int
}

var (
	expectations []expectation
	held         []any // what the cases made
)

func want(count int, class string) {
	expectations = append(expectations, expectation{"want", class, count})
}
func least(count int, class string) {
	expectations = append(expectations, expectation{"least", class, count})
}
func symbols(count int, class string) {
	expectations = append(expectations, expectation{"symbols", class, count})
}

var edges []string

func edge(class, name, to string) {
	edges = append(edges, fmt.Sprintf("edge %s | %s -> %s", class, name, to))
}

func hold(v any) { held = append(held, v) }

//go:noinline
func text(n int) string { return strings.Repeat("x", n) }

func main() {
	for _, c := range []func(){
		structs, nested, slices, slabs, arrays, maps, manyMaps, closures, interfaces, channels, generics, library, timers,
		globals, reflected, linked, large, pointers, emptied, defined, twins, goroutines,
	} {
		c()
	}
	since119()
	since124()
	runtime.GC()
	runtime.GC()
	out := bufio.NewWriter(os.Stdout)
	for _, e := range expectations {
		fmt.Fprintln(out, e.word, e.count, e.class)
	}
	for _, e := range edges {
		fmt.Fprintln(out, e)
	}
	fmt.Fprintln(out, "ready")
	out.Flush()
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(held)
	fmt.Fprintln(os.Stderr, len(keepGlobals()))
}

// --- structs

type small struct{ next *small }
type mixed struct {
	id   int
	name string
	tags []string
	next *mixed
	any  any
}
type flat struct{ x, y, z, t int }
type wide struct {
	a [40]int
	p *flat2
	b [40]int
	q *flat2
}
type flat2 struct{ v [6]int }

func structs() {
	var s *small
	for i := 0; i < 101; i++ {
		s = &small{s}
	}
	hold(s)
	want(101, "main.small")
	var m *mixed
	for i := 0; i < 102; i++ {
		m = &mixed{id: i, next: m}
	}
	m.any, m.tags, m.name = &flat{}, []string{text(50)}, text(40)
	hold(m)
	want(102, "main.mixed")
	edge("main.mixed", ".next", "main.mixed")
	edge("main.mixed", ".name", "string")
	edge("main.mixed", ".tags", "[]string")
	edge("main.mixed", ".any", "main.flat")
	flats := make([]*flat, 103)
	for i := range flats {
		flats[i] = &flat{x: i}
	}
	hold(flats)
	want(104, "main.flat")
	edge("[]*main.flat", "[*]", "main.flat")
	want(1, "[]*main.flat")
	wides := make([]*wide, 40)
	for i := range wides {
		wides[i] = &wide{p: &flat2{}, q: &flat2{}}
	}
	hold(wides)
	want(40, "main.wide")
	want(80, "main.flat2")
}

// --- structs in structs: the outer one is the type, whoever points at its first field

type base struct {
	owner *base
	name  string
}
type middle struct {
	base
	n    int
	more *middle
}
type outer struct {
	middle
	extra []*base
}

func nested() {
	var all []*base
	for i := 0; i < 55; i++ {
		o := &outer{}
		o.owner = &o.base // the same address, another type
		all = append(all, &o.base)
		o.extra = make([]*base, 3)
	}
	hold(all)
	hold(any(all[0]))
	outers := make([]*outer, 0, 55)
	for _, b := range all {
		outers = append(outers, (*outer)(pointerOf(b)))
	}
	hold(outers)
	want(55, "main.outer")
	edge("main.outer", ".middle.base.owner", "main.outer")
	edge("main.outer", ".extra", "[]*main.base")
	want(0, "main.base")
	want(0, "main.middle")
}

// --- slices

type element struct {
	p *element
	n int
}
type plain struct{ a, b, c int32 }

func slices() {
	caps := []int{1, 2, 3, 5, 9, 17, 33, 65, 130, 1000, 5000}
	var all [][]element
	var plains [][]plain
	var strs [][]string
	for _, n := range caps {
		all = append(all, make([]element, n/2, n))
		plains = append(plains, make([]plain, n))
		s := make([]string, n)
		for i := range s {
			s[i] = text(20 + i%7)
		}
		strs = append(strs, s)
	}
	hold(all)
	hold(plains)
	hold(strs)
	want(len(caps), "[]main.element")
	want(len(caps), "[]main.plain")
	least(len(caps), "[]string")
	// The front is cut off: nothing points at the array's start.
	type queued struct{ p *element }
	q := make([]queued, 0, 30)
	for i := 0; i < 30; i++ {
		q = append(q, queued{&element{}})
	}
	hold(q[17:])
	want(1, "[]main.queued")
	want(30, "main.element")
	hold(make([]byte, 5000))
	least(1, "[]byte")
}

// --- slabs: only elements of the array are pointed at

type node struct {
	left, right *node
	key         string
}

func slabs() {
	arena := make([]node, 12)
	var picked []*node
	for i := range arena {
		if i%3 != 0 {
			picked = append(picked, &arena[i])
		}
	}
	hold(picked)
	want(1, "[]main.node")
}

// --- arrays

type inArray struct {
	list  [5]*inArray
	grid  [3][2]string
	words [70]*inArray
}

func arrays() {
	for i := 0; i < 21; i++ {
		a := &inArray{}
		a.list[4] = &inArray{}
		a.words[69] = &inArray{}
		a.grid[2][1] = text(33)
		hold(a)
	}
	want(63, "main.inArray")
	edge("main.inArray", ".list[*]", "main.inArray")
	edge("main.inArray", ".grid[*][*]", "string")
	for i := 0; i < 22; i++ {
		hold(new([7]*arrayed))
		hold(&[9]arrayed{8: {p: &arrayed{}}})
	}
	want(22, "[7]*main.arrayed")
	want(22, "[9]main.arrayed")
	want(22, "main.arrayed")
}

type arrayed struct {
	p *arrayed
	n int
}

// --- maps

type key struct {
	name string
	n    int
}
type value struct {
	p *value
	n int
}
type inline struct {
	v *leaf
	s string
}
type leaf struct{ a, b, c, d, e int }
type bigKey [200]byte
type bigValue struct {
	p *leaf3
	_ [200]byte
}
type leaf2 struct{ p *leaf2 }
type leaf3 struct{ p *leaf3 }
type tinyMapValue struct{ p *tinyMapValue }

func maps() {
	small := map[string]*value{}
	for i := 0; i < 5; i++ {
		small[fmt.Sprint("key number ", i)] = &value{}
	}
	table := map[int]*value{}
	for i := 0; i < 100; i++ {
		table[i] = &value{}
	}
	directory := map[key]*value{}
	for i := 0; i < 20000; i++ {
		directory[key{fmt.Sprint("key number ", i), i}] = &value{}
	}
	hold(small)
	hold(table)
	hold(directory)
	want(20105, "main.value")
	want(1, "map[string]*main.value")
	want(1, "map[int]*main.value")
	want(1, "map[main.key]*main.value")
	edge("map[string]*main.value", "", "map[string]*main.value "+entries)
	edge("map[string]*main.value "+entries, "{key}", "string")
	edge("map[string]*main.value "+entries, "{value}", "main.value")
	edge("map[main.key]*main.value "+entries, "{key}.name", "string")
	if entries == "groups" {
		edge("map[main.key]*main.value", "", "map[main.key]*main.value directory")
	}
	if entries == "groups" {
		want(1, "map[string]*main.value groups")
		want(1, "map[int]*main.value groups")
	} else { // overflow buckets are objects of their own
		least(1, "map[string]*main.value buckets")
		least(1, "map[int]*main.value buckets")
	}
	least(1, "map[main.key]*main.value "+entries)
	inlined := map[int32]inline{}
	for i := 0; i < 1000; i++ {
		inlined[int32(i)] = inline{&leaf{}, text(9)}
	}
	hold(inlined)
	want(1, "map[int32]main.inline")
	want(1000, "main.leaf")
	edge("map[int32]main.inline "+entries, "{value}.v", "main.leaf")
	indirect := map[bigKey]bigValue{}
	for i := 0; i < 300; i++ {
		indirect[bigKey{byte(i), byte(i >> 8)}] = bigValue{p: &leaf3{}}
	}
	hold(indirect)
	want(300, "main.bigKey")
	want(300, "main.bigValue")
	want(300, "main.leaf3")
	pointerKeys := map[*leaf2]struct{}{}
	for i := 0; i < 333; i++ {
		pointerKeys[&leaf2{}] = struct{}{}
	}
	hold(pointerKeys)
	want(333, "main.leaf2")
	type plainKey uint16
	numbers := map[plainKey]uint64{}
	for i := 0; i < 3000; i++ {
		numbers[plainKey(i)] = 1
	}
	hold(numbers)
	want(1, "map[main.plainKey]uint64")
	least(1, "map[main.plainKey]uint64 "+entries)
	hold(map[tinyMapValue]any{})
	ifaces := map[any]any{}
	for i := 0; i < 50; i++ {
		ifaces[i+1000] = &inInterfaceMap{}
		ifaces[fmt.Sprint(i)] = &inInterfaceMap{}
	}
	hold(ifaces)
	want(100, "main.inInterfaceMap")
}

type inInterfaceMap struct{ p *int }

type inner map[string]*innerValue
type innerValue struct{ s []byte }

func manyMaps() {
	tree := map[string]inner{}
	for i := 0; i < 200; i++ {
		m := inner{}
		for j := 0; j < 1+i%20; j++ {
			m[fmt.Sprint(j)] = &innerValue{}
		}
		tree[fmt.Sprint(i)] = m
	}
	hold(tree)
	want(200, "main.inner")
	want(200*21/2, "main.innerValue")
}

// --- closures

type captured struct{ a *captured }
type receiver struct {
	n int
	c *captured
}

func (r *receiver) method(x int) int { return r.n + x }

var counter int64

//go:noinline
func makeClosure(c *captured, s string, list []*captured) func() int {
	return func() int {
		atomic.AddInt64(&counter, 1)
		list = append(list, c)
		return len(s) + len(list)
	}
}

func closures() {
	var fs []func() int
	for i := 0; i < 60; i++ {
		fs = append(fs, makeClosure(&captured{}, text(10), []*captured{{}, {}}))
	}
	hold(fs)
	want(60, "closure of main.makeClosure.func1")
	want(180, "main.captured")
	var ms []func(int) int
	for i := 0; i < 61; i++ {
		r := &receiver{n: i, c: &captured{}}
		ms = append(ms, r.method)
	}
	expectations[len(expectations)-1].count += 61
	hold(ms)
	want(61, "closure of main.(*receiver).method-fm")
	want(61, "main.receiver")
	edge("closure of main.(*receiver).method-fm", "{captured}", "main.receiver")
}

// --- interfaces

type shape interface{ area() int }
type square struct {
	p *int
	n int
}
type circle struct{ r [3]int }
type direct struct{ p *held1 }
type held1 struct{ p *held1 }
type directMap map[string]*held2
type held2 struct{ p *held2 }

func (s *square) area() int   { return s.n }
func (c circle) area() int    { return c.r[0] }
func (d direct) area() int    { return 0 }
func (m directMap) area() int { return len(m) }

func interfaces() {
	var shapes []shape
	for i := 0; i < 70; i++ {
		shapes = append(shapes, &square{n: i}, circle{[3]int{i}}, direct{&held1{}}, directMap{"a": &held2{}})
	}
	hold(shapes)
	want(70, "main.square")
	want(70, "main.circle")
	want(70, "main.held1")
	want(70, "main.held2")
	want(70, "main.directMap")
	want(1, "[]main.shape")
	var anys []any
	for i := 0; i < 71; i++ {
		anys = append(anys, boxed{i, i, i}, [2]*boxedPointer{{}, {}})
	}
	hold(anys)
	want(71, "main.boxed")
	want(71, "[2]*main.boxedPointer")
	want(142, "main.boxedPointer")
}

type boxed struct{ a, b, c int }
type boxedPointer struct{ p *boxedPointer }

// --- channels

type message struct {
	p *payload
	n int
}
type payload struct{ s string }

func channels() {
	var all []chan message
	for i := 0; i < 15; i++ {
		c := make(chan message, 10)
		for i := 0; i < 4; i++ {
			c <- message{p: &payload{}}
		}
		all = append(all, c)
	}
	hold(all)
	want(15, "chan main.message")
	want(15, "[]main.message")
	want(60, "main.payload")
	edge("chan main.message", "", "[]main.message")
	edge("[]main.message", "[*].p", "main.payload")
	type unbuffered struct{ p *payload }
	var un []chan unbuffered
	for i := 0; i < 16; i++ {
		un = append(un, make(chan unbuffered))
	}
	hold(un)
	want(16, "chan main.unbuffered")
	type numbers [3]int
	var plain []<-chan numbers
	for i := 0; i < 17; i++ {
		plain = append(plain, make(chan numbers, 8))
	}
	hold(plain)
	want(17, "chan main.numbers")
}

// --- generics

type box[T any] struct {
	value T
	next  *box[T]
}
type inBox struct{ p *inBox }

//go:noinline
func chain[T any](n int, make func() T) *box[T] {
	var b *box[T]
	for i := 0; i < n; i++ {
		b = &box[T]{make(), b}
	}
	return b
}

func generics() {
	hold(chain(25, func() *inBox { return &inBox{} }))
	hold(chain(26, func() string { return "literal" }))
	hold(chain(27, func() map[string]*inBox { return map[string]*inBox{"x": {}} }))
	want(25, "main.box[*main.inBox]")
	want(26, "main.box[string]")
	want(27, "main.box[map[string]*main.inBox]")
	want(52, "main.inBox")
}

// --- the standard library

type inSyncMap struct{ p *inSyncMap }
type inPool struct{ buf []byte }
type inList struct{ p *inList }
type inValue struct{ p *inValue }
type inContext struct{ p *inContext }

var pool = sync.Pool{New: func() any { return &inPool{} }}

func library() {
	m := &sync.Map{}
	for i := 0; i < 500; i++ {
		m.Store(fmt.Sprint("key ", i), &inSyncMap{})
	}
	hold(m)
	want(500, "main.inSyncMap")
	if _, old := reflect.TypeOf(m).Elem().FieldByName("dirty"); old { // up to Go 1.23 each value is in a box
		least(500, "interface {}")
	}
	l := list.New()
	for i := 0; i < 31; i++ {
		l.PushBack(&inList{})
	}
	hold(l)
	want(31, "main.inList")
	want(31, "list.Element")
	var v atomic.Value
	v.Store(&inValue{})
	hold(&v)
	want(1, "main.inValue")
	ctx := context.Background()
	for i := 0; i < 12; i++ {
		ctx = context.WithValue(ctx, inContext{}, &inContext{})
	}
	ctx, _ = context.WithCancel(ctx)
	hold(ctx)
	want(12, "main.inContext")
	want(12, "context.valueCtx")
	want(1, "context.cancelCtx")
	var b strings.Builder
	b.WriteString(text(1000))
	hold(&b)
	want(1, "strings.Builder")
}

// --- timers

func timers() {
	var ts []*time.Timer
	for i := 0; i < 41; i++ {
		ts = append(ts, time.NewTimer(time.Hour), time.AfterFunc(time.Hour, func() { atomic.AddInt64(&counter, 1) }))
	}
	hold(ts)
	hold(time.NewTicker(time.Hour))
	for i := 0; i < 20; i++ { // only the runtime holds these, by what is inside of them
		time.AfterFunc(time.Hour, func() { atomic.AddInt64(&counter, 1) })
	}
	// Since Go 1.23 a Timer is the head of one of the runtime's own.
	if _, wrapped := reflect.TypeOf(time.Timer{}).FieldByName("initTimer"); wrapped {
		want(103, "runtime.timeTimer")
		want(42, "chan time.Time")
	} else {
		time.NewTicker(time.Hour)
		want(102, "time.Timer")
		want(2, "time.Ticker")
		want(43, "chan time.Time")
	}
}

// --- globals

type inGlobal struct{ p *inGlobal }
type inGlobalMap struct{ p *inGlobalMap }
type inGlobalSlice struct{ p *inGlobalSlice }
type inGlobalStruct struct{ p *inGlobalStruct }

var (
	globalPointer *inGlobal
	globalMap     map[string]*inGlobalMap
	globalSlice   []*inGlobalSlice
	globalStruct  struct {
		n    int
		list []*inGlobalStruct
	}
	globalTree   *inTree
	globalResult []*inResult
)

type inTree struct{ left, right *inTree }
type inResult struct{ p *inResult }

// What the variables are is said only where their values are made.
//
//go:noinline
func buildTree(depth int) *inTree {
	if depth == 0 {
		return nil
	}
	return &inTree{buildTree(depth - 1), buildTree(depth - 1)}
}

//go:noinline
func buildResult(n int) (list []*inResult) {
	for len(list) < n {
		list = append(list, &inResult{})
	}
	return list
}

//go:noinline
func globals() {
	for i := 0; i < 10; i++ {
		globalPointer = &inGlobal{globalPointer}
	}
	globalMap = map[string]*inGlobalMap{}
	for i := 0; i < 11; i++ {
		globalMap[fmt.Sprint(i)] = &inGlobalMap{}
		globalSlice = append(globalSlice, &inGlobalSlice{})
		globalStruct.list = append(globalStruct.list, &inGlobalStruct{})
	}
	globalTree, globalResult = buildTree(5), buildResult(13)
	symbols(10, "main.inGlobal")
	want(31, "main.inTree")
	want(13, "main.inResult")
	want(11, "main.inGlobalMap")
	want(11, "main.inGlobalSlice")
	want(11, "main.inGlobalStruct")
}

//go:noinline
func keepGlobals() string {
	return fmt.Sprint(globalTree != nil, len(globalResult), globalPointer != nil, len(globalMap), len(globalSlice), len(globalStruct.list))
}

// --- reflect

type inReflected struct{ p *inReflected }

func reflected() {
	v := reflect.ValueOf(&inReflected{&inReflected{}})
	hold(&v)
	want(2, "main.inReflected")
	want(1, "reflect.Value")
}

// --- long chains

type link struct {
	next *link
	_    [3]int
}

func linked() {
	var l *link
	for i := 0; i < 30000; i++ {
		l = &link{next: l}
	}
	hold(l)
	want(30000, "main.link")
}

// --- objects with a type header, and larger than a size class

type headed struct {
	p [100]*inHeaded
}
type inHeaded struct{ n [7]int }
type huge struct {
	n [10000]int
	p *inHuge
}
type inHuge struct{ n [9]int }

func large() {
	for i := 0; i < 8; i++ {
		h := &headed{}
		h.p[99] = &inHeaded{}
		hold(h)
		hold(&huge{p: &inHuge{}})
	}
	want(8, "main.headed")
	want(8, "main.inHeaded")
	want(8, "main.huge")
	want(8, "main.inHuge")
}

// --- pointers to pointers, named pointers, functions in structs

type pp struct{ n [5]int }
type named *pp

func pointers() {
	for i := 0; i < 14; i++ {
		p := &pp{}
		hold(&p)
		n := new(named)
		*n = &pp{}
		hold(n)
	}
	want(28, "main.pp")
	want(14, "main.named")
}

// --- goroutines: what only a stack holds

type onStack struct{ p *inStack }
type inStack struct{ n [8]int }

func goroutines() {
	started := make(chan bool)
	for i := 0; i < 9; i++ {
		go func() {
			s := &onStack{&inStack{}}
			var i any = s
			hidden := &i
			started <- true
			select {}
			_ = hidden
			runtime.KeepAlive(s)
		}()
		<-started
	}
}
