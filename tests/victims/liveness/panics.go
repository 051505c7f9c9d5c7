package main

import "runtime"

// Panics in flight and recovered, faults, Goexit: which frames go on, and where.

//go:noinline
func panics() {
	d := dead("local of a function that panicked, dead")
	t := held("value of a panic")
	use(d)
	panic(t)
}

//go:noinline
func parksInPanic() {
	l := held("captured by a defer that waits in a panic")
	defer func() { use(l) }()
	defer park()
	m := either("captured by a defer that ran in a panic")
	defer func() { use(m) }()
	panics()
}

//go:noinline
func outerOfPanic() {
	l := held("captured by an open-coded defer of an outer frame, in a panic")
	defer func() { use(l) }()
	d := dead("local of an outer frame, in a panic, dead")
	x := held("local of an outer frame, in a panic")
	use(d)
	parksInPanic()
	use(x)
}

//go:noinline
func outerLoopOfPanic(n int) {
	for i := 0; i < n; i++ {
		l := held("captured by a defer in a loop of an outer frame, in a panic")
		defer func() { use(l) }()
	}
	outerOfPanic()
}

//go:noinline
func panicsTwice() {
	l := held("captured by a defer around two panics")
	defer func() { use(l) }()
	defer func() {
		m := held("captured by a defer in a deferred call, around the second panic")
		defer func() { use(m) }()
		defer park()
		panic(either("value of a second panic"))
	}()
	panic(either("value of a first panic"))
}

//go:noinline
func panicsAgain() {
	defer park()
	defer func() {
		recover()
		panic(held("value of a panic after a recovered one"))
	}()
	panic(either("value of a panic that was replaced"))
}

//go:noinline
func recovers() (t *thing) {
	l := gone("captured by a defer that recovered")
	defer func() {
		t, _ = recover().(*thing)
		use(l)
	}()
	panic(held("value of a recovered panic, returned"))
}

//go:noinline
func recovered() {
	func() {
		defer func() { recover() }()
		panic(gone("value of a recovered panic"))
	}()
	t := recovers()
	park()
	use(t)
}

// A recovery that goes on in a frame below others with defers.
//
//go:noinline
func recoveredFar() {
	l := held("captured by a defer of the frame that goes on after a recovery")
	defer func() { use(l) }()
	x := held("local of the frame that goes on after a recovery")
	recoversOthers()
	park()
	use(x)
}

//go:noinline
func recoversOthers() {
	defer func() { recover() }()
	deferred()
}

//go:noinline
func deferred() {
	for i := 0; i < 2; i++ {
		t := gone("captured by a defer in a loop of a frame that was left by a panic")
		defer func() { use(t) }()
	}
	t := gone("captured by a defer of a frame that was left by a panic")
	defer func() { use(t) }()
	panic("left")
}

//go:noinline
func recovering() {
	defer func() {
		recover()
		park()
	}()
	panic(either("value of a panic that is being recovered"))
}

//go:noinline
func recoveringUses() {
	defer func() {
		t := recover().(*thing)
		park()
		use(t)
	}()
	panic(held("value of a panic that is being recovered, used"))
}

//go:noinline
func exits() {
	l := held("captured by a defer of a goroutine that exits")
	defer func() {
		park()
		use(l)
	}()
	exitsDeeper()
}

//go:noinline
func exitsDeeper() {
	m := held("captured by a defer that waits, of a goroutine that exits")
	d := dead("local of a function that exits, dead")
	x := held("local of a function that exits, as if it went on")
	use(d)
	defer func() { use(m) }()
	defer park()
	runtime.Goexit()
	use(x)
}

//go:noinline
func none() *thing { return nil }

// After a fault a function goes on at the end of its deferred calls, if it has any.
//
//go:noinline
func faults() {
	d := dead("local of a function that faulted")
	d[1] += none()[0]
	use(d)
}

//go:noinline
func faultsWithDefer() {
	l := held("captured by a defer of a function that faulted")
	d := dead("local of a function with a defer that faulted")
	defer func() {
		park()
		use(l)
	}()
	d[1] += none()[0]
	use(d)
}

//go:noinline
func faultsWithDeferBelow() {
	l := held("captured by a defer below a function that faulted")
	x := held("local below a function that faulted")
	defer func() {
		park()
		use(l)
	}()
	faults()
	use(x)
}

//go:noinline
func faultsWithResult() (r *thing) {
	d := dead("local of a function with a result that faulted")
	r = held("result of a function that faulted")
	defer park()
	d[1] += none()[0]
	use(d)
	return r
}

//go:noinline
func index(n int) {
	var some [4]*thing
	d := dead("local of a function whose index is out of range")
	l := held("captured by a defer of a function whose index is out of range")
	defer func() {
		park()
		use(l)
	}()
	some[n%8] = d
	use(d)
}

func inPanics() {
	start(func() { outerLoopOfPanic(2) })
	start(panicsTwice)
	start(panicsAgain)
	start(recovered)
	start(recoveredFar)
	start(recovering)
	start(recoveringUses)
	start(exits)
	start(faultsWithDefer)
	start(faultsWithDeferBelow)
	start(func() { faultsWithResult() })
	start(func() { index(6) })
}
