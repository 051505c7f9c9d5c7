//go:build go1.24

package main

import (
	"unique"
	"weak"
)

type inUnique struct{ a, b string }
type inWeak struct{ p *inWeak }

var weaks []weak.Pointer[inWeak]

func since124() {
	for i := range 20 {
		hold(unique.Make(inUnique{text(20), text(i + 20)}))
		w := &inWeak{}
		hold(w)
		weaks = append(weaks, weak.Make(w))
	}
	want(20, "main.inUnique")
	want(20, "main.inWeak")
}
