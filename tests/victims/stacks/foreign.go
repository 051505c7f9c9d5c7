//go:build cgo

package main

/*
#include <unistd.h>

extern void goCallback(void);

static void waitInC(int fd) { char c; if (read(fd, &c, 1) < 0) return; }
static void callBack(int depth) { if (depth) callBack(depth - 1); else goCallback(); }
*/
import "C"

//export goCallback
func goCallback() { block() }

// inForeign blocks goroutines in C, and in Go that C called.
func inForeign() {
	start(func() { parked.Done(); C.waitInC(C.int(reader[0])) })
	start(func() { C.callBack(5) })
}
