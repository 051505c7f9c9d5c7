package leaking

//explain:begin

var history []Event

func Record(e Event) {
	history = append(history, e)
}

//explain:end

// Event is something that happened.
type Event struct{ what [100]byte }

func init() {
	Rules["H102"] = func() { each(5000, func(i int) { Record(Event{}) }) }
}
