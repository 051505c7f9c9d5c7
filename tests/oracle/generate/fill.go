package main

import "fmt"

// Functions that put a value of chance, which depends on the seed, where one is wanted: fillN(r, &place). What they note
// stays alive as long as the place: nothing that they note may be overwritten or left out.

// fillName returns the name of the function that fills values of a type; key: with what can be hashed.
func (g *generator) fillName(t *typ, key bool) string {
	which := 0
	if key && t.dynamic {
		which = 1
	}
	if t.fill[which] == "" {
		t.fill[which] = g.fresh("fill")
		g.unwritten = append(g.unwritten, unwritten{t, which == 1})
	}
	return t.fill[which]
}

// filler returns a function that fills values of a type, whatever type it is.
func (g *generator) filler(t *typ) string {
	if t.kind == library {
		return t.literal
	}
	return g.fillName(t, false)
}

// statement fills a place, which can be addressed.
func (g *generator) statement(t *typ, place string, key bool) string {
	switch t.kind {
	case basic:
		return place + " = " + t.literal
	case library:
		return fmt.Sprintf("%s(r, &%s)", t.literal, place)
	default:
		return fmt.Sprintf("%s(r, &%s)", g.fillName(t, key), place)
	}
}

// expression makes a value.
func (g *generator) expression(t *typ) string {
	if t.kind == basic {
		return t.literal
	}
	return fmt.Sprintf("random.Value(r, %s)", g.filler(t))
}

func (g *generator) writeFills() {
	for len(g.unwritten) > 0 {
		next := g.unwritten[0]
		g.unwritten = g.unwritten[1:]
		g.writeFill(next.t, next.key)
	}
}

func (g *generator) writeFill(t *typ, key bool) {
	name := t.fill[0]
	if key {
		name = t.fill[1]
	}
	seen := g.shared(t)
	g.out.line("func %s(r *random.Rand, v *%s) {", name, t.text)
	switch t.kind {
	case basic:
		g.out.line("*v = %s", t.literal)
	case structure:
		for _, f := range t.fields {
			if f.name != "_" {
				g.out.line("%s", g.statement(f.t, "v."+f.name, key))
			}
		}
	case array:
		if t.length > 0 {
			g.out.line("for i := r.Step(%d) - 1; i < %d; i += r.Step(%d) {", t.length, t.length, t.length)
			g.out.line("%s", g.statement(t.elem, "(*v)[i]", key))
			g.out.line("}")
		}
	default:
		g.out.line("if !r.Enter() {")
		g.out.line("return")
		g.out.line("}")
		g.writeObject(t, key, seen)
		g.out.line("r.Leave()")
	}
	g.out.line("}")
}

// writeObject fills what leads to an object of its own.
func (g *generator) writeObject(t *typ, key bool, seen string) {
	switch t.kind {
	case pointer:
		g.writePointer(t, seen)
	case slice:
		g.writeSlice(t)
	case mapping:
		g.writeMap(t)
	case channel:
		g.writeChannel(t)
	case function:
		g.writeFunction(t)
	case iface:
		g.writeInterface(t, key)
	}
}

// shared declares the variable that holds some value of a type for others to share, for half of the types.
func (g *generator) shared(t *typ) string {
	if t.kind != pointer || !t.elem.named || t.elem.size == 0 || g.oneIn(2) {
		return ""
	}
	name := g.fresh("seen")
	g.out.line("var %s *%s", name, t.elem.text)
	return name
}

