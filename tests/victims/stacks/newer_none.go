//go:build !go1.23

package main

func inIterators() {}

func iterate(int) {}
