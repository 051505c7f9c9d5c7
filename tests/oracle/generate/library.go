package main

import (
	"fmt"
	"strings"
)

// Blocking in what the library, generics and other goroutines call.

// genericCall blocks in a generic function.
func (b *body) genericCall() {
	name, first, second := b.fresh("generic"), b.value(local, 3), b.value(local, 3)
	outer := *b
	b.s, b.scope = new(source), []variable{{"a", nil}, {"p", nil}, {"list", nil}, {"table", nil}}
	if b.oneIn(2) {
		b.s.line("//go:noinline")
	}
	b.s.line("func %s[A, B any](r *random.Rand, a A, p *B, list []B, table map[string]A) (o A) {", name)
	b.genericBody()
	b.s.line("return")
	b.s.line("}")
	b.out.WriteString(b.s.String())
	b.s, b.scope = outer.s, outer.scope

	variable, result := b.fresh("x"), b.fresh("x")
	b.s.line("%s := %s", variable, b.expression(second))
	b.add(variable, second)
	b.s.line("%s := %s[%s, %s](r, %s, &%s, []%s{%s}, map[string]%s{\"k\": %s})", result, name, first.text, second.text,
		b.expression(first), variable, second.text, b.expression(second), first.text, b.expression(first))
	b.add(result, first)
}

var genericVariables = []string{"append(list, *new(B))", "struct { n int8; a A; p *B }{1, a, p}", "[2]A{a}", "any(a)", "make(chan B, 2)", "&a",
	"map[string]B{}", "func() { random.Use(a); random.Look(p) }", "[]*B{p, p}", "q0[A, string]{}", "new(q1[B, int8])",
	"func(b B) A { return a }", "list[:1]", "any(list)"}

func (b *body) genericBody() {
	for i := 1 + b.n(4); i > 0; i-- {
		x := b.fresh("x")
		b.s.line("%s := %s", x, pick(&b.chance, genericVariables))
		b.add(x, nil)
	}
	b.uses(2)
	switch b.n(5) {
	case 0:
		b.s.line("random.Block(r)")
	case 1:
		b.s.line("o = <-make(chan A)")
	case 2:
		b.s.line("make(chan A) <- a")
	case 3:
		b.s.line("c, d := make(chan *B), make(chan map[string]A)")
		b.s.line("select {")
		b.s.line("case c <- p:")
		b.s.line("case table = <-d:")
		b.s.line("}")
	case 4:
		b.s.line("for range make(chan []A) {")
		b.s.line("}")
	}
	b.uses(4)
}

var callbacks = []struct{ before, function, after, end string }{
	{"", "sort.Search(10, func(int) bool {", "return true", "})"},
	{"", "strings.Map(func(c rune) rune {", "return c", "}, \"text\")"},
	{"", "strings.FieldsFunc(\"a text\", func(c rune) bool {", "return c == ' '", "})"},
	{"", "new(sync.Once).Do(func() {", "", "})"},
	{"map%s := new(sync.Map)\nmap%s.Store(1, r)", "map%s.Range(func(k, v any) bool {", "return true", "})"},
	{"", "random.Use((&sync.Pool{New: func() any {", "return r", "}}).Get())"},
	{"list%s := []int{3, 2, 1}", "sort.Slice(list%s, func(i, k int) bool {", "return list%s[i] < list%s[k]", "})"},
}

// callback blocks in a function that the library calls.
func (b *body) callback() {
	c, name := pick(&b.chance, callbacks), b.fresh("")
	text := func(template string) string { return strings.ReplaceAll(template, "%s", name) }
	if c.before != "" {
		for _, line := range strings.Split(text(c.before), "\n") {
			b.s.line("%s", line)
		}
	}
	b.braces(text(c.function), c.end, func() {
		b.blocks()
		if c.after != "" {
			b.s.line("%s", text(c.after))
		}
	})
}

// goroutine blocks in another goroutine, too, which has captured variables. It only looks at them: two must not write.
func (b *body) goroutine() {
	fork := b.fresh("r")
	b.s.line("%s := r.Fork()", fork)
	outer := b.scope
	b.scope = nil
	for _, v := range outer {
		b.scope = append(b.scope, variable{v.name, nil})
	}
	parameters := b.parameters(2)
	if b.oneIn(3) {
		b.braces("time.AfterFunc(0, func() {", "})", func() {
			b.s.line("r := %s", fork)
			b.s.line("_ = r")
			b.blocks()
		})
	} else {
		arguments := fork + comma(strings.TrimPrefix(strings.TrimPrefix(b.arguments(parameters), "r"), ", "))
		b.braces(fmt.Sprintf("go func(r *random.Rand%s) {", comma(names(parameters, fork+"p"))), "}("+arguments+")", func() {
			for i, t := range parameters {
				b.add(fmt.Sprintf("%sp%d", fork, i), t)
			}
			b.blocks()
		})
	}
	b.scope = outer
	b.wait()
}

// made blocks in a function that package reflect made.
func (b *body) made() {
	t, name := b.functionOf(b.theirTypes(), b.parameters(2)), b.fresh("made")
	b.braces(fmt.Sprintf("%s := reflect.MakeFunc(reflect.TypeOf((%s)(nil)), func(in []reflect.Value) (out []reflect.Value) {", name, t.text),
		"})", func() {
			b.add("in", nil)
			b.blocks()
			for _, result := range t.results {
				b.s.line("out = append(out, reflect.Zero(reflect.TypeOf((*%s)(nil)).Elem()))", result.text)
			}
			b.s.line("return")
		})
	arguments := strings.TrimPrefix(strings.TrimPrefix(b.arguments(t.parameters), "r"), ", ")
	b.results(fmt.Sprintf("%s.Interface().(%s)(%s)", name, t.text, arguments), t.results)
}
