package leaking

import (
	"bytes"
	"sync"
)

//explain:begin

var buffers = sync.Pool{New: newBuffer}

func Render(p *Page) {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	p.write(b)
	buffers.Put(b) // of whatever size
}

//explain:end

func newBuffer() any { return new(bytes.Buffer) }

// Page is what a browser gets.
type Page struct{ size int }

func (p *Page) write(b *bytes.Buffer) { b.Write(make([]byte, p.size)) }

func init() {
	Rules["H703"] = func() { Last = useAtOnce }
}

func useAtOnce() {
	var started, done sync.WaitGroup
	for i := 0; i < 40; i++ { // at once
		size := 1000
		if i%10 == 0 {
			size = 5 << 20
		}
		started.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			b := buffers.Get()
			started.Done()
			started.Wait()
			buffers.Put(b)
			Render(&Page{size})
		}()
	}
	done.Wait()
}
