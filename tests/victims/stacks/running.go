package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"heldby/victims/control"
	"heldby/victims/truth"
)

var (
	stop    uint32
	running sync.WaitGroup
	results [64]uint64
)

// compute has no calls in its loop: it only stops where a signal preempts it.
//
//go:noinline
func compute(seed uint64, p *uint64) uint64 {
	x := seed | 1
	for atomic.LoadUint32(&stop) == 0 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		*p = x
	}
	return x
}

// spin prints the address of what each computing goroutine alone holds, for the most part in a register. It returns when
// all of them compute: before, what they hold is still in the closure that they start with.
func spin(argument []byte) {
	var all []*[64]uint64
	for i := 0; i < number(argument); i++ {
		i := i // before 1.22 a loop has one variable
		running.Add(3)
		held := new([64]uint64)
		all = append(all, held)
		control.Print("held ")
		control.PrintUint(uint64(uintptr(unsafe.Pointer(held))), 16)
		control.Flush()
		ball := make(chan *uint64)
		go func() {
			defer running.Done()
			atomic.StoreUint64(&results[i%len(results)], compute(uint64(i), &held[0]))
		}()
		go func() {
			defer running.Done()
			defer close(ball)
			for atomic.LoadUint32(&stop) == 0 {
				ball <- new(uint64)
			}
		}()
		go func() {
			defer running.Done()
			for value := range ball {
				*value++
			}
		}()
	}
	for _, held := range all {
		for atomic.LoadUint64(&held[0]) == 0 {
			runtime.Gosched()
		}
	}
}

// grow makes the stack grow and shrink, so that it is moved.
//
//go:noinline
func grow(depth int, text string) int {
	var frame [64]byte
	copy(frame[:], text)
	if depth == 0 {
		return len(frame)
	}
	return grow(depth-1, string(frame[:depth%64])) + int(frame[0])
}

func recovered(depth int) (err error) {
	defer func() { err, _ = recover().(error) }()
	if depth > 0 {
		defer recovered(depth - 1)
	}
	return errors.New(os.Args[depth+len(os.Args)])
}

// errands are what goroutines that come and go do.
var errands = []func(){
	func() { grow(2000, "text") },
	func() { recovered(10) },
	func() { runtime.Gosched() },
	func() { runtime.GC() },
	func() { time.Sleep(time.Microsecond) },
	func() { os.ReadFile("/proc/self/stat") },
	func() {
		numbers := make([]int, 1000)
		sort.Slice(numbers, func(a, b int) bool { return time.Now().UnixNano()%2 == 0 })
	},
	func() { fmt.Fprintln(io.Discard, time.Now(), &results) },
	func() {
		select {
		case <-time.After(time.Microsecond):
		case <-never:
		}
	},
	func() { iterate(10) },
	func() {
		var once sync.Once
		for i := 0; i < 4; i++ {
			go once.Do(func() { grow(100, "once") })
		}
	},
	func() { reflect.ValueOf(grow).Call([]reflect.Value{reflect.ValueOf(50), reflect.ValueOf("reflected")}) },
}

func churn(argument []byte) {
	for i := 0; i < number(argument); i++ {
		i := i // before 1.22 a loop has one variable
		running.Add(1)
		go func() {
			defer running.Done()
			for n := i; atomic.LoadUint32(&stop) == 0; n++ {
				n := n
				done := make(chan bool)
				go func() { errands[n%len(errands)](); close(done) }()
				<-done
			}
		}()
	}
}

// rest returns when all have ended, and the runtime's own goroutines have nothing to do, either.
func rest([]byte) {
	atomic.StoreUint32(&stop, 1)
	running.Wait()
	atomic.StoreUint32(&stop, 0)
	runtime.GC()
	truth.WaitParked()
}
