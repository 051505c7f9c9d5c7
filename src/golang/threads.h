/* Which of Go's Ms each thread of the snapshot is, and where its stacks are.
 *
 *   m        Go's view of a thread (runtime/runtime2.go)
 *   g0       the goroutine-like record of a thread's own stack: the scheduler, and C code, run on it
 *   gsignal  the same for its signal stack
 *   curg     the goroutine that the thread runs now
 */
#pragma once
#include "golang/runtime.h"

struct hb_go_stack {
	uint64_t lo, hi;
};
static inline bool hb_go_stack_has(struct hb_go_stack stack, uint64_t addr)
{
	return addr >= stack.lo && addr < stack.hi;
}

struct hb_go_thread {
	uint64_t m; /* 0: not a thread of Go's */
	uint64_t g0, gsignal, curg;
	struct hb_go_stack g0_stack, gsignal_stack;
	uint64_t vdso_sp, vdso_pc; /* in a call of the vDSO: the frame that made it; 0: in none */
};

/* The stack of g0 of the m at an address; empty when it is not one. */
struct hb_go_stack hb_go_g0_stack(const struct hb_go *go, uint64_t m);

/* One for each of snapshot->threads, in the same order. candidates: addresses of Ms that are known otherwise (sorted by
 * nothing, zeros and repetitions allowed), for threads whose thread-local storage was not captured. */
struct hb_error *hb_go_threads_read(const struct hb_go *go, const uint64_t *candidates, size_t n,
                                    struct hb_go_thread **ret) HB_MUST_CHECK;
