package leaking

import "time"

//explain:begin

func Serve(work <-chan int) {
	for {
		select {
		case w, ok := <-work:
			if !ok {
				return
			}
			handle(w)
		case <-time.After(time.Hour):
			idle()
		}
	}
}

//explain:end

func handle(int) {}
func idle()      {}

func init() {
	Rules["H403"] = func() {
		work := make(chan int)
		done := make(chan bool)
		go func() {
			Serve(work)
			close(done)
		}()
		each(3000, func(i int) { work <- i })
		close(work)
		<-done
	}
}
