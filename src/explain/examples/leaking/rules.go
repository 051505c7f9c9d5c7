// Package leaking has the leaking forms of the code that `heldby explain` shows: a file a rule, of which it shows
// what is between explain:begin and explain:end.
package leaking

import "fmt"

// Rules runs the code of each rule as a program would that has the leak: many times.
var Rules = map[string]func(){}

func each(n int, do func(i int)) {
	for i := 0; i < n; i++ {
		do(i)
	}
}

func name(i int) string { return fmt.Sprintf("name-%06d", i) }

// Last is what comes after the last collection.
var Last = func() {}
