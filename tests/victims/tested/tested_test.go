// These tests pass, and leave goroutines behind that can never run again: for `go test -exec`.
package tested

import (
	"sync"
	"testing"
)

func TestLeavesOne(t *testing.T) {
	t.Parallel()
	go send(make(chan int))
}

func TestLeavesTwo(t *testing.T) {
	t.Parallel()
	var never sync.WaitGroup
	never.Add(1)
	for i := 0; i < 2; i++ {
		go func(group *sync.WaitGroup) { group.Wait() }(&never)
	}
}

func TestLeavesThroughALibrary(t *testing.T) {
	serve()
}

func TestLeavesNone(t *testing.T) {
	got := make(chan int, 1)
	go send(got)
	<-got
}
