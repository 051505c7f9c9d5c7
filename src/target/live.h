/* A live process: private parts shared by live.c (open, reads), live_mappings.c (maps and smaps) and live_stop.c (ptrace). */
#pragma once
#include "target/holder.h"
#include "target/target.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

/* A thread held by ptrace. */
struct hb_held_thread {
	int tid;
	bool stopped;
	int signal; /* taken from a signal-delivery stop: handed back when detaching */
};

struct hb_live {
	struct hb_target target;
	int mem_fd;     /* /proc/PID/mem, read-only; also proof of permission */
	int pagemap_fd; /* /proc/PID/pagemap */
	int exe_fd;
	struct hb_holder holder; /* while the target is stopped */
	HB_VEC(struct hb_held_thread) held;
	bool held_by_caller;       /* who traces it already, has stopped all of it, and lets it go */
	pthread_mutex_t held_lock; /* of the list, not of what is in it */
	sigset_t signals_before;   /* heldby's own mask, while the target is stopped */
	struct hb_arena arena;     /* mapping paths */
};

static inline struct hb_live *hb_live_of(struct hb_target *target)
{
	return (struct hb_live *)target;
}

/* The memory that was opened is gone: the process has ended, even if another one has its number by now, or has called
 * execve. process_vm_readv would read the memory of whoever is there now. */
bool hb_live_has_ended(const struct hb_live *live);
struct hb_error *hb_live_stop(struct hb_target *target, uint64_t max_wait_ns) HB_MUST_CHECK;
struct hb_error *hb_live_resume(struct hb_target *target) HB_MUST_CHECK;
/* /proc/PID/NAME, or NULL and errno. */
FILE *hb_live_open_proc(int pid, const char *name);
/* Of a stopped target, maps; else smaps, which also says what is resident. */
struct hb_error *hb_live_refresh_mappings(struct hb_target *target) HB_MUST_CHECK;
