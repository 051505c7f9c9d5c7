// The victim of tests/e2e/slices.py: slices and strings that keep large arrays alive, beside buffers that do the same and
// are no leak. Each global's comment says what is to be found.
package main

import (
	"bufio"
	"bytes"
	"io"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"unsafe"

	"heldby/victims/control"
)

const mb = 1 << 20

type message struct {
	id   int
	body []byte
}

type record struct {
	name string
	next *record
}

type pair struct {
	first, second string
}

type entry struct {
	body   []byte
	before *entry
}

type queue struct {
	items []*record
}

var (
	header     []byte            // likely: 100 bytes of 10 MB
	messages   []*message        // likely: 200 times 60 bytes, cut off, of 64 KB
	names      map[string]string // likely: 300 substrings of 60 bytes, each of a string of 64 KB
	parts      []*message        // estimate: 100 times 1 KB in a buffer of 256 KB
	both       *pair             // likely: two substrings of one string of 2 MB
	pool       sync.Pool
	scratch    = make([]byte, 0, 8*mb)    // nothing: empty, waits
	growing    bytes.Buffer               // nothing: the library's business
	reader     *bufio.Reader              // nothing: the same
	lines      []string                   // nothing: together they are all of it
	full       = make([]byte, 8*mb)       // nothing: all of it is used
	half       = make([]byte, 4*mb, 8*mb) // nothing: half of it is used
	tail       []byte                     // nothing: a slice of an array that a pointer keeps anyway
	array      *[4 * mb]byte
	hidden     []byte // nothing: something untyped points there, too
	address    unsafe.Pointer
	left       []*entry   // estimate: 100,000 entries of 240 bytes out of reach, ten in reach
	cleared    []*entry   // nothing: these were let go before
	chained    []*entry   // nothing: who is in reach leads to those that are not
	work       queue      // nothing: a queue is shortened from the front
	small      []*message // nothing: too little to speak of
	goroutines = make(chan []byte)
)

//go:noinline
func readHeader() []byte {
	data := make([]byte, 10*mb)
	return data[:100]
}

//go:noinline
func readMessage(id int) *message {
	data := make([]byte, 64<<10)
	return &message{id, data[:60:60]}
}

//go:noinline
func readName(i int) string {
	text := strings.Repeat("0123456789abcdef", 4096)
	return text[i : i+60]
}

//go:noinline
func readPart(id int) *message {
	return &message{id, make([]byte, 1000, 256<<10)}
}

//go:noinline
func shorten(clear, chain bool) []*entry {
	var history []*entry
	for i := 0; i < 100_010; i++ {
		e := &entry{body: make([]byte, 200)}
		if chain && i > 0 {
			e.before = history[i-1]
		}
		history = append(history, e)
	}
	for len(history) > 10 {
		if clear {
			history[0] = nil
		}
		history = history[1:]
	}
	return history
}

//go:noinline
func hold(data []byte) {
	data = data[:10]
	goroutines <- nil // never received: the slice stays on this stack
	data[0]++
}

func main() {
	_ = pprof.Lookup("heap")          // links the memory profile
	runtime.MemProfileRate = 64 << 10 // nothing that is to be found escapes it by chance
	header = readHeader()
	names = map[string]string{}
	for i := 0; i < 200; i++ {
		messages = append(messages, readMessage(i))
	}
	for i := 0; i < 300; i++ {
		name := readName(i)
		names[strings.Clone(name[:10])+string(rune('a'+i%26))+string(rune('a'+i/26))] = name
	}
	for i := 0; i < 100; i++ {
		parts = append(parts, readPart(i))
	}
	text := strings.Repeat("x", 2*mb)
	both = &pair{text[:50], text[mb : mb+50]}
	growing.Grow(8 * mb)
	growing.WriteString("a little")
	reader = bufio.NewReaderSize(io.LimitReader(neverEnds{}, 1000), 8*mb)
	reader.ReadByte()
	lines = strings.Split(strings.Repeat("a line of some length\n", mb/4), "\n")
	array = new([4 * mb]byte)
	tail = array[4*mb-100:]
	covered := make([]byte, 4*mb)
	hidden, address = covered[:100], unsafe.Pointer(&covered[mb])
	for i := 0; i < 100_000; i++ {
		work.items = append(work.items, &record{})
	}
	work.items = work.items[90_000:]
	left, cleared, chained = shorten(false, false), shorten(true, false), shorten(false, true)
	small = append(small, &message{1, make([]byte, 64<<10)[:10:10]})
	pool.Put(&message{1, make([]byte, 10, 8*mb)})
	go hold(make([]byte, 6*mb))
	control.Serve("slices")
}

type neverEnds struct{}

func (neverEnds) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = 0
	}
	return len(into), nil
}
