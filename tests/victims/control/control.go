// Package control is how a test drives a victim: the victim prints "ready NAME" once it is set up, then obeys one
// command a line on stdin and answers each with lines that end in "ok COMMAND".
//
// A command allocates nothing on the heap unless it says so, and no goroutine of this package runs between commands:
// what a test examines after "ok" is exactly what the next "dump" writes.
package control

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"syscall"
	"unsafe"
)

// Command is what a victim adds to the built-in ones. Run gets what follows the name.
type Command struct {
	Name string
	Run  func(argument []byte)
}

var (
	line   [4096]byte
	out    = make([]byte, 0, 1<<16)
	stats  runtime.MemStats
	cycles = []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	pauses = []metrics.Sample{{Name: "/gc/pauses:seconds"}}
	// AfterGC runs at the end of "gc", for what a collection empties (sync.Pool).
	AfterGC func()
)

// Serve announces the victim and obeys until "quit" or the end of stdin. It never returns.
func Serve(name string, commands ...Command) {
	signal.Ignore(syscall.SIGPIPE)
	runtime.LockOSThread() // which m holds what then stays the same
	metrics.Read(cycles)
	Print("ready ")
	Print(name)
	Flush()
	for {
		n := readLine()
		if n < 0 {
			os.Exit(0)
		}
		command, argument := line[:n], line[n:n]
		for i := 0; i < n; i++ {
			if line[i] == ' ' {
				command, argument = line[:i], line[i+1:n]
				break
			}
		}
		if string(command) == "quit" {
			os.Exit(0)
		}
		if !obey(command, argument, commands) {
			Print("unknown ")
		} else {
			Print("ok ")
		}
		out = append(out, command...)
		Flush()
	}
}

func obey(command, argument []byte, commands []Command) bool {
	for i := range commands {
		if string(command) == commands[i].Name {
			commands[i].Run(argument)
			return true
		}
	}
	switch string(command) {
	case "gc":
		collect()
	case "gc-once":
		runtime.GC() // keeps what pools hold: they give it up at the second
	case "litter":
		litter()
	case "dump":
		dump(argument)
	case "unswept":
		stopUnswept(argument)
	case "memstats":
		printStats()
	case "ping":
	default:
		return false
	}
	return true
}

// readLine blocks in read(2) itself: the goroutine is in a system call, not in the poller.
func readLine() int {
	n := 0
	for n < len(line) {
		got, err := syscall.Read(0, line[n:n+1])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || got <= 0 {
			return -1
		}
		if line[n] == '\n' {
			return n
		}
		n++
	}
	return -1
}

// Print and PrintUint add to the answer, Flush ends the line and writes it.
func Print(text string) { out = append(out, text...) }

// PrintUint adds a number to the answer.
func PrintUint(v uint64, base int) { out = strconv.AppendUint(out, v, base) }

// Flush ends the line.
func Flush() {
	out = append(out, '\n')
	for done := 0; done < len(out); {
		n, err := syscall.Write(1, out[done:])
		if err != nil && err != syscall.EINTR && err != syscall.EAGAIN {
			os.Exit(1)
		}
		if n > 0 {
			done += n
		}
	}
	out = out[:0]
}

// collect runs the collector until nothing more dies: a finalizer keeps its object for one more cycle, a sync.Pool two.
func collect() {
	for last, i := uint64(0), 0; i < 12; i++ {
		runtime.GC()
		runtime.ReadMemStats(&stats)
		if i > 2 && stats.HeapObjects == last {
			break
		}
		last = stats.HeapObjects
	}
	if AfterGC != nil {
		AfterGC()
	}
}

type leaf struct {
	next *leaf
	name []byte
}

var kept *leaf

// litter makes garbage of many sizes, with and without pointers, between what lives; one piece in eight lives on, and is
// younger than any sweep.
func litter() {
	var list *leaf
	for i := 0; i < 2000; i++ {
		if i%8 == 0 {
			kept = &leaf{kept, make([]byte, i%700)}
		}
		list = &leaf{list, make([]byte, i%700)}
		if i%50 == 0 {
			pointers := make([]*leaf, i)
			if i > 0 {
				pointers[i/2] = list
			}
			list = nil
		}
	}
}

// dump writes the runtime's own heap dump to a file.
func dump(path []byte) {
	line[len(line)-1] = 0
	for i := range line { // path is a part of line: end it where it ends
		if &line[i] == &path[0] {
			line[i+len(path)] = 0
			break
		}
	}
	fd, _, errno := syscall.Syscall6(syscall.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&path[0])),
		syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC|syscall.O_CLOEXEC, 0o644, 0, 0)
	if errno != 0 {
		Print("error ")
		PrintUint(uint64(errno), 10)
		Flush()
		return
	}
	debug.WriteHeapDump(fd)
	syscall.Close(int(fd))
}

var garbage [64]*[512]byte

// pauseCount: a collection stops the world when it begins and when it has marked.
func pauseCount() (n uint64) {
	for _, count := range pauses[0].Value.Float64Histogram().Counts {
		n += count
	}
	return n
}

// stopUnswept lets the collector finish a cycle and stops the whole process (SIGSTOP) before the sweep: most spans are
// unswept then. Best with GOMAXPROCS=1, where the background sweeper cannot run meanwhile. Continued with SIGCONT, it
// dumps the heap before anything else.
func stopUnswept(path []byte) {
	old := debug.SetGCPercent(20)
	metrics.Read(cycles)
	before := cycles[0].Value.Uint64()
	metrics.Read(pauses)
	paused, begun := pauseCount(), false
	for i := 0; ; i++ {
		garbage[i%len(garbage)] = new([512]byte)
		if i%16 == 0 {
			metrics.Read(pauses)
			if !begun && pauseCount() != paused {
				begun = true
				runtime.Gosched() // what a collection wakes, as package unique's cleanup, is to run before it ends
			}
			metrics.Read(cycles)
			if cycles[0].Value.Uint64() != before {
				break
			}
		}
	}
	syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
	dump(path)
	debug.SetGCPercent(old)
}

func printStats() {
	runtime.ReadMemStats(&stats)
	stat("HeapAlloc", stats.HeapAlloc)
	stat("HeapObjects", stats.HeapObjects)
	stat("HeapInuse", stats.HeapInuse)
	stat("HeapIdle", stats.HeapIdle)
	stat("HeapReleased", stats.HeapReleased)
	stat("HeapSys", stats.HeapSys)
	stat("StackInuse", stats.StackInuse)
	stat("StackSys", stats.StackSys)
	stat("MSpanInuse", stats.MSpanInuse)
	stat("Sys", stats.Sys)
	stat("NumGC", uint64(stats.NumGC))
	stat("NumGoroutine", uint64(runtime.NumGoroutine()))
	stat("Pid", uint64(syscall.Getpid()))
}

func stat(name string, v uint64) {
	Print(name)
	Print(" ")
	PrintUint(v, 10)
	Flush()
}
