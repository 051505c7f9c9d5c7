// leak_demo leaks memory in three ways that a garbage collector cannot help with, beside the repaired form of two of
// them, then waits until it is killed, so that its memory can be examined from outside:
//
//	heldby PID
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

func printStats(label string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%s - Goroutines: %d, Heap: %.2f MB\n", label, runtime.NumGoroutine(), float64(m.HeapAlloc)/1024/1024)
}

// ===== LEAK 1: a cache that nothing bounds =====
//
// Entries are added and never removed. A global map holds all of them, so they are reachable for ever, whether anybody
// will ask for them again or not. The repair: evict, expire, or bound it.
var leakyCache = make(map[int][]byte)

func demonstrateMapLeak() {
	fmt.Println("\n=== Map Leak ===")
	printStats("Before")

	for i := range 1000 {
		leakyCache[i] = make([]byte, 10000) // 10 KB each, 10 MB together
	}

	runtime.GC()
	printStats("After adding 1000 entries")
}

// ===== LEAK 2: goroutines that nothing can wake =====
//
// Only the goroutine itself still knows its channel: nobody can send to it or close it, so it waits for ever, and its
// stack and all that the stack refers to stay.
func leakyGoroutine(ch chan int) {
	<-ch
}

func demonstrateGoroutineLeak() {
	fmt.Println("\n=== Goroutine Leak ===")
	printStats("Before")

	for range 100 {
		ch := make(chan int)
		go leakyGoroutine(ch)
	}

	runtime.GC()
	printStats("After spawning 100 leaky goroutines")
}

// The repaired form: a way out that somebody holds the other end of. None of these is left when the report is made.
func fixedGoroutine(ctx context.Context, ch chan int) {
	select {
	case <-ch:
	case <-ctx.Done():
	}
}

func demonstrateFixedGoroutine() {
	fmt.Println("\n=== Fixed Goroutine ===")
	before := runtime.NumGoroutine()

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for range 100 {
		ch := make(chan int)
		running.Add(1)
		go func() {
			defer running.Done()
			fixedGoroutine(ctx, ch)
		}()
	}
	printStats("After spawning 100 goroutines")

	cancel()
	running.Wait()
	for runtime.NumGoroutine() > before { // past Done, but not gone yet
		runtime.Gosched()
	}
	printStats("After cancel")
}

// ===== LEAK 3: a small slice of a large array =====
//
// A slice keeps the whole array that it points into: 100 bytes are used, 10 MB are held.
var leakyHeader []byte

// The repaired form: copy what is kept, and let the large array go.
var fixedHeader []byte

func demonstrateSliceLeak() {
	fmt.Println("\n=== Slice Backing Array Leak ===")
	printStats("Before")

	largeData := make([]byte, 10*1024*1024) // as if a file had been read
	for i := range largeData {
		largeData[i] = byte(i)
	}
	leakyHeader = largeData[:100]
	fixedHeader = append([]byte(nil), largeData[:100]...)

	runtime.GC()
	printStats("leakyHeader still references 10MB backing array")
}

func main() {
	printStats("Start")
	demonstrateMapLeak()
	demonstrateGoroutineLeak()
	demonstrateFixedGoroutine()
	demonstrateSliceLeak()

	fmt.Println("\n=== Summary ===")
	fmt.Println("The garbage collector has just run, and all of this is still there,")
	fmt.Println("because something still refers to it. Who?")
	printStats("Final")

	killed := make(chan os.Signal, 1)
	signal.Notify(killed, os.Interrupt, syscall.SIGTERM)
	fmt.Printf("ready: pid %d\n", os.Getpid())
	<-killed
}
