package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
)

// A heap dump as runtime/heapdump.go writes it ("go1.7 heap dump", the same from Go 1.7 to 1.27).

type object struct {
	addr     uint64
	contents []byte
	pointers []uint64 // offsets of the words that the collector scans
}

func (o *object) word(offset uint64) uint64 {
	if offset+8 > uint64(len(o.contents)) {
		return 0
	}
	return binary.LittleEndian.Uint64(o.contents[offset:])
}

type frame struct {
	sp, pc, continpc uint64
	name             string
	contents         []byte
	pointers         []uint64
}

type goroutine struct {
	g, id, gopc, status uint64
	thread              uint64
	system              bool
	wait                string
	frames              []frame
}

type dump struct {
	version    string
	objects    map[uint64]*object
	goroutines map[uint64]*goroutine
	segments   []object // data and bss
	sites      map[uint64][]string
	samples    map[uint64]uint64 // object to site
	// The goroutine that wrote the dump and its m: in another state than when heldby looks.
	dumper       *goroutine
	dumperThread uint64
}

type reader struct {
	*bufio.Reader
	err error
}

func (r *reader) number() uint64 {
	v, err := binary.ReadUvarint(r)
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}

func (r *reader) skip(n int) {
	for ; n > 0; n-- {
		r.number()
	}
}

func (r *reader) bytes() []byte {
	n := r.number()
	if n > 1<<32 || r.err != nil {
		r.err = fmt.Errorf("a string of %d bytes: %v", n, r.err)
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil && r.err == nil {
		r.err = err
	}
	return b
}

func (r *reader) fields() (offsets []uint64) {
	for r.err == nil {
		switch kind := r.number(); kind {
		case 0:
			return offsets
		case 1:
			offsets = append(offsets, r.number())
		default:
			r.err = fmt.Errorf("field of kind %d", kind)
		}
	}
	return offsets
}

func readDump(path string) (*dump, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := &reader{Reader: bufio.NewReaderSize(file, 1<<20)}
	if header, _ := r.ReadString('\n'); header != "go1.7 heap dump\n" {
		return nil, fmt.Errorf("%s: header %q", path, header)
	}
	d := &dump{objects: map[uint64]*object{}, goroutines: map[uint64]*goroutine{}, sites: map[uint64][]string{},
		samples: map[uint64]uint64{}}
	var g *goroutine
	for r.err == nil {
		switch tag := r.number(); tag {
		case 0:
			return d, d.setDumperAside(path)
		case 1:
			o := &object{addr: r.number(), contents: r.bytes()}
			o.pointers = r.fields()
			d.objects[o.addr] = o
		case 2: // other root
			r.bytes()
			r.skip(1)
		case 3: // type
			r.skip(2)
			r.bytes()
			r.skip(1)
		case 4:
			g = &goroutine{g: r.number()}
			r.skip(1) // sp
			g.id, g.gopc, g.status, g.system = r.number(), r.number(), r.number(), r.number() != 0
			r.skip(2) // background, waitsince
			g.wait = string(r.bytes())
			r.skip(1) // ctxt
			g.thread = r.number()
			r.skip(2) // defer, panic
			d.goroutines[g.id] = g
		case 5:
			f := frame{sp: r.number()}
			r.skip(2) // depth, child's sp
			f.contents = r.bytes()
			r.skip(1) // entry
			f.pc, f.continpc = r.number(), r.number()
			f.name = string(r.bytes())
			f.pointers = r.fields()
			if g != nil {
				g.frames = append(g.frames, f)
			}
		case 6: // parameters
			r.skip(4)
			r.bytes()
			d.version = string(r.bytes())
			r.skip(1)
		case 7, 11: // finalizer, queued finalizer
			r.skip(5)
		case 8: // itab
			r.skip(2)
		case 9: // thread
			r.skip(3)
		case 10: // MemStats
			r.skip(24 + 256 + 1)
		case 12, 13: // data, bss
			s := object{addr: r.number(), contents: r.bytes()}
			s.pointers = r.fields()
			d.segments = append(d.segments, s)
		case 14: // defer
			r.skip(7)
		case 15: // panic
			r.skip(6)
		case 16:
			bucket := r.number()
			r.skip(1)
			stack := []string{}
			for n := r.number(); n > 0 && r.err == nil; n-- {
				stack = append(stack, string(r.bytes()))
				r.bytes()
				r.skip(1)
			}
			r.skip(2)
			d.sites[bucket] = stack
		case 17:
			addr := r.number()
			d.samples[addr] = r.number()
		default:
			return nil, fmt.Errorf("%s: unknown tag %d", path, tag)
		}
	}
	return nil, fmt.Errorf("%s: %w", path, r.err)
}

// setDumperAside finds the goroutine that wrote the dump. By its stack: up to Go 1.19 its wait reason is an old one.
func (d *dump) setDumperAside(path string) error {
	for id, g := range d.goroutines {
		if slices.ContainsFunc(g.frames, func(f frame) bool { return f.name == "runtime/debug.WriteHeapDump" }) {
			d.dumper, d.dumperThread = g, g.thread
			delete(d.goroutines, id)
			return nil
		}
	}
	return fmt.Errorf("%s: no goroutine dumps the heap", path)
}
