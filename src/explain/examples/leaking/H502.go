package leaking

import (
	"net"
	"net/http"
)

//explain:begin

func Alive(url string) bool {
	resp, err := http.Get(url)
	return err == nil && resp.StatusCode == 200
}

//explain:end

func init() {
	Rules["H502"] = func() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 100000))
		}))
		each(50, func(i int) { Alive("http://" + listener.Addr().String()) })
	}
}
