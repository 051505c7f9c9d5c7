//go:build !plugged

package main

func holdPlugin(string) { panic("built without -tags plugged") }
