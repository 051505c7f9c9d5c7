package main

import (
	"strconv"
	"unsafe"
)

// Stacks and objects that begin in the arena that the heap has had so far and end in one that it gets now.

const (
	across = 32   // of 4 MB each
	depth  = 3550 // of calls, fills nearly as much
)

type large [1 << 19]*thing

// Far from each other, on pages of the program's data (not its bss) that nothing else is on.
var larges = [across << 12]unsafe.Pointer{across<<12 - 1: unsafe.Pointer(&crossing)}

var crossing int

// crosses counts what lies in the first arena and in the next one.
func crosses(start, end uintptr) {
	const arena = 64 << 20
	first := ^things[0].hidden / arena
	if start/arena == first && (end-1)/arena == first+1 {
		crossing++
	}
}

//go:noinline
func descend(n int, top uintptr) uint64 {
	var frame [128]uint64
	if n == 0 {
		crosses(uintptr(unsafe.Pointer(&frame)), top)
		park()
	} else {
		frame[n%128] = descend(n-1, top)
	}
	return frame[n%128]
}

// A stack moves when it grows: it is large before its addresses are taken.
//
//go:noinline
func above(t *thing) {
	used += deepest(depth)
	var top uint64
	used += descend(depth, uintptr(unsafe.Pointer(&top)))
	use(t)
}

var shift []byte

// growAcross: somebody is in the way, so that what it makes lies elsewhere at each try.
func growAcross(what string, try int) {
	shift = make([]byte, try<<20)
	for i := 0; i < across; i++ {
		name := what + " across arenas, " + strconv.Itoa(i)
		if what == "stack" {
			start(func() { above(held(name)) })
			continue
		}
		l := new(large)
		l[0], l[len(l)-1] = held(name+", first"), held(name+", last")
		larges[i<<12] = unsafe.Pointer(l)
		crosses(uintptr(unsafe.Pointer(l)), uintptr(unsafe.Pointer(l))+unsafe.Sizeof(*l))
	}
	say("across", strconv.Itoa(crossing))
}
