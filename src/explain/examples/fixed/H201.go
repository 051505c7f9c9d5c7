package fixed

//explain:begin

func First(backends []string) string {
	// room for each answer: no sender waits
	answers := make(chan string, len(backends))
	for _, b := range backends {
		go func(b string) {
			answers <- ask(b)
		}(b)
	}
	return <-answers
}

//explain:end

func ask(backend string) string { return "answer of " + backend }

func init() {
	Rules["H201"] = func() { each(100, func(i int) { First([]string{"a", "b", "c"}) }) }
}
