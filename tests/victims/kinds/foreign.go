//go:build cgo

package main

/*
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

extern void calledBack(uintptr_t handle);

static void *kept[100];

static void wait_in_c(int fd) { char c; if (read(fd, &c, 1) < 0) return; }
static void call_back(uintptr_t handle) { calledBack(handle); }
static void keep(void) { for (int i = 0; i < 100; i++) kept[i] = malloc(100 + i); }
*/
import "C"

import (
	"runtime/cgo"
	"syscall"
)

var (
	handles_ []cgo.Handle
	cPipe    [2]int
)

//export calledBack
func calledBack(handle C.uintptr_t) {
	n := cgo.Handle(handle).Value().(*receiver)
	held := single(9)
	<-n.never
	held.id++
}

// parkForeign blocks goroutines in C, and in Go called from C called from Go.
func parkForeign() {
	C.keep()
	pin()
	parkThreads()
	if syscall.Pipe(cPipe[:]) != nil {
		return
	}
	park("in C", func(chan *node) {
		held := chain(2, "in C")
		C.wait_in_c(C.int(cPipe[0]))
		held.id++
	})
	park("called back", func(never chan *node) {
		held := chain(2, "below a callback")
		h := cgo.NewHandle(&receiver{single(10), never})
		handles_ = append(handles_, h)
		C.call_back(C.uintptr_t(h))
		held.id++
	})
}
