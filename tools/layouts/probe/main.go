// The program whose DWARF the layout tables are read from. The linker describes only the types that a program reaches,
// so it touches every mechanism of the runtime whose structs heldby reads: channels, maps, timers, finalizers, defers,
// panics, memory profiles.
package main

import (
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

type node struct {
	next  *node
	bytes [1 << 12]byte
}

func deferred(m map[string]*node) (err error) {
	defer func() { _ = recover() }()
	for k := range m {
		defer delete(m, k)
	}
	panic("recovered")
}

func main() {
	m := map[string]*node{}
	for _, arg := range append(os.Environ(), os.Args...) {
		m[arg] = &node{}
	}
	object := &node{}
	runtime.SetFinalizer(object, func(n *node) { n.next = nil })
	recent(object)

	tick := time.NewTicker(time.Millisecond)
	done := make(chan *node, 1)
	time.AfterFunc(time.Millisecond, func() { done <- object })
	select {
	case <-tick.C:
	case <-done:
	}
	_ = deferred(m)
	var i interface{} = m
	if e, ok := i.(error); ok {
		println(e.Error())
	}
	_ = pprof.Lookup("heap").WriteTo(os.Stderr, 1)
}
