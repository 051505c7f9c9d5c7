//go:build !cgo

package main

func parkForeign() {}
