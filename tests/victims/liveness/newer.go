//go:build go1.23

package main

import "iter"

// Coroutines.

func inCoroutines() {
	start(pulls)
	start(func() {
		next, stop := iter.Pull(iter.Seq[int](func(yield func(int) bool) {
			park()
			yield(1)
		}))
		l := held("captured by the caller of a coroutine that waits")
		defer func() { use(l) }()
		next()
		stop()
	})
}

//go:noinline
func pulls() {
	next, stop := iter.Pull(iter.Seq[int](func(yield func(int) bool) {
		d := dead("local of a coroutine, dead")
		l := held("local of a coroutine")
		use(d)
		yield(1)
		use(l)
	}))
	d := dead("local of a coroutine's caller, dead")
	l := held("local of a coroutine's caller")
	use(d)
	next()
	park()
	use(l)
	stop()
}

func newerJugglers() {
	juggle("juggled by coroutines", func(t *thing) *thing {
		next, stop := iter.Pull(iter.Seq[*thing](func(yield func(*thing) bool) { yield(t) }))
		defer stop()
		t, _ = next()
		return t
	})
	cleanupJugglers()
}
