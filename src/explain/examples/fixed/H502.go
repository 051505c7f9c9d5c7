package fixed

import (
	"io"
	"net"
	"net/http"
)

//explain:begin

func Alive(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == 200
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
