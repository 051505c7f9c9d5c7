// Package truth is what a victim knows about itself, for a test to hold against what an examiner sees: the types of
// objects, what its timers will call, and how many goroutines there are.
package truth

import (
	"reflect"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"heldby/victims/control"
)

// The address and the type of an object. Holds nothing alive.
type noted struct {
	addr uintptr
	what string
}

var (
	all    []noted
	timers []string
)

// Note remembers what the object is that v, a pointer, slice, map or channel, stands for. It must be in the heap, not be
// empty, and stay alive.
func Note(v any) {
	value := reflect.ValueOf(v)
	what := value.Type()
	if value.Kind() == reflect.Pointer || value.Kind() == reflect.Slice && value.Cap() == 1 {
		what = what.Elem() // an array of one is allocated as one of the type
	}
	text := what.String()
	if value.Kind() == reflect.Map && what.Name() != "" {
		// Nothing in a map tells its type from others with the same keys and elements.
		text += "\tmap[" + what.Key().String() + "]" + what.Elem().String()
	}
	all = append(all, noted{value.Pointer(), text})
}

// Describe remembers what an examiner should call the object that p points into.
func Describe(p unsafe.Pointer, what string) { all = append(all, noted{uintptr(p), what}) }

// Timer remembers that a timer is pending that will call f.
func Timer(f func()) {
	timers = append(timers, runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name())
}

// Commands are those that a victim with notes obeys: "types" and "count". An object with two types, with a tab between
// them, may be taken for either.
var Commands = []control.Command{{Name: "types", Run: printTypes}, {Name: "count", Run: printCount}}

func printTypes([]byte) {
	for _, n := range all {
		control.Print("type ")
		control.PrintUint(uint64(n.addr), 16)
		control.Print(" ")
		control.Print(n.what)
		control.Flush()
	}
	for _, name := range timers {
		control.Print("timer ")
		control.Print(name)
		control.Flush()
	}
}

func printCount([]byte) {
	control.Print("goroutines ")
	control.PrintUint(uint64(runtime.NumGoroutine()), 10)
	control.Flush()
}

// WaitParked returns once no goroutine but this one can run.
func WaitParked() {
	buf := make([]byte, 1<<20)
	for quiet := 0; quiet < 3; {
		text := string(buf[:runtime.Stack(buf, true)])
		if strings.Count(text, "[running")+strings.Count(text, "[runnable") <= 1 {
			quiet++
		} else {
			quiet = 0
		}
		time.Sleep(5 * time.Millisecond)
	}
}
