package main

import (
	"sync"
	"time"
)

const sessions = 3000

type session struct {
	id     int
	buffer [500]byte
	timer  *time.Timer
}

var open = map[int]*session{}

func expire(s *session) { delete(open, s.id) }

// The timer of each session is dropped: when the session ends early, what it needs stays for an hour.
//
//go:noinline
func leakAfterFunc() {
	for i := 0; i < sessions; i++ {
		s := &session{id: i}
		time.AfterFunc(time.Hour, func() { expire(s) })
	}
}

//go:noinline
func fixAfterFunc() {
	for i := 0; i < sessions; i++ {
		s := &session{id: i}
		s.timer = time.AfterFunc(time.Hour, func() { expire(s) })
		s.timer.Stop()
	}
}

// Open sessions, each with the timer that will end it: as many, and all of them wanted.
//
//go:noinline
func healthyAfterFunc() {
	for i := 0; i < sessions; i++ {
		s := &session{id: i}
		s.timer = time.AfterFunc(time.Hour, func() { expire(s) })
		open[i] = s
	}
}

const pollers = 200

// Each poller gave up and left its ticker running.
//
//go:noinline
func leakTicker() {
	poll(func(ticker *time.Ticker) {})
}

//go:noinline
func fixTicker() {
	poll(func(ticker *time.Ticker) { ticker.Stop() })
}

func poll(end func(ticker *time.Ticker)) {
	var done sync.WaitGroup
	for i := 0; i < pollers; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			end(time.NewTicker(time.Hour))
		}()
	}
	done.Wait()
}

// Pollers at work: what they wait for is on their stacks.
//
//go:noinline
func healthyTicker() {
	var ready sync.WaitGroup
	for i := 0; i < pollers; i++ {
		ready.Add(1)
		go func() {
			ticker := time.NewTicker(time.Hour)
			defer ticker.Stop()
			ready.Done()
			for range ticker.C {
			}
		}()
	}
	ready.Wait()
}

// A timer for every message, none of which is waited for to its end.
//
//go:noinline
func leakAfter() {
	messages := make(chan int, 1)
	for i := 0; i < sessions; i++ {
		messages <- i
		select {
		case <-messages:
		case <-time.After(time.Hour):
		}
	}
}

//go:noinline
func fixAfter() {
	messages := make(chan int, 1)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for i := 0; i < sessions; i++ {
		messages <- i
		select {
		case <-messages:
		case <-timer.C:
		}
		timer.Reset(time.Hour)
	}
}

// Goroutines that do wait, each with a timeout.
//
//go:noinline
func healthyAfter() {
	never := make(chan int)
	for i := 0; i < sessions; i++ {
		go func() {
			select {
			case <-never:
			case <-time.After(time.Hour):
			}
		}()
	}
	time.Sleep(100 * time.Millisecond)
}
