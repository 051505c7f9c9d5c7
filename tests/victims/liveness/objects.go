package main

// Variables whose address was taken: they are alive while something that is alive points to them.

type box struct {
	p    *thing
	n    uintptr
	next *box
}

// same hides from the compiler what a pointer points to.
//
//go:noinline
func same(b *box) *box { return b }

//go:noinline
func object() {
	var b box
	b.p = held("stack object")
	b.n = number(dead("number in a stack object"))
	p := same(&b)
	park()
	use(p.p)
}

//go:noinline
func objectDead() {
	var b box
	b.p = dead("stack object, dead")
	p := same(&b)
	use(p.p)
	park()
}

//go:noinline
func objectOverwritten() {
	var b box
	b.p = gone("stack object, overwritten")
	p := same(&b)
	use(p.p)
	p.p = held("stack object, written again")
	park()
	use(p.p)
}

//go:noinline
func objectNamed() {
	var b box
	b.p = held("stack object, by its name")
	same(&b)
	park()
	use(same(&b).p)
}

//go:noinline
func objectByObject() {
	var inner, outer, deadInner, deadOuter box
	inner.p = held("stack object, by another one")
	outer.next = same(&inner)
	deadInner.p = dead("stack object, by a dead one")
	deadOuter.next = same(&deadInner)
	deadInner.next = same(&deadOuter)
	p, d := same(&outer), same(&deadOuter)
	use(d.next.p)
	park()
	use(p.next.p)
}

// The object is in the caller's frame, the pointer to it in the callee's.
//
//go:noinline
func objectOfCaller() {
	var b, d box
	b.p = held("stack object of a caller")
	d.p = dead("stack object of a caller, dead")
	use(same(&d).p)
	objectArgument(same(&b))
}

//go:noinline
func objectArgument(b *box) {
	park()
	use(b.p)
}

// A pointer into the middle holds the whole object.
//
//go:noinline
func objectInside() {
	var all [4]box
	all[1].p = held("stack object, by a pointer into its middle")
	all[3].p = held("stack object, by a pointer into its middle, behind it")
	p := same(&all[2])
	all[0].p = held("stack object, by a pointer into its middle, before it")
	park()
	useNumber(p.n)
}

func run(f func()) {
	park()
	f()
}

//go:noinline
func captured() {
	t := held("captured by reference")
	run(func() {
		use(t)
		t = nil
	})
}

//go:noinline
func inInterface() {
	b := box{p: held("value of an interface")}
	var v interface{} = same(&b)
	park()
	use(v.(*box).p)
}

//go:noinline
func slices() {
	var all, old [8]*thing
	all[5] = held("element of a slice")
	old[5] = dead("element of a slice, dead")
	s, d := part(all[:]), part(old[:])
	use(d[1])
	park()
	use(s[1])
}

//go:noinline
func part(s []*thing) []*thing { return s[4:6] }

func inObjects() {
	start(object)
	start(objectDead)
	start(objectOverwritten)
	start(objectNamed)
	start(objectByObject)
	start(objectOfCaller)
	start(objectInside)
	start(captured)
	start(inInterface)
	start(slices)
}
