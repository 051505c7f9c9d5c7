/* /proc/PID/status (proc(5)), of a process or of one of its threads. Reading it stops and disturbs nobody. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct hb_proc_status {
	char name[64];
	char state;            /* 'R', 'S', 'Z' … */
	int process;           /* that it is a thread of */
	int threads;           /* of the process */
	int tracer, seccomp;   /* tracer 0: none; seccomp 0 off, 1 strict, 2 filter, -1 unknown */
	unsigned uid;          /* effective */
	uint64_t capabilities; /* effective */
	uint64_t handled;      /* bit n - 1: signal n is caught or ignored */
	int namespaces;        /* pid namespaces it is in, counted from heldby's: 1 = the same */
	uint64_t rss;
};
/* False when there is none (any more). */
bool hb_proc_status(int tid, struct hb_proc_status *ret);
