package main

import (
	"fmt"
	"net"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"heldby/victims/truth"
)

// Channels and locks that nothing ever touches again.
var (
	never  = make(chan int)
	held   sync.Mutex
	parked sync.WaitGroup
	reader [2]int
)

// start runs a goroutine that is to block for good; body says when it is about to.
func start(body func()) {
	parked.Add(1)
	go body()
	parked.Wait()
}

func block() {
	parked.Done()
	<-never
}

// park leaves goroutines blocked in every shape of stack. Each is about to block when the next one starts.
func park() {
	held.Lock()
	onOperations()
	inFrames()
	inPanics()
	inReflection()
	inIterators()
	inForeign()
	// Each collection may halve a stack: until none moves any more.
	for i := 0; i < 12; i++ {
		runtime.GC()
	}
	truth.WaitParked()
}

func onOperations() {
	start(block)
	start(func() { parked.Done(); make(chan string) <- "sent" })
	start(func() { parked.Done(); var none chan int; <-none })
	start(func() { parked.Done(); select {} })
	start(func() {
		parked.Done()
		select {
		case <-never:
		case make(chan int) <- 1:
		case <-time.After(100 * time.Hour):
		}
	})
	start(func() { parked.Done(); held.Lock() })
	start(func() { parked.Done(); time.Sleep(100 * time.Hour) })
	start(func() {
		condition := sync.NewCond(&sync.Mutex{})
		condition.L.Lock()
		parked.Done()
		condition.Wait()
	})
	start(func() {
		var group sync.WaitGroup
		group.Add(1)
		parked.Done()
		group.Wait()
	})
	start(func() {
		var once sync.Once
		once.Do(block)
	})
	a, _ := net.Pipe()
	start(func() { parked.Done(); a.Read(make([]byte, 1)) })
	if listener, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		start(func() { parked.Done(); listener.Accept() })
	}
	if err := syscall.Pipe(reader[:]); err != nil {
		panic(err)
	}
	start(func() { parked.Done(); syscall.Read(reader[0], make([]byte, 1)) })
	start(func() { runtime.LockOSThread(); block() })
	parked.Add(1)
	time.AfterFunc(time.Nanosecond, block)
	parked.Wait()
	start(func() { defer block(); runtime.Goexit() })
}

// What the compiler inlines, several levels deep and with several positions in one function.
func inlinedOnce(n int) int { return n + <-never }

func inlinedTwice(n int) int {
	if n > 1 {
		return inlinedOnce(n - 1)
	}
	return inlinedOnce(n)
}

type tree[T any] struct {
	left, right *tree[T]
	value       T
}

func (t *tree[T]) walk(visit func(T)) {
	if t == nil {
		return
	}
	t.left.walk(visit)
	visit(t.value)
	t.right.walk(visit)
}

//go:noinline
func recurse(depth int) int {
	var frame [10]int
	frame[depth%10] = depth
	if depth == 0 {
		block()
	}
	return recurse(depth-1) + frame[depth%9]
}

//go:noinline
func large(depth int) int {
	var frame [5000]int
	frame[depth] = depth
	if depth == 0 {
		block()
		return 0
	}
	return large(depth-1) + frame[depth*2]
}

type shape interface{ Area(scale int) int }

type square struct{ side int }

func (s square) Area(scale int) int {
	block()
	return s.side * scale
}

type wrapper struct{ square }

func inFrames() {
	start(func() { parked.Done(); inlinedTwice(2) })
	start(func() { recurse(20) })
	start(func() { recurse(3000) })
	start(func() { large(7) })
	start(func() {
		t := &tree[string]{left: &tree[string]{value: "left"}, value: "middle"}
		t.walk(func(string) { block() })
	})
	start(func() {
		names := []string{"b", "a"}
		sort.Slice(names, func(i, j int) bool { block(); return names[i] < names[j] })
	})
	start(func() { strings.Map(func(r rune) rune { block(); return r }, "text") })
	start(func() { _ = fmt.Sprintln(stringer{}) })
	start(func() {
		var s shape = &wrapper{square{2}}
		s.Area(3)
	})
	start(func() {
		area := shape(square{2}).Area
		area(4)
	})
}

type stringer struct{}

func (stringer) String() string {
	block()
	return ""
}

//go:noinline
func fault(p *square) int { return p.side }

//go:noinline
func deferInLoop(n int) {
	for i := 0; i < n; i++ {
		i := i // before 1.22 a loop has one variable
		defer func() {
			if i == 1 {
				block()
			}
		}()
	}
}

func inPanics() {
	start(func() { defer block(); panic("explicit") })
	start(func() { defer block(); fault(nil) })
	start(func() {
		defer func() {
			defer block()
			panic("second")
		}()
		panic("first")
	})
	start(func() {
		defer func() { recover(); block() }()
		fault(nil)
	})
	start(func() {
		func() {
			defer func() { recover() }()
			panic("recovered")
		}()
		block()
	})
	start(func() { deferInLoop(3) })
	start(func() {
		defer block()
		var s []int
		s[len(s)]++
	})
}

func inReflection() {
	start(func() {
		made := reflect.MakeFunc(reflect.TypeOf(strings.ToUpper), func(arguments []reflect.Value) []reflect.Value {
			block()
			return arguments
		})
		made.Interface().(func(string) string)("argument")
	})
	start(func() {
		method := reflect.ValueOf(square{3}).MethodByName("Area").Interface().(func(int) int)
		method(5)
	})
	start(func() { reflect.ValueOf(recurse).Call([]reflect.Value{reflect.ValueOf(2)}) })
}
