// Files is every leak of files, connections and goroutines that wait for them that heldby tells of from one look, each in three
// forms: leaking, repaired, and a healthy program that looks much like it.
//
//	files CLASS leaking|fixed|healthy
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"heldby/victims/control"
)

// A class is one kind of leak; each of its forms returns when it is set up.
type class struct{ leaking, fixed, healthy func() }

var classes = map[string]class{
	"files":    {leakFiles, fixFiles, healthyFiles},
	"conns":    {leakConns, fixConns, healthyConns},
	"deferred": {leakDeferred, fixDeferred, healthyDeferred},
	"bodies":   {leakBodies, fixBodies, healthyBodies},
	"watch":    {leakDeferredBodies, fixDeferredBodies, healthyDeferredBodies},
	"hung-up":  {leakCloseWait, fixCloseWait, healthyCloseWait},
	"unread":   {leakUnread, nil, nil},
	"stuck":    {leakStuck, nil, nil},
	"requests": {leakRequests, fixRequests, healthyRequests},
	"pile":     {leakPile, fixPile, healthyPile},
}

func main() {
	_ = pprof.Lookup("heap")   // links the memory profile
	runtime.MemProfileRate = 1 // every allocation has its place
	debug.SetGCPercent(-1)     // what was dropped is there until somebody looks
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	forms := classes[os.Args[1]]
	switch os.Args[2] {
	case "leaking":
		forms.leaking()
	case "fixed":
		forms.fixed()
	case "healthy":
		forms.healthy()
	}
	control.Serve("files")
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
