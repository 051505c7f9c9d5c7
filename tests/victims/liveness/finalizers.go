package main

import "runtime"

// The goroutine that runs finalizers: in the middle of one.

//go:noinline
func inFinalizers() {
	parked.Add(1)
	finalized()
	for done := false; !done; {
		runtime.GC()
		done = finalizing
	}
	parked.Wait()
	inCleanups()
}

var finalizing bool

//go:noinline
func finalized() {
	b := &box{p: either("reached by the argument of a finalizer that runs")}
	c := &box{p: held("captured by a finalizer that runs")}
	runtime.SetFinalizer(b, func(b *box) {
		d := dead("local of a finalizer, dead")
		l := held("local of a finalizer")
		finalizing = true
		use(d)
		park()
		use(l)
		use(c.p)
	})
}
