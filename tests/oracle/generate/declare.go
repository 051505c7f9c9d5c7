package main

import (
	"fmt"
	"strings"
)

// Declared types: interfaces and methods, generic ones, and the program's own, which may refer to each other.

func (g *generator) declareMethods() {
	for i := 0; i < 5; i++ {
		var parameters, results []*typ
		for k := g.n(3); k > 0; k-- {
			parameters = append(parameters, pick(&g.chance, g.basics))
		}
		for k := g.n(2); k > 0; k-- {
			results = append(results, pick(&g.chance, g.basics))
		}
		g.methods = append(g.methods, &method{fmt.Sprintf("M%d", i), g.functionOf(parameters, results)})
	}
	g.interfaces = []*typ{g.anything, g.anything}
	for i := 0; i < 3; i++ {
		t := g.declare(typ{kind: iface, text: fmt.Sprintf("i%d", i), size: 16, align: 8, hashable: true, dynamic: true,
			complete: true})
		var text []string
		for k, m := range g.methods {
			if k == i || g.oneIn(4) {
				t.methods = append(t.methods, m)
				text = append(text, m.name+strings.TrimPrefix(m.t.text, "func"))
			}
		}
		g.out.line("type %s interface { %s }", t.text, strings.Join(text, "; "))
		g.interfaces = append(g.interfaces, t)
	}
}

func (g *generator) declare(t typ) *typ {
	t.named = true
	g.types[t.text] = &t
	g.all = append(g.all, &t)
	return &t
}

// generic is a struct with type parameters A and B; B may be the key of a map.
type generic struct {
	name   string
	fields []genericField
}

type genericField struct {
	name string
	of   func(g *generator, self, a, b *typ) *typ
}

var genericFields = []func(g *generator, self, a, b *typ) *typ{
	func(g *generator, self, a, b *typ) *typ { return a },
	func(g *generator, self, a, b *typ) *typ { return b },
	func(g *generator, self, a, b *typ) *typ { return g.pointerTo(a) },
	func(g *generator, self, a, b *typ) *typ { return g.pointerTo(self) },
	func(g *generator, self, a, b *typ) *typ { return g.sliceOf(b) },
	func(g *generator, self, a, b *typ) *typ { return g.sliceOf(self) },
	func(g *generator, self, a, b *typ) *typ { return g.arrayOf(3, a) },
	func(g *generator, self, a, b *typ) *typ { return g.mapOf(b, a) },
	func(g *generator, self, a, b *typ) *typ { return g.mapOf(b, g.pointerTo(self)) },
	func(g *generator, self, a, b *typ) *typ { return g.chanOf(a) },
	func(g *generator, self, a, b *typ) *typ { return g.functionOf([]*typ{a}, []*typ{b}) },
	func(g *generator, self, a, b *typ) *typ { return g.anything },
	func(g *generator, self, a, b *typ) *typ { return g.types["uint32"] },
}

func (g *generator) declareGenerics() {
	for i := 0; i < 3; i++ {
		one := &generic{name: fmt.Sprintf("q%d", i)}
		a, b := &typ{text: "A", size: 8, align: 8}, &typ{text: "B", size: 8, align: 8}
		self := &typ{text: one.name + "[A, B]"}
		// Composite types of parameters are no types of the program: a generator that is thrown away keeps them.
		other := &generator{types: map[string]*typ{}}
		for text, t := range g.types {
			other.types[text] = t
		}
		other.anything = g.anything
		g.out.line("type %s[A any, B comparable] struct {", one.name)
		for k := 0; k < 2+g.n(5); k++ {
			f := genericField{fmt.Sprintf("f%d", k), pick(&g.chance, genericFields)}
			one.fields = append(one.fields, f)
			g.out.line("%s %s", f.name, f.of(other, self, a, b).text)
		}
		g.out.line("}")
		g.generics = append(g.generics, one)
	}
}

