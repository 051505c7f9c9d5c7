package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var (
	globalChannel  = make(chan int)
	globalMap      = map[string]chan int{}
	globalAny      any
	globalFunc     func()
	globalValue    reflect.Value
	globalPointer  *[4]chan int
	globalInterior *[8]byte
	globalLarge    []chan int
	globalSync     sync.Map
	globalStruct   = &large{}
	globalMutex    sync.Mutex
	globalRW       = new(sync.RWMutex)
	globalRead     = new(sync.RWMutex)
	globalGroup    = new(sync.WaitGroup)
	globalCond     = sync.NewCond(new(sync.Mutex))
	globalOuter    = make(chan chan int, 1)
	globalContext  context.Context
	globalCancel   context.CancelFunc
	globalWriter   *io.PipeWriter
	globalPipe     *os.File
	gates          []chan int // what those that hold something wait for
	stop           uint32
	hour           = time.Hour
)

// gate makes a channel that wakers close.
func gate() chan int {
	c := make(chan int)
	gates = append(gates, c)
	i := len(gates) - 1
	wake(func() { close(gates[i]) })
	return c
}

// Each of these can still be woken.
var heldExamples = []example{
	{"global", func() { held(func() { <-globalChannel }); wake(func() { globalChannel <- 1 }) }},
	{"global-map", func() {
		globalMap["x"] = make(chan int)
		held(func() { <-globalMap["x"] })
		wake(func() { globalMap["x"] <- 1 })
	}},
	{"global-any", func() {
		globalAny = make(chan int)
		held(func() { globalAny.(chan int) <- 1 })
		wake(func() { <-globalAny.(chan int) })
	}},
	{"global-closure", func() {
		c := make(chan int)
		globalFunc = func() { c <- 1 }
		held(func() { <-c })
		wake(func() { globalFunc() })
	}},
	{"global-reflect", func() {
		globalValue = reflect.ValueOf(make(chan int))
		c := globalValue.Interface().(chan int)
		held(func() { <-c })
		wake(func() { globalValue.Send(reflect.ValueOf(1)) })
	}},
	{"global-array", func() {
		globalPointer = &[4]chan int{2: make(chan int)}
		held(func() { <-globalPointer[2] })
		wake(func() { globalPointer[2] <- 1 })
	}},
	{"global-large", func() {
		globalLarge = make([]chan int, 20000)
		c := make(chan int)
		globalLarge[19999] = c
		held(func() { <-c })
		wake(func() { globalLarge[19999] <- 1 })
	}},
	{"global-sync-map", func() {
		c := make(chan int)
		globalSync.Store("c", c)
		held(func() { <-c })
		wake(func() { c, _ := globalSync.Load("c"); c.(chan int) <- 1 })
	}},
	{"global-interior", interior},
	{"global-mutex", func() {
		globalMutex.Lock()
		held(func() { globalMutex.Lock() })
		wake(func() { globalMutex.Unlock() })
	}},
	{"global-struct", func() {
		globalStruct.mutex.Lock()
		m := &globalStruct.mutex
		held(func() { m.Lock() })
		wake(func() { globalStruct.mutex.Unlock() })
	}},
	{"global-rwmutex", func() { globalRW.Lock(); held(func() { globalRW.RLock() }); wake(func() { globalRW.Unlock() }) }},
	{"global-rwmutex-lock", func() {
		globalRead.RLock()
		held(func() { globalRead.Lock() })
		wake(func() { globalRead.RUnlock() })
	}},
	{"global-waitgroup", func() { globalGroup.Add(1); held(globalGroup.Wait); wake(func() { globalGroup.Done() }) }},
	{"global-cond", func() {
		held(func() { globalCond.L.Lock(); globalCond.Wait() })
		wake(func() { globalCond.Broadcast() })
	}},
	{"global-channel-of-channels", func() {
		c := make(chan int)
		globalOuter <- c
		held(func() { <-c })
		wake(func() { (<-globalOuter) <- 1 })
	}},
	{"select-one-of-two", func() { a, b := gate(), make(chan *waiter); held(func() { selectTwo(a, b) }) }},
	{"chain-through-global", func() { held(heldChain(5, gate())) }},
	{"finalizer", finalizer},
	{"finalizer-queued", finalizerQueued},
	{"after", func() { later(func() { <-time.After(hour) }) }},
	{"timer", func() { t := time.NewTimer(hour); later(func() { <-t.C }) }},
	{"ticker", func() { t := time.NewTicker(hour); later(func() { <-t.C }) }},
	{"afterfunc", func() { c := make(chan int); time.AfterFunc(hour, func() { close(c) }); later(func() { <-c }) }},
	{"afterfunc-soon", func() {
		c := make(chan int)
		time.AfterFunc(5*time.Second, func() { close(c) })
		held(func() { <-c })
	}},
	{"timeout", func() {
		ctx, _ := context.WithTimeout(context.Background(), hour)
		later(func() { <-ctx.Done() })
	}},
	{"timeout-child", func() {
		ctx, _ := context.WithTimeout(context.Background(), hour)
		child, _ := context.WithCancel(context.WithValue(ctx, "key", 1))
		later(func() { <-child.Done() })
	}},
	{"cancel", func() {
		globalContext, globalCancel = context.WithCancel(context.Background())
		held(func() { <-globalContext.Done() })
		wake(func() { globalCancel() })
	}},
	{"sleeper", func() { c := make(chan int); later(func() { <-c }); go func() { time.Sleep(hour); c <- 1 }() }},
	{"sleeper-defers", func() {
		m := new(sync.Mutex)
		m.Lock()
		later(func() { m.Lock() })
		go func() { defer m.Unlock(); time.Sleep(hour) }()
	}},
	{"sleeper-waitgroup", func() {
		w := new(sync.WaitGroup)
		w.Add(1)
		later(w.Wait)
		go func() { defer w.Done(); time.Sleep(hour) }()
	}},
	{"once", func() {
		o, c := new(sync.Once), gate()
		held(func() { o.Do(func() { <-c }) })
		for i := 0; i < 3; i++ {
			held(func() { o.Do(func() {}) })
		}
	}},
	{"cond-behind-gate", func() {
		s, c := &large{}, gate()
		s.cond.L = &s.mutex
		held(func() { s.mutex.Lock(); s.cond.Wait(); s.mutex.Unlock() })
		held(func() { <-c; s.cond.Signal() })
	}},
	{"waitgroup-behind-gate", func() {
		w, c := new(sync.WaitGroup), gate()
		w.Add(1)
		held(w.Wait)
		held(func() { <-c; w.Done() })
	}},
	{"system-call", func() {
		var fds [2]int
		syscall.Pipe(fds[:])
		c := make(chan int)
		held(func() { <-c })
		go func() { var b [1]byte; syscall.Read(fds[0], b[:]); c <- 1 }()
		wake(func() { syscall.Write(fds[1], []byte{1}) })
	}},
	{"network-poller", func() {
		r, w, _ := os.Pipe()
		globalPipe = w
		c := make(chan int)
		held(func() { <-c })
		go func() { var b [1]byte; r.Read(b[:]); c <- 1 }()
		wake(func() { globalPipe.Write([]byte{1}) })
	}},
	{"file-lock", func() { // the second reader waits for a semaphore of internal/poll
		r, w, _ := os.Pipe()
		keep := w
		for i := 0; i < 3; i++ {
			go func() { var b [1]byte; r.Read(b[:]) }()
		}
		held(func() { <-globalMap["file-lock"] })
		globalMap["file-lock"] = make(chan int)
		wake(func() { keep.Write([]byte{1, 2, 3}); globalMap["file-lock"] <- 1 })
	}},
	{"io-pipe", func() {
		r, w := io.Pipe()
		globalWriter = w
		held(func() { var b [1]byte; r.Read(b[:]) })
		wake(func() { globalWriter.Close() })
	}},
	{"signal", func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGUSR1)
		held(func() { <-c })
		wake(func() { syscall.Kill(syscall.Getpid(), syscall.SIGUSR1) })
	}},
	{"stuck-by-way-of-waker", func() { // who holds the channel waits itself, but can be woken
		c, d := make(chan int), gate()
		held(func() { <-c })
		held(func() { selectTwo(d, nil); c <- 1 })
	}},
}

