package fixed

import (
	"context"
	"net/http"
	"time"
)

//explain:begin

const patience = 30 * time.Second

func Notify(url string) {
	ctx, cancel := context.WithTimeout(
		context.Background(), patience)
	go func() {
		defer cancel()
		req, err := http.NewRequestWithContext(
			ctx, "GET", url, nil)
		if err != nil {
			return
		}
		resp, err := http.DefaultClient.Do(req)
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
