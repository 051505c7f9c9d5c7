package leaking

import "net"

//explain:begin

func Talk(c net.Conn) {
	connected[c] = true
	for {
		line, err := receive(c)
		if err != nil {
			return // the peer hung up; and we?
		}
		answer(c, line)
	}
}

//explain:end

var connected = map[net.Conn]bool{}

func receive(c net.Conn) (byte, error) {
	var b [1]byte
	_, err := c.Read(b[:])
	return b[0], err
}

func answer(c net.Conn, line byte) { c.Write([]byte{line}) }

func init() {
	Rules["H503"] = func() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		each(50, func(i int) {
			peer, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				panic(err)
			}
			c, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			peer.Close()
			Talk(c)
		})
	}
}
