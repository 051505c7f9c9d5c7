package main

import (
	"reflect"
	"runtime"
	"sync"
	"unsafe"
)

// Nothing refers to what these wait for but they themselves.
var stuckExamples = []example{
	{"send", func() { c := make(chan int); stuck(func() { c <- 1 }) }},
	{"receive", func() { c := make(chan int); stuck(func() { <-c }) }},
	{"receive-pointers", func() { c := make(chan *waiter); stuck(func() { <-c }) }},
	{"range", func() { c := make(chan *waiter, 3); c <- nil; stuck(func() { drain(c) }) }},
	{"send-full", func() { c := make(chan *waiter, 2); c <- nil; c <- nil; stuck(func() { c <- nil }) }},
	{"send-large", func() { c := make(chan [100]*waiter); stuck(func() { c <- [100]*waiter{} }) }},
	{"nil-receive", func() { stuck(func() { var c chan int; <-c }) }},
	{"nil-send", func() { stuck(func() { var c chan int; c <- 1 }) }},
	{"nil-select", func() { stuck(func() { selectTwo(nil, nil) }) }},
	{"no-cases", func() { stuck(func() { select {} }) }},
	{"select", func() { a, b := make(chan int), make(chan *waiter); stuck(func() { selectTwo(a, b) }) }},
	{"select-one-nil", func() { a := make(chan int); stuck(func() { selectTwo(a, nil) }) }},
	{"select-reflect", func() { stuck(selectReflect) }},
	{"mutex", func() { m := tiny(); m.Lock(); stuck(func() { m.Lock() }) }},
	{"mutex-twice", func() { m := tiny(); stuck(func() { m.Lock(); m.Lock() }) }},
	{"mutex-starving", func() {
		m := tiny()
		m.Lock()
		for i := 0; i < 5; i++ {
			stuck(func() { m.Lock() })
		}
	}},
	{"mutex-in-struct", func() { s := &large{}; s.mutex.Lock(); stuck(func() { s.mutex.Lock() }) }},
	{"rwmutex-lock", func() { m := new(sync.RWMutex); m.RLock(); stuck(func() { m.Lock() }) }},
	{"rwmutex-rlock", func() { m := new(sync.RWMutex); m.Lock(); stuck(func() { m.RLock() }) }},
	{"waitgroup", func() { w := new(sync.WaitGroup); w.Add(1); stuck(w.Wait) }},
	{"cond", func() { c := sync.NewCond(tiny()); stuck(func() { c.L.Lock(); c.Wait() }) }},
	{"cond-many", func() {
		c := sync.NewCond(tiny())
		for i := 0; i < 20; i++ {
			stuck(func() { c.L.Lock(); c.Wait() })
		}
	}},
	{"cond-in-struct", func() {
		s := &large{}
		s.cond.L = &s.mutex
		stuck(func() { s.mutex.Lock(); s.cond.Wait(); s.mutex.Unlock() })
	}},
	{"once", func() { o := new(sync.Once); stuck(func() { o.Do(func() { o.Do(func() {}) }) }) }},
	{"many-on-one", func() {
		c := make(chan int)
		for i := 0; i < 50; i++ {
			stuck(func() { <-c })
		}
	}},
	{"locked-thread", func() { c := make(chan int); stuck(func() { runtime.LockOSThread(); <-c }) }},
	{"deferred", func() { c := make(chan int); stuck(func() { defer func() { <-c }() }) }},
	{"panicking", func() { c := make(chan int); stuck(func() { defer func() { <-c; recover() }(); panic("stuck") }) }},
	{"method-value", func() { s := &server{c: make(chan int)}; stuck(s.serve) }},
	{"interface", func() { var s serving = &server{c: make(chan int)}; stuck(func() { s.serve() }) }},
	{"reflect-call", func() {
		c := make(chan int)
		stuck(func() { reflect.ValueOf(func(n int) { c <- n }).Call([]reflect.Value{reflect.ValueOf(7)}) })
	}},
	{"make-func", func() {
		c := make(chan int)
		f := reflect.MakeFunc(reflect.TypeOf(func() {}), func([]reflect.Value) []reflect.Value { <-c; return nil })
		stuck(f.Interface().(func()))
	}},
	{"chain", func() { stuck(chain(5, make(chan int))) }},
	{"chain-to-nil", func() { stuck(chain(5, nil)) }},
	{"cycle", cycle},
	{"deadlock", deadlock},
	{"deadlock-mixed", deadlockMixed},
	{"workers", workers},
	{"held-by-stuck-map", func() {
		all := map[string]chan int{"a": make(chan int)}
		stuck(func() { <-all["a"] })
		stuck(func() { var never chan int; <-never; all["a"] <- 1 })
	}},
	{"channel-of-channels", func() {
		inner := make(chan int)
		outer := make(chan chan int, 1)
		outer <- inner
		stuck(func() { inner <- 1 })
		stuck(func() { c := make(chan int); <-c; <-outer })
	}},
	{"tiny-mutexes", func() {
		for i := 0; i < 40; i++ {
			m := tiny()
			m.Lock()
			stuck(func() { m.Lock() })
		}
	}},
	{"big-frame", func() { c := make(chan int); stuck(func() { bigFrame(c, 20) }) }},
}

