package leaking

import "runtime"

//explain:begin

func Dial() *Conn {
	c := &Conn{fd: connect()}
	c.onClose = func() { forget(c.fd) }
	runtime.SetFinalizer(c, (*Conn).Close)
	return c
}

//explain:end

// Conn is a connection that C code has.
type Conn struct {
	fd      int
	onClose func()
	buffer  [200]byte
}

// Close ends it.
func (c *Conn) Close() { c.onClose() }

var last int

func connect() int {
	last++
	return last
}

func forget(fd int) {}

func init() {
	Rules["H702"] = func() {
		each(2000, func(i int) { Dial() })
		for i := 0; i < 3; i++ { // finalizers run, then what they had dies
			runtime.GC()
		}
	}
}
