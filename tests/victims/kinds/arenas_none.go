//go:build !goexperiment.arenas

package main

import "heldby/victims/control"

var arenaCommands []control.Command

func holdArenas() {}
