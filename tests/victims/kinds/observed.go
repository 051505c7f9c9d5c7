package main

import (
	"context"
	"fmt"
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

// stuck takes the head of a trace and nothing else: who writes to it waits.
type stuck struct {
	called chan bool
	never  chan *node
}

func (s stuck) Write(data []byte) (int, error) {
	if len(data) > len("go 1.18 trace\x00\x00\x00") {
		held := chain(2, "held by a writer")
		close(s.called)
		n := <-s.never
		n.id += held.id
	}
	return len(data), nil
}

// observe leaves the tracer and the profiler of processor time on. Nobody reads what they say, so that nothing more happens
// once there is something to read: from Go 1.22 on the tracer begins a new generation each second (each millisecond with
// GODEBUG=traceadvanceperiod=1000000), until it has to wait for its reader; before, it says nothing until it has much to say.
func observe() {
	writer := stuck{make(chan bool), make(chan *node)}
	nevers = append(nevers, writer.never)
	if err := trace.Start(writer); err != nil {
		panic(err)
	}
	var minor int
	if fmt.Sscanf(runtime.Version(), "go1.%d", &minor); minor >= 22 {
		<-writer.called
	}
	runtime.SetCPUProfileRate(100)
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
