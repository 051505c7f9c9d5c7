package main

import (
	"fmt"
	"strings"
)

// around writes what leads to the place where the function blocks: calls, loops, closures, deferred functions.
func (b *body) around() {
	ways := []func(){b.call, b.call, b.recurse, b.closure, b.loop, b.over, b.condition, b.typeSwitch, b.deferred, b.deferred,
		b.method, b.method, b.genericCall, b.callback, b.goroutine, b.made}
	if b.newer {
		ways = append(ways, b.overFunction, b.overFunction, b.overFunction, b.pulled, b.pulled)
	}
	pick(&b.chance, ways)()
}

// arguments returns values for parameters: variables where there are fitting ones.
func (b *body) arguments(types []*typ) string {
	text := "r"
	for _, t := range types {
		argument := ""
		for i := range b.scope {
			if b.scope[i].t == t && b.oneIn(2) {
				argument = b.scope[i].name
			}
		}
		if argument == "" {
			argument = b.expression(t)
		}
		text += ", " + argument
	}
	return text
}

// theirTypes returns types of variables in scope, for parameters, and others.
func (b *body) theirTypes() (types []*typ) {
	for i := 1 + b.n(4); i > 0; i-- {
		if v := b.variable(); v != nil && v.t != nil && v.t.size <= local && b.oneIn(2) {
			types = append(types, v.t)
		} else if v != nil && v.t != nil && b.oneIn(2) {
			types = append(types, b.pointerTo(v.t))
		} else {
			types = append(types, b.value(local, 3))
		}
	}
	return types
}

// results takes the results of a call into variables.
func (b *body) results(call string, types []*typ) {
	var left []string
	for range types {
		left = append(left, b.fresh("x"))
	}
	if len(left) == 0 {
		b.s.line("%s", call)
		return
	}
	b.s.line("%s := %s", strings.Join(left, ", "), call)
	for i, t := range types {
		b.add(left[i], t)
	}
}

func (b *body) call() {
	name, parameters, results := b.fresh("call"), b.theirTypes(), b.parameters(2)
	b.function(name, parameters, results, b.blocks)
	// A pointer to a variable of this frame, where one is wanted.
	text := "r"
	for _, t := range parameters {
		argument := ""
		if t.kind == pointer && !t.named {
			for _, v := range b.scope {
				if v.t == t.elem {
					argument = "&" + v.name
				}
			}
		}
		if argument == "" {
			argument = strings.TrimPrefix(b.arguments([]*typ{t}), "r, ")
		}
		text += ", " + argument
	}
	b.results(fmt.Sprintf("%s(%s)", name, text), results)
}

func (b *body) recurse() {
	name, parameters, results := b.fresh("recurse"), b.theirTypes(), b.parameters(1)
	depth := 2 + b.n(12)
	if b.oneIn(3) {
		depth = 60 + b.n(80)
	}
	count := b.types["int"]
	b.function(name, append([]*typ{count}, parameters...), results, func() {
		b.declare()
		b.braces("if p0 > 0 {", "}", func() {
			call := fmt.Sprintf("%s(r, p0-1%s)", name, comma(strings.TrimPrefix(b.arguments(parameters), "r, ")))
			if len(parameters) == 0 {
				call = fmt.Sprintf("%s(r, p0-1)", name)
			}
			b.results(call, results)
			b.uses(3)
			b.s.line("return")
		})
		b.blocks()
	})
	rest := strings.TrimPrefix(strings.TrimPrefix(b.arguments(parameters), "r"), ", ")
	b.results(fmt.Sprintf("%s(r, %d%s)", name, depth, comma(rest)), results)
}

func (b *body) closure() {
	switch b.n(3) {
	case 0:
		b.braces("func() {", "}()", b.blocks)
	case 1:
		name := b.fresh("f")
		b.braces(name+" := func() {", "}", b.blocks)
		b.s.line("random.Call(%s)", name)
	case 2:
		name := b.fresh("f")
		parameters := b.parameters(2)
		scope := len(b.scope)
		b.s.line("%s := func(%s) {", name, names(parameters, name+"p"))
		for i, t := range parameters {
			b.add(fmt.Sprintf("%sp%d", name, i), t)
		}
		b.blocks()
		b.s.line("}")
		b.scope = b.scope[:scope]
		b.s.line("%s(%s)", name, strings.TrimPrefix(strings.TrimPrefix(b.arguments(parameters), "r"), ", "))
	}
}

