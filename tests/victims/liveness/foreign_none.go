//go:build !cgo

package main

func inForeign()       {}
func foreignJugglers() {}
func interrupt()       {}
func goOn()            {}
