//go:build cgo

package main

/*
#cgo LDFLAGS: -pthread
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

extern void threadParks(int i);
extern void threadPasses(int i);
extern void threadGoesOn(int i, int depth);

static int back; // threads that are in C again

static int threads_back(void) { return __atomic_load_n(&back, __ATOMIC_SEQ_CST); }
static void wait_for_ever(void) { for (;;) pause(); }
static void *parks(void *i) { threadParks((int)(intptr_t)i); return 0; }
static void *goes_on(void *i) { threadGoesOn((int)(intptr_t)i, 0); return 0; }
static void *passes(void *i) {
	threadPasses((int)(intptr_t)i);
	__atomic_add_fetch(&back, 1, __ATOMIC_SEQ_CST);
	wait_for_ever();
	return 0;
}
static void *ends(void *i) {
	threadPasses((int)(intptr_t)i);
	return 0;
}
static void *never_in_go(void *unused) { wait_for_ever(); return unused; }

static void call_go_again(int i, int depth) { threadGoesOn(i, depth); }
static int start_thread(void *(*run)(void *), int i, int join) {
	pthread_t thread;
	int err = pthread_create(&thread, 0, run, (void *)(intptr_t)i);
	return err ? err : join ? pthread_join(thread, 0) : pthread_detach(thread);
}
static int start_threads(void) {
	int err = 0;
	for (int i = 0; i < 3 && !err; i++) {
		err = start_thread(parks, i, 0);
		if (!err) err = start_thread(passes, i, 0);
		if (!err) err = start_thread(goes_on, i, 0);
		if (!err) err = start_thread(ends, i, 1);
		if (!err) err = start_thread(never_in_go, i, 0);
	}
	return err;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// Threads that C made, of which the runtime knows once they have called Go: one of its extra Ms is theirs then.
var (
	threadNevers [6]chan *node
	threadsIn    int32
	passed       [3]*node
)

//export threadParks
func threadParks(i C.int) {
	held := chain(2, "of a thread of C")
	atomic.AddInt32(&threadsIn, 1)
	<-threadNevers[i]
	held.id++
}

//export threadPasses
func threadPasses(i C.int) { passed[i] = chain(2, "left by a thread of C") }

// threadGoesOn is called by C that it called itself, a few times.
//
//export threadGoesOn
func threadGoesOn(i, depth C.int) {
	held := chain(1, fmt.Sprint("depth ", depth))
	if depth < 3 {
		C.call_go_again(i, depth+1)
	} else {
		atomic.AddInt32(&threadsIn, 1)
		<-threadNevers[3+i]
	}
	held.id++
}

func parkThreads() {
	for i := range threadNevers {
		threadNevers[i] = make(chan *node)
	}
	if C.start_threads() != 0 {
		panic("cannot start threads")
	}
	for atomic.LoadInt32(&threadsIn) < 6 || C.threads_back() < 3 {
		runtime.Gosched()
	}
}
