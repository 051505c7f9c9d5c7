package leaking

import "time"

//explain:begin

func Open(c *Client) {
	time.AfterFunc(time.Hour, c.expire)
}

func Close(c *Client) {
	// for another hour the timer keeps c
}

//explain:end

// Client is who is connected.
type Client struct{ buffer [500]byte }

func (c *Client) expire() { c.buffer[0]++ }

func init() {
	Rules["H401"] = func() {
		each(2000, func(i int) {
			c := new(Client)
			Open(c)
			Close(c)
		})
	}
}
