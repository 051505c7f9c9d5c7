//go:build go1.24

package random

import (
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"unique"
	"weak"
)

var newer []any

// Cleaned makes objects with cleanups: of the object, of its middle, with an argument, stopped, and of an object that
// nobody holds.
func Cleaned[T any](r *Rand, fill func(r *Rand, v *T)) {
	p := new(struct {
		pad uint64
		v   T
	})
	fill(r, &p.v)
	newer = append(newer, &p.v)
	r.Quietly()
	defer r.Loudly()
	what := r.anything()
	runtime.AddCleanup(p, Use[[]any], []any{what})
	runtime.AddCleanup(&p.v, func(int) { Use(what) }, 5)
	runtime.AddCleanup(p, func(*T) {}, new(T)).Stop()
	lost := new(struct {
		v T
		p *T
	})
	fill(r, &lost.v)
	runtime.AddCleanup(lost, Use[*any], &[]any{r.anything()}[0])
}

// Weak makes weak pointers: to an object that is held, to its middle, and to one that is not.
func Weak[T any](r *Rand, fill func(r *Rand, v *T)) {
	p := new(struct {
		pad uint64
		v   T
	})
	fill(r, &p.v)
	newer = append(newer, p, weak.Make(p), weak.Make(&p.v))
	r.Quietly()
	defer r.Loudly()
	lost := new(T)
	fill(r, lost)
	newer = append(newer, weak.Make(lost))
}

// Atomic makes an atomic pointer.
func Atomic[T any](r *Rand, fill func(r *Rand, v *T)) {
	v, p := new(T), new(atomic.Pointer[T])
	fill(r, v)
	p.Store(v)
	newer = append(newer, p)
}

// Unique makes values unique, and lets go of some. Not with Go 1.24: whenever a collection begins, a goroutine of package
// unique looks through all values, and those that it gets to while the collector marks stay (unique/handle.go,
// runtime/mgc.go clearpools).
func Unique(r *Rand) {
	type pair struct {
		text string
		n    int
	}
	for i := r.N(50); i > 0; i-- {
		text := fmt.Sprint(r.N(30))
		handle, other := unique.Make(text), unique.Make(pair{text, r.N(3)})
		if r.Chance(2) || strings.HasPrefix(runtime.Version(), "go1.24") {
			newer = append(newer, handle, other)
		}
	}
}

// Sequence yields values for ever.
func Sequence[T any](r *Rand, fill func(r *Rand, v *T)) iter.Seq[T] {
	what := r.anything()
	return func(yield func(T) bool) {
		held := r.anything()
		for yield(Value(r, fill)) {
			Use(what)
		}
		Use(held)
	}
}
