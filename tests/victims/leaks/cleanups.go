//go:build go1.24

package main

import "runtime"

func add(number int) { closed += number }

func call(function func()) { function() }

// What the cleanup is called with leads back to the handle, by a way that AddCleanup does not see (1.26 and later look whether the function
// itself has the handle).
//
//go:noinline
func leakCleanups() {
	for i := 0; i < handles; i++ {
		h := &handle{number: i}
		h.onClose = func() { add(h.number) }
		runtime.AddCleanup(h, call, h.onClose)
	}
	collect()
}

//go:noinline
func fixCleanups() {
	for i := 0; i < handles; i++ {
		runtime.AddCleanup(&handle{number: i}, add, i)
	}
	collect()
}

// An end leads to itself, but not what its cleanup is called with; what has the end, until its finalizer has run, was let go a moment ago.
//
//go:noinline
func healthyCleanups() {
	var ends []*end
	for i := 0; i < handles; i++ {
		e := &end{}
		e.other = e
		runtime.AddCleanup(e, add, i)
		owner := &end{other: e}
		runtime.SetFinalizer(owner, (*end).finish)
		ends = append(ends, owner)
	}
	last = func() { ends = nil }
}
