//go:build !goexperiment.swissmap && !go1.26

package main

// What the memory of a map's keys and values is made of.
const entries = "buckets"