func (g *generator) writePointer(t *typ, seen string) {
	elem := t.elem
	if seen != "" {
		g.out.line("if %s != nil && r.Chance(4) {", seen)
		g.out.line("*v = %s", seen)
		g.out.line("r.Leave()")
		g.out.line("return")
		g.out.line("}")
	}
	g.out.line("switch r.N(8) {")
	if holder, path := g.holderOf(elem); holder != nil {
		g.out.line("case 0:")
		g.out.line("holder := new(%s)", holder.text)
		g.out.line("%s", g.statement(holder, "(*holder)", false))
		g.out.line("*v = &holder.%s", path)
	}
	g.out.line("case 1:")
	g.out.line("list := make([]%s, 1+r.N(9))", elem.text)
	g.out.line("at := r.N(len(list))")
	g.out.line("%s", g.statement(elem, "list[at]", false))
	g.out.line("*v = &list[at]")
	g.out.line("default:")
	g.out.line("p := new(%s)", elem.text)
	g.out.line("*v = p")
	if elem.size > 0 {
		g.out.line("r.Note(p)")
		if elem.size > 4096 {
			g.out.line("r.Spend(%d)", elem.size)
		}
		if seen != "" {
			g.out.line("if r.Loud() {")
			g.out.line("%s = p", seen)
			g.out.line("}")
		}
		if g.oneIn(3) {
			g.out.line("if r.Chance(10) {")
			g.out.line("random.Finalized(r, p)")
			g.out.line("}")
		}
	}
	g.out.line("%s", g.statement(elem, "(*p)", false))
	g.out.line("}")
}

// holderOf returns a struct that has a value of the type, and where: for pointers into the middle of an object.
func (g *generator) holderOf(t *typ) (holder *typ, path string) {
	n := 0
	for _, other := range g.all {
		if other.kind != structure || !other.complete {
			continue
		}
		for _, f := range other.fields {
			if f.t == t && f.name != "_" {
				n++
				if g.oneIn(n) {
					holder, path = other, f.name
				}
			}
		}
	}
	return holder, path
}

func (g *generator) writeSlice(t *typ) {
	elem := t.elem
	if g.oneIn(3) {
		g.out.line("if r.Chance(3) {")
		g.out.line("for i := r.Length(%d) %% 20; i > 0; i-- {", elem.size)
		g.out.line("var e %s", elem.text)
		g.out.line("%s", g.statement(elem, "e", false))
		g.out.line("*v = append(*v, e)")
		g.out.line("}")
		g.out.line("r.Leave()")
		g.out.line("return")
		g.out.line("}")
	}
	g.out.line("n := r.Length(%d)", elem.size)
	g.out.line("list := make([]%s, n, n+r.N(3))", elem.text)
	if elem.size > 0 {
		g.out.line("r.Note(list)")
	}
	g.out.line("for i := r.Step(n) - 1; i < n; i += r.Step(n) {")
	g.out.line("%s", g.statement(elem, "list[i]", false))
	g.out.line("}")
	g.out.line("*v = list")
	g.out.line("if n > 0 && r.Chance(4) {")
	g.out.line("at := r.N(n)")
	if g.oneIn(2) {
		g.out.line("*v = list[at : at+r.N(n-at+1)]")
	} else {
		g.out.line("*v = list[at : at+r.N(n-at) : n]")
	}
	g.out.line("}")
}

func (g *generator) writeMap(t *typ) {
	g.out.line("n := r.Entries()%%%d", 1+200000/(t.key.size+t.elem.size+1))
	if g.oneIn(2) {
		g.out.line("m := make(%s)", t.text)
	} else {
		g.out.line("m := make(%s, r.N(n+1))", t.text)
	}
	g.out.line("r.Note(m)")
	// What is put in before the last round is taken out again, most of it.
	g.out.line("for round := r.N(3) / 2; round >= 0; round-- {")
	g.out.line("for i := 0; i < n; i++ {")
	g.out.line("var k %s", t.key.text)
	g.out.line("var e %s", t.elem.text)
	g.out.line("r.Quietly()")
	g.out.line("%s", g.statement(t.key, "k", true))
	g.out.line("if round == 0 {")
	g.out.line("r.Loudly()")
	g.out.line("}")
	g.out.line("if _, has := m[k]; !has {")
	g.out.line("%s", g.statement(t.elem, "e", false))
	g.out.line("m[k] = e")
	g.out.line("}")
	g.out.line("if round > 0 {")
	g.out.line("r.Loudly()")
	g.out.line("}")
	g.out.line("}")
	g.out.line("for k := range m {")
	g.out.line("if round > 0 && !r.Chance(5) {")
	g.out.line("delete(m, k)")
	g.out.line("}")
	g.out.line("}")
	g.out.line("}")
	g.out.line("*v = m")
}

