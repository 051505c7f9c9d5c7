// Program globals holds memory in package variables of every kind, then waits to be looked at.
package main

import (
	"fmt"
	"os"
	"strconv"

	"example.org/globals/cache"
	"example.org/globals/registry"
	wire "example.org/globals/wire.v2"
)

type job struct {
	id   int
	done chan struct{}
	next *job
}

var (
	queue   *job
	pending = map[*job]func(){}
	stopped = make(chan struct{})
)

//go:noinline
func enqueue(id int) {
	j := &job{id: id, done: make(chan struct{}), next: queue}
	queue = j
	pending[j] = func() { close(j.done) }
}

func main() {
	n := 0
	for i := 0; i < 1000; i++ {
		id := strconv.Itoa(i)
		cache.Add(id)
		n += wire.Walk(id)
		registry.All[id] = &registry.Entry{Name: id, Prev: registry.Latest()}
		cache.Exported[id] = nil
		registry.Fill(id)
		enqueue(i)
	}
	fmt.Println("ready", n+cache.Report()+len(pending), os.Getpid())
	if wire.Function == nil {
		return
	}
	var b [1]byte
	os.Stdin.Read(b[:])
	close(stopped)
}
