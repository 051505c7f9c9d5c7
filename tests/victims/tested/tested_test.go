// These tests pass, and leave goroutines behind that can never run again: for `go test -exec`.
package tested

import (
	"context"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
)

// settle returns when all goroutines that a function of this package has started wait: before the process ends.
func settle(creator string) {
	dump := make([]byte, 1<<20)
	for waits := false; !waits; {
		runtime.Gosched()
		for _, goroutine := range strings.Split(string(dump[:runtime.Stack(dump, true)]), "\n\n") {
			if strings.Contains(goroutine, "created by heldby/victims/tested."+creator) {
				if waits = !strings.Contains(goroutine, " [runn"); !waits {
					break
				}
			}
		}
	}
}

func TestLeavesOne(t *testing.T) {
	t.Parallel()
	go send(make(chan int))
	settle("TestLeavesOne")
}

func TestLeavesTwo(t *testing.T) {
	t.Parallel()
	var never sync.WaitGroup
	never.Add(1)
	for i := 0; i < 2; i++ {
		go func(group *sync.WaitGroup) { group.Wait() }(&never)
	}
	settle("TestLeavesTwo")
}

func TestLeavesThroughALibrary(t *testing.T) {
	serve()
	settle("accept")
}

// What it leaves says by a label whose it is; the other labels are nobody's business.
func TestLeavesLabelled(t *testing.T) {
	t.Run("by the way", func(t *testing.T) {
		labels := pprof.Labels("user", "ada@example.org", "of", t.Name(), "like", "TestOfNobody")
		pprof.Do(context.Background(), labels, func(context.Context) { answer() })
		settle("reply")
	})
}

func TestLeavesNone(t *testing.T) {
	got := make(chan int, 1)
	go send(got)
	<-got
}
