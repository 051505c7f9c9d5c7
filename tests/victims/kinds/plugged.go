//go:build plugged

package main

import "plugin"

// holdPlugin loads what package part is built to.
func holdPlugin(path string) {
	part, err := plugin.Open(path)
	if err != nil {
		panic(err)
	}
	hold, err := part.Lookup("Hold")
	if err != nil {
		panic(err)
	}
	hold.(func())()
}
