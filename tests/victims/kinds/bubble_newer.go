//go:build go1.25 && !goexperiment.synctest

package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// parkBubble leaves a bubble as a test has one that does not end.
func parkBubble() {
	parked := make(chan bool)
	never := make(chan *node)
	nevers = append(nevers, never)
	bubble := func(t *testing.T) {
		inside := make(chan *node)
		held := chain(2, "held in a bubble")
		go func() { inner := single(1); n := <-inside; n.id += inner.id }()
		go func() { time.Sleep(time.Hour); held.id++ }()
		timer := time.AfterFunc(2*time.Hour, func() { held.id-- })
		defer timer.Stop()
		t.Cleanup(func() { held.id += 2 })
		synctest.Wait()
		parked <- true
		<-never // not of the bubble: its clock does not go on
		inside <- held
	}
	go testing.Main(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "bubble", F: func(t *testing.T) { synctest.Test(t, bubble) }}}, nil, nil)
	<-parked
}
