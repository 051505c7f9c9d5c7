package fixed

//explain:begin

var (
	history [1000]Event // a ring
	next    int
)

func Record(e Event) {
	history[next] = e
	next = (next + 1) % len(history)
}

//explain:end

// Event is something that happened.
type Event struct{ what [100]byte }

func init() {
	Rules["H102"] = func() { each(5000, func(i int) { Record(Event{}) }) }
}
