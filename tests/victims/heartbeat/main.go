// Heartbeat is a program that notices when it is disturbed: it counts, serves, waits in system calls that a stop
// interrupts, and says how it fares.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"heldby/victims/control"
)

type record struct {
	next *record
	name string
	data [4]uint64
}

var (
	beats, served, failures atomic.Uint64
	longest                 atomic.Int64 // nanoseconds between two beats
	records                 []*record
)

func beat() {
	last := time.Now()
	for range time.Tick(time.Millisecond) {
		now := time.Now()
		if gap := int64(now.Sub(last)); gap > longest.Load() {
			longest.Store(gap)
		}
		last = now
		beats.Add(1)
	}
}

// churn allocates all the time, so that the collector runs, too.
func churn() {
	for i := 0; ; i++ {
		r := &record{name: fmt.Sprint("record ", i)}
		if len(records) > 0 {
			records[i%len(records)] = r
		}
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			failures.Add(1)
			return
		}
		go func() {
			defer conn.Close()
			in := bufio.NewScanner(conn)
			for in.Scan() {
				fmt.Fprintf(conn, "%s %d\n", in.Text(), served.Add(1))
			}
		}()
	}
}

// pingPong keeps two threads in blocking system calls; a byte lost or an unexpected error counts as a failure.
func pingPong() {
	var there, back [2]int
	if syscall.Pipe(there[:]) != nil || syscall.Pipe(back[:]) != nil {
		failures.Add(1)
		return
	}
	hop := func(from, to int) {
		var b [1]byte
		for {
			n, err := syscall.Read(from, b[:])
			if err == syscall.EINTR {
				continue
			}
			if n != 1 || err != nil {
				failures.Add(1)
				return
			}
			time.Sleep(time.Millisecond)
			if n, err := syscall.Write(to, b[:]); n != 1 || err != nil {
				failures.Add(1)
				return
			}
		}
	}
	go hop(there[0], back[1])
	go hop(back[0], there[1])
	syscall.Write(there[1], []byte{1})
}

// replaceSelf runs the same program anew, in the same process.
func replaceSelf(after time.Duration) {
	time.Sleep(after)
	path, err := os.Executable()
	if err == nil {
		err = syscall.Exec(path, os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func seconds(argument []byte) (n int) {
	for _, digit := range argument {
		n = n*10 + int(digit-'0')
	}
	return n
}

func number(v uint64) {
	control.PrintUint(v, 10)
	control.Flush()
}

func main() {
	n := flag.Int("records", 200000, "objects to hold")
	replace := flag.Duration("replace", 0, "run anew after so long, again and again")
	flag.Parse()
	if *replace > 0 {
		go replaceSelf(*replace)
	}
	for i := 0; i < *n; i++ {
		r := &record{name: fmt.Sprint("record ", i)}
		if i > 0 {
			r.next = records[i/2]
		}
		records = append(records, r)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	port := uint64(listener.Addr().(*net.TCPAddr).Port)
	go beat()
	go churn()
	go serve(listener)
	pingPong()
	control.Serve("heartbeat",
		control.Command{Name: "beats", Run: func([]byte) { number(beats.Load()) }},
		control.Command{Name: "failures", Run: func([]byte) { number(failures.Load()) }},
		control.Command{Name: "unstoppable", Run: func(argument []byte) { go waitUnstoppably(seconds(argument)) }},
		control.Command{Name: "longest", Run: func([]byte) { number(uint64(longest.Swap(0))) }},
		control.Command{Name: "port", Run: func([]byte) { number(port) }})
}
