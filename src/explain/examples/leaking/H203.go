package leaking

import "net/http"

//explain:begin

func Notify(url string) {
	go func() {
		resp, err := http.Get(url)
		if err != nil {
			return
		}
		resp.Body.Close()
	}()
}

//explain:end

func init() {
	Rules["H203"] = func() {
		url := silent()
		each(20, func(i int) { Notify(url) })
	}
}
