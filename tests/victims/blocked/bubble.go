//go:build go1.25 && !goexperiment.synctest

package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A bubble begins as a test has one. What it waits for besides is of the world outside.
func inBubble(body func()) {
	go testing.Main(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "bubble", F: func(t *testing.T) { synctest.Test(t, func(*testing.T) { body() }) }}}, nil, nil)
}

// inside starts a goroutine of the bubble: nothing that belongs to the world outside may be used there, and nothing counts it.
func inside(w *waiter, f func()) {
	w.name = "bubble"
	waiters = append(waiters, w)
	begun := make(chan bool)
	go func() {
		w.id = id()
		begun <- true
		f()
		atomic.StoreUint32(&w.woke, 1)
	}()
	<-begun
}

//go:noinline
func insideForEver(l *large) {
	l.mutex.Lock()
	inside(&waiter{stuck: true}, func() { l.mutex.Lock(); l.mutex.Unlock() })
}

var bubbleExamples = []example{
	// What all of a bubble waits for is its clock, or its end. What one waits for that nobody in it has is not told of either,
	// but a lock is a lock.
	{"bubble", func() {
		ready, never := make(chan bool), make(chan bool)
		go_on := make(chan bool)
		inBubble(func() {
			c, own := make(chan int), make(chan int)
			mutex := &large{}
			var group sync.WaitGroup
			group.Add(1)
			mutex.mutex.Lock()
			inside(&waiter{}, func() { <-c })
			inside(&waiter{}, func() { group.Wait() })
			inside(&waiter{}, func() { mutex.mutex.Lock(); mutex.mutex.Unlock() })
			insideForEver(&large{})
			inside(&waiter{slow: true}, func() { <-own })
			inside(&waiter{slow: true}, func() { time.Sleep(time.Hour) })
			ready <- true
			<-go_on // not of the bubble: its clock stands still
			c <- 1
			group.Done()
			mutex.mutex.Unlock()
			<-never
		})
		<-ready
		nevers = append(nevers, never)
		wake(func() { close(go_on) })
	}},
}

var nevers []chan bool
