package main

// Variables of frames: locals, arguments, results.

//go:noinline
func locals() {
	d := dead("local, dead")
	l := held("local")
	use(d)
	park()
	use(l)
}

//go:noinline
func arguments(l, d *thing) {
	use(l)
	use(d)
	park()
	use(l)
}

// A pair is passed on the stack.
type pair [2]*thing

//go:noinline
func stackArguments(l, d pair) {
	use(l[0])
	use(d[0])
	use(d[1])
	park()
	use(l[0])
	use(l[1])
}

//go:noinline
func namedResult() (r *thing) {
	r = held("named result, with a deferred call")
	defer func() { recover() }()
	park()
	return
}

//go:noinline
func makePair(first, second *thing) pair { return pair{first, second} }

//go:noinline
func results() {
	p := makePair(dead("result on the stack, dead"), dead("second result on the stack, dead"))
	use(p[0])
	use(p[1])
	park()
}

//go:noinline
func usedResults() {
	p := makePair(held("result on the stack"), either("result on the stack beside one that is used"))
	park()
	use(p[0])
}

// The caller's own variables, too, are as they are at its call.
//
//go:noinline
func caller() {
	d := dead("local of a caller, dead")
	l := held("local of a caller")
	use(d)
	callee(held("argument of a callee"))
	use(l)
}

//go:noinline
func callee(t *thing) {
	park()
	use(t)
}

type number4 struct{ a, b, c, d uintptr }

// Numbers hold nothing, whatever they look like.
//
//go:noinline
func numbers() {
	n := number4{d: number(dead("number in a local"))}
	park()
	useNumber(n.d)
}

//go:noinline
func loop(n int) {
	var last, previous *thing
	for i := 0; i < n; i++ {
		if i < n-2 {
			previous, last = last, gone("variable of a loop, overwritten")
		} else {
			previous, last = last, held("variable of a loop "+string(rune('0'+i)))
		}
	}
	park()
	use(previous)
	use(last)
}

//go:noinline
func generic[T any](value T, f func(T)) {
	park()
	f(value)
}

type holder struct {
	t *thing
	n uintptr
}

//go:noinline
func (h holder) byValue(d *thing) {
	use(h.t)
	use(d)
	park()
	use(h.t)
}

//go:noinline
func (h *holder) byPointer() {
	park()
	use(h.t)
}

type method interface{ byValue(*thing) }

func inFrames() {
	start(func() { arguments(held("argument"), dead("argument, dead")) })
	start(func() {
		stackArguments(pair{held("argument on the stack"), held("second argument on the stack")},
			pair{dead("argument on the stack, dead"), dead("second argument on the stack, dead")})
	})
	start(func() { namedResult() })
	start(results)
	start(usedResults)
	start(caller)
	start(numbers)
	start(func() { loop(3) })
	start(func() { generic(held("argument of a generic function"), use) })
	start(func() { generic(held("captured"), func(t *thing) { use(t) }) })
	start(func() {
		var m method = holder{held("receiver"), number(gone("number in a receiver"))}
		m.byValue(dead("argument of a method, dead"))
	})
	start(func() {
		f := (&holder{t: held("receiver of a method value")}).byPointer
		f()
	})
	start(func() {
		f := holder{t: held("receiver of a method value, by value")}.byValue
		f(dead("argument of a method value, dead"))
	})
	start(func() {
		var deep func(n int, t *thing)
		deep = func(n int, t *thing) {
			if n == 0 {
				park()
			} else {
				deep(n-1, t)
			}
			if n == 50 {
				use(t)
			}
		}
		deep(100, held("argument of one of many frames"))
	})
}
