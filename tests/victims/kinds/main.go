// Kinds is a program at rest that holds every kind of object, root and parked goroutine that a Go heap can have.
//
// Nothing runs between commands (see package control), so what an examiner sees from outside can be compared word for
// word with what the runtime itself then dumps. "types" prints what each noted object really is.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"

	"heldby/victims/control"
	"heldby/victims/truth"
)

func note(v any) { truth.Note(v) }

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
	holdArenas()
	for i := 0; i < *grow; i++ {
		grown = append(grown, &node{name: "grown"})
	}
	parkAll()
	truth.WaitParked()
	if *queued {
		queueFinalizers()
	}
	control.AfterGC = fillPool
	control.Serve("kinds", truth.Commands...)
}

var grown []*node
