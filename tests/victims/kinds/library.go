//go:build library

package main

import "C"

// RunKinds is what a program that loads kinds as a library calls.
//
//export RunKinds
func RunKinds() { main() }