// instance returns a generic type with arguments.
func (g *generator) instance(limit int64, depth int) *typ {
	one := pick(&g.chance, g.generics)
	a, b := g.value(limit/8, depth), g.value(limit/8, depth)
	if !b.hashable || b.dynamic { // before Go 1.20 interfaces are not comparable
		b = g.types["string"]
	}
	text := fmt.Sprintf("%s[%s, %s]", one.name, a.text, b.text)
	if old := g.types[text]; old != nil {
		if old.complete && old.size <= limit {
			return old
		}
		return g.types["uint8"]
	}
	t := g.declare(typ{kind: structure, text: text})
	for _, f := range one.fields {
		t.fields = append(t.fields, field{name: f.name, t: f.of(g, t, a, b)})
	}
	t.layOut()
	if t.size > limit {
		return g.types["uint8"]
	}
	return t
}

// declareTypes makes the program's own types: first their names, so that they can point at each other in any order.
func (g *generator) declareTypes() {
	for i, n := 0, 6+g.n(8); i < n; i++ {
		g.declared = append(g.declared, g.declare(typ{text: fmt.Sprintf("t%d", i), kind: structure}))
	}
	for _, t := range g.declared {
		if g.oneIn(4) {
			g.declareOther(t)
		} else {
			limit := int64(small)
			if g.oneIn(5) {
				limit = large
			}
			t.fields = g.someFields(limit, 4, 1+g.n(9))
			t.layOut()
			g.declareStruct(t)
		}
		g.declareTheirMethods(t)
	}
}

func (g *generator) declareStruct(t *typ) {
	g.out.line("type %s struct {", t.text)
	for _, f := range t.fields {
		g.out.line("%s", f.text())
	}
	g.out.line("}")
}

// declareOther makes it a type that is no struct.
func (g *generator) declareOther(t *typ) {
	of := g.sliceOf(g.target(2))
	switch g.n(6) {
	case 0:
		of = g.mapOf(g.key(2), g.value(small, 3))
	case 1:
		of = g.someArray(small, 2)
	case 2:
		of = g.signature(2)
	case 3:
		of = g.chanOf(g.value(small, 2))
	case 4:
		of = pick(&g.chance, g.basics)
	}
	text := t.text
	*t = *of
	t.text, t.named, t.complete = text, true, true
	t.fill = [2]string{}
	if t.kind == basic {
		t.literal = text + "(" + of.literal + ")"
		if of.text == "bool" || of.text == "complex128" || of.text == "string" {
			t.literal = text + "(" + of.literal + ")"
		}
	}
	g.out.line("type %s %s", text, of.text)
}

// declareTheirMethods gives a type methods, some of them its pointer's, and lets interfaces hold it.
func (g *generator) declareTheirMethods(t *typ) {
	byPointer := g.oneIn(2)
	for i, m := range g.methods {
		if g.oneIn(3) {
			continue
		}
		t.methods = append(t.methods, m)
		receiver := "v " + t.text
		if byPointer {
			receiver = "v *" + t.text
		}
		if g.oneIn(2) {
			g.out.line("//go:noinline")
		}
		g.out.line("func (%s) %s%s {", receiver, m.name, g.header(m.t, fmt.Sprint("p", i)))
		if byPointer {
			g.out.line("random.Look(v)")
		} else {
			g.out.line("random.Use(v)")
		}
		g.out.line("return")
		g.out.line("}")
	}
	holder := t
	if byPointer {
		holder = g.pointerTo(t)
		holder.methods = t.methods
		t.methods = nil
	}
	for _, i := range g.interfaces {
		if i != g.anything && hasAll(holder, i) {
			g.holders[i.text] = append(g.holders[i.text], holder)
		}
	}
}

func hasAll(t, i *typ) bool {
	for _, m := range i.methods {
		found := false
		for _, has := range t.methods {
			found = found || has == m
		}
		if !found {
			return false
		}
	}
	return true
}

// header writes parameters and results, all of which have names: "(p0 t1, p1 int) (o0 *t2)".
func (g *generator) header(t *typ, prefix string) string {
	return "(" + names(t.parameters, prefix+"x") + ") (" + names(t.results, prefix+"y") + ")"
}

func names(types []*typ, prefix string) string {
	texts := make([]string, len(types))
	for i, t := range types {
		texts[i] = fmt.Sprintf("%s%d %s", prefix, i, t.text)
	}
	return strings.Join(texts, ", ")
}
