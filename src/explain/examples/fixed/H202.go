package fixed

import "context"

//explain:begin

var queues = map[int]chan Message{}

func Connect(ctx context.Context, client int) {
	queues[client] = make(chan Message)
	go deliver(ctx, queues[client])
}

func deliver(ctx context.Context, q <-chan Message) {
	for {
		select {
		case m := <-q:
			send(m)
		case <-ctx.Done(): // the client left
			return
		}
	}
}

//explain:end

// Message is what a client gets.
type Message struct{ text string }

func send(Message) {}

func init() {
	Rules["H202"] = func() {
		each(1000, func(client int) {
			ctx, cancel := context.WithCancel(context.Background())
			Connect(ctx, client)
			delete(queues, client)
			cancel()
		})
	}
}
