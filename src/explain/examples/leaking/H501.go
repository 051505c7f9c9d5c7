package leaking

import (
	"io"
	"os"
)

//explain:begin

func HashNew(names <-chan string) {
	for name := range names { // for ever
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		defer f.Close() // when HashNew returns
		hash(f)
	}
}

//explain:end

func hash(r io.Reader) { io.Copy(io.Discard, r) }

var names = make(chan string) // there could be more

func init() {
	Rules["H501"] = func() {
		go HashNew(names)
		each(200, func(i int) { names <- "/proc/self/cmdline" })
		names <- "/" // the last one was taken when this one is
	}
}
