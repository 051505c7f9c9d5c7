//go:build cgo

package main

/*
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

extern void goWaits(void);
extern void goInThread(uintptr_t);
extern void goReturns(void);

static int handler_in[2], handler_out[2];

static void wait_in_c(int fd, uintptr_t number)
{
	volatile uintptr_t kept = number;
	char c;
	if (read(fd, &c, 1) < 0)
		return;
	kept++;
}

static void wait_with_pointer(int fd, void *pointer)
{
	wait_in_c(fd, (uintptr_t)pointer);
}

static void call_back(int depth, uintptr_t number)
{
	volatile uintptr_t kept = number;
	if (depth)
		call_back(depth - 1, number);
	else
		goWaits();
	kept++;
}

static int nothing(int n)
{
	return n;
}

static void call_and_return(void)
{
	goReturns();
}

static void *thread(void *argument)
{
	goInThread((uintptr_t)argument);
	return NULL;
}

static int start_thread(uintptr_t number)
{
	pthread_t id;
	return pthread_create(&id, NULL, thread, (void *)number);
}

static void on_signal(int number)
{
	char c = 1;
	if (write(handler_in[1], &c, 1) < 0 || read(handler_out[0], &c, 1) < 0)
		return;
}

static int handle(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = SA_ONSTACK | SA_RESTART;
	sigfillset(&action.sa_mask);
	return pipe(handler_in) || pipe(handler_out) || sigaction(SIGUSR2, &action, NULL);
}

static int handler_started(void)
{
	char c;
	return read(handler_in[0], &c, 1) == 1;
}

static int let_handler_go(void)
{
	char c = 1;
	return write(handler_out[1], &c, 1) == 1;
}
*/
import "C"

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// C, Go that C called, and threads that C made. The frames of C hold nothing of Go's: what C is given, its caller keeps.

func inForeign() {
	start(inC)
	start(withPointer)
	start(func() {
		d := dead("local below C, dead")
		l := held("local below C")
		n := number(gone("number that C has below a callback"))
		use(d)
		C.call_back(3, C.uintptr_t(n))
		use(l)
	})
	parked.Add(1)
	C.start_thread(C.uintptr_t(number(gone("number that a thread of C has"))))
	parked.Wait()
}

//go:noinline
func inC() {
	d := dead("local of a goroutine in C, dead")
	l := held("local of a goroutine in C")
	n := number(gone("number that C has"))
	use(d)
	parked.Done()
	C.wait_in_c(C.int(silent[0]), C.uintptr_t(n))
	use(l)
}

//go:noinline
func withPointer() {
	parked.Done()
	C.wait_with_pointer(C.int(silent[0]), unsafe.Pointer(held("argument of a function of C")))
}

//export goWaits
func goWaits() {
	d := dead("local of Go that C called, dead")
	l := held("local of Go that C called")
	use(d)
	park()
	use(l)
}

//export goInThread
func goInThread(n C.uintptr_t) {
	d := dead("local of Go on a thread that C made, dead")
	l := held("local of Go on a thread that C made")
	use(d)
	park()
	use(l)
	useNumber(uintptr(n))
}

//export goReturns
func goReturns() { deepen(20, new(thing)) }

func foreignJugglers() {
	juggle("juggled around calls of C", func(t *thing) *thing {
		C.nothing(1)
		return t
	})
	juggle("juggled around Go that C calls", func(t *thing) *thing {
		C.call_and_return()
		return t
	})
}

// ---- signals ----

var interrupted int32 // thread

func interrupt() {
	if C.handle() != 0 {
		panic("no signal handler")
	}
	atomic.StoreUint32(&stop, 1)
	runtime.GOMAXPROCS(2) // one is the main goroutine's
	runtime.Gosched()
	atomic.StoreUint32(&stop, 0)
	go func() {
		runtime.LockOSThread()
		atomic.StoreInt32(&interrupted, int32(syscall.Gettid()))
		var b box
		used += compute(held("register of a function that a signal interrupted"), same(&b), &ticks[2])
	}()
	for atomic.LoadUint64(&ticks[2]) == 0 {
	}
	syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(interrupted), uintptr(syscall.SIGUSR2))
	if C.handler_started() != 1 {
		panic("the handler does not run")
	}
}

func goOn() {
	atomic.StoreUint32(&stop, 1)
	C.let_handler_go()
}
