//go:build go1.24

package main

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"unique"
	"weak"
)

var (
	cleaned  *named
	often    *[5000]*node
	cleanups []runtime.Cleanup
	weakLive weak.Pointer[node]
	weakDead weak.Pointer[node]
	weakHeld *node
	weakMany []weak.Pointer[sparse]
	handles  []unique.Handle[string]
	structs  []unique.Handle[pairKey]
	canceled runtime.Cleanup
)

func holdNewer() {
	cleaned = &named{"cleaned", chain(2, "cleaned")}
	argument := chain(3, "held by the cleanup alone")
	cleanups = append(cleanups, runtime.AddCleanup(cleaned, func(n *node) { n.id++ }, argument))
	cleanups = append(cleanups, runtime.AddCleanup(cleaned, func(s string) { bssPointer.name = s }, strings.Repeat("x", 50)))
	cleanups = append(cleanups, runtime.AddCleanup(cleaned, func(i int) { bssPointer.id += int64(i) }, 12345))
	canceled = runtime.AddCleanup(cleaned, func(n *node) {}, chain(2, "stopped"))
	canceled.Stop()
	runtime.AddCleanup(chain(1, "gone"), func(int) {}, 1)
	b := &bssArray[0].c
	runtime.AddCleanup(b, func(n *node) { n.id++ }, chain(1, "cleanup of an interior pointer"))

	often = new([5000]*node) // alone in its span
	for i := 0; i < 300; i++ {
		runtime.AddCleanup(often, func(n *node) { n.id++ }, chain(1, "held by one of many cleanups"))
	}

	weakHeld = chain(1, "weakly and strongly held")
	weakLive = weak.Make(weakHeld)
	weakDead = weak.Make(chain(5, "only weakly held"))
	for i := range bssArray {
		if bssArray[i] != nil {
			weakMany = append(weakMany, weak.Make(bssArray[i]))
		}
	}
	for i := 0; i < 200; i++ {
		handles = append(handles, unique.Make(text(i)))
		structs = append(structs, unique.Make(pairKey{text(i), int32(i)}))
	}
	handles = handles[:100]
}

func newerContexts(root context.Context) {
	contexts = append(contexts, context.WithoutCancel(root))
	context.AfterFunc(root, func() { bssPointer.id-- })
	errs = append(errs, errors.Join(errs...))
}

func queueCleanups(block func()) {
	for i := 0; i < 100; i++ {
		runtime.AddCleanup(chain(1, "cleanup"), func(n *node) { block(); n.id++ }, chain(2, "queued cleanup"))
	}
}

func nodes(yield func(*node) bool) {
	local := chain(4, "held by an iterator")
	for n := local; n != nil; n = n.next {
		if !yield(n) {
			return
		}
	}
	runtime.KeepAlive(local)
}

var (
	pullNext func() (*node, bool)
	pullStop func()
)

// parkNewer leaves an iterator in mid-sequence: a coroutine, and a goroutine blocked in the body of a range-over-func.
func parkNewer() {
	pullNext, pullStop = iter.Pull(iter.Seq[*node](nodes))
	pullNext()
	pullNext()
	park("range over func", func(never chan *node) {
		for n := range nodes {
			defer func() { n.id++ }()
			if n.id == 1 {
				<-never
			}
		}
	})
}
