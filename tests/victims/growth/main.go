// Growth is programs whose containers grow, or only look as if they did, at a known rate.
//
//	growth NAME
//
// Each does one step a request, and as many requests a second as RATE says, however late it is woken: what it holds follows from
// its age. The command "count" says how many elements the container has that the program is named for.
package main

import (
	"math/rand"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"syscall"
	"time"

	"heldby/victims/control"
)

// A program is what is set up before the first request, what each request does, and the size of its container.
type program struct {
	setup func()
	step  func(i int)
	count func() int
}

var (
	programs = map[string]program{}
	mu       sync.Mutex // held by each step, and while the container is counted
	random   = rand.New(rand.NewSource(1))
)

// Every name of a program with the same letters at its end would be as good.
func key(i int) string { return "key-" + strconv.Itoa(i) }

func drive(step func(i int), rate int) {
	start := time.Now()
	for done := 0; ; time.Sleep(25 * time.Millisecond) {
		for due := int(time.Since(start).Seconds() * float64(rate)); done < due; done++ {
			mu.Lock()
			step(done)
			mu.Unlock()
		}
	}
}

func main() {
	_ = pprof.Lookup("heap") // links the memory profile
	runtime.MemProfileRate = 1
	if len(os.Args) != 2 {
		os.Exit(2)
	}
	programs["exec-self"] = program{nil, func(i int) { seen[i] = i }, func() int { return len(seen) }}
	chosen, known := programs[os.Args[1]]
	if !known {
		os.Exit(2)
	}
	programs = nil // what is not run holds nothing
	rate, err := strconv.Atoi(os.Getenv("RATE"))
	if err != nil {
		rate = 100
	}
	if chosen.setup != nil {
		chosen.setup()
	}
	go drive(chosen.step, rate)
	control.Serve("growth", control.Command{Name: "count", Run: func([]byte) {
		mu.Lock()
		control.PrintUint(uint64(chosen.count()), 10)
		mu.Unlock()
		control.Flush()
	}}, control.Command{Name: "hold", Run: func([]byte) { // an inner map of a router's
		go use(addressesOfFirst())
	}}, control.Command{Name: "exec", Run: func([]byte) { // becomes another process of the same number
		_ = syscall.Exec("/bin/sleep", []string{"sleep", "60"}, nil)
	}})
}
