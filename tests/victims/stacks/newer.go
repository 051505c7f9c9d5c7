//go:build go1.23

// What releases before 1.23 lack: iterators.

package main

import "iter"

func sequence(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func inIterators() {
	start(func() {
		for i := range sequence {
			defer func() { i++ }()
			if i == 2 {
				block()
			}
		}
	})
	start(func() {
		next, stop := iter.Pull(iter.Seq[int](sequence))
		defer stop()
		next()
		block()
	})
}

func iterate(n int) {
	for i := range sequence {
		defer func() { i++ }()
		if i > n {
			return
		}
	}
}
