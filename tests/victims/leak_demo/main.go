// Leak_demo demonstrates the common leaks, one after the other, in one program that exits: a map, goroutines, repaired
// goroutines, a slice. At each stage it says how many goroutines there are and how much heap, as the runtime counts them, and
// goes on when it gets a line on its standard input.
package main

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

var (
	stats runtime.MemStats
	line  = make([]byte, 0, 256)
)

// stage allocates nothing after it has counted. The runtime may: an m for a thread that takes over while this one reads. So it
// counts again before it goes on.
func stage(label string) {
	runtime.GC() // what the first one frees may have finalizers
	runtime.GC()
	runtime.ReadMemStats(&stats)
	say("stage", label)
	for {
		n, err := syscall.Read(0, line[:1])
		if err == syscall.EINTR {
			continue
		}
		if n < 1 || err != nil {
			os.Exit(1)
		}
		if line[:1][0] == '\n' {
			break
		}
	}
	runtime.ReadMemStats(&stats)
	say("until", label)
}

func say(when, label string) {
	line = append(append(line[:0], when...), ' ')
	line = strconv.AppendInt(line, int64(runtime.NumGoroutine()), 10)
	line = append(line, ' ')
	line = strconv.AppendUint(line, stats.HeapAlloc, 10)
	line = append(line, ' ')
	line = append(append(line, label...), '\n')
	if _, err := syscall.Write(1, line); err != nil {
		os.Exit(1)
	}
}

// ===== LEAK 1: Unbounded map =====
var leakyCache = make(map[int][]byte)

func demonstrateMapLeak() {
	stage("before the map")
	for i := 0; i < 1000; i++ {
		leakyCache[i] = make([]byte, 10000)
	}
	stage("after adding 1000 entries")
	for k := range leakyCache {
		delete(leakyCache, k)
	}
	stage("after clearing the map")
}

// ===== LEAK 2: Goroutines =====
func leakyGoroutine(ch chan int) {
	<-ch
}

func demonstrateGoroutineLeak() {
	for i := 0; i < 100; i++ {
		ch := make(chan int)
		go leakyGoroutine(ch)
	}
	settle()
	stage("after starting 100 goroutines that nobody can wake")
}

// settle lets goroutines that were just started get to where they wait.
func settle() {
	for i := 0; i < 1000; i++ {
		runtime.Gosched()
	}
}

func fixedGoroutine(ctx context.Context, ch chan int) {
	select {
	case <-ch:
	case <-ctx.Done():
	}
}

func demonstrateFixedGoroutine() {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	for i := 0; i < 100; i++ {
		ch := make(chan int)
		go fixedGoroutine(ctx, ch)
	}
	settle()
	stage("after starting 100 goroutines that can be cancelled")
	cancel()
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
	stage("after cancelling them")
}

// ===== LEAK 3: Slice retaining its array =====
func demonstrateSliceLeak() {
	largeData := make([]byte, 10*1024*1024)
	for i := range largeData {
		largeData[i] = byte(i)
	}
	leakyHeader := largeData[:100]
	fixedHeader := make([]byte, 100)
	copy(fixedHeader, largeData[:100])
	largeData = nil
	stage("while 100 bytes keep 10 MB")
	runtime.KeepAlive(leakyHeader)
	runtime.KeepAlive(fixedHeader)
}

func main() {
	stage("start")
	demonstrateMapLeak()
	demonstrateGoroutineLeak()
	demonstrateFixedGoroutine()
	demonstrateSliceLeak()
	stage("final")
}
