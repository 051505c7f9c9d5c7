//go:build !cgo

package main

func waitUnstoppably(int) {}
