//go:build goexperiment.runtimesecret

package main

import "runtime/secret"

var secrets struct {
	nodes []*node
	table map[int]*sparse
	bytes []byte
}

// holdSecrets keeps objects of which the runtime notes that they are to be erased.
func holdSecrets() {
	s := &secrets
	secret.Do(func() {
		s.table = map[int]*sparse{}
		for i := 0; i < 100; i++ {
			s.nodes = append(s.nodes, single(i))
			s.table[i] = &sparse{middle: chain(1, "secret")}
		}
		s.bytes = make([]byte, 3000)
	})
}
