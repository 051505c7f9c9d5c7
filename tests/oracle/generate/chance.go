package main

// chance decides, by a seed alone (splitmix64).
type chance struct{ state uint64 }

func (c *chance) bits() uint64 {
	c.state += 0x9e3779b97f4a7c15
	z := c.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n returns a number from 0 to limit-1.
func (c *chance) n(limit int) int { return int(c.bits() % uint64(limit)) }

// oneIn is true one time in n.
func (c *chance) oneIn(n int) bool { return c.n(n) == 0 }

// weighed returns an index, each as often as its weight says.
func (c *chance) weighed(weights ...int) int {
	sum := 0
	for _, weight := range weights {
		sum += weight
	}
	at := c.n(sum)
	for i, weight := range weights {
		if at < weight {
			return i
		}
		at -= weight
	}
	panic("weights do not add up")
}

func pick[T any](c *chance, list []T) T { return list[c.n(len(list))] }
