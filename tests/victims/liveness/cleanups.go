//go:build go1.24

package main

import "runtime"

// Cleanups: up to 1.24 the goroutine of the finalizers runs them, which is in one already.

func inCleanups() {
	b := &box{}
	cleanup(b)
	runtime.KeepAlive(b)
}

//go:noinline
func cleanup(b *box) {
	runtime.AddCleanup(b, use, held("argument of a cleanup that waits"))
	cleaned = b
}

var cleaned *box

func cleanupJugglers() {
	juggleA(queued, "juggled by cleanups", func(t *thing) *thing {
		c := make(chan *thing)
		runtime.AddCleanup(new(box), func(t *thing) { c <- t }, t)
		return <-c
	})
}
