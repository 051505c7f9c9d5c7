//go:build go1.24

package main

import (
	"iter"
	"runtime"
	"sync"
	"unique"
	"weak"
)

var (
	globalWeak   weak.Pointer[large]
	globalCanon  unique.Handle[string]
	globalResume func() (int, bool)
)

var newerExamples = []example{
	{"cleanup", func() {
		c := make(chan int)
		object := &finalized{}
		runtime.AddCleanup(object, func(c chan int) { c <- 1 }, c)
		held(func() { <-c })
		runtime.KeepAlive(object)
	}},
	// The goroutine keeps the object alive; whoever has the weak pointer gets at it.
	{"weak", func() {
		s := &large{}
		globalWeak = weak.Make(s)
		s.mutex.Lock()
		held(func() { s.mutex.Lock(); s.mutex.Unlock() })
		wake(func() { globalWeak.Value().mutex.Unlock() })
	}},
	// Here nobody has the weak pointer either.
	{"weak-lost", func() {
		s := &large{}
		tiny() // up to 1.25 what keeps a weak pointer is a tiny object; this one begins a block, and ends it
		weak.Make(s)
		neighbour = new(sync.Mutex)
		neighbour = nil
		s.mutex.Lock()
		stuck(func() { s.mutex.Lock(); s.mutex.Unlock() })
	}},
	{"coroutine", func() {
		c := make(chan int)
		globalResume, _ = iter.Pull(func(yield func(int) bool) { yield(1); c <- 1 })
		globalResume()
		held(func() { <-c })
		wake(func() { globalResume() })
	}},
}
