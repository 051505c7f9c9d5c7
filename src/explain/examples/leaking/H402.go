package leaking

import (
	"sync"
	"time"
)

//explain:begin

func Watch(done <-chan bool) {
	ticker := time.NewTicker(time.Second)
	for {
		select {
		case <-ticker.C:
			poll()
		case <-done:
			return // and the ticker ticks on
		}
	}
}

//explain:end

func poll() {}

func init() {
	Rules["H402"] = func() {
		var watchers sync.WaitGroup
		done := make(chan bool)
		each(100, func(i int) {
			watchers.Add(1)
			go func() {
				defer watchers.Done()
				Watch(done)
			}()
		})
		close(done)
		watchers.Wait()
	}
}
