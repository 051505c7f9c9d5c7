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

// Spans that are there for the collector to sweep, so that it is not done at once.
var spans [][]byte

// Main runs the program of the seed that is the first argument, until it is told to quit. The second argument is a number
// of spans to hold besides. It never returns.
func Main(programs ...Program) {
	seed, n := argument(1), argument(2)
	for ; n > 0; n-- {
		spans = append(spans, make([]byte, 8192))
	}
	for _, p := range programs {
		if p.Seed == seed {
			p.run()
		}
	}
	os.Stderr.WriteString("usage: random SEED [SPANS], with a seed that this binary was made of\n")
	os.Exit(2)
}

func argument(i int) uint64 {
	if i >= len(os.Args) {
		return 0
	}
	n, _ := strconv.ParseUint(os.Args[i], 10, 64)
	return n
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
