// Leaks is every leak that heldby tells of from one look, each in three forms: leaking, repaired, and a healthy program that
// looks much like it.
//
//	leaks CLASS leaking|fixed|healthy...
package main

import (
	"os"
	"runtime"
	"runtime/pprof"

	"heldby/victims/control"
)

// A class is one kind of leak; each of its forms returns when it is set up.
type class struct{ leaking, fixed, healthy func() }

var classes = map[string]class{
	"map-ints":    {leakMapInts, fixMapInts, healthyMapInts},
	"map-strings": {leakMapStrings, fixMapStrings, healthyMapStrings},
	"map-nested":  {leakMapNested, fixMapNested, healthyMapNested},
	"map-large":   {leakMapLarge, fixMapLarge, healthyMapLarge},
	"afterfunc":   {leakAfterFunc, fixAfterFunc, healthyAfterFunc},
	"ticker":      {leakTicker, fixTicker, healthyTicker},
	"after":       {leakAfter, fixAfter, healthyAfter},
	"contexts":    {leakContexts, fixContexts, healthyContexts},
	"timeouts":    {leakTimeouts, fixTimeouts, healthyTimeouts},
	"deadlines":   {leakDeadlines, fixDeadlines, healthyDeadlines},
	"finalizers":  {leakFinalizers, fixFinalizers, healthyFinalizers},
	"rings":       {leakRings, fixRings, healthyRings},
	"cleanups":    {leakCleanups, fixCleanups, healthyCleanups},
	"pools":       {leakPools, fixPools, healthyPools},
}

// What is to be done when all are set up, and the last collection has been.
var last = func() {}

func main() {
	_ = pprof.Lookup("heap")   // links the memory profile
	runtime.MemProfileRate = 1 // every allocation has its place
	words := os.Args[1:]
	if len(words) == 0 || len(words)%2 != 0 {
		os.Exit(2)
	}
	for ; len(words) > 0; words = words[2:] {
		forms := classes[words[0]]
		switch words[1] {
		case "leaking":
			forms.leaking()
		case "fixed":
			forms.fixed()
		case "healthy":
			forms.healthy()
		}
	}
	runtime.GC()
	last()
	last = nil
	control.Serve("leaks")
}
