package main

import (
	"os"
	"strconv"
)

// For measurements; HELDBY_BLOCKED says how many.
var largeExamples = []example{
	{"#chain", func() { // each waits for the next, and the last one can run: one that walks round by round needs as many rounds
		end := gate()
		last := end
		for i := many(); i > 0; i-- {
			before, c := last, make(chan int)
			last = c
			later(func() { link(before, c) })
		}
	}},
	{"#stuck-chain", func() {
		last := make(chan int)
		for i := many(); i > 0; i-- {
			before, c := last, make(chan int)
			last = c
			stuck(func() { link(before, c) })
		}
	}},
	{"#stuck", func() {
		for i := many(); i > 0; i-- {
			c := make(chan int)
			go func() { c <- 1 }()
		}
	}},
}

//go:noinline
func link(before, c chan int) {
	<-before
	close(c)
}

func many() int {
	n, _ := strconv.Atoi(os.Getenv("HELDBY_BLOCKED"))
	return n
}
