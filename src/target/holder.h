/* The thread that traces.
 *
 * Requests of ptrace must come from the thread that seized, and who has not stopped yet cannot be let go (ptrace(2)): it would stop
 * when it can, and stay so. But when the tracing thread ends, the kernel lets go of all that it seized, whatever they are doing, and
 * forgets what they were to stop for (kernel/exit.c forget_original_parent; kernel/ptrace.c exit_ptrace, __ptrace_unlink). So each
 * stop of a process has a thread of its own, which ends with it.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>

struct hb_holder {
	bool is_there;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*work)(void *ctx); /* to be done; NULL: nothing */
	void *ctx;
	bool ends;
};

/* False: there is no room for one more thread. */
bool hb_holder_start(struct hb_holder *holder);
/* Has it do something, and waits until that is done. */
void hb_holder_do(struct hb_holder *holder, void (*work)(void *ctx), void *ctx);
/* Ends it, where there is one. */
void hb_holder_end(struct hb_holder *holder);