// What threads that run hold is read word by word, stale ones included, so these come after the others and make some of the
// stuck ones look held.
var busyExamples = []example{
	{"spinning", spinning},
	{"yielding", func() {
		c := make(chan int)
		held(func() { <-c })
		started.Wait()
		go func() {
			for atomic.LoadUint32(&stop) == 0 {
				runtime.Gosched()
			}
			c <- 1
		}()
		wake(func() { atomic.StoreUint32(&stop, 1) })
	}},
}

// The mutex lies in the middle of an object that a global points into with another type.
func interior() {
	s := &large{}
	s.mutex.Lock()
	globalInterior = (*[8]byte)(unsafe.Pointer(&s.mutex))
	held(func() { s.mutex.Lock() })
	wake(func() { (*sync.Mutex)(unsafe.Pointer(globalInterior)).Unlock() })
}

func heldChain(n int, end chan int) func() {
	if n == 0 {
		return func() { <-end }
	}
	c := make(chan int)
	next := heldChain(n-1, end)
	held(func() { next(); c <- 1 })
	return func() { <-c }
}

type finalized struct {
	c    chan int
	self *finalized
}

// The channel is reached only through an object that is garbage, whose finalizer sends.
func finalizer() {
	c := make(chan int)
	runtime.SetFinalizer(&finalized{c: c}, func(f *finalized) { f.c <- 1 })
	held(func() { <-c })
}

// The same, due already: the goroutine that runs finalizers is busy with another one.
func finalizerQueued() {
	c, d := make(chan int), gate()
	runtime.SetFinalizer(&finalized{c: d}, func(f *finalized) { <-f.c })
	runtime.SetFinalizer(&finalized{c: c}, func(f *finalized) { f.c <- 1 })
	held(func() { <-c })
}

// Only a goroutine that runs has the channel, for the most part in a register.
func spinning() {
	c := make(chan int)
	held(func() { <-c })
	started.Wait()
	var running uint32
	go spin(c, &running)
	for atomic.LoadUint32(&running) == 0 {
		runtime.Gosched()
	}
	wake(func() { atomic.StoreUint32(&stop, 1) })
}

//go:noinline
func spin(c chan int, running *uint32) {
	atomic.StoreUint32(running, 1)
	for atomic.LoadUint32(&stop) == 0 {
	}
	c <- 1
}
