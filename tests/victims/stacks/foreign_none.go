//go:build !cgo

package main

func inForeign() {}
