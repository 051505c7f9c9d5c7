package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
)

// parked returns when so many goroutines wait for that reason in a function.
func parked(n int, reason, function string) {
	for stacks := make([]byte, 16<<20); ; {
		found := 0
		for _, one := range bytes.Split(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
			head, rest, _ := strings.Cut(string(one), "\n")
			if strings.Contains(head, "["+reason) && strings.Contains(rest, function) {
				found++
			}
		}
		if found >= n {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// silent is a server that takes requests and never answers.
func silent() string {
	return serve(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// A webhook that is called without a limit: as long as the callee is silent, all of it stays.
//
//go:noinline
func leakRequests() {
	url := silent()
	for i := 0; i < manyConns; i++ {
		go notify(url)
	}
	parked(manyConns, "select", "main.notify")
}

func notify(url string) {
	resp, err := http.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		return
	}
	resp.Body.Close()
}

// The same with a limit, which is not reached yet.
//
//go:noinline
func fixRequests() {
	url := silent()
	client := &http.Client{Timeout: time.Hour}
	for i := 0; i < manyConns; i++ {
		go notifyInTime(client, url)
		go notifyWith(url)
	}
	parked(manyConns, "select", "main.notifyInTime")
	parked(manyConns, "select", "main.notifyWith")
}

func notifyInTime(client *http.Client, url string) {
	resp, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		return
	}
	resp.Body.Close()
}

type key struct{}

func notifyWith(url string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	req, err := http.NewRequestWithContext(context.WithValue(ctx, key{}, 1), "POST", url, strings.NewReader("{}"))
	must(err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	resp.Body.Close()
}

// A few long polls that are meant to take their time, many idle connections, and a transport with a timeout of its own.
//
//go:noinline
func healthyRequests() {
	url := silent()
	for i := 0; i < 10; i++ {
		go notify(url)
	}
	parked(10, "select", "main.notify")
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: time.Hour}}
	for i := 0; i < manyConns; i++ {
		go notifyInTime(client, url)
	}
	parked(manyConns, "select", "main.notifyInTime")
	healthyConns()
}

const manyGoroutines = 1500

var results = make(chan string)

// Each query sends what it found to somebody who stopped listening.
//
//go:noinline
func leakPile() {
	for i := 0; i < manyGoroutines; i++ {
		go query(i)
	}
	parked(manyGoroutines, "chan send", "main.query")
}

func query(i int) { results <- fmt.Sprint("result ", i) }

//go:noinline
func fixPile() {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	for i := 0; i < manyGoroutines; i++ {
		ended.Add(1)
		go func(i int) {
			defer ended.Done()
			select {
			case results <- fmt.Sprint("result ", i):
			case <-ctx.Done():
			}
		}(i)
	}
	cancel()
	ended.Wait()
}

var jobs = make(chan int)

// What everything that runs ends with.
var running, shutDown = context.WithCancel(context.Background())

// Workers that wait for work; requests that wait with a limit, or to be told to end; sessions with a client each.
//
//go:noinline
func healthyPile() {
	for i := 0; i < manyGoroutines; i++ {
		go worker()
		go limited(make(chan int))
		go supervised(running)
	}
	parked(manyGoroutines, "chan receive", "main.worker")
	parked(manyGoroutines, "select", "main.limited")
	parked(manyGoroutines, "chan receive", "main.supervised")
	address := listen(session)
	for i := 0; i < 1100; i++ {
		conn, err := net.Dial("tcp", address)
		must(err)
		pool = append(pool, conn)
	}
	parked(1100, "chan receive", "main.session")
}

func worker() {
	for range jobs {
	}
}

func limited(answer chan int) {
	select {
	case <-answer:
	case <-time.After(time.Hour):
	}
}

func supervised(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	<-ctx.Done()
}

var (
	inboxes     = map[net.Conn]chan string{}
	inboxesLock sync.Mutex
)

// session sends a client what others say.
func session(conn net.Conn) {
	defer conn.Close()
	inbox := make(chan string)
	inboxesLock.Lock()
	inboxes[conn] = inbox
	inboxesLock.Unlock()
	for message := range inbox {
		conn.Write([]byte(message))
	}
}
