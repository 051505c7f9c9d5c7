package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	nevers     []chan *node
	neversLock sync.Mutex
	listened   []byte = make([]byte, 7)
	mutex      sync.Mutex
	rw         sync.RWMutex
	cond       = sync.NewCond(&sync.Mutex{})
	group      sync.WaitGroup
	once       sync.Once
	listener   net.Listener
	conns      []net.Conn
	pipe       [2]int
)

// park starts a goroutine that is to block on a channel that a global holds.
func park(what string, body func(never chan *node)) {
	never := make(chan *node)
	neversLock.Lock()
	nevers = append(nevers, never)
	neversLock.Unlock()
	go body(never)
}

func parkAll() {
	parkOnChannels()
	parkOnSync()
	parkOnSystem()
	parkFrames()
	parkNewer()
	parkObserved()
	parkBubble()
	parkForeign()
}

func parkOnChannels() {
	for i := 0; i < 10; i++ {
		park("send", func(never chan *node) { never <- chain(2, "sent") })
		park("receive", func(never chan *node) { n := <-never; n.id++ })
	}
	park("send a struct", func(never chan *node) {
		structs := make(chan sparse)
		structs <- sparse{first: chain(1, "sent"), last: chain(1, "sent")}
	})
	park("nil channel", func(chan *node) {
		held := chain(2, "held below a nil channel")
		var none chan *node
		<-none
		runtime.KeepAlive(held)
	})
	park("select nothing", func(chan *node) { select {} })
	park("select", func(never chan *node) {
		other, payload := make(chan sparse), sparse{middle: chain(1, "selected")}
		select {
		case n := <-never:
			n.id++
		case other <- payload:
		case <-time.After(60 * time.Hour):
		}
	})
	park("range", func(never chan *node) {
		for n := range never {
			n.id++
		}
	})
	full := make(chan *node, 2)
	full <- chain(1, "full")
	full <- chain(1, "full")
	park("full", func(chan *node) { full <- chain(1, "one too many") })
}

func parkOnSync() {
	mutex.Lock()
	rw.RLock()
	group.Add(1)
	for i := 0; i < 3; i++ {
		park("mutex", func(chan *node) {
			held := chain(1, "waits for a mutex")
			mutex.Lock()
			held.id++
		})
		park("cond", func(chan *node) {
			held := chain(1, "waits for a condition")
			cond.L.Lock()
			cond.Wait()
			held.id++
		})
		park("group", func(chan *node) { held := chain(1, "waits for a group"); group.Wait(); held.id++ })
	}
	park("writer", func(chan *node) { rw.Lock() })
	park("once", func(never chan *node) {
		once.Do(func() {
			park("once too", func(chan *node) { once.Do(func() {}) })
			<-never
		})
	})
	park("sleep", func(chan *node) { held := chain(1, "sleeps"); time.Sleep(70 * time.Hour); held.id++ })
	park("ticker", func(chan *node) {
		t := time.NewTicker(80 * time.Hour)
		defer t.Stop()
		<-t.C
	})
	park("own mutex", func(chan *node) {
		var own sync.Mutex
		own.Lock()
		own.Lock()
	})
}

func parkOnSystem() {
	var err error
	if listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
		park("accept", func(chan *node) { listener.Accept() })
	}
	a, b := net.Pipe()
	conns = append(conns, a, b)
	park("pipe", func(chan *node) {
		buffer := make([]byte, 100)
		a.Read(buffer)
	})
	r, w, err := os.Pipe()
	if err == nil {
		files = append(files, r, w)
		park("read", func(chan *node) {
			r.SetReadDeadline(time.Now().Add(90 * time.Hour))
			buffer := make([]byte, 5000)
			r.Read(buffer)
		})
	}
	if syscall.Pipe(pipe[:]) == nil {
		park("system call", func(chan *node) {
			held := chain(3, "in a system call")
			buffer := make([]byte, 300)
			syscall.Read(pipe[0], buffer)
			held.id++
		})
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	park("signal", func(chan *node) { <-signals })
	park("locked", func(never chan *node) {
		runtime.LockOSThread()
		held := chain(1, "locked")
		<-never
		held.id++
	})
}

//go:noinline
func deep(depth int, n *node, never chan *node) int {
	local := sparse{first: n, a: uint64(depth)}
	if depth == 0 {
		<-never
		return 0
	}
	sum := deep(depth-1, &node{next: n, id: int64(depth)}, never)
	return sum + int(local.first.id)
}

//go:noinline
func through(pointer *sparse, never chan *node) {
	<-never
	pointer.first.id++
}

type receiver struct {
	n     *node
	never chan *node
}

