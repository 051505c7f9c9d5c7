package main

import "runtime"

const handles = 2000

type handle struct {
	number  int
	onClose func()
	buffer  [200]byte
}

func (h *handle) close() { h.onClose() }

var closed int

// What its finalizer calls leads back to the handle.
//
//go:noinline
func leakFinalizers() {
	for i := 0; i < handles; i++ {
		h := &handle{number: i}
		h.onClose = func() { closed += h.number }
		runtime.SetFinalizer(h, (*handle).close)
	}
	collect()
}

//go:noinline
func fixFinalizers() {
	for i := 0; i < handles; i++ {
		h, number := &handle{number: i}, i
		h.onClose = func() { closed += number }
		runtime.SetFinalizer(h, (*handle).close)
	}
	collect()
}

var inUse []*handle

// The same, but somebody has them.
//
//go:noinline
func healthyFinalizers() {
	for i := 0; i < handles; i++ {
		h := &handle{number: i}
		h.onClose = func() { closed += h.number }
		runtime.SetFinalizer(h, (*handle).close)
		inUse = append(inUse, h)
	}
	collect()
}

type end struct {
	other  *end
	buffer [200]byte
}

func (e *end) finish() { closed++ }

// Two ends of a pipe know each other, and each has a finalizer.
//
//go:noinline
func leakRings() {
	for i := 0; i < handles/2; i++ {
		a, b := &end{}, &end{}
		a.other, b.other = b, a
		runtime.SetFinalizer(a, (*end).finish)
		runtime.SetFinalizer(b, (*end).finish)
	}
	collect()
}

// Only one knows the other.
//
//go:noinline
func fixRings() {
	for i := 0; i < handles/2; i++ {
		a, b := &end{}, &end{}
		a.other = b
		runtime.SetFinalizer(a, (*end).finish)
		runtime.SetFinalizer(b, (*end).finish)
	}
	collect()
}

// Long chains, of which each collection takes the first link.
//
//go:noinline
func healthyRings() {
	for i := 0; i < handles/100; i++ {
		var chain *end
		for k := 0; k < 100; k++ {
			chain = &end{other: chain}
			runtime.SetFinalizer(chain, (*end).finish)
		}
	}
	collect()
}

// collect: finalizers run, then what they had dies.
func collect() {
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
}
