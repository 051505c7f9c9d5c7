package main

import "fmt"

// Goroutines that block for ever, in functions of chance: with variables that are needed afterwards and ones that are not,
// in registers' homes, as stack objects, captured, as arguments and results, in frames below others.

// body is a function that is being written. r, a *random.Rand, is always in scope.
type body struct {
	*generator
	s     *source
	scope []variable
	depth int  // how many more calls, loops and the like may be around the place where it blocks
	newer bool // what releases before 1.24 lack may be used
}

type variable struct {
	name string
	t    *typ // nil: something that only Use and Look may have
}

const (
	local       = 256  // bytes of most variables
	largeFrames = 4096 // and of some
)

// park writes a function that blocks and the statement that starts it as a goroutine.
func (g *generator) park(run *source, newer bool) {
	name := g.fresh("park")
	b := &body{generator: g, s: new(source), depth: 1 + g.n(4), newer: newer}
	parameters := b.parameters(3)
	b.function(name, parameters, nil, func() {
		b.blocks()
		if !b.oneIn(4) {
			b.s.line("random.Block(r)") // in case that it did not, as a loop or a switch was left out
		}
	})
	args := "r.Fork()"
	for _, p := range parameters {
		args += ", " + g.expression(p)
	}
	run.line("go %s(%s)", name, args)
}

func (b *body) parameters(most int) (types []*typ) {
	for i := b.n(most + 1); i > 0; i-- {
		types = append(types, b.value(local, 3))
	}
	return types
}

// function writes a function of its own, with the parameters and results in scope; the one that is being written is the
// same afterwards. Names of parameters: "p0 int, p1 *t2".
func (b *body) function(name string, parameters, results []*typ, content func()) {
	outer := *b
	b.s, b.scope = new(source), nil
	if b.oneIn(2) {
		b.s.line("//go:noinline")
	}
	b.s.line("func %s(r *random.Rand%s) (%s) {", name, comma(names(parameters, "p")), names(results, "o"))
	b.enter(parameters, results)
	content()
	b.s.line("return")
	b.s.line("}")
	b.out.WriteString(b.s.String())
	b.s, b.scope, b.depth = outer.s, outer.scope, outer.depth
}

func comma(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}

func (b *body) enter(parameters, results []*typ) {
	for i, t := range parameters {
		b.scope = append(b.scope, variable{fmt.Sprint("p", i), t})
	}
	for i, t := range results {
		b.scope = append(b.scope, variable{fmt.Sprint("o", i), t})
	}
}

// braces writes what content writes between what opens and what closes a block of statements, in a scope of its own.
func (b *body) braces(open, end string, content func()) {
	scope := len(b.scope)
	b.s.line("%s", open)
	content()
	b.s.line("%s", end)
	b.scope = b.scope[:scope]
}

// --- Variables ---

func (b *body) add(name string, t *typ) {
	b.scope = append(b.scope, variable{name, t})
	b.s.line("_ = %s", name)
}

// type of a variable: mostly small.
func (b *body) localType() *typ {
	if b.oneIn(10) {
		return b.value(largeFrames, 3)
	}
	return b.value(local, 3)
}

func (b *body) declare() {
	name, t := b.fresh("x"), b.localType()
	switch b.n(10) {
	case 0, 1, 2:
		b.s.line("%s := %s", name, b.expression(t))
		b.add(name, t)
	case 3, 4:
		b.s.line("var %s %s", name, t.text)
		b.s.line("%s", b.statement(t, name, false))
		b.add(name, t)
	case 5: // does not escape: the object is on the stack
		b.s.line("%s := new(%s)", name, t.text)
		b.s.line("%s", b.statement(t, "(*"+name+")", false))
		b.add(name, b.pointerTo(t))
	case 6:
		n := 1 + b.n(5)
		b.s.line("%s := make([]%s, %d)", name, t.text, n)
		b.s.line("%s", b.statement(t, fmt.Sprintf("%s[%d]", name, b.n(n)), false))
		b.add(name, b.sliceOf(t))
	case 7:
		b.declareMap(name)
	case 8:
		b.declareClosure(name)
	case 9:
		b.declarePointer(name)
	}
}

func (b *body) declareMap(name string) {
	t := b.mapOf(b.key(2), b.value(local, 2))
	b.s.line("%s := %s{}", name, t.text)
	for i := b.n(4); i > 0; i-- {
		key := b.fresh("k")
		b.s.line("var %s %s", key, t.key.text)
		b.s.line("%s", b.statement(t.key, key, true))
		b.s.line("%s[%s] = %s", name, key, b.expression(t.elem))
	}
	b.add(name, t)
}

func (b *body) declareClosure(name string) {
	b.braces(name+" := func() {", "}", func() { b.uses(3) })
	b.add(name, nil)
	if b.oneIn(2) {
		b.s.line("random.Call(%s)", name)
	}
}

// declarePointer points at or into another variable.
func (b *body) declarePointer(name string) {
	v := b.variable()
	switch {
	case v == nil || v.t == nil:
		b.s.line("%s := new(any)", name)
	case v.t.kind == array && v.t.length > 0 && b.oneIn(2):
		b.s.line("%s := &%s[%d]", name, v.name, b.n(int(v.t.length)))
	case v.t.kind == array && b.oneIn(2):
		b.s.line("%s := %s[:]", name, v.name)
	case v.t.kind == structure && len(v.t.fields) > 0 && b.oneIn(2):
		f := pick(&b.chance, v.t.fields)
		if f.name == "_" {
			b.s.line("%s := &%s", name, v.name)
		} else {
			b.s.line("%s := &%s.%s", name, v.name, f.name)
		}
	default:
		b.s.line("%s := &%s", name, v.name)
	}
	b.add(name, nil)
}

func (b *body) variable() *variable {
	if len(b.scope) == 0 {
		return nil
	}
	return &b.scope[b.n(len(b.scope))]
}

// uses writes up to n uses of variables: by value, by address, only perhaps, or another value.
func (b *body) uses(n int) {
	for i := b.n(n + 1); i > 0; i-- {
		v := b.variable()
		if v == nil {
			return
		}
		switch b.n(8) {
		case 0, 1, 2:
			b.s.line("random.Use(%s)", v.name)
		case 3, 4:
			b.s.line("random.Look(&%s)", v.name)
		case 5:
			b.s.line("if random.Yes() {")
			b.s.line("random.Use(%s)", v.name)
			b.s.line("}")
		case 6:
			if v.t != nil && v.t.kind != library {
				b.s.line("%s = %s", v.name, b.expression(v.t))
			}
		case 7:
			if v.t != nil && v.t.kind != library {
				b.s.line("if random.Yes() {")
				b.s.line("%s", b.statement(v.t, v.name, false))
				b.s.line("}")
			}
		}
	}
}

// blocks writes variables, uses, the place where it blocks, and what is needed after that.
func (b *body) blocks() {
	scope := len(b.scope)
	for i := 1 + b.n(3); i > 0; i-- {
		b.declare()
		b.uses(1)
	}
	if b.depth--; b.depth > 0 {
		b.around()
	} else {
		b.wait()
	}
	b.depth++
	b.uses(4)
	b.scope = b.scope[:scope]
}
