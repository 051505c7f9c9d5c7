// Tiny is a small program at rest with one of everything that heldby decodes, for the fuzz targets: the less code and
// memory there is, the more inputs they try.
package main

import (
	"runtime"
	"time"
)

type session struct {
	key    string
	next   *session
	events chan int
	any    interface{}
	data   [3]*[64]byte
}

type named interface{ name() string }

func (s *session) name() string { return s.key }

var (
	byKey    = map[string]*session{}
	counts   = map[uint32]uint64{}
	nested   = map[string]map[int]named{}
	large    [][]byte
	last     *session
	waiting  = make(chan int)
	callback func() int
)

func key(i int) string {
	digits := [4]byte{}
	for at := range digits {
		digits[len(digits)-1-at] = byte('0' + i%10)
		i /= 10
	}
	return "key " + string(digits[:])
}

func fill() {
	for i := 0; i < 100; i++ {
		s := &session{key: key(i), next: last, events: make(chan int, i%5), any: i}
		s.data[i%3] = new([64]byte)
		last = s
		byKey[s.key] = s
		counts[uint32(i)] = uint64(i)
		if i%10 == 0 {
			nested[s.key] = map[int]named{i: s}
			large = append(large, make([]byte, 4096)[:10])
		}
	}
	kept := last
	callback = func() int { return len(kept.key) }
	runtime.SetFinalizer(last, func(s *session) { last = nil })
}

func main() {
	fill()
	for i := 0; i < 3; i++ {
		go func() { waiting <- i }()
		go func() {
			select {
			case v := <-last.events:
				counts[0] = uint64(v)
			case waiting <- 1:
			}
		}()
	}
	time.AfterFunc(time.Hour, func() { println(callback()) })
	runtime.Gosched()
	println("ready")
	time.Sleep(24 * time.Hour)
}
