// Part is a plugin that kinds loads (-plugin): types, globals, functions and goroutines of a module that came later.
package main

import (
	"fmt"
	"runtime"

	"heldby/victims/truth"
)

type leaf struct {
	next  *leaf
	label string
	count int64
	any   interface{}
}

type visitor interface{ visit(*leaf) int }

type counter struct {
	seen map[*leaf]int
	last *leaf
}

func (c *counter) visit(l *leaf) int {
	c.seen[l]++
	c.last = l
	return c.seen[l]
}

var (
	leaves    = map[string]*leaf{"first": {label: "static"}}
	head      *leaf
	all       []*leaf
	large     *[300]leaf
	visitors  []visitor
	functions []func() int
	finalized *leaf
	never     = make(chan *leaf)
	table     [200]struct {
		pad  uint64
		leaf *leaf
	}
	numbers [5000]uint64
)

func grow(n int, label string) *leaf {
	var first *leaf
	for i := 0; i < n; i++ {
		first = &leaf{first, fmt.Sprint(label, i), int64(i), i}
	}
	return first
}

// wait's frames are of this module; what they hold is held by nobody else.
//
//go:noinline
func wait(depth int) int64 {
	held := grow(2, "held by a frame of the plugin")
	if depth > 0 {
		return wait(depth-1) + held.count
	}
	l := <-never
	return l.count + held.count
}

// Hold fills this module's globals and parks goroutines.
func Hold() {
	for i := 0; i < 300; i++ {
		l := grow(2, "leaf")
		leaves[fmt.Sprint("leaf ", i)] = l
		all = append(all, l)
		functions = append(functions, func() int { return int(l.count) })
		table[i%len(table)].leaf = l
	}
	head = grow(50, "head")
	large = new([300]leaf)
	large[299].next = grow(1, "last of an array")
	c := &counter{seen: map[*leaf]int{}}
	for _, l := range all[:100] {
		c.visit(l)
	}
	visitors = []visitor{c}
	finalized = grow(1, "finalized")
	only := grow(2, "held by the finalizer")
	runtime.SetFinalizer(finalized, func(*leaf) { only.count++ })
	numbers[7] = 7
	truth.Note(leaves)
	truth.Note(all)
	truth.Note(head)
	truth.Note(large)
	truth.Note(c)
	truth.Note(c.seen)
	truth.Note(never)
	for i := 0; i < 4; i++ {
		go wait(i)
	}
	go func() {
		defer func() { recover(); <-never }()
		panic(grow(1, "panic of the plugin"))
	}()
}

func main() {}
