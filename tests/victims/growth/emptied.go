package main

import "math"

// Many batches at one place that fill and are emptied, each after a time that grows with the process's age: at any moment most have been
// emptied lately, and a few have not for half of its life.

type batch struct {
	entries []*int
	until   int // that request
	factor  float64
}

const batches = 80

var emptied []*batch

func makeBatches() {
	for i := 0; i < batches; i++ {
		factor := 1.7
		if i%10 == 0 {
			factor = 4
		}
		emptied = append(emptied, &batch{until: int(200 * math.Pow(factor, float64(i)/batches)), factor: factor})
	}
}

func fillOne(i int) {
	b := emptied[i%batches]
	if i >= b.until {
		b.entries, b.until = nil, int(float64(i)*b.factor)
	}
	for k := 0; k < 4; k++ {
		b.entries = append(b.entries, new(int))
	}
}

func countEntries() (n int) {
	for _, b := range emptied {
		n += len(b.entries)
	}
	return n
}

func init() {
	programs["batches-emptied"] = program{makeBatches, fillOne, countEntries}
}
