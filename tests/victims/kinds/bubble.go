//go:build goexperiment.synctest

package main

import (
	"testing/synctest"
	"time"
)

// parkBubble leaves a bubble whose goroutines wait, for each other and for what is outside, and whose clock stands still.
func parkBubble() {
	park("in a bubble", func(never chan *node) {
		synctest.Run(func() {
			inside := make(chan *node)
			held := chain(2, "held in a bubble")
			go func() { inner := single(1); n := <-inside; n.id += inner.id }()
			go func() { time.Sleep(time.Hour); held.id++ }()
			timer := time.AfterFunc(2*time.Hour, func() { held.id-- })
			defer timer.Stop()
			<-never // not of the bubble: it does not go on
			inside <- held
		})
	})
}
