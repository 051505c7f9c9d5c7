// The victim of tests/e2e/holders.py: one holder of each kind, with as many objects of known sizes as its constants say.
package main

import (
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"heldby/victims/control"
)

const (
	files    = 3000
	fileSize = 10000 // in a slot of 10,240 bytes
	sessions = 1000
	nodes    = 50_000
	workers  = 25
	scratch  = 100_000 // in a slot of 106,496 bytes
	timers   = 40
	timed    = 32_000 // in a slot of 32,768 bytes
)

type file struct {
	id   int
	data []byte
}

type registry struct {
	open []*file
}

type server struct {
	name  string
	files registry
}

type session struct {
	user string
	data [200]byte
}

type node struct {
	value int
	next  *node
}

type leaf struct {
	left, right *leaf
	weight      [10]int
}

type catalogue struct{ pages [3 << 20]byte }

type shelf struct{ of *catalogue }

// Both bins lead to one stock; somebody watches the second one.
type stock struct{ pages [2 << 20]byte }

type bin struct{ of *stock }

type desk struct{ first, second *bin }

// What served last, and waits for its next use.
type visitor struct{ of *server }

var (
	srv   *server
	aside sync.Pool
	front *desk
	cache = map[string]*session{}
	head  *node
	tree  *leaf
	north *shelf // both lead to one catalogue
	south *shelf
	done  = make(chan bool)
	ready sync.WaitGroup
)

//go:noinline
func openFile(id int) *file {
	return &file{id, make([]byte, fileSize)}
}

//go:noinline
func newSession(name string) *session {
	return &session{user: name}
}

func grow(depth int) *leaf {
	if depth == 0 {
		return nil
	}
	return &leaf{left: grow(depth - 1), right: grow(depth - 1)}
}

//go:noinline
func work() {
	buffer := make([]byte, scratch)
	ready.Done()
	<-done // never closed
	runtime.KeepAlive(buffer)
}

func startWorkers() {
	ready.Add(workers)
	for i := 0; i < workers; i++ {
		go work()
	}
	ready.Wait()
}

func watch(b *bin) {
	<-done // never closed
	runtime.KeepAlive(b)
}

func startTimers() {
	for i := 0; i < timers; i++ {
		data := make([]byte, timed)
		time.AfterFunc(24*time.Hour, func() { data[0]++ })
	}
}

func main() {
	_ = pprof.Lookup("heap") // links the memory profile
	srv = &server{name: "a server"}
	for i := 0; i < files; i++ {
		srv.files.open = append(srv.files.open, openFile(i))
	}
	for i := 0; i < sessions; i++ {
		name := "user" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		cache[name] = newSession(name)
	}
	for i := 0; i < nodes; i++ {
		head = &node{i, head}
	}
	tree = grow(14)
	both := new(catalogue)
	north, south = &shelf{both}, &shelf{both}
	startWorkers()
	startTimers()
	all := new(stock)
	front = &desk{&bin{all}, &bin{all}}
	go watch(front.second)
	aside.Put(&visitor{srv})
	control.Serve("holders")
}
