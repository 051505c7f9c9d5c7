package main

import (
	"reflect"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Jugglers never rest: each has one thing, which goes from hand to hand, and at each moment something has it. The runtime
// collects all the time.

var (
	juggling sync.WaitGroup
	slot     unsafe.Pointer
)

// juggle hands a thing on and on: pass is all that has it meanwhile.
func juggle(name string, pass func(t *thing) *thing) { juggleA(held, name, pass) }

func juggleA(kind func(name string) *thing, name string, pass func(t *thing) *thing) {
	juggling.Add(1)
	parked.Add(1)
	go func() {
		defer juggling.Done()
		t := kind(name)
		parked.Done()
		for atomic.LoadUint32(&stop) == 0 {
			t = pass(t)
		}
		i := int(t[0] & 0xff)
		things[i].juggled = things[i].name == name && isThing(t, i)
	}()
}

// echo gives back what it gets.
func echo(there, back chan *thing) {
	for t := range there {
		back <- t
	}
}

func jugglers() {
	onChannels()
	inCalls()
	inTheRuntime()
	newerJugglers()
	foreignJugglers()
}

func onChannels() {
	there, back := make(chan *thing), make(chan *thing)
	go echo(there, back)
	juggle("juggled on a channel", func(t *thing) *thing { there <- t; return <-back })
	buffered, returned := make(chan *thing, 1), make(chan *thing, 1)
	go echo(buffered, returned)
	juggle("juggled on a channel with a buffer", func(t *thing) *thing { buffered <- t; return <-returned })
	left, right := make(chan *thing), make(chan *thing)
	go func() {
		for {
			select {
			case t := <-left:
				select {
				case right <- t:
				case <-never:
				}
			case <-never:
			}
		}
	}()
	juggle("juggled in select", func(t *thing) *thing {
		select {
		case left <- t:
		case <-never:
		}
		select {
		case t = <-right:
		case <-never:
		}
		return t
	})
	locked, unlocked := make(chan *thing), make(chan *thing)
	go func() {
		runtime.LockOSThread()
		echo(locked, unlocked)
	}()
	juggle("juggled with a locked goroutine", func(t *thing) *thing { locked <- t; return <-unlocked })
	juggle("juggled by goroutines that start", func(t *thing) *thing {
		c := make(chan *thing)
		go func(t *thing) { c <- t }(t)
		return <-c
	})
	juggle("juggled by timers", func(t *thing) *thing {
		c := make(chan *thing)
		time.AfterFunc(time.Microsecond, func() { c <- t })
		return <-c
	})
}

//go:noinline
func panicWith(t *thing) { panic(t) }

//go:noinline
func down(n int, t *thing) *thing {
	var frame [256]uint64
	frame[n%256] = uint64(n)
	if n == 0 {
		return t
	}
	t = down(n-1, t)
	atomic.AddUint64(&ticks[0], frame[(n+1)%256])
	return t
}

func inCalls() {
	juggle("juggled by panics", func(t *thing) (r *thing) {
		defer func() { r = recover().(*thing) }()
		panicWith(t)
		return nil
	})
	juggle("juggled by defers in a loop", func(t *thing) (r *thing) {
		for i := 0; i < 2; i++ {
			defer func() { r = t }()
		}
		return nil
	})
	juggle("juggled by a goroutine that exits", func(t *thing) *thing {
		c := make(chan *thing, 1)
		go func() {
			defer func() { c <- t }()
			runtime.Goexit()
		}()
		return <-c
	})
	juggle("juggled on stacks that grow", func(t *thing) *thing {
		c := make(chan *thing)
		go func() { c <- down(100, t) }()
		return <-c
	})
	made := reflect.MakeFunc(reflect.TypeOf(down), func(in []reflect.Value) []reflect.Value { return in[1:] }).
		Interface().(func(int, *thing) *thing)
	juggle("juggled by a made function", func(t *thing) *thing { return made(1, t) })
	juggle("juggled by a reflected call", func(t *thing) *thing {
		return reflect.ValueOf(down).Call([]reflect.Value{reflect.ValueOf(1), reflect.ValueOf(t)})[0].Interface().(*thing)
	})
	juggle("juggled by sort", func(t *thing) *thing {
		all := []*thing{nil, t, nil}
		sort.Slice(all, func(i, j int) bool { return all[i] != nil && all[j] == nil })
		return all[0]
	})
}

func inTheRuntime() {
	m := map[int]*thing{}
	juggle("juggled in a map", func(t *thing) *thing {
		m[1] = t
		t = nil
		for i := 2; i < 20; i++ {
			m[i] = nil
		}
		t = m[1]
		for i := 1; i < 20; i++ {
			delete(m, i)
		}
		return t
	})
	juggle("juggled in slices", func(t *thing) *thing {
		all := append([]*thing(nil), t)
		for i := 0; i < 100; i++ {
			all = append(all, nil)
		}
		return all[0]
	})
	juggle("juggled in a global", func(t *thing) *thing {
		atomic.StorePointer(&slot, unsafe.Pointer(t))
		return (*thing)(atomic.SwapPointer(&slot, nil))
	})
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	juggle("juggled around system calls", func(t *thing) *thing {
		var one [1]byte
		syscall.Write(pipe[1], one[:])
		syscall.Read(pipe[0], one[:])
		return t
	})
	juggleA(queued, "juggled by finalizers", func(t *thing) *thing {
		c := make(chan *thing)
		runtime.SetFinalizer(&box{p: t}, func(b *box) { c <- b.p })
		return <-c
	})
	juggle("juggled around collections", func(t *thing) *thing { runtime.GC(); return t })
	juggle("juggled while it yields", func(t *thing) *thing { runtime.Gosched(); return t })
	juggle("juggled in a loop", func(t *thing) *thing {
		other := t
		for i := 0; i < 1000000; i++ {
			t, other = other, t
		}
		return t
	})
}
