package main

import "fmt"

type bigKey struct {
	text string
	pad  [140]byte
}
type bigElem struct {
	owner *node
	pad   [20]uint64
}
type pairKey struct {
	name string
	n    int32
}

// Every shape of a map: empty, one group, one table, a directory of tables; keys and elements with and without
// pointers, and ones above 128 bytes, which are kept behind a pointer.
var maps struct {
	null       map[string]int
	empty      map[string]*node
	one        map[string]*node
	group      map[int]int
	groupPtr   map[string]*node
	table      map[string]int
	tablePtr   map[int]*node
	directory  map[int]int
	dirPtr     map[string]*node
	dirStruct  map[pairKey]sparse
	dirNone    map[[2]uint64][3]uint32
	bigKeys    map[bigKey]int
	bigElems   map[int]bigElem
	bothBig    map[bigKey]bigElem
	set        map[string]struct{}
	ifaceKeys  map[any]any
	ofMaps     map[string]map[int]*node
	ofSlices   map[uint32][]*node
	ofFuncs    map[string]func() int
	ofChans    map[byte]chan *node
	floats     map[float64]bool
	deleted    map[int]*node
	emptied    map[int]*node
	pointers   map[*node]*node
	local      []map[int]int
	arrayElems map[int][30]*node
}

func fill[K comparable, V any](n int, key func(int) K, value func(int) V) map[K]V {
	m := make(map[K]V)
	for i := 0; i < n; i++ {
		m[key(i)] = value(i)
	}
	note(m)
	return m
}

func number(i int) int     { return i }
func text(i int) string    { return fmt.Sprint("key ", i) }
func single(i int) *node   { return &node{id: int64(i), name: "map"} }
func wide(i int) bigKey    { return bigKey{text: text(i)} }
func broad(i int) bigElem  { return bigElem{owner: single(i)} }
func nothing(int) struct{} { return struct{}{} }

func holdMaps() {
	m := &maps
	m.empty = map[string]*node{}
	m.one = fill(1, text, single)
	m.group = fill(8, number, number)
	m.groupPtr = fill(7, text, single)
	m.table = fill(100, text, number)
	m.tablePtr = fill(700, number, single)
	m.directory = fill(5000, number, number)
	m.dirPtr = fill(4000, text, single)
	m.dirStruct = fill(3000, func(i int) pairKey { return pairKey{text(i), int32(i)} },
		func(i int) sparse { return sparse{last: single(i)} })
	m.dirNone = fill(2000, func(i int) [2]uint64 { return [2]uint64{uint64(i)} },
		func(i int) [3]uint32 { return [3]uint32{uint32(i)} })
	m.bigKeys = fill(50, wide, number)
	m.bigElems = fill(50, number, broad)
	m.bothBig = fill(1200, wide, broad)
	m.set = fill(300, text, nothing)
	m.ifaceKeys = map[any]any{1: "a", "b": 2, 3.5: single(1), pairKey{"c", 4}: &named{}, single(2): nil}
	m.ofMaps = fill(20, text, func(i int) map[int]*node { return fill(i*3, number, single) })
	m.ofSlices = fill(40, func(i int) uint32 { return uint32(i) }, func(i int) []*node { return []*node{single(i), nil} })
	m.ofFuncs = fill(12, text, func(i int) func() int { return func() int { return i } })
	m.ofChans = fill(9, func(i int) byte { return byte(i) }, func(i int) chan *node { return make(chan *node, i) })
	m.floats = fill(15, func(i int) float64 { return float64(i) / 2 }, func(i int) bool { return i%2 == 0 })
	m.deleted = fill(3000, number, single)
	for i := 0; i < 2900; i++ {
		delete(m.deleted, i)
	}
	m.emptied = fill(1500, number, single)
	for k := range m.emptied {
		delete(m.emptied, k)
	}
	m.pointers = fill(30, single, single)
	for i := 0; i < 10; i++ {
		m.local = append(m.local, fill(i*2, number, number))
	}
	m.arrayElems = fill(20, number, func(i int) [30]*node { return [30]*node{29: single(i)} })
}
