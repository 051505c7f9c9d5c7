// Kinds is a program at rest that holds every kind of object, root and parked goroutine that a Go heap can have.
//
// Nothing runs between commands (see package control), so what an examiner sees from outside can be compared word for
// word with what the runtime itself then dumps. "types" prints what each noted object really is.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"
	"unsafe"

	"heldby/victims/control"
	"heldby/victims/truth"
)

func note(v any) { truth.Note(v) }

var sampled [1]runtime.MemProfileRecord

func main() {
	queued := flag.Bool("queued", false, "block the finalizer goroutine with more finalizers and cleanups queued behind it")
	grow := flag.Int("grow", 0, "hold this many more objects, so that an examination takes a while")
	spread := flag.Bool("spread", false, "fill one arena of the heap after the other, so that what is held lies in several")
	part := flag.String("plugin", "", "load this plugin, which holds things of its own")
	observed := flag.Bool("observed", false, "leave the tracer and the profiler on")
	flag.Parse()
	// Linking MemProfile keeps the runtime's allocation profile on.
	runtime.MemProfileRate = 4096
	runtime.MemProfile(sampled[:], false)
	debug.SetGCPercent(-1)
	for _, hold := range []func(){holdObjects, holdMaps, holdTyped, holdRuntimeThings, holdObserved, holdArenas, holdSecrets} {
		hold()
		if *spread {
			fillArena()
		}
	}
	filling = nil
	if *part != "" {
		holdPlugin(*part)
	}
	for i := 0; i < *grow; i++ {
		grown = append(grown, &node{name: "grown"})
	}
	parkAll()
	truth.WaitParked()
	if *queued {
		queueFinalizers()
	}
	if *observed {
		observe()
		truth.WaitParked()
	}
	control.AfterGC = fillPool
	control.Serve("kinds", append(arenaCommands, truth.Commands...)...)
}

var (
	grown   []*node
	filling []*[40 << 10]byte
)

// fillArena allocates until the heap has another arena (64 MB).
func fillArena() {
	arena := func(i int) uintptr { return uintptr(unsafe.Pointer(filling[i])) >> 26 }
	for first := len(filling); ; {
		filling = append(filling, new([40 << 10]byte))
		if last := len(filling) - 1; arena(last) != arena(first) {
			return
		}
	}
}
