package main

import (
	"io"
	"net"
	"net/http"
	"sync"
)

const manyConns = 60

// listen serves on the loopback interface: handle gets each connection, on a goroutine of its own.
func listen(handle func(net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go accept(listener, handle)
	return listener.Addr().String()
}

func accept(listener net.Listener, handle func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go handle(conn)
	}
}

// echo is a server that waits for the next request of each client, as servers do.
func echo(conn net.Conn) {
	defer conn.Close()
	io.Copy(conn, conn)
}

//go:noinline
func ask(address string) net.Conn {
	conn, err := net.Dial("tcp", address)
	must(err)
	_, err = conn.Write([]byte("ping"))
	must(err)
	var answer [4]byte
	_, err = io.ReadFull(conn, answer[:])
	must(err)
	return conn
}

// Each question gets a connection that nobody closes.
//
//go:noinline
func leakConns() {
	address := listen(echo)
	for i := 0; i < manyConns; i++ {
		ask(address)
	}
}

//go:noinline
func fixConns() {
	address := listen(echo)
	for i := 0; i < manyConns; i++ {
		ask(address).Close()
	}
}

var pool []net.Conn

// A pool of idle connections, and the clients of a server that keep theirs open.
//
//go:noinline
func healthyConns() {
	address := listen(echo)
	for i := 0; i < manyConns; i++ {
		pool = append(pool, ask(address))
	}
}

// serve answers every request with a body of some size, over HTTP, and does not hang up.
func serve(handler http.HandlerFunc) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go http.Serve(listener, handler)
	return "http://" + listener.Addr().String()
}

var large = make([]byte, 100000)

func answer(w http.ResponseWriter, r *http.Request) { w.Write(large) }

// Only the status matters, it seems.
//
//go:noinline
func leakBodies() {
	url := serve(answer)
	for i := 0; i < manyConns; i++ {
		status(url)
	}
}

//go:noinline
func status(url string) int {
	resp, err := http.Get(url)
	must(err)
	return resp.StatusCode
}

//go:noinline
func fixBodies() {
	url := serve(answer)
	for i := 0; i < manyConns; i++ {
		statusAndClose(url)
	}
}

//go:noinline
func statusAndClose(url string) int {
	resp, err := http.Get(url)
	must(err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	must(err)
	return resp.StatusCode
}

var reading sync.WaitGroup

// As many answers that never end, each with a goroutine that reads it; and a pool of idle connections.
//
//go:noinline
func healthyBodies() {
	url := serve(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("event"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = manyConns
	reading.Add(manyConns)
	for i := 0; i < manyConns; i++ {
		go subscribe(url)
	}
	reading.Wait()
	idle := serve(answer)
	var answered sync.WaitGroup
	for i := 0; i < manyConns; i++ {
		answered.Add(1)
		go func() {
			defer answered.Done()
			statusAndClose(idle)
		}()
	}
	answered.Wait()
}

func subscribe(url string) {
	resp, err := http.Get(url)
	must(err)
	defer resp.Body.Close()
	var event [5]byte
	for {
		_, err := io.ReadFull(resp.Body, event[:])
		reading.Done()
		if err != nil {
			return
		}
	}
}

// The same where it is deferred, in a loop that never ends.
//
//go:noinline
func leakDeferredBodies() {
	url := serve(answer)
	go watch(url)
	send()
}

func watch(url string) {
	for range names {
		resp, err := http.Get(url)
		must(err)
		defer resp.Body.Close()
		imported.Done()
	}
}

func fixDeferredBodies() {
	url := serve(answer)
	go func() {
		for range names {
			statusAndClose(url)
			imported.Done()
		}
	}()
	send()
}

// Many answers at once, all to be read when the last one is there.
//
//go:noinline
func healthyDeferredBodies() {
	url := serve(answer)
	go compareAll(url)
	names <- 0
}

func compareAll(url string) {
	var bodies []io.Reader
	for i := 0; i < manyConns; i++ {
		resp, err := http.Get(url)
		must(err)
		defer resp.Body.Close()
		bodies = append(bodies, resp.Body)
	}
	for i := range names {
		bodies[i].Read(large[:1])
	}
}

var clients = map[int]net.Conn{}

// hangUp makes connections on which the peer says a word and goes; it returns when the kernel has it all.
//
//go:noinline
func hangUp(word string, take func(i int, conn net.Conn)) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	for i := 0; i < manyConns; i++ {
		peer, err := net.Dial("tcp", listener.Addr().String())
		must(err)
		conn, err := listener.Accept()
		must(err)
		_, err = peer.Write([]byte(word))
		must(err)
		must(peer.Close())
		take(i, conn)
	}
}

// The loop ends when the client has hung up, and that is all.
//
//go:noinline
func leakCloseWait() {
	hangUp("hello", func(i int, conn net.Conn) {
		clients[i] = conn
		io.Copy(io.Discard, conn)
	})
}

//go:noinline
func fixCloseWait() {
	hangUp("hello", func(i int, conn net.Conn) {
		clients[i] = conn
		io.Copy(io.Discard, conn)
		conn.Close()
		delete(clients, i)
	})
}

var work = make(chan net.Conn)

// Clients that have sent all of their request and said so, and wait for the answer: workers are at it, and some are few.
//
//go:noinline
func healthyCloseWait() {
	hangUp("hello", func(i int, conn net.Conn) {
		if i < 5 {
			clients[i] = conn
			return
		}
		io.Copy(io.Discard, conn)
		conn.Close()
	})
}

// Nobody reads what the clients said before they went: an estimate, as somebody still may.
//
//go:noinline
func leakUnread() {
	hangUp("hello", func(i int, conn net.Conn) { clients[i] = conn })
}

// Each client has a goroutine that waits for something else.
//
//go:noinline
func leakStuck() {
	var parked sync.WaitGroup
	hangUp("hello", func(i int, conn net.Conn) {
		parked.Add(1)
		go func() {
			defer conn.Close()
			parked.Done()
			<-work
		}()
	})
	parked.Wait()
}
