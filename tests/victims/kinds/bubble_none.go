//go:build !goexperiment.synctest

package main

func parkBubble() {}