func (r receiver) Wait(name string, extra *node, rest ...any) string {
	<-r.never
	return fmt.Sprint(name, extra, rest, r.n)
}

//go:noinline
func arguments(a *node, b string, c []*node, d any, e, f, g, h, i, j, k, l *node, never chan *node) int {
	<-never
	return int(a.id) + len(b) + len(c) + int(l.id) + int(e.id)
}

func parkFrames() {
	park("deep", func(never chan *node) { deep(200, chain(1, "deep"), never) })
	park("live", func(never chan *node) {
		live := chain(5, "live")
		<-never
		runtime.KeepAlive(live)
	})
	park("dead", func(never chan *node) {
		dead := chain(50, "dead")
		dead.id++
		<-never
	})
	park("stack object", func(never chan *node) {
		object := sparse{first: chain(2, "stack object"), last: chain(2, "stack object")}
		through(&object, never)
	})
	park("dead stack object", func(never chan *node) {
		object := sparse{first: chain(50, "dead stack object")}
		func(p *sparse) { p.a++ }(&object)
		<-never
	})
	park("chained stack objects", func(never chan *node) {
		type cell struct {
			next *cell
			n    *node
		}
		c := cell{n: chain(1, "c")}
		b := cell{next: &c, n: chain(1, "b")}
		a := cell{next: &b, n: chain(1, "a")}
		walk := func(head *cell) {
			<-never
			for ; head != nil; head = head.next {
				head.n.id++
			}
		}
		walk(&a)
	})
	park("arguments", func(never chan *node) {
		n := chain(12, "arguments")
		arguments(n, fmt.Sprint("b"), []*node{n}, single(1), n, n, n, n, n, n, n, single(2), never)
	})
	park("array on the stack", func(never chan *node) {
		var array [40]*node
		for i := range array {
			array[i] = single(i)
		}
		pick := cap(listened) % 40
		<-never
		array[pick].id++
	})
	parkDefers()
	park("reflect call", func(never chan *node) {
		v := reflect.ValueOf(receiver{chain(1, "receiver"), never}).MethodByName("Wait")
		v.Call([]reflect.Value{reflect.ValueOf("name"), reflect.ValueOf(single(1)), reflect.ValueOf(single(2))})
	})
	park("made function", func(never chan *node) {
		var f func(a, b *node, c string) int
		made := reflect.MakeFunc(reflect.TypeOf(f), func(args []reflect.Value) []reflect.Value {
			<-never
			return []reflect.Value{reflect.ValueOf(args[2].Len())}
		})
		f = made.Interface().(func(a, b *node, c string) int)
		f(single(1), single(2), fmt.Sprint("c"))
	})
	park("method value", func(never chan *node) {
		f := reflect.ValueOf(&receiver{single(1), never}).Method(0).Interface().(func(string, *node, ...any) string)
		f("name", single(2), single(3))
	})
}

func parkDefers() {
	park("open-coded defer", func(never chan *node) {
		captured := chain(2, "open-coded defer")
		defer func() { captured.id++ }()
		<-never
	})
	park("defers in a loop", func(never chan *node) {
		for i := 0; i < 5; i++ {
			captured := single(i)
			defer func() { captured.id++ }()
		}
		<-never
	})
	park("conditional defer", func(never chan *node) {
		captured, other := chain(1, "conditional"), chain(1, "not deferred")
		if cap(listened) > 0 {
			defer func(n *node) { n.id += captured.id }(single(3))
		}
		if cap(listened) < 0 {
			defer func(n *node) { n.id += other.id }(single(4))
		}
		<-never
	})
	park("panicking", func(never chan *node) {
		held := chain(1, "held by a panicking frame")
		defer func() { recover() }()
		defer func() {
			held.id++
			<-never // with the panic in flight
		}()
		panic(&named{"panic value", chain(1, "panic value")})
	})
	park("recovered", func(never chan *node) {
		defer func(n *node) {
			recover()
			<-never
			n.id++
		}(single(5))
		var none *node
		none.id++ // sigpanic
	})
	park("recovered and returned", func(never chan *node) {
		held := chain(1, "after a recovered panic")
		func() {
			defer func() { recover() }()
			var none map[string]int
			none[held.name] = 1
		}()
		<-never
		held.id++
	})
	park("panic in a panic", func(never chan *node) {
		defer func() { recover() }()
		defer func() {
			defer func() { <-never }()
			panic(single(6))
		}()
		panic(fmt.Errorf("outer %v", single(7).id))
	})
	park("exiting", func(never chan *node) {
		held := single(8)
		defer func() { <-never; held.id++ }()
		runtime.Goexit()
	})
}
