/* What each blocked goroutine waits for: the channels, semaphores and condition variables that would have to be used to
 * wake it.
 *
 * Vocabulary
 *   candidate   a goroutine that only the program itself can wake: by a channel, a lock, a wait group, a condition
 *               variable. Everything else (timers, the network, system calls, the collector) wakes without being asked
 *   primitive   the address that a waker needs: the hchan, the word of the semaphore, the notifyList
 *   sudog       the runtime's record of one goroutine in one queue (runtime/runtime2.go)
 *   place       a frame's function, as far as it matters here
 *
 * docs/proof.md has the facts by version. What is on its way to being woken, what cannot be read and what contradicts
 * itself is no candidate.
 */
#pragma once
#include "golang/goroutines.h"
#include "heap/heap.h"

enum hb_wait_kind {
	HB_WAIT_OTHER = 0, /* no candidate */
	HB_WAIT_NEVER,     /* a nil channel, or a select with nothing to select from: nothing can wake it */
	HB_WAIT_CHANNEL,   /* one or several */
	HB_WAIT_SEMAPHORE, /* Mutex, RWMutex, WaitGroup: the primitive lies in it */
	HB_WAIT_COND,
};

/* One queue that a goroutine is in. */
struct hb_wait_on {
	uint64_t primitive;
	uint64_t sudog;
};

struct hb_wait {
	enum hb_wait_kind kind;
	uint32_t n;   /* queues */
	size_t first; /* in hb_waits.queues */
};

struct hb_waits {
	struct hb_wait *list; /* one a goroutine, in the order of hb_goroutines.list */
	HB_VEC(struct hb_wait_on) queues;
	size_t ncandidates;
};

struct hb_error *hb_waits_read(const struct hb_go *go, const struct hb_heap *heap,
                               const struct hb_goroutines *goroutines, struct hb_waits *ret) HB_MUST_CHECK;
void hb_waits_deinit(struct hb_waits *waits);

/* The address that a sudog's `elem` or `c` holds. Since 1.26 the field is {vp unsafe.Pointer; vu uintptr}, and the first
 * word is nil while the runtime itself looks for leaks (runtime/runtime2.go maybeTraceablePtr). */
bool hb_sudog_pointer(const struct hb_go *go, uint64_t sudog, uint32_t field, uint64_t *ret);
