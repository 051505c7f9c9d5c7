package main

import (
	"context"
	"sync"
	"time"
)

const requests = 3000

// What all requests of a server descend from.
var base, shutDown = context.WithCancel(context.Background())

// Each request makes a context and does not cancel it.
//
//go:noinline
func leakContexts() {
	for i := 0; i < requests; i++ {
		ctx, _ := context.WithCancel(base)
		serve(ctx)
	}
}

//go:noinline
func fixContexts() {
	for i := 0; i < requests; i++ {
		ctx, cancel := context.WithCancel(base)
		serve(ctx)
		cancel()
	}
}

func serve(ctx context.Context) {
	if ctx.Err() != nil {
		shutDown()
	}
}

// As many requests at once, each of which waits for the end of its context.
//
//go:noinline
func healthyContexts() {
	atOnce(func() (context.Context, context.CancelFunc) { return context.WithCancel(base) })
}

func atOnce(make func() (context.Context, context.CancelFunc)) {
	var ready sync.WaitGroup
	for i := 0; i < requests; i++ {
		ready.Add(1)
		go func() {
			ctx, cancel := make()
			defer cancel()
			ready.Done()
			<-ctx.Done()
		}()
	}
	ready.Wait()
}

// The same with a timeout, below a context that can be cancelled.
//
//go:noinline
func leakTimeouts() {
	for i := 0; i < requests; i++ {
		ctx, _ := context.WithTimeout(base, time.Hour)
		serve(ctx)
	}
}

//go:noinline
func fixTimeouts() {
	for i := 0; i < requests; i++ {
		ctx, cancel := context.WithTimeout(base, time.Hour)
		serve(ctx)
		cancel()
	}
}

//go:noinline
func healthyTimeouts() {
	atOnce(func() (context.Context, context.CancelFunc) { return context.WithTimeout(base, time.Hour) })
}

// And with no parent but the background.
//
//go:noinline
func leakDeadlines() {
	for i := 0; i < requests; i++ {
		ctx, _ := context.WithTimeout(context.Background(), time.Hour)
		serve(ctx)
	}
}

//go:noinline
func fixDeadlines() {
	for i := 0; i < requests; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		serve(ctx)
		cancel()
	}
}

//go:noinline
func healthyDeadlines() {
	atOnce(func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), time.Hour)
	})
}
