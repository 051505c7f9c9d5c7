//go:build !go1.24

package main

// There were no cleanups.

func leakCleanups()    {}
func fixCleanups()     {}
func healthyCleanups() {}
