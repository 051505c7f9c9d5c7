//go:build cgo && !go1.21

package main

func pin() {}
