package main

import "fmt"

// What only Go 1.24 and later have: cleanups, weak pointers, unique values, atomic pointers, and loops over functions.

func (g *generator) newer(run *source) {
	run.line("r.Loudly()")
	for i := 2 + g.n(5); i > 0; i-- {
		t := g.value(large, 3)
		if t.size == 0 {
			continue
		}
		run.line("r.Budget(%d)", 20+g.n(100))
		run.line("random.%s(r, %s)", pick(&g.chance, []string{"Cleaned", "Weak", "Atomic"}), g.filler(t))
	}
	run.line("random.Unique(r)")
	run.line("r.Quietly()")
	for i := 1 + g.n(3); i > 0; i-- {
		g.park(run, true)
	}
}

// sequence declares a function to range over.
func (b *body) sequence() (name string, t *typ) {
	name, t = b.fresh("sequence"), b.value(local, 3)
	if b.oneIn(2) {
		b.s.line("%s := random.Sequence(r, %s)", name, b.filler(t))
		return name, t
	}
	b.braces(fmt.Sprintf("%s := func(yield func(%s) bool) {", name, t.text), "}", func() {
		b.declare()
		b.s.line("for yield(%s) {", b.expression(t))
		b.uses(2)
		b.s.line("}")
		b.uses(2)
	})
	return name, t
}

// overFunction blocks in a loop over a function; what is deferred there is the outer function's.
func (b *body) overFunction() {
	sequence, t := b.sequence()
	x := b.fresh("x")
	b.braces(fmt.Sprintf("for %s := range %s {", x, sequence), "}", func() {
		b.add(x, t)
		if b.oneIn(2) {
			b.s.line("defer random.Look(&%s)", x)
		}
		b.blocks()
	})
}

// pulled blocks beside a coroutine that has yielded, or in one.
func (b *body) pulled() {
	sequence, t := b.sequence()
	next, stop, x := b.fresh("next"), b.fresh("stop"), b.fresh("x")
	if b.oneIn(2) {
		b.s.line("%s, %s := iter.Pull[%s](%s)", next, stop, t.text, sequence)
		b.s.line("%s, _ := %s()", x, next)
		b.add(x, t)
		b.blocks()
		b.s.line("%s()", stop)
		return
	}
	b.braces(fmt.Sprintf("%s, %s := iter.Pull(func(yield func(%s) bool) {", next, stop, t.text), "})", func() {
		b.blocks()
		b.s.line("yield(%s)", b.expression(t))
	})
	b.s.line("defer %s()", stop)
	b.s.line("%s, _ := %s()", x, next)
	b.add(x, t)
	b.s.line("_ = %s", sequence)
}
