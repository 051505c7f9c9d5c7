package fixed

import (
	"context"
)

//explain:begin

var base, Stop = context.WithCancel(
	context.Background())

func Handle(r *Request) {
	ctx, cancel := context.WithCancel(base)
	defer cancel()
	r.answer(ctx)
}

//explain:end

// Request is what a client asks.
type Request struct{ id int }

func (r *Request) answer(ctx context.Context) {
	if ctx.Err() != nil {
		Stop()
	}
}

func init() {
	Rules["H701"] = func() { each(3000, func(i int) { Handle(&Request{i}) }) }
}
