// Package random is what the programs that tests/oracle/generate writes have in common: chance that depends on a seed
// alone, a limit to how many objects are made, values of library types, ways to block, and the main program.
package random

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"unsafe"

	"heldby/victims/truth"
)

// Rand decides what is made. Goroutines have one each.
type Rand struct {
	// Anything puts some value of the program's into an interface.
	Anything func(r *Rand, v *any)

	state uint64
	left  int // objects that may still be made
	depth int // how far down from what a global or a local holds
	quiet int // above 0 what is made may die: it must not be noted
	seen  [8]uintptr
}

const deepest = 14

// Bits returns 64 random bits (splitmix64).
func (r *Rand) Bits() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// N returns a number from 0 to n-1.
func (r *Rand) N(n int) int { return int(r.Bits() % uint64(n)) }

// Chance is true one time in n.
func (r *Rand) Chance(n int) bool { return r.N(n) == 0 }

// Budget sets how many objects may be made from here on.
func (r *Rand) Budget(n int) { r.left, r.depth = n, 0 }

// Enter asks for one more object, which Leave ends. If it is false, there is to be none.
func (r *Rand) Enter() bool {
	if r.left <= 0 || r.depth >= deepest || r.Chance(12) {
		return false
	}
	r.left--
	r.depth++
	return true
}

// Leave ends what Enter began.
func (r *Rand) Leave() { r.depth-- }

// Quietly says that what is made until Loudly may die before anybody looks.
func (r *Rand) Quietly() { r.quiet++ }

// Loudly ends what Quietly began.
func (r *Rand) Loudly() { r.quiet-- }

// Fork returns a Rand for another goroutine, all of whose objects may die.
func (r *Rand) Fork() *Rand {
	return &Rand{Anything: r.Anything, state: r.Bits(), left: 20 + r.N(60), quiet: 1, seen: r.seen}
}

// Loud says that what is made stays.
func (r *Rand) Loud() bool { return r.quiet == 0 }

// Spend takes the size of a large object off the budget.
func (r *Rand) Spend(bytes int) { r.left -= bytes / 4096 }

// Note notes the type of the object that a pointer, slice, map or channel stands for. It is not empty.
func (r *Rand) Note(v any) {
	value := reflect.ValueOf(v)
	if value.Kind() == reflect.Slice && value.Cap() == 0 {
		return
	}
	r.seen[r.N(len(r.seen))] = value.Pointer()
	if r.quiet == 0 {
		truth.Note(v)
	}
}

// Number returns a number: a small one, any, or one that is an address of an object, which it must not keep alive.
func (r *Rand) Number() uint64 {
	switch r.N(4) {
	case 0:
		return r.Bits()
	case 1:
		return uint64(r.seen[r.N(len(r.seen))])
	default:
		return uint64(r.N(300))
	}
}

// Float returns a number, or what is none.
func (r *Rand) Float() float64 {
	if r.Chance(9) {
		return math.NaN()
	}
	return float64(r.N(1000)) / 8
}

// Bytes at which something changes in the allocator or the collector: size classes, the tiny allocator, headers, large
// objects, chunks that are scanned at a time.
var borders = [...]int{8, 16, 24, 32, 48, 64, 96, 128, 256, 504, 512, 520, 1016, 1024, 1032, 2048, 4096, 8184, 8192, 16384,
	32752, 32760, 32768, 32776, 40960, 65536, 131072, 200000}

// Text returns a string of any origin: none, a constant, an object's, a part of one.
func (r *Rand) Text() string {
	switch r.N(6) {
	case 0:
		return ""
	case 1:
		return "a constant that is in no object"
	case 2:
		text := strings.Repeat("long ", 1+r.N(40))
		at := r.N(len(text))
		return text[at : at+r.N(len(text)-at)]
	case 3:
		return strings.Repeat("b", borders[r.N(12)]-r.N(2))
	default:
		return fmt.Sprint("text ", r.N(1000))
	}
}

// Length returns how many elements of some size an array is to have: few, or what comes to a border in bytes.
func (r *Rand) Length(size uintptr) int {
	n := r.N(4)
	switch {
	case size == 0 || r.Chance(3):
	case r.Chance(4):
		n += borders[r.N(len(borders)-r.N(20))] / int(size)
	case size <= 4096:
		n = r.N(20)
	}
	r.Spend(n * int(size))
	return n
}

// Step returns how far to go to the next of n elements that is to be filled: all of a few, some of many.
func (r *Rand) Step(n int) int {
	if n <= 24 {
		return 1 + r.N(2)
	}
	return 1 + r.N(n/4)
}

// Entries returns how many entries a map is to have: few, or as many as make it about to grow or just grown. Before Go
// 1.24 a table of 8 × 2^B entries grows after 6.5 × 2^B; from then on at 7, and at 7/8 of a power of two up to 896.
func (r *Rand) Entries() int {
	n := r.N(12)
	switch r.N(8) {
	case 0:
		n = 7 + r.N(4)
	case 1:
		n = 13<<uint(r.N(8)) + r.N(20)
	case 2:
		n = 7<<uint(r.N(8)) + r.N(3) - 1
	case 3:
		n = 100 + r.N(200)
		if r.Chance(4) {
			n = 1000 + r.N(3000)
		}
	}
	r.left -= n / 16
	return n
}

// Value returns what fill makes.
func Value[T any](r *Rand, fill func(r *Rand, v *T)) T {
	var v T
	fill(r, &v)
	return v
}

var sink uintptr

// Use takes a value that is needed up to here, and does not keep it.
//
//go:noinline
func Use[T any](v T) { sink += unsafe.Sizeof(v) }

// Look takes the address of a variable that is needed up to here, and does not keep it.
//
//go:noinline
func Look[T any](v *T) {
	if v != nil {
		sink += unsafe.Sizeof(*v)
	}
}

// Yes is true, which no compiler knows.
//
//go:noinline
func Yes() bool { return sink != 1 }

// Call calls a function that does not outlive the call.
//
//go:noinline
func Call(f func()) {
	f()
	sink++
}
