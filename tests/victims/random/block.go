package random

import (
	"fmt"
	"net"
	"os"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	kept     []any // what blocked goroutines need to stay blocked and do not hold themselves
	keptLock sync.Mutex
)

// Keep holds something until the end.
func Keep(v ...any) {
	keptLock.Lock()
	kept = append(kept, v...)
	keptLock.Unlock()
}

// Block never returns. Each way to block keeps something alive below it, or no longer.
func Block(r *Rand) {
	held, dead := r.anything(), r.anything()
	Use(dead)
	ways[r.N(len(ways))](r)
	Use(held)
	select {}
}

var ways = []func(r *Rand){
	func(*Rand) { select {} },
	blockOnNil,
	blockOnChannel,
	blockOnMutex,
	blockOnReader,
	blockOnCondition,
	blockOnGroup,
	blockOnOnce,
	func(*Rand) { time.Sleep(100 * time.Hour) },
	blockOnTicker,
	blockInSystemCall,
	blockOnPipe,
	blockOnConnection,
	blockInReflect,
	blockLocked,
	blockInCallback,
	blockExiting,
}

func blockOnNil(r *Rand) {
	var none chan any
	if r.Chance(2) {
		none <- r.anything()
	}
	<-none
}

func blockOnChannel(r *Rand) {
	c := make(chan any, r.N(3))
	for r.Chance(2) && len(c) < cap(c) {
		c <- r.anything()
	}
	if r.Chance(2) {
		Keep(c)
	}
	if len(c) == 0 && r.Chance(2) {
		Use(<-c)
	}
	for {
		c <- r.anything()
	}
}

func blockOnMutex(r *Rand) {
	var own sync.Mutex
	own.Lock()
	what := r.anything()
	own.Lock()
	Use(what)
}

func blockOnReader(r *Rand) {
	own := new(sync.RWMutex)
	own.RLock()
	if r.Chance(2) {
		Keep(own)
	}
	defer own.Unlock()
	own.Lock()
}

func blockOnCondition(r *Rand) {
	c := sync.NewCond(&sync.Mutex{})
	if r.Chance(2) {
		Keep(c)
	}
	c.L.Lock()
	defer c.L.Unlock()
	for {
		c.Wait()
	}
}

func blockOnGroup(r *Rand) {
	var group sync.WaitGroup
	group.Add(1)
	what := r.anything()
	defer func() { Use(what) }()
	group.Wait()
}

func blockOnOnce(r *Rand) {
	var once sync.Once
	what := r.anything()
	once.Do(func() {
		Use(what)
		blockOnNil(r)
	})
}

func blockOnTicker(r *Rand) {
	t := time.NewTicker(100 * time.Hour)
	defer t.Stop()
	select {
	case <-t.C:
	case <-time.After(200 * time.Hour):
	}
}

func blockInSystemCall(r *Rand) {
	var ends [2]int
	if syscall.Pipe(ends[:]) != nil {
		return
	}
	what, buffer := r.anything(), make([]byte, r.N(3000)+1)
	for {
		syscall.Read(ends[0], buffer)
		Use(what)
	}
}

func blockOnPipe(r *Rand) {
	in, out, err := os.Pipe()
	if err != nil {
		return
	}
	Keep(out)
	buffer := make([]byte, r.N(3000)+1)
	in.Read(buffer)
	Use(in)
}

func blockOnConnection(r *Rand) {
	a, b := net.Pipe()
	if r.Chance(2) {
		Keep(b)
	}
	if r.Chance(2) {
		a.SetDeadline(time.Now().Add(100 * time.Hour))
	}
	a.Write([]byte(r.Text() + "."))
}

func blockInReflect(r *Rand) {
	value := reflect.ValueOf(r.anything())
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan any))}}
	if value.IsValid() {
		c := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, value.Type()), 0)
		if r.Chance(3) {
			c.Send(value)
		}
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectSend, Chan: c, Send: value})
	}
	reflect.Select(cases)
}

func blockLocked(r *Rand) {
	runtime.LockOSThread()
	what := r.anything()
	blockOnChannel(r)
	Use(what)
}

type talker struct {
	what any
	r    *Rand
}

func (t talker) String() string {
	blockOnChannel(t.r)
	Use(t.what)
	return ""
}

func blockInCallback(r *Rand) { _ = fmt.Sprint(r.Text(), talker{r.anything(), r}, r.N(1000)) }

func blockExiting(r *Rand) {
	what := r.anything()
	defer func() {
		blockOnNil(r)
		Use(what)
	}()
	runtime.Goexit()
}
