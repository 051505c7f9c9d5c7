// Kinds is a program at rest that holds every kind of object, root and parked goroutine that a Go heap can have.
//
// Nothing runs between commands (see package control), so what an examiner sees from outside can be compared word for
// word with what the runtime itself then dumps. "types" prints what each noted object really is.
package main

import (
	"flag"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"heldby/victims/control"
)

// The address and the true type of an object, for "types". Holds nothing alive.
type truth struct {
	addr uintptr
	what string
}

var truths []truth

func note(v any) {
	value := reflect.ValueOf(v)
	switch value.Kind() {
	case reflect.Pointer:
		truths = append(truths, truth{value.Pointer(), value.Type().Elem().String()})
	case reflect.Slice:
		truths = append(truths, truth{value.Pointer(), value.Type().String()})
	case reflect.Map, reflect.Chan:
		truths = append(truths, truth{value.Pointer(), value.Type().String()})
	}
}

func printTypes([]byte) {
	for _, t := range truths {
		control.Print("type ")
		control.PrintUint(uint64(t.addr), 16)
		control.Print(" ")
		control.Print(t.what)
		control.Flush()
	}
}

var sampled [1]runtime.MemProfileRecord

func main() {
	queued := flag.Bool("queued", false, "block the finalizer goroutine with more finalizers and cleanups queued behind it")
	grow := flag.Int("grow", 0, "hold this many more objects, so that an examination takes a while")
	flag.Parse()
	// Linking MemProfile keeps the runtime's allocation profile on.
	runtime.MemProfileRate = 4096
	runtime.MemProfile(sampled[:], false)
	debug.SetGCPercent(-1)
	holdObjects()
	holdMaps()
	holdTyped()
	holdRuntimeThings()
	for i := 0; i < *grow; i++ {
		grown = append(grown, &node{name: "grown"})
	}
	parkAll()
	waitParked()
	if *queued {
		queueFinalizers()
	}
	control.AfterGC = fillPool
	control.Serve("kinds", control.Command{Name: "types", Run: printTypes}, control.Command{Name: "count", Run: count})
}

func count([]byte) {
	control.Print("goroutines ")
	control.PrintUint(uint64(runtime.NumGoroutine()), 10)
	control.Flush()
}

var grown []*node

// waitParked returns once no goroutine but this one can run.
func waitParked() {
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
