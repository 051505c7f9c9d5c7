// Package registry is used from other packages only through its exported variable.
package registry

import wire "example.org/globals/wire.v2"

type Entry struct {
	Name string
	Prev *Entry
}

var All = map[string]*Entry{}

var latest *Entry

// own is touched by functions of package wire only, all of them inlined here.
var own wire.List

func init() {
	latest = &Entry{Name: "init"}
	All["init"] = latest
}

//go:noinline
func Fill(s string) { wire.Enlist(&own, s) }

//go:noinline
func Latest() *Entry { return latest }
