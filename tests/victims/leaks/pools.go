package main

import (
	"bytes"
	"runtime/debug"
	"sync"
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// put puts back 40 buffers, after the last collection, which empties pools that nobody uses. One in ten has had a large page.
//
//go:noinline
func put(usual, large, atMost int) {
	last = func() {
		debug.SetGCPercent(-1) // the next but one would empty it
		for i := 0; i < 40; i++ {
			size := usual
			if i%10 == 0 {
				size = large
			}
			if b := newBuffer(size); b.Cap() <= atMost {
				buffers.Put(b)
			}
		}
	}
}

//go:noinline
func newBuffer(size int) *bytes.Buffer { return bytes.NewBuffer(make([]byte, 0, size)) }

func leakPools()    { put(1000, 5<<20, 1<<30) }
func fixPools()     { put(1000, 5<<20, 64<<10) }
func healthyPools() { put(512<<10, 600<<10, 1<<30) }
