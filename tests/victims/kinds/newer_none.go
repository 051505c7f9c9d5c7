//go:build !go1.24

package main

import "context"

func holdNewer()           {}
func queueCleanups(func()) {}
func parkNewer()           {}

func newerContexts(context.Context) {}
