package fixed

import "time"

//explain:begin

func Serve(work <-chan int) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case w, ok := <-work:
			if !ok {
				return
			}
			handle(w)
			if !timer.Stop() { // it has just fired
				<-timer.C // not needed since 1.23
			}
		case <-timer.C:
			idle()
		}
		timer.Reset(time.Hour)
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
