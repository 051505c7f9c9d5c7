/* /proc/PID/stat and /proc/PID/task/TID/stat: one line, in which the name may hold anything (proc(5)). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct hb_proc_stat {
	char state;     /* 'R', 'S', 'Z' … */
	unsigned flags; /* PF_* of linux/sched.h */
	uint64_t start; /* in clock ticks since boot */
};
/* tid 0: the process as a whole. False when there is none (any more). */
bool hb_proc_stat(int pid, int tid, struct hb_proc_stat *ret);

/* Since a process started; 0 unknown. */
uint64_t hb_process_age_ns(int pid);
