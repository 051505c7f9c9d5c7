// Blocked is goroutines that wait: for ever (stuck), or for something that can still happen (held), as many kinds of each as we
// know.
//
//	blocked [CASE...]       all cases, or these
//	blocked - CASE...       all but these
//
// After "ready" it obeys:
//
//	ids       a line a goroutine: "stuck CASE ID" or "held CASE ID"
//	try       uses everything that can still be used, and collects garbage, until all that are held have run, then a line for
//	          each that ran: "woke CASE ID", and each that should have: "asleep CASE ID"
//	runtime   a line for each that the runtime's own profile says has leaked: "leaked ID" (Go 1.26 with the experiment, 1.27)
//
// tests/e2e/blocked.py compares what it says with what heldby says.
package main

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"heldby/victims/control"
)

type waiter struct {
	name  string
	stuck bool
	slow  bool // is held by what takes longer than the test
	id    uint64
	woke  uint32
}

var (
	waiters []*waiter
	started sync.WaitGroup
	wakers  []func() // what wakes those that are held
)

// A case starts its goroutines with stuck or held.
type example struct {
	name string
	set  func()
}

var current string

func stuck(f func()) { begin(&waiter{name: current, stuck: true}, f) }
func held(f func())  { begin(&waiter{name: current}, f) }

// later is a goroutine that wakes in its time, which is longer than the test.
func later(f func()) { begin(&waiter{name: current, slow: true}, f) }

//go:noinline
func begin(w *waiter, f func()) {
	waiters = append(waiters, w)
	started.Add(1)
	go run(w, f)
}

func run(w *waiter, f func()) {
	w.id = id()
	started.Done()
	f()
	atomic.StoreUint32(&w.woke, 1)
}

// wake notes what wakes the goroutine of a case. It must not hold more than the program itself does.
func wake(f func()) { wakers = append(wakers, f) }

var header = regexp.MustCompile(`(?m)^goroutine (\d+) \[([^\],]*)`)

func id() uint64 {
	var buf [64]byte
	n, _ := strconv.ParseUint(string(header.FindSubmatch(buf[:runtime.Stack(buf[:], false)])[1]), 10, 64)
	return n
}

// settle returns when every goroutine of the examples is blocked.
func settle() {
	started.Wait()
	buf := make([]byte, 16<<20)
	for {
		busy := false
		states := map[string]string{}
		for _, match := range header.FindAllSubmatch(buf[:runtime.Stack(buf, true)], -1) {
			states[string(match[1])] = string(match[2])
		}
		for _, w := range waiters {
			switch states[strconv.FormatUint(w.id, 10)] {
			case "running", "runnable", "sleep", "syscall", "IO wait", "preempted":
				busy = busy || atomic.LoadUint32(&w.woke) == 0
			}
		}
		if !busy {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func list([]byte) {
	for _, w := range waiters {
		kind := "held "
		if w.stuck {
			kind = "stuck "
		}
		say(kind, w)
	}
}

func say(what string, w *waiter) {
	control.Print(what)
	control.Print(w.name)
	control.Print(" ")
	control.PrintUint(w.id, 10)
	control.Flush()
}

func asleep() (list []*waiter) {
	for _, w := range waiters {
		if !w.stuck && !w.slow && atomic.LoadUint32(&w.woke) == 0 {
			list = append(list, w)
		}
	}
	return
}

func try([]byte) {
	for _, f := range wakers {
		go f()
	}
	for end := time.Now().Add(20 * time.Second); len(asleep()) > 0 && time.Now().Before(end); {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	for i := 0; i < 3; i++ { // whatever those have set off
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	for _, w := range asleep() {
		say("asleep ", w)
	}
	for _, w := range waiters {
		if atomic.LoadUint32(&w.woke) != 0 {
			say("woke ", w)
		}
	}
}

var leaked = regexp.MustCompile(`(?m)^goroutine (\d+) [^\n]*\(leaked`)

func askRuntime([]byte) {
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		control.Print("none")
		control.Flush()
		return
	}
	var text bytes.Buffer
	profile.WriteTo(&text, 2)
	for _, match := range leaked.FindAllSubmatch(text.Bytes(), -1) {
		control.Print("leaked ")
		control.Print(string(match[1]))
		control.Flush()
	}
}

func wanted(name string) bool {
	all := len(os.Args) == 1 || os.Args[1] == "-"
	for _, argument := range os.Args[1:] {
		if argument == name {
			return !all
		}
	}
	return all && name[0] != '#'
}

func main() {
	for _, examples := range [][]example{stuckExamples, heldExamples, newerExamples, bubbleExamples, largeExamples, busyExamples} {
		for _, e := range examples {
			current = e.name
			if wanted(e.name) {
				e.set()
			}
		}
	}
	settle()
	runtime.GC()
	settle()
	control.Serve("blocked", control.Command{Name: "ids", Run: list}, control.Command{Name: "try", Run: try},
		control.Command{Name: "runtime", Run: askRuntime})
}
