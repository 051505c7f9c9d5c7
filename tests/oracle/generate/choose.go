package main

import (
	"fmt"
	"strings"
)

// How types are chosen: value for what is held by value, target for what is only pointed at.

const (
	small = 1 << 10 // by value in other types, as a rule
	large = 1 << 17 // by value at all
)

// value returns a type whose values have at most limit bytes.
func (g *generator) value(limit int64, depth int) *typ {
	if limit < 16 || depth <= 0 {
		return g.fitting(limit, g.basics)
	}
	switch g.weighed(20, 8, 22, 9, 8, 7, 3, 4, 6, 10, 3, 3, 5) {
	case 0:
		return g.fitting(limit, g.basics)
	case 1:
		return g.types["string"]
	case 2:
		return g.pointerTo(g.target(depth - 1))
	case 3:
		return g.sliceOf(g.element(depth - 1))
	case 4:
		return g.someArray(limit, depth-1)
	case 5:
		return g.mapOf(g.key(depth-1), g.value(small, depth-1))
	case 6:
		return g.chanOf(g.value(small, depth-1))
	case 7:
		return g.signature(depth - 1)
	case 8:
		return pick(&g.chance, g.interfaces)
	case 9:
		return g.fitting(limit, g.declared)
	case 10:
		return g.someStruct(limit, depth-1)
	case 11:
		return g.instance(limit, depth-1)
	default:
		return g.fitting(limit, g.libraries)
	}
}

// fitting picks a complete type of at most limit bytes; a number if it finds none.
func (g *generator) fitting(limit int64, list []*typ) *typ {
	for i := 0; i < 8 && len(list) > 0; i++ {
		if t := pick(&g.chance, list); t.complete && t.size <= limit {
			return t
		}
	}
	return g.types["uint8"]
}

// target returns a type to point at, which need not be complete.
func (g *generator) target(depth int) *typ {
	switch {
	case g.oneIn(12):
		return g.someArray(large, depth)
	case g.oneIn(6):
		return g.value(small, depth)
	default:
		return pick(&g.chance, g.declared)
	}
}

// element returns a type for slices: an element of a declared slice may be that slice.
func (g *generator) element(depth int) *typ {
	if g.oneIn(2) {
		return g.value(small, depth)
	}
	return g.target(depth)
}

func (g *generator) key(depth int) *typ {
	for i := 0; i < 20; i++ {
		limit := int64(64)
		if g.oneIn(4) {
			limit = 300 // above 128 bytes, keys are kept behind a pointer
		}
		if t := g.value(limit, depth); t.hashable {
			return t
		}
	}
	return g.types["string"]
}

func (g *generator) someArray(limit int64, depth int) *typ {
	elem := g.value(min(limit, small), depth)
	if elem.size == 0 {
		return g.arrayOf(int64(g.n(4)), elem)
	}
	most := limit / elem.size
	length := int64(g.n(6))
	switch {
	case g.oneIn(5):
		length = pick(&g.chance, classes)/elem.size + int64(g.n(3)) - 1
	case g.oneIn(8):
		length = int64(g.n(300))
	}
	return g.arrayOf(min(max(length, 0), most), elem)
}

func (g *generator) signature(depth int) *typ {
	if g.oneIn(3) {
		return pick(&g.chance, g.methods).t // so that a method value fits
	}
	var parameters, results []*typ
	for i := g.n(4); i > 0; i-- {
		parameters = append(parameters, g.value(small, depth))
	}
	for i := g.n(3); i > 0; i-- {
		results = append(results, g.value(small, depth))
	}
	return g.functionOf(parameters, results)
}

func (g *generator) someStruct(limit int64, depth int) *typ {
	return g.structOf(g.someFields(limit, depth, g.n(4)))
}

// someFields returns at most n fields of at most limit bytes together, or a few more to give the struct a special shape.
func (g *generator) someFields(limit int64, depth, n int) (fields []field) {
	used := map[string]bool{}
	t := typ{kind: structure}
	for i := 0; i < n; i++ {
		f := field{name: fmt.Sprintf("f%d", i), t: g.value(min(limit-t.size-8, small), depth)}
		if name := g.embeddedName(f.t); name != "" && !used[name] && g.oneIn(2) {
			f.name, f.embedded = name, true
			used[name] = true
		} else if g.oneIn(16) {
			f.name = "_"
		}
		t.fields = append(t.fields, f)
		t.layOut()
	}
	if g.oneIn(2) {
		g.pad(&t, limit)
	}
	if g.oneIn(12) {
		t.fields = append(t.fields, field{name: "none", t: g.structOf(nil)}) // takes a byte, and its alignment
	}
	return t.fields
}

// embeddedName is what a field is called that embeds a type, "" if it cannot be embedded.
func (g *generator) embeddedName(t *typ) string {
	if t.kind == pointer && !t.named {
		if t.elem.kind == pointer || t.elem.kind == iface {
			return ""
		}
		t = t.elem
	}
	if !t.named || t.kind == pointer {
		return ""
	}
	name, _, _ := strings.Cut(t.text, "[")
	return name
}

// pad makes a struct one that ends near the end of a size class, with the padding anywhere.
func (g *generator) pad(t *typ, limit int64) {
	end := pick(&g.chance, classes) + int64(g.n(4)-2)*8
	if g.oneIn(2) {
		end = pick(&g.chance, classes[:28]) + int64(g.n(3)-1)*8
	}
	if g.oneIn(12) {
		end = 32768 + int64(g.n(4000))*8 // pointers beyond the largest small object
	}
	room := min(end, limit) - t.size
	if room <= 0 {
		return
	}
	padding := field{name: "pad", t: g.arrayOf(room/8, g.types["uint64"])}
	if g.oneIn(4) {
		padding.t = g.arrayOf(room, g.types["uint8"])
	}
	at := g.n(len(t.fields) + 1)
	fields := append([]field{}, t.fields[:at]...)
	fields = append(append(fields, padding), t.fields[at:]...)
	t.fields = fields
	t.layOut()
}
