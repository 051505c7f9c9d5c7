package main

import "runtime"

// Finalizers: of an object that is held, of one that nothing else holds (run and gone at the first collection), and of
// one whose finalizer keeps it.
var (
	finalized   *named
	resurrected = make(chan *named, 1)
	kept        *named
)

func holdRuntimeThings() {
	only := chain(3, "held by the finalizer alone")
	finalized = &named{"finalized", chain(2, "finalized")}
	runtime.SetFinalizer(finalized, func(n *named) { only.id++ })
	lost := &named{"lost", chain(2, "lost")}
	runtime.SetFinalizer(lost, func(n *named) { resurrected <- n })
	lost = nil
	for i := 0; i < 20; i++ {
		held := &sparse{first: chain(1, "many")}
		runtime.SetFinalizer(held, func(*sparse) {})
		sizes = append(sizes, held)
	}
	big := new([9000]*node)
	big[8999] = chain(1, "finalized large")
	runtime.SetFinalizer(big, func(*[9000]*node) {})
	sizes = append(sizes, big)
	runtime.GC()
	kept = <-resurrected
	holdNewer()
}

// queueFinalizers leaves the finalizer goroutine blocked with more work queued behind it.
func queueFinalizers() {
	started, never := make(chan bool, 1), make(chan bool)
	block := func() {
		select {
		case started <- true:
		default:
		}
		<-never
	}
	for i := 0; i < 30; i++ {
		n := &named{"queued", chain(2, "queued")}
		runtime.SetFinalizer(n, func(n *named) {
			block()
			n.name = ""
		})
	}
	queueCleanups(block)
	runtime.GC()
	<-started
}
