package main

import (
	"context"
	"os"
	"sync"
	"time"
)

// Goroutines that wait for what nobody will ever send, although somebody could: something still leads to it.

var (
	hub     = map[int]chan int{}
	jobs    = make(chan int)
	lock    sync.Mutex
	gate    = sync.NewCond(&lock)
	started int // goroutines of the program
	ended   int
)

func running() int { return started - ended }

// events is where each goroutine waits for good.
//
//go:noinline
func events(channel chan int) {
	for range channel {
	}
}

//go:noinline
func works(ctx context.Context) {
	for {
		select {
		case <-jobs:
		case <-ctx.Done():
			return
		}
	}
}

//go:noinline
func answers(result chan int) { result <- 1 }

//go:noinline
func passes() {
	lock.Lock()
	gate.Wait()
	lock.Unlock()
}

type client struct {
	connection, other *os.File
	events            chan int
}

//go:noinline
func listen(c *client) {
	var message [1]byte
	for {
		_, err := c.connection.Read(message[:])
		if err != nil {
			close(c.events)
			return
		}
		c.events <- int(message[0])
	}
}

//go:noinline
func serve(c *client) {
	for range c.events {
		_, _ = c.other.Write(nil)
	}
}

// begin starts a goroutine that ends, if it ever does.
func begin(body func()) {
	started++
	go func() {
		body()
		mu.Lock()
		ended++
		mu.Unlock()
	}()
}

// feed gives work to some that wait. They get it in turn.
func feed(n int) {
	for i := 0; i < n; i++ {
		select {
		case jobs <- i:
		default:
		}
	}
}

var results []chan int

func init() {
	// Unsubscribing is forgotten: the hub has every channel.
	programs["hub-leak"] = program{nil, func(i int) {
		channel := make(chan int)
		hub[i] = channel
		begin(func() { events(channel) })
	}, running}
	programs["hub-fixed"] = program{nil, func(i int) {
		channel := make(chan int)
		hub[i] = channel
		begin(func() { events(channel) })
		if i >= 200 {
			close(hub[i-200])
			delete(hub, i-200)
		}
	}, running}
	// One more worker at each reload; its context is never cancelled.
	programs["workers-leak"] = program{nil, func(i int) {
		ctx, cancel := context.WithCancel(context.Background())
		_ = cancel
		begin(func() { works(ctx) })
	}, running}
	programs["workers-fixed"] = program{nil, func(i int) {
		if i < 300 {
			begin(func() { works(context.Background()) })
		}
	}, running}
	// Workers are started for as long as there is work, and there is: each has some every second.
	programs["workers-busy"] = program{nil, func(i int) {
		begin(func() { works(context.Background()) })
		feed(20)
	}, running}
	// The receiver gave up; a list of results to come has every channel.
	programs["answers-leak"] = program{nil, func(i int) {
		result := make(chan int)
		results = append(results, result)
		begin(func() { answers(result) })
	}, running}
	programs["answers-fixed"] = program{nil, func(i int) {
		result := make(chan int, 1)
		results = append(results[:i%100], result)
		begin(func() { answers(result) })
	}, running}
	programs["gate-leak"] = program{nil, func(i int) { begin(passes) }, running}
	programs["gate-fixed"] = program{nil, func(i int) {
		begin(passes)
		if i%50 == 49 {
			gate.Broadcast()
		}
	}, running}
	// Clients connect, and stay.
	programs["sessions"] = program{nil, func(i int) {
		if i%4 != 0 {
			return
		}
		connection, other, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		c := &client{connection, other, make(chan int)}
		go listen(c)
		begin(func() { serve(c) })
	}, running}
	// A request takes two seconds; there are as many at each moment.
	programs["requests-in-flight"] = program{nil, func(i int) {
		channel := make(chan int)
		time.AfterFunc(2*time.Second, func() { close(channel) })
		begin(func() { events(channel) })
	}, running}
}
