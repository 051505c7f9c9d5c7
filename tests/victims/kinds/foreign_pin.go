//go:build cgo && go1.21

package main

import "runtime"

var pinner runtime.Pinner

func pin() {
	pinner.Pin(chain(2, "pinned"))
	pinner.Pin(&sparse{first: chain(1, "pinned")})
}
