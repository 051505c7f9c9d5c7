package main

import (
	"fmt"
	"strings"
)

// method calls a method of a type of its own, in any of the ways to call one.
func (b *body) method() {
	receiver, parameters := b.fresh("w"), b.parameters(2)
	fields := b.theirTypes()
	b.out.line("type %s struct {", receiver)
	for i, t := range fields {
		b.out.line("a%d %s", i, t.text)
	}
	b.out.line("}")
	star := pick(&b.chance, []string{"", "*"})
	outer := *b
	b.s, b.scope = new(source), nil
	if b.oneIn(2) {
		b.s.line("//go:noinline")
	}
	b.s.line("func (w %s%s) Run(r *random.Rand%s) {", star, receiver, comma(names(parameters, "p")))
	b.enter(parameters, nil)
	for i, t := range fields {
		b.scope = append(b.scope, variable{fmt.Sprint("w.a", i), t})
	}
	b.blocks()
	b.s.line("}")
	b.out.WriteString(b.s.String())
	b.s, b.scope, b.depth = outer.s, outer.scope, outer.depth

	name := b.fresh("x")
	values := strings.TrimPrefix(b.arguments(fields), "r, ")
	b.s.line("%s := %s{%s}", name, receiver, values)
	b.add(name, nil)
	b.callMethod(name, receiver, star, b.arguments(parameters), parameters)
}

func (b *body) callMethod(name, receiver, star, arguments string, parameters []*typ) {
	switch b.n(8) {
	case 0:
		b.s.line("%s.Run(%s)", name, arguments)
	case 1:
		b.s.line("f%s := %s.Run", name, name)
		b.s.line("f%s(%s)", name, arguments)
	case 2:
		b.s.line("(*%s).Run(&%s, %s)", receiver, name, arguments)
	case 3:
		b.s.line("func() {")
		b.s.line("defer %s.Run(%s)", name, arguments)
		b.uses(2)
		b.s.line("}()")
	case 4:
		b.s.line("go %s.Run(%s)", name, strings.Replace(arguments, "r", "r.Fork()", 1))
		b.wait()
	case 5: // through the wrapper of a promoted method
		inner := star + receiver
		b.s.line("type e%s struct {", name)
		b.s.line("pad [3]uint32")
		b.s.line("%s", inner)
		b.s.line("}")
		value := name
		if star != "" {
			value = "&" + name
		}
		b.s.line("var i%s any = e%s{%s: %s}", name, name, receiver, value)
		b.s.line("i%s.(interface{ Run(*random.Rand%s) }).Run(%s)", name, comma(list(parameters)), arguments)
	case 6:
		b.s.line("var i%s interface{ Run(*random.Rand%s) } = &%s", name, comma(list(parameters)), name)
		b.s.line("i%s.Run(%s)", name, arguments)
	case 7:
		b.s.line("random.Reflected(r, &%s, \"Run\"%s)", name, comma(strings.TrimPrefix(strings.TrimPrefix(arguments, "r"), ", ")))
	}
}
