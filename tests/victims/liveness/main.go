// The victim of run-liveness.sh: goroutines whose stacks hold things, each by exactly one slot, that the program will or will
// never use again.
//
// When everything is set up it prints "thing KIND ADDRESS NAME" for each thing, the address with all bits inverted (so
// that nothing here holds it), then "ready". Nothing has been collected since the things were made. From then on it is
// inside a system call that keeps the only processor: no other goroutine moves until a command comes.
//
//	started       prints how many of the goroutines that were not to start yet have started
//	collect       collects, and prints "alive NAME" or "freed NAME" for each thing; GODEBUG=clobberfree=1 must be set
//	dump FIFO     writes a heap dump there, on the system stack with the world stopped, until somebody reads it
//	signal        a thread that computes with a thing in a register is interrupted by a signal whose handler blocks (cgo)
//	signalled     lets the handler go
//	rest          ends the jugglers, and prints "alive NAME" or "freed NAME" for the thing of each
//	across N[WHAT] (stack, object; N is the number of the try) makes some that begin in the heap's first arena or later ones; prints "across N", N of which begin in
//	              the first and end in the next
//	grow N        starts N goroutines, one after the other, whose stacks grow large; prints "grown" when they are done
package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// A thing is what the cases hold. Nothing else in the program is of its size, so that its slot is not used again.
type thing [147]uint64

const mark = 0x7468696e67 << 24

type entry struct {
	name, kind string
	hidden     uintptr // the address, inverted
	juggled    bool    // its juggler still had it when it ended
}

var (
	things  [512]entry
	nthings int
	making  sync.Mutex
)

//go:noinline
func made(kind, name string) *thing {
	making.Lock()
	defer making.Unlock()
	t := new(thing)
	for i := range t {
		t[i] = mark | uint64(nthings)
	}
	things[nthings] = entry{name: name, kind: kind, hidden: ^uintptr(unsafe.Pointer(t))}
	nthings++
	return t
}

// What is to be true of a thing while the program rests:

// held: the program may still use it.
//
//go:noinline
func held(name string) *thing { return made("held", name) }

// dead: a slot of a frame still has its address, but nothing will ever read it.
//
//go:noinline
func dead(name string) *thing { return made("dead", name) }

// gone: nothing will ever use it, and it may be that no slot has its address.
//
//go:noinline
func gone(name string) *thing { return made("gone", name) }

// queued: held, at times only by the queue of what the runtime is to run.
//
//go:noinline
func queued(name string) *thing { return made("queued", name) }

// either: what the runtime thinks of it differs by version.
//
//go:noinline
func either(name string) *thing { return made("either", name) }

// isThing says whether t has not been freed since it was made: GODEBUG=clobberfree=1 overwrites what is freed.
//
//go:nosplit
func isThing(t *thing, i int) bool {
	for _, word := range t {
		if word != mark|uint64(i) {
			return false
		}
	}
	return true
}

var used uint64

//go:noinline
func use(t *thing) { used += t[0] }

// number is the address of a thing as a number: it holds nothing.
//
//go:noinline
func number(t *thing) uintptr { return uintptr(unsafe.Pointer(t)) }

//go:noinline
func useNumber(n uintptr) { used += uint64(n) }

// ---- goroutines ----

var (
	never   = make(chan int) // nobody sends
	parked  sync.WaitGroup
	started uint64
)

// start runs a goroutine until it parks.
func start(body func()) {
	parked.Add(1)
	go body()
	parked.Wait()
}

//go:noinline
func park() {
	parked.Done()
	<-never
}

func setUp(done chan bool) {
	inFinalizers() // these need collections, which come before all things
	start(locals)
	inFrames()
	inObjects()
	inLargeObjects()
	inDefers()
	inPanics()
	inReflection()
	inOperations()
	inCoroutines()
	inForeign()
	inDump()
	inPreempted()
	notStarted()
	done <- true // the main goroutine is the next to run
}

// startJuggling returns when all jugglers have their things.
func startJuggling(done chan bool) {
	runtime.GOMAXPROCS(4)
	jugglers()
	parked.Wait()
	debug.SetGCPercent(1)
	done <- true
}

// ---- commands ----

// The main goroutine prints and reads without telling the scheduler, which then does not give its processor away.

var (
	line [4096]byte
	out  = make([]byte, 0, 1<<16)

	yieldsToOthers bool // while it waits for a command
	startedByThen  uint64
)

func say(words ...string) {
	for i, word := range words {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, word...)
	}
	out = append(out, '\n')
	for done := 0; done < len(out); {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&out[done])), uintptr(len(out)-done))
		if errno == 0 {
			done += int(n)
		} else if errno != syscall.EINTR && errno != syscall.EAGAIN {
			os.Exit(1)
		}
	}
	out = out[:0]
}

func sayThings(from int) {
	for i := from; i < nthings; i++ {
		say("thing", things[i].kind, strconv.FormatUint(uint64(things[i].hidden), 16), things[i].name)
	}
}

func read() string {
	for n := 0; n < len(line); {
		system := syscall.RawSyscall
		if yieldsToOthers {
			system = syscall.Syscall
		}
		got, _, errno := system(syscall.SYS_READ, 0, uintptr(unsafe.Pointer(&line[n])), 1)
		if n == 0 {
			startedByThen = atomic.LoadUint64(&started) // from now on it may be preempted
		}
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || got == 0 {
			os.Exit(0)
		}
		if line[n] == '\n' {
			return string(line[:n])
		}
		n++
	}
	return ""
}

func sayAlive(i int, alive bool) {
	if alive {
		say("alive", things[i].name)
	} else {
		say("freed", things[i].name)
	}
}

// collect says which things the runtime itself keeps. What it looks at it does not keep alive: nothing is collected meanwhile.
func collect() {
	runtime.GC()
	for i := 0; i < nthings; i++ {
		sayAlive(i, isThing((*thing)(unsafe.Pointer(^things[i].hidden)), i))
	}
}

// rest says which things were still there when their jugglers ended.
func rest() {
	atomic.StoreUint32(&stop, 1)
	done := make(chan bool)
	go func() {
		juggling.Wait()
		close(done)
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
			runtime.GC() // finalizers wait for it
		}
	}
	for i := 0; i < nthings; i++ {
		sayAlive(i, things[i].juggled)
	}
}

func obey(command, argument string) {
	switch command {
	case "started":
		say("started", strconv.FormatUint(startedByThen, 10))
	case "collect":
		collect()
	case "rest":
		rest()
	case "dump":
		startDump(argument)
	case "signal":
		before := nthings
		interrupt()
		sayThings(before)
	case "signalled":
		goOn()
	case "grow":
		before := nthings
		n, _ := strconv.Atoi(argument)
		startGrowing(n)
		sayThings(before)
	case "across":
		before := nthings
		growAcross(argument[1:], int(argument[0]-'0'))
		sayThings(before)
	default:
		say("unknown", command)
	}
	say("ok", command)
}

func main() {
	runtime.LockOSThread() // what others leave on the stacks of their threads is not on this one's
	runtime.GOMAXPROCS(1)
	runtime.MemProfileRate = 0
	debug.SetGCPercent(-1)
	done := make(chan bool)
	if len(os.Args) > 1 && os.Args[1] == "juggle" {
		go startJuggling(done)
		yieldsToOthers = true
	} else {
		go setUp(done)
	}
	<-done
	sayThings(0)
	say("ready")
	for {
		command, argument := read(), ""
		for i := range command {
			if command[i] == ' ' {
				command, argument = command[:i], command[i+1:]
				break
			}
		}
		obey(command, argument)
	}
}
