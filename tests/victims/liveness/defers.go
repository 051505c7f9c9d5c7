package main

import "strconv"

// What deferred calls hold until they run.

//go:noinline
func openCoded() {
	l := held("captured by an open-coded defer")
	defer func() { use(l) }()
	park()
}

//go:noinline
func conditional(yes bool) {
	d := dead("captured by a defer that was not reached")
	l := held("captured by a defer that was reached")
	use(d)
	if yes {
		defer func() { use(l) }()
	} else {
		defer func() { use(d) }()
	}
	park()
}

//go:noinline
func deferInLoop(n int) {
	for i := 0; i < n; i++ {
		t := held("captured by a defer in a loop " + strconv.Itoa(i))
		defer func() { use(t) }()
	}
	park()
}

//go:noinline
func deferArguments(n int) {
	for i := 0; i < n; i++ {
		defer use(held("argument of a defer in a loop " + strconv.Itoa(i)))
	}
	defer use(held("argument of a defer"))
	defer (&holder{t: held("receiver of a deferred method")}).byPointer()
	defer method(holder{t: held("receiver of a deferred method of an interface")}).byValue(held("argument of a deferred method"))
	park()
}

// More than eight defers are not open-coded: their records are in the frame.
//
//go:noinline
func deferMany() {
	l := held("captured by one of many defers")
	b := box{p: held("stack object of one of many defers")}
	d := dead("local beside many defers, dead")
	defer func() {}()
	defer func() { use(l) }()
	defer func() { use(same(&b).p) }()
	defer func() {}()
	defer func() {}()
	defer func() {}()
	defer func() {}()
	defer func() {}()
	defer func() {}()
	use(d)
	park()
}

//go:noinline
func hasRun() {
	defer park()
	t := either("captured by an open-coded defer that has run")
	defer func() { use(t) }()
}

//go:noinline
func hasRunInLoop(n int) {
	for i := 0; i < n; i++ {
		if i == 0 {
			defer park()
		} else {
			t := either("captured by a defer in a loop that has run " + strconv.Itoa(i))
			defer func() { use(t) }()
		}
	}
}

//go:noinline
func runs() {
	l := held("captured by a defer that runs")
	defer func() {
		d := dead("local of a deferred call, dead")
		use(l)
		use(d)
		park()
		use(l)
	}()
}

// The defers of outer frames wait while those of inner ones run.
//
//go:noinline
func nested() {
	l := held("captured by a defer of an outer frame")
	defer func() { use(l) }()
	x := held("local after a call whose defers run")
	runs()
	use(x)
}

// A deferred call that defers on its own.
//
//go:noinline
func inDeferred() {
	l := held("captured by the defer around a defer")
	defer func() {
		m := held("captured by a defer in a deferred call")
		defer func() { use(m) }()
		park()
		use(l)
	}()
}

func inDefers() {
	start(openCoded)
	start(func() { conditional(true) })
	start(func() { deferInLoop(3) })
	start(func() { deferArguments(2) })
	start(deferMany)
	start(hasRun)
	start(func() { hasRunInLoop(3) })
	start(runs)
	start(nested)
	start(inDeferred)
}