var neighbour *sync.Mutex

// tiny makes a mutex that shares its 16 bytes with something that is garbage: were it in use, the mutex would be reachable, too, as
// far as anybody can tell.
//
//go:noinline
func tiny() *sync.Mutex {
	for {
		m := new(sync.Mutex)
		neighbour = new(sync.Mutex)
		together := uintptr(unsafe.Pointer(m))&^15 == uintptr(unsafe.Pointer(neighbour))&^15
		neighbour = nil
		if together {
			return m
		}
		neighbour = new(sync.Mutex) // the next one begins 16 bytes
	}
}

type large struct {
	before [60]*waiter
	mutex  sync.Mutex
	cond   sync.Cond
	after  [60]*waiter
}

type server struct{ c chan int }

func (s *server) serve() { <-s.c }

type serving interface{ serve() }

//go:noinline
func drain(c chan *waiter) {
	for range c {
	}
}

//go:noinline
func selectTwo(a chan int, b chan *waiter) {
	select {
	case <-a:
	case b <- nil:
	}
}

func selectReflect() {
	var cases []reflect.SelectCase
	for i := 0; i < 70; i++ {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan int))})
	}
	reflect.Select(cases)
}

// Each waits for the next, the last one for `end`.
func chain(n int, end chan int) func() {
	if n == 0 {
		return func() { <-end }
	}
	c := make(chan int)
	next := chain(n-1, end)
	stuck(func() { next(); c <- 1 })
	return func() { <-c }
}

// Each waits for a channel that only the other would send to.
func cycle() {
	a, b := make(chan int), make(chan int)
	stuck(func() { <-a; b <- 1 })
	stuck(func() { <-b; a <- 1 })
}

// The old one: two locks, taken in two orders.
func deadlock() {
	a, b := tiny(), tiny()
	var both sync.WaitGroup
	both.Add(2)
	first := func() { lockBoth(a, b, &both) }
	second := func() { lockBoth(b, a, &both) }
	stuck(first)
	stuck(second)
}

//go:noinline
func lockBoth(a, b *sync.Mutex, both *sync.WaitGroup) {
	a.Lock()
	defer a.Unlock()
	both.Done()
	both.Wait()
	b.Lock()
	b.Unlock()
}

// One sends with the lock held that the receiver wants first.
func deadlockMixed() {
	m, c := tiny(), make(chan int)
	m.Lock()
	stuck(func() { defer m.Unlock(); c <- 1 })
	stuck(func() { m.Lock(); <-c; m.Unlock() })
}

// Workers that nobody tells to stop, and who waits for them.
func workers() {
	var all sync.WaitGroup
	tasks := make(chan func())
	for i := 0; i < 10; i++ {
		all.Add(1)
		stuck(func() {
			defer all.Done()
			for f := range tasks {
				f()
			}
		})
	}
	stuck(func() { all.Wait(); println(len(tasks)) })
}

//go:noinline
func bigFrame(c chan int, depth int) int {
	var room [500]int
	room[depth] = depth
	if depth == 0 {
		return <-c
	}
	return bigFrame(c, depth-1) + room[depth]
}
