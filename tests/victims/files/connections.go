package main

import (
	"io"
	"net"
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
