package main

import (
	"context"
	"io"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
)

// holdObserved leaves what profilers and the execution tracer leave behind when they have run.
func holdObserved() {
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	if trace.Start(io.Discard) == nil {
		trace.Log(context.Background(), "kinds", "traced")
		single(1)
		trace.Stop()
	}
	if pprof.StartCPUProfile(io.Discard) == nil {
		pprof.StopCPUProfile()
	}
}

func parkObserved() {
	park("labelled", func(never chan *node) {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("kind", text(1), "of", text(2))))
		held := chain(2, "labelled")
		<-never
		held.id++
	})
	park("within Do", func(never chan *node) {
		pprof.Do(context.Background(), pprof.Labels("kind", text(3)), func(context.Context) { <-never })
	})
	park("in a region", func(never chan *node) {
		ctx, task := trace.NewTask(context.Background(), text(4))
		defer task.End()
		trace.WithRegion(ctx, text(5), func() { <-never })
	})
}
