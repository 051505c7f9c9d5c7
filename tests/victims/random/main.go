package random

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"heldby/victims/control"
	"heldby/victims/truth"
)

// Program is what one seed makes: Run fills its globals and starts its goroutines.
type Program struct {
	Seed uint64
	Run  func(r *Rand)
}

var sampled [1]runtime.MemProfileRecord

// Main runs the program of the seed that is the first argument, until it is told to quit. It never returns.
func Main(programs ...Program) {
	var seed uint64
	if len(os.Args) > 1 {
		seed, _ = strconv.ParseUint(os.Args[1], 10, 64)
	}
	for _, p := range programs {
		if p.Seed == seed {
			p.run()
		}
	}
	os.Stderr.WriteString("usage: random SEED, one that this binary was made of\n")
	os.Exit(2)
}

func (p Program) run() {
	r := &Rand{state: p.Seed}
	// Linking MemProfile keeps the runtime's allocation profile on.
	runtime.MemProfileRate = 512 << uint(r.N(8))
	runtime.MemProfile(sampled[:], false)
	debug.SetGCPercent(-1)
	p.Run(r)
	truth.WaitParked()
	settle()
	if r.Chance(8) {
		Queue(r)
	}
	fillPools()
	truth.WaitParked()
	control.AfterGC = fillPools
	control.Serve("random", truth.Commands...)
}

// settle runs the collector until nothing more dies and all finalizers have run: each collection is followed by the wait
// for a finalizer that the next one queues.
func settle() {
	var stats runtime.MemStats
	for last, same := uint64(0), 0; same < 3; same++ {
		runtime.GC()
		waitForFinalizers()
		runtime.ReadMemStats(&stats)
		if stats.HeapObjects != last {
			last, same = stats.HeapObjects, 0
		}
	}
}

func waitForFinalizers() {
	done := make(chan bool)
	await(done)
	runtime.GC()
	<-done
}

// await is a function of its own, so that nothing holds the object any more when it returns.
//
//go:noinline
func await(done chan bool) {
	sentinel := &struct {
		done chan bool
		pad  [3]uint64
	}{done: done}
	runtime.SetFinalizer(sentinel, func(any) { done <- true })
}
