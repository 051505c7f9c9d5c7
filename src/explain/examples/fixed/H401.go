package fixed

import "time"

//explain:begin

func Open(c *Client) {
	c.timer = time.AfterFunc(time.Hour, c.expire)
}

func Close(c *Client) {
	c.timer.Stop()
}

//explain:end

// Client is who is connected.
type Client struct {
	buffer [500]byte
	timer  *time.Timer
}

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