func (b *body) loop() {
	list, i, t := b.fresh("list"), b.fresh("i"), b.value(local, 3)
	b.s.line("var %s []%s", list, t.text)
	b.braces(fmt.Sprintf("for %s := 0; ; %s++ {", i, i), "}", func() {
		b.s.line("%s = append(%s, %s)", list, list, b.expression(t))
		b.braces(fmt.Sprintf("if %s > %d {", i, b.n(9)), "}", func() {
			b.blocks()
			b.s.line("break")
		})
	})
}

// over blocks in a loop over something that is not empty.
func (b *body) over() {
	over, i, e := b.fresh("over"), b.fresh("i"), b.fresh("e")
	t := b.value(local, 3)
	key := b.types["int"]
	switch b.n(5) {
	case 0:
		b.s.line("%s := []%s{%s, %s}", over, t.text, b.expression(t), b.expression(t))
	case 1:
		b.s.line("%s := [...]%s{%s, %s, %s}", over, t.text, b.expression(t), b.expression(t), b.expression(t))
	case 2:
		b.s.line("%s := r.Text() + \".\"", over)
		t = b.types["int32"]
	default:
		key = b.key(2)
		b.s.line("var key%s %s", over, key.text)
		b.s.line("%s", b.statement(key, "key"+over, true))
		b.s.line("%s := map[%s]%s{key%s: %s}", over, key.text, t.text, over, b.expression(t))
	}
	b.braces(fmt.Sprintf("for %s, %s := range %s {", i, e, over), "}", func() {
		b.add(i, key)
		b.add(e, t)
		b.blocks()
	})
}

func (b *body) condition() {
	b.s.line("if random.Yes() {")
	scope := len(b.scope)
	b.blocks()
	b.scope = b.scope[:scope]
	b.s.line("} else {")
	b.s.indent++
	b.uses(4)
	b.s.line("}")
}

func (b *body) typeSwitch() {
	name, t, other := b.fresh("x"), b.value(local, 3), b.types["int16"]
	if t == other || t.kind == iface {
		t = b.types["string"]
	}
	b.s.line("switch %s := any(%s).(type) {", name, b.expression(t))
	b.s.line("case %s:", other.text)
	b.s.line("random.Use(%s)", name)
	b.s.line("case %s:", t.text)
	scope := len(b.scope)
	b.add(name, t)
	b.blocks()
	b.scope = b.scope[:scope]
	b.s.line("random.Use(%s)", name)
	b.s.line("default:")
	b.s.line("random.Use(%s)", name)
	b.s.line("}")
}

// deferred blocks in a deferred function: while the frame returns, panics, or the goroutine exits.
func (b *body) deferred() {
	b.braces("func() {", "}()", func() {
		b.moreDeferred()
		b.braces("defer func() {", "}()", func() {
			if b.oneIn(3) {
				name := b.fresh("x")
				b.s.line("%s := recover()", name)
				b.add(name, nil)
			}
			b.blocks()
			b.s.line("random.Block(r)")
		})
		b.moreDeferred()
		b.declare()
		b.uses(2)
		b.end()
	})
}

// moreDeferred defers what is to run before or after what blocks: in a loop, perhaps, with arguments.
func (b *body) moreDeferred() {
	t := b.value(local, 3)
	switch b.n(4) {
	case 0:
		b.s.line("for i := 0; i < %d; i++ {", 1+b.n(20))
		b.s.line("defer func(v %s) {", t.text)
		b.s.line("random.Use(v)")
		b.s.line("}(%s)", b.expression(t))
		b.s.line("}")
	case 1:
		b.braces("if random.Yes() {", "}", func() {
			b.declare()
			b.s.line("defer func() {")
			b.uses(3)
			b.s.line("}()")
		})
	case 2:
		b.s.line("defer random.Use(%s)", b.expression(t))
	}
}

func (b *body) end() {
	switch b.n(7) {
	case 0:
		b.s.line("panic(%s)", b.expression(b.anything))
	case 1:
		b.s.line("panic(random.Value(r, random.FillError))")
	case 2:
		b.s.line("var none *int")
		b.s.line("random.Use(*none)")
	case 3:
		b.s.line("var none map[string]int")
		b.s.line("none[\"\"] = 1")
	case 4:
		b.s.line("var none []int")
		b.s.line("random.Use(none[r.N(5)])")
	case 5:
		b.s.line("runtime.Goexit()")
	}
}
