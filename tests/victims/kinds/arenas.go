//go:build goexperiment.arenas

package main

import (
	"arena"
	"runtime"
	"strings"
	"unsafe"

	"heldby/victims/control"
	"heldby/victims/truth"
)

// User arenas: objects of the program's own in chunks of 8 MB, each of which is one object for the collector. One that is
// full and one that is not, one that another arena goes on with, and one that was never used.
var arenas struct {
	full, some, reused, empty *arena.Arena
	nodes                     []*node
	numbers                   [][]uint64
	structs                   []sparse
	pointers                  []**node
	mixed                     *embedded
	bytes                     []byte
	last                      *node
	clone                     *named
	large                     []*node
	interior                  **node
}

func holdArenas() {
	a := &arenas
	a.full = arena.NewArena()
	for i := 0; i < 300; i++ {
		n := arena.New[node](a.full)
		n.name = strings.Repeat("a", i%40)
		n.next = single(i)
		a.nodes = append(a.nodes, n)
		if i%3 == 0 {
			a.numbers = append(a.numbers, arena.MakeSlice[uint64](a.full, i*10, i*10+5))
		}
		p := arena.New[*node](a.full)
		*p = n
		a.pointers = append(a.pointers, p)
	}
	// More than a chunk takes: the next one begins.
	for i := 0; i < 6; i++ {
		arena.MakeSlice[[4]uint64](a.full, 50000, 50000)
	}
	a.structs = arena.MakeSlice[sparse](a.full, 100, 1000)
	for i := range a.structs {
		a.structs[i].last = single(i)
	}
	a.large = arena.MakeSlice[*node](a.full, 300000, 300000) // more than a quarter of a chunk: an object of the heap
	a.large[299999] = single(1)

	a.some = arena.NewArena()
	a.mixed = arena.New[embedded](a.some)
	a.mixed.tail = &named{"held by an arena", chain(2, "held by an arena")}
	a.mixed.next = chain(3, "held by an arena")
	a.bytes = arena.MakeSlice[byte](a.some, 1001, 1001)
	big := arena.New[[500]sparse](a.some)
	big[250].middle = chain(1, "in the middle of an array")
	a.interior = &big[250].middle
	for i := 0; i < 63; i++ { // to where the bitmap's next word begins, and behind it
		arena.New[*node](a.some)
	}
	a.last = arena.New[node](a.some)
	a.last.next = single(2)

	gone := arena.NewArena()
	for i := 0; i < 100; i++ {
		arena.New[node](gone).next = chain(2, "of an arena that was freed")
	}
	gone.Free()
	a.reused = arena.NewArena() // goes on in the chunk, behind what was freed
	named := arena.New[named](a.reused)
	named.owner = chain(1, "of an arena that goes on in a chunk")
	a.clone = arena.Clone(named)

	for _, p := range []unsafe.Pointer{unsafe.Pointer(a.nodes[0]), unsafe.Pointer(&a.structs[9]), unsafe.Pointer(a.last)} {
		truth.Describe(p, "user arena chunk")
	}
	a.empty = arena.NewArena()
	runtime.KeepAlive(gone)
}

// Pointers into the chunks of an arena that was freed keep them from being used again.
var arenaCommands = []control.Command{{Name: "free-arena", Run: func([]byte) { arenas.full.Free() }}}
