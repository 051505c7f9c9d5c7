package leaking

//explain:begin

var queues = map[int]chan Message{}

func Connect(client int) {
	queues[client] = make(chan Message)
	go deliver(queues[client])
}

func deliver(q <-chan Message) {
	for m := range q { // never closed
		send(m)
	}
}

//explain:end

// Message is what a client gets.
type Message struct{ text string }

func send(Message) {}

func init() {
	Rules["H202"] = func() { each(1000, Connect) }
}
