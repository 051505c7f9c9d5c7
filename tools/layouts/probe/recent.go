//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

// recent uses what came after the oldest supported Go: cleanups and weak pointers.
func recent(n *node) {
	pointer := weak.Make(n)
	runtime.AddCleanup(n, func(name string) { println(name, pointer.Value()) }, "cleanup")
}
