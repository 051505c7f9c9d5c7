package main

import "fmt"

// wait writes statements that block and are never done.
func (b *body) wait() {
	switch b.n(7) {
	case 0:
		b.s.line("random.Block(r)")
	case 1:
		b.receive()
	case 2:
		b.send()
	case 3, 4:
		b.choose()
	case 5:
		b.overChannel()
	case 6:
		b.s.line("if random.Yes() {")
		b.send()
		b.s.line("} else {")
		b.s.indent++
		b.s.line("random.Block(r)")
		b.s.line("}")
	}
}

// channel declares a channel on which nothing is received or sent; others may know it or not. buffer: how many values
// it may hold.
func (b *body) channel(buffer int) (name string, t *typ) {
	name, t = b.fresh("c"), b.value(local, 3)
	if buffer == 0 && b.oneIn(6) {
		b.s.line("var %s chan %s", name, t.text)
		return name, t
	}
	b.s.line("%s := make(chan %s, %d)", name, t.text, buffer)
	if b.oneIn(2) {
		b.s.line("random.Keep(%s)", name)
	}
	return name, t
}

func (b *body) receive() {
	c, t := b.channel(0)
	switch b.n(3) {
	case 0:
		b.s.line("<-%s", c)
	case 1:
		name := b.fresh("x")
		b.s.line("%s := <-%s", name, c)
		b.add(name, t)
	case 2:
		name, ok := b.fresh("x"), b.fresh("ok")
		b.s.line("%s, %s := <-%s", name, ok, c)
		b.add(name, t)
		b.s.line("random.Use(%s)", ok)
	}
}

func (b *body) send() {
	buffer := b.n(4)
	c, t := b.channel(buffer)
	for i := 0; i <= buffer; i++ {
		b.s.line("%s <- %s", c, b.expression(t))
	}
}

func (b *body) choose() {
	type one struct {
		channel string
		t       *typ
	}
	var cases []one
	for i := 1 + b.n(4); i > 0; i-- {
		c, t := b.channel(0)
		cases = append(cases, one{c, t})
	}
	b.s.line("select {")
	for _, c := range cases {
		if b.oneIn(2) {
			name := b.fresh("x")
			b.s.line("case %s := <-%s:", name, c.channel)
			b.s.line("random.Use(%s)", name)
		} else {
			b.s.line("case %s <- %s:", c.channel, b.expression(c.t))
		}
		b.uses(2)
	}
	if b.oneIn(4) {
		b.s.line("case <-time.After(100 * time.Hour):")
	}
	b.s.line("}")
}

func (b *body) overChannel() {
	c, t := b.channel(0)
	name := b.fresh("x")
	b.braces(fmt.Sprintf("for %s := range %s {", name, c), "}", func() {
		b.add(name, t)
		b.uses(2)
	})
}
