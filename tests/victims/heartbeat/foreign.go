//go:build cgo

package main

/*
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A thread that waits for its vfork child cannot be stopped.
static void wait_unstoppably(long seconds) {
	pid_t child = vfork();
	if (!child) {
		struct timespec time = {seconds, 0};
		nanosleep(&time, 0);
		_exit(0);
	}
	waitpid(child, 0, 0);
}
*/
import "C"

func waitUnstoppably(seconds int) { C.wait_unstoppably(C.long(seconds)) }
