// Examples runs the code that `heldby explain RULE` shows, until its standard input ends:
//
//	examples RULE leaking|fixed
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"

	"heldby/examples/fixed"
	"heldby/examples/leaking"
)

func main() {
	_ = pprof.Lookup("heap") // links the memory profile
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: examples RULE leaking|fixed")
		os.Exit(2)
	}
	rules := map[string]map[string]func(){"leaking": leaking.Rules, "fixed": fixed.Rules}[os.Args[2]]
	run := rules[os.Args[1]]
	if run == nil {
		fmt.Fprintln(os.Stderr, "examples: no such rule or form")
		os.Exit(2)
	}
	run()
	runtime.GC()
	runtime.GC()
	leaking.Last()
	fixed.Last()
	fmt.Println("ready examples")
	io.Copy(io.Discard, os.Stdin)
}
