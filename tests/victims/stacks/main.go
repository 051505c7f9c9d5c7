// The victim of run-goroutines.sh: goroutines whose stacks have every shape that the runtime knows, and goroutines that
// never stop running. What it says of them is the runtime's own traceback, on SIGQUIT, with GOTRACEBACK=system.
//
//	lines FROM TO reads program counters, writes the innermost function, file and line at each (runtime.CallersFrames)
//	count         prints runtime.NumGoroutine
//	spin N        starts N goroutines that compute without a pause, and N that pass messages
//	churn N       starts N goroutines that start and end goroutines
//	rest          ends them all
//	many N        starts N goroutines that block three calls deep
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"heldby/victims/control"
)

func lines(argument []byte) {
	from, to, _ := strings.Cut(string(argument), " ")
	text, err := os.ReadFile(from)
	if err != nil {
		panic(err)
	}
	file, err := os.Create(to)
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(file)
	for _, word := range strings.Fields(string(text)) {
		pc, err := strconv.ParseUint(word, 16, 64)
		if err != nil {
			panic(err)
		}
		// CallersFrames takes return addresses.
		frame, _ := runtime.CallersFrames([]uintptr{uintptr(pc) + 1}).Next()
		fmt.Fprintf(out, "%x\t%s\t%s:%d\n", pc, frame.Function, frame.File, frame.Line)
	}
	out.Flush()
	file.Close()
}

func count([]byte) {
	control.Print("goroutines ")
	control.PrintUint(uint64(runtime.NumGoroutine()), 10)
	control.Flush()
}

func number(argument []byte) int {
	n, err := strconv.Atoi(string(argument))
	if err != nil {
		panic(err)
	}
	return n
}

func many(argument []byte) {
	n := number(argument)
	started := make(chan bool, n)
	never := make(chan int)
	for i := 0; i < n; i++ {
		go outer(started, never)
	}
	for i := 0; i < n; i++ {
		<-started
	}
}

//go:noinline
func outer(started chan bool, never chan int) int { return middle(started, never) + 1 }

//go:noinline
func middle(started chan bool, never chan int) int { return inner(started, never) + 1 }

//go:noinline
func inner(started chan bool, never chan int) int {
	started <- true
	return <-never
}

func main() {
	park()
	control.Serve("stacks",
		control.Command{Name: "lines", Run: lines},
		control.Command{Name: "count", Run: count},
		control.Command{Name: "spin", Run: spin},
		control.Command{Name: "churn", Run: churn},
		control.Command{Name: "rest", Run: rest},
		control.Command{Name: "many", Run: many})
}
