//go:build go1.19

package main

import "sync/atomic"

type inAtomic struct{ p *inAtomic }

func since119() {
	var a atomic.Pointer[inAtomic]
	a.Store(&inAtomic{&inAtomic{}})
	hold(&a)
	want(2, "main.inAtomic")
	want(1, "atomic.Pointer[main.inAtomic]")
}