func (g *generator) writeChannel(t *typ) {
	g.out.line("c := make(chan %s, r.N(9))", t.elem.text)
	g.out.line("r.Note(c)")
	send := func() {
		g.out.line("for i := r.N(cap(c) + 1); i > 0; i-- {")
		g.out.line("var e %s", t.elem.text)
		g.out.line("%s", g.statement(t.elem, "e", false))
		g.out.line("c <- e")
		g.out.line("}")
	}
	g.out.line("r.Quietly()")
	send()
	g.out.line("for len(c) > 0 {") // so that the next are somewhere in the ring
	g.out.line("<-c")
	g.out.line("}")
	g.out.line("r.Loudly()")
	send()
	g.out.line("*v = c")
	if g.oneIn(4) {
		g.out.line("if r.Chance(3) {")
		g.out.line("close(c)")
		g.out.line("}")
	}
}

// writeFunction makes a function value: nothing captured, values, variables, a receiver.
func (g *generator) writeFunction(t *typ) {
	literal := func(prefix string) string { return "func" + g.header(t, prefix) }
	g.out.line("switch r.N(4) {")
	g.out.line("case 0:")
	g.out.line("*v = %s {", literal("a"))
	g.out.line("return")
	g.out.line("}")
	g.out.line("case 1:")
	var captured []string
	for i := 1 + g.n(4); i > 0; i-- {
		name := g.fresh("c")
		g.out.line("%s := %s", name, g.expression(g.value(small, 3)))
		captured = append(captured, name)
	}
	g.out.line("*v = %s {", literal("b"))
	for _, name := range captured {
		g.out.line("random.Use(%s)", name)
	}
	g.out.line("return")
	g.out.line("}")
	g.out.line("case 2:")
	inner := g.value(small, 3)
	g.out.line("var variable %s", inner.text)
	g.out.line("%s", g.statement(inner, "variable", false))
	g.out.line("*v = %s {", literal("d"))
	g.out.line("random.Look(&variable)")
	g.out.line("return")
	g.out.line("}")
	if holder, m := g.methodOf(t); holder != nil {
		g.out.line("case 3:")
		g.out.line("receiver := new(%s)", holder.text)
		g.out.line("%s", g.statement(holder, "(*receiver)", false))
		if holder.kind == iface || holder.kind == pointer {
			g.out.line("if *receiver != nil {")
			g.out.line("*v = (*receiver).%s", m.name)
			g.out.line("}")
		} else {
			g.out.line("*v = receiver.%s", m.name)
		}
	}
	g.out.line("}")
}

// methodOf returns a method with a signature, and a type that has it.
func (g *generator) methodOf(t *typ) (holder *typ, m *method) {
	n := 0
	for _, other := range g.all {
		for _, its := range other.methods {
			if its.t.text == signature(t.parameters, t.results) {
				n++
				if g.oneIn(n) {
					holder, m = other, its
				}
			}
		}
	}
	return holder, m
}

func (g *generator) writeInterface(t *typ, key bool) {
	candidates := g.holders[t.text]
	if t == g.anything {
		candidates = g.anyTypes(key)
	}
	g.out.line("switch r.N(%d) {", max(len(candidates)+1, 3))
	for i, c := range candidates {
		if key && !c.hashable {
			continue
		}
		g.out.line("case %d:", i)
		if key && c.dynamic {
			g.out.line("*v = random.Value(r, %s)", g.fillName(c, true))
		} else {
			g.out.line("*v = %s", g.expression(c))
		}
	}
	if t == g.anything && !key {
		g.out.line("case %d:", len(candidates))
		g.out.line("*v = random.Made(r, random.Of(%s), random.Of(%s))", g.filler(g.value(small, 3)), g.filler(g.value(small, 3)))
	}
	g.out.line("}")
}

// anyTypes chooses what an any may hold.
func (g *generator) anyTypes(key bool) (list []*typ) {
	for len(list) < 10 {
		t := g.value(small, 3)
		if t.kind == iface || key && !t.hashable {
			continue
		}
		list = append(list, t)
	}
	return list
}
