package main

import (
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"

	"heldby/victims/liveness/registers"
)

// Goroutines in operations of the runtime, and where they stand otherwise than at a call.

var silent [2]int // a pipe into which nobody writes

func inOperations() {
	if err := syscall.Pipe(silent[:]); err != nil {
		panic(err)
	}
	start(sends)
	start(selects)
	start(waits)
	start(inSystemCall)
	start(locked)
	start(yields)
	start(grown)
	ended := make(chan bool)
	go endsSoon(ended)
	<-ended
	start(func() { block(held("argument where an ended goroutine was")) })
}

//go:noinline
func block(t *thing) {
	park()
	use(t)
}

// What is being sent is in a variable of the sender's frame.
//
//go:noinline
func sends() {
	c := make(chan *thing)
	parked.Done()
	c <- held("value that is being sent")
}

//go:noinline
func selects() {
	c, e := make(chan *thing), make(chan int)
	d := dead("local of a goroutine in select, dead")
	l := held("value that select may send")
	use(d)
	parked.Done()
	select {
	case c <- l:
	case <-e:
	case e <- 1:
	}
}

//go:noinline
func waits() {
	condition := sync.NewCond(&sync.Mutex{})
	d := dead("local of a goroutine that waits, dead")
	l := held("local of a goroutine that waits")
	use(d)
	condition.L.Lock()
	parked.Done()
	condition.Wait()
	use(l)
}

//go:noinline
func inSystemCall() {
	d := dead("local of a goroutine in a system call, dead")
	l := held("local of a goroutine in a system call")
	var buffer [1]byte
	use(d)
	parked.Done()
	syscall.Read(silent[0], buffer[:])
	use(l)
}

//go:noinline
func locked() {
	runtime.LockOSThread()
	d := dead("local of a locked goroutine, dead")
	l := held("local of a locked goroutine")
	use(d)
	park()
	use(l)
}

// Never parked, always about to run.
//
//go:noinline
func yields() {
	d := dead("local of a goroutine that can run, dead")
	l := held("local of a goroutine that can run")
	use(d)
	parked.Done()
	for atomic.LoadUint32(&stop) == 0 {
		runtime.Gosched()
	}
	use(l)
}

var stop uint32

// The stack has been moved: what is dead went along.
//
//go:noinline
func grown() {
	d := dead("local on a stack that was moved, dead")
	l := held("local on a stack that was moved")
	b := box{p: held("stack object on a stack that was moved")}
	p := same(&b)
	use(d)
	deepen(200, gone("argument on a stack that was left"))
	park()
	use(l)
	use(p.p)
}

//go:noinline
func deepen(n int, t *thing) {
	var frame [64]uint64
	frame[n%64] = t[0]
	if n > 0 {
		deepen(n-1, t)
	}
	used += frame[(n+1)%64]
}

//go:noinline
func endsSoon(ended chan bool) {
	use(gone("local of a goroutine that has ended"))
	ended <- true
}

// ---- preempted by a signal ----

var (
	ticks    [3]uint64
	inVector uintptr
)

// compute has no calls in its loop, so it stops only where a signal preempts it. What it holds is in registers. The others are
// cleared before, for they are held, too, whatever is left in them.
//
//go:noinline
func compute(t *thing, b *box, tick *uint64) uint64 {
	x := uint64(1)
	for atomic.LoadUint32(&stop) == 0 {
		x += t[x%8] + uint64(b.n)
		atomic.AddUint64(tick, 1)
	}
	return x
}

//go:noinline
func computes() {
	d := dead("local of a caller of a preempted function, dead")
	l := held("local of a caller of a preempted function")
	use(d)
	computesWithObjects()
	use(l)
}

//go:noinline
func computesWithObjects() {
	var b, c box
	c.p = dead("stack object of the caller of a preempted function, dead")
	b.p = held("stack object, by a register of a preempted function")
	b.n = number(dead("number in a stack object, by a register of a preempted function"))
	use(same(&c).p)
	t := held("register of a preempted function")
	inVector = number(either("number in a vector register of a preempted function"))
	registers.Set(&inVector)
	inVector = 0
	used += compute(t, &b, &ticks[0])
}

// A preempted function's own frame has no map for where it stands.
//
//go:noinline
func computeInFrame(l, d *thing, tick *uint64) {
	use(l)
	use(d)
	registers.Set(&inVector)
	x := uint64(0)
	for atomic.LoadUint32(&stop) == 0 {
		x++
		atomic.AddUint64(tick, 1)
	}
	used += x + l[0]
}

func untilPreempted(tick *uint64, body func()) {
	go body()
	for atomic.LoadUint64(tick) == 0 {
		runtime.Gosched()
	}
}

func inPreempted() {
	untilPreempted(&ticks[0], computes)
	untilPreempted(&ticks[1], func() {
		computeInFrame(held("argument of a preempted function"), either("argument of a preempted function, dead"), &ticks[1])
	})
}

// ---- about to start ----

//go:noinline
func starts(t *thing) {
	atomic.AddUint64(&started, 1)
	parked.Add(1)
	park()
	use(t)
}

//go:noinline
func notStarted() {
	go starts(held("argument of a goroutine that has not started"))
	l := held("captured by a goroutine that has not started")
	go func() { starts(l) }()
	go (&starter{held("receiver of a goroutine that has not started")}).start()
	go madeFunction()()
}

// The runtime finds what a made function holds by its value, which a goroutine that has not started has in its context.
//
//go:noinline
func madeFunction() func() {
	l := held("captured by a made function that has not started")
	return reflect.MakeFunc(reflect.TypeOf(func() {}), func([]reflect.Value) []reflect.Value {
		starts(l)
		return nil
	}).Interface().(func())
}

type starter struct{ t *thing }

func (s *starter) start() { starts(s.t) }

// ---- on the system stack ----

var dumpTo = make(chan string)

func inDump() {
	start(dumps)
}

//go:noinline
func dumps() {
	d := dead("local of a goroutine on the system stack, dead")
	l := held("local of a goroutine on the system stack")
	use(d)
	parked.Done()
	file, err := os.OpenFile(<-dumpTo, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	const F_SETPIPE_SZ = 1031
	syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), F_SETPIPE_SZ, 4096) // it is full before the dump comes to the things
	debug.WriteHeapDump(file.Fd())
	file.Close()
	<-never
	use(l)
}

func startDump(path string) {
	dumpTo <- path
	yieldsToOthers = true
}

// ---- while a stack grows ----

//go:noinline
func deepest(n int) uint64 {
	var frame [128]uint64
	frame[n%128] = uint64(n)
	if n > 0 {
		frame[(n+1)%128] = deepest(n - 1)
	}
	return frame[n%128] + frame[(n+1)%128]
}

// grow hands its thing on: it is always in one goroutine's hands.
//
//go:noinline
func grow(t *thing, n int) {
	used += deepest(1 << 15)
	if n == 0 {
		say("grown")
		park()
	} else {
		go grow(t, n-1)
		return
	}
	use(t)
}

func startGrowing(n int) {
	atomic.StoreUint32(&stop, 1)
	runtime.GOMAXPROCS(2) // one is the main goroutine's
	parked.Add(1)
	go grow(held("argument below a stack that grows"), n)
}
