/* Facts of the runtime: docs/proof.md, "What a goroutine waits for". Sources: runtime/chan.go, select.go, sema.go,
 * proc.go (gopark, park_m), runtime2.go; 1.18-1.27. */
#include "proof/waits.h"
#include "base/progress.h"
#include "golang/stacks.h"

#include <string.h>

/* The first minor whose sudogs have two words a pointer, and whose g.waiting leads to those of semaphores, too. */
enum { TRACEABLE_POINTERS = 26 };

/* Which condition variable's list a sudog is on. */
struct listed {
	uint32_t sudog; /* slot; 0: empty */
	uint64_t list;  /* address of the notifyList */
};

struct reader {
	const struct hb_go *go;
	const struct hb_heap *heap;
	const struct hb_goroutines *goroutines;
	struct hb_waits *waits;
	struct listed *listed; /* open addressing */
	uint32_t listed_log2, nlisted;
	bool out_of_memory;
	/* of the goroutine being looked at */
	const struct hb_goroutine *goroutine;
	uint64_t sudog;
	HB_VEC(uint64_t) live; /* what its innermost frames hold */
};

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static bool u64(const struct reader *reader, uint64_t addr, uint64_t *ret)
{
	return hb_snapshot_u64(reader->go->snapshot, addr, ret);
}

bool hb_sudog_pointer(const struct hb_go *go, uint64_t sudog, uint32_t field, uint64_t *ret)
{
	return hb_snapshot_u64(go->snapshot, sudog + field + (go->layout->minor >= TRACEABLE_POINTERS ? 8 : 0), ret);
}

/* The slot, when an allocated object that a sudog fits into begins there; else 0. */
static uint32_t sudog_slot(const struct reader *reader, uint64_t addr)
{
	enum { NEXT_CLASS = 32 };
	const struct hb_heap *heap = reader->heap;
	uint32_t slot = hb_heap_slot(heap, addr), size = reader->go->layout->sudog.size;
	if (!slot || !hb_heap_allocated(heap, slot))
		return 0;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	bool fits = span->elem_size >= size && span->elem_size <= size + NEXT_CLASS && span->kind != HB_SPAN_NOSCAN;
	return fits && hb_heap_slot_addr(span, slot) == addr ? slot : 0;
}

static bool is_sudog_of(const struct reader *reader, uint64_t addr, uint64_t g)
{
	uint64_t its;
	return sudog_slot(reader, addr) && u64(reader, addr + reader->go->layout->sudog.g, &its) && its == g;
}

/* --- Where it is parked ------------------------------------------------------------------------------------------- */

struct parked {
	const char *const *functions; /* that park for this reason */
	unsigned depth;
	bool by_runtime, found, from_c;
};

static bool visit_frame(void *ctx, const struct hb_go_frame *frame)
{
	enum { NEAR = 4 };
	struct parked *parked = ctx;
	const char *name = frame->func.name;
	if (parked->depth == 0)
		parked->by_runtime = !strcmp(name, "runtime.gopark");
	for (const char *const *at = parked->functions; parked->depth < NEAR && *at; at++)
		parked->found |= !strcmp(name, *at);
	parked->from_c |= !strncmp(name, "runtime.cgocallback", strlen("runtime.cgocallback"));
	parked->depth++;
	return true;
}

/* The reason is left over from an earlier wait where the runtime takes a goroutine for waiting that in truth works for it
 * on the system stack (runtime/proc.go stopTheWorld before 1.20); so the frames are asked, too. A stack that cannot
 * be followed to its end is not understood. What C called stands on frames of C that nobody can read. */
static bool is_parked_in(const struct reader *reader, const char *const *functions)
{
	struct parked parked = {.functions = functions};
	bool complete = false;
	struct hb_error *err = hb_go_unwind(reader->go, reader->goroutine, visit_frame, &parked, &complete);
	hb_error_destroy(err);
	return !err && complete && parked.by_runtime && parked.found && !parked.from_c;
}

/* --- Channels ----------------------------------------------------------------------------------------------------- */

/* Whether the channel's queues have the sudog, as far as can be seen: the contents of channels for pointer-free elements
 * are not captured. (A waker that has taken it off is still running, and holds the channel: docs/proof.md.) */
static bool is_queued(const struct reader *reader, uint64_t channel, uint64_t sudog)
{
	const struct hb_go_layout *layout = reader->go->layout;
	uint64_t prev, next, first, other;
	uint32_t closed;
	if (!u64(reader, sudog + layout->sudog.prev, &prev) || !u64(reader, sudog + layout->sudog.next, &next))
		return false;
	if (prev && (!sudog_slot(reader, prev) || !u64(reader, prev + layout->sudog.next, &other) || other != sudog))
		return false;
	if (next && (!sudog_slot(reader, next) || !u64(reader, next + layout->sudog.prev, &other) || other != sudog))
		return false;
	if (hb_snapshot_u32(reader->go->snapshot, channel + layout->hchan.closed, &closed) && closed)
		return false;
	if (prev || !u64(reader, channel + layout->hchan.recvq + layout->waitq.first, &first) || first == sudog)
		return true;
	return u64(reader, channel + layout->hchan.sendq + layout->waitq.first, &first) && first == sudog;
}

static struct hb_error *add_queue(struct reader *reader, struct hb_wait *wait, uint64_t primitive, uint64_t sudog)
{
	HB_VEC_PUSH(&reader->waits->queues, (struct hb_wait_on){primitive, sudog});
	wait->n++;
	return NULL;
}

/* runtime/chan.go chansend, chanrecv; select.go selectgo: g.waiting lists a sudog a channel. A select all of whose
 * channels are nil has none. */
static struct hb_error *read_channels(struct reader *reader, struct hb_wait *wait)
{
	const struct hb_go_layout *layout = reader->go->layout;
	uint64_t sudog = reader->goroutine->waiting, channel, mark = 0, until_mark = 1;
	bool selects = !strcmp(reader->goroutine->wait_reason, "select");
	if (reader->goroutine->select_done || (!sudog && !selects))
		return NULL;
	for (; sudog; wait->kind = HB_WAIT_CHANNEL) {
		/* Hostile data may loop: then it comes back to a sudog that was marked on the way. */
		if (sudog == mark || (wait->n && !selects) || !is_sudog_of(reader, sudog, reader->goroutine->g) ||
		    !hb_sudog_pointer(reader->go, sudog, layout->sudog.c, &channel) || !channel ||
		    !is_queued(reader, channel, sudog)) {
			wait->kind = HB_WAIT_OTHER;
			return NULL;
		}
		TRY(add_queue(reader, wait, channel, sudog));
		if (wait->n == until_mark) {
			mark = sudog;
			until_mark *= 2;
		}
		if (!u64(reader, sudog + layout->sudog.waitlink, &sudog)) {
			wait->kind = HB_WAIT_OTHER;
			return NULL;
		}
	}
	if (!wait->n)
		wait->kind = HB_WAIT_NEVER;
	return NULL;
}

/* --- Semaphores and condition variables --------------------------------------------------------------------------- */

static const char *const semaphore_functions[] = {"runtime.semacquire1", NULL};
static const char *const cond_functions[] = {"sync.runtime_notifyListWait", "runtime.notifyListWait", NULL};

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static void visit_live(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct reader *reader = ctx;
	if (pointer->conservative)
		return;
	if (!hb_vec_push(&reader->live, pointer->value))
		reader->out_of_memory = true;
	if ((is_one_of(pointer->function, semaphore_functions) || is_one_of(pointer->function, cond_functions)) &&
	    is_sudog_of(reader, pointer->value, reader->goroutine->g))
		reader->sudog = pointer->value;
}

/* Up to 1.25 nothing but the local variables of the function that waits leads from the goroutine to its sudog. */
static struct hb_error *find_sudog(struct reader *reader)
{
	struct hb_stack_reading reading;
	reader->sudog = 0;
	reader->live.len = 0;
	if (reader->go->layout->minor >= TRACEABLE_POINTERS) {
		if (is_sudog_of(reader, reader->goroutine->waiting, reader->goroutine->g))
			reader->sudog = reader->goroutine->waiting;
		return NULL;
	}
	TRY(hb_go_scan_stack(reader->go, reader->goroutine, visit_live, reader, &reading));
	if (!reading.precise)
		reader->sudog = 0;
	return reader->out_of_memory ? hb_error_nomem() : NULL;
}

/* runtime/sema.go: whoever dequeues a sudog clears its elem before it makes the goroutine runnable. */
static struct hb_error *read_semaphore(struct reader *reader, struct hb_wait *wait)
{
	uint64_t word;
	TRY(find_sudog(reader));
	if (!reader->sudog || !hb_sudog_pointer(reader->go, reader->sudog, reader->go->layout->sudog.elem, &word) ||
	    !word)
		return NULL;
	wait->kind = HB_WAIT_SEMAPHORE;
	return add_queue(reader, wait, word, reader->sudog);
}

static struct listed *find_listed(const struct reader *reader, uint32_t sudog)
{
	uint32_t mask = (1u << reader->listed_log2) - 1;
	uint32_t at = (uint32_t)(sudog * UINT32_C(0x9e3779b9)) >> (32 - reader->listed_log2);
	while (reader->listed[at].sudog && reader->listed[at].sudog != sudog)
		at = (at + 1) & mask;
	return &reader->listed[at];
}

static bool grow_listed(struct reader *reader)
{
	struct listed *old = reader->listed;
	size_t n = old ? (size_t)1 << reader->listed_log2 : 0;
	uint32_t log2 = old ? reader->listed_log2 + 1 : 8;
	struct listed *grown = log2 < 32 ? calloc((size_t)1 << log2, sizeof(*grown)) : NULL;
	if (!grown)
		return false;
	reader->listed = grown;
	reader->listed_log2 = log2;
	for (size_t i = 0; i < n; i++)
		if (old[i].sudog)
			*find_listed(reader, old[i].sudog) = old[i];
	free(old);
	return true;
}

/* sync/runtime.go notifyList: {wait, notify uint32; lock uintptr; head, tail unsafe.Pointer}; 1.18-1.27. */
enum { NOTIFY_HEAD = 16, NOTIFY_LIST_IN_COND = 24 /* at most: Cond{noCopy; L Locker; notify} has it at 16 */ };

/* Notes who is on a condition variable's list. Each sudog is on one list only, so all walks together are as long as
 * there are sudogs, whatever is tried. */
static void walk_list(struct reader *reader, uint64_t list)
{
	uint64_t sudog;
	if (!hb_heap_slot(reader->heap, list) || !u64(reader, list + NOTIFY_HEAD, &sudog))
		return;
	for (uint32_t slot; sudog && (slot = sudog_slot(reader, sudog));) {
		if (reader->nlisted * 2 >= (reader->listed ? 1u << reader->listed_log2 : 0) && !grow_listed(reader)) {
			reader->out_of_memory = true;
			return;
		}
		struct listed *listed = find_listed(reader, slot);
		if (listed->sudog)
			return;
		*listed = (struct listed){slot, list};
		reader->nlisted++;
		if (!u64(reader, sudog + reader->go->layout->sudog.next, &sudog))
			return;
	}
}

static bool is_listed(struct reader *reader, uint64_t list, uint64_t sudog)
{
	uint32_t slot = sudog_slot(reader, sudog);
	if (reader->listed && find_listed(reader, slot)->list == list)
		return true;
	walk_list(reader, list);
	return reader->listed && find_listed(reader, slot)->list == list;
}

/* Up to 1.25 the sudog does not say which list it is on. sync/cond.go Wait needs its *Cond afterwards, so the frames
 * hold that, or the list itself. */
static uint64_t find_list(struct reader *reader)
{
	for (size_t i = 0; i < reader->live.len; i++)
		for (uint64_t at = 0; at <= NOTIFY_LIST_IN_COND; at += 8)
			if (is_listed(reader, reader->live.data[i] + at, reader->sudog))
				return reader->live.data[i] + at;
	return 0;
}

static struct hb_error *read_cond(struct reader *reader, struct hb_wait *wait)
{
	uint64_t list = 0;
	TRY(find_sudog(reader));
	if (!reader->sudog)
		return NULL;
	if (reader->go->layout->minor < TRACEABLE_POINTERS)
		list = find_list(reader);
	else if (!hb_sudog_pointer(reader->go, reader->sudog, reader->go->layout->sudog.elem, &list) ||
	         !is_listed(reader, list, reader->sudog))
		list = 0;
	if (reader->out_of_memory)
		return hb_error_nomem();
	if (!list)
		return NULL;
	wait->kind = HB_WAIT_COND;
	return add_queue(reader, wait, list, reader->sudog);
}

/* --- Candidates --------------------------------------------------------------------------------------------------- */

static const char *const nil_channel_functions[] = {"runtime.chanrecv", "runtime.chansend", NULL};
static const char *const empty_select_functions[] = {"runtime.block", NULL};
static const char *const channel_functions[] = {"runtime.chanrecv", "runtime.chansend", "runtime.selectgo", NULL};

static struct hb_error *read_never(struct reader *reader, struct hb_wait *wait)
{
	wait->kind = HB_WAIT_NEVER;
	return NULL;
}

/* By the words of runtime/runtime2.go waitReasonStrings: the numbers move. Goroutines of a testing/synctest bubble wait
 * for other reasons, "… (durable)", in 1.24 "… (synctest)": the bubble wakes them, or ends them. */
static const struct {
	const char *reason;
	const char *const *functions;
	struct hb_error *(*read)(struct reader *reader, struct hb_wait *wait);
} reasons[] = {
        {"chan receive", channel_functions, read_channels},
        {"chan send", channel_functions, read_channels},
        {"select", channel_functions, read_channels},
        {"chan receive (nil chan)", nil_channel_functions, read_never},
        {"chan send (nil chan)", nil_channel_functions, read_never},
        {"select (no cases)", empty_select_functions, read_never},
        {"semacquire", semaphore_functions, read_semaphore},
        {"sync.Mutex.Lock", semaphore_functions, read_semaphore},
        {"sync.RWMutex.RLock", semaphore_functions, read_semaphore},
        {"sync.RWMutex.Lock", semaphore_functions, read_semaphore},
        {"sync.WaitGroup.Wait", semaphore_functions, read_semaphore},
        {"sync.Cond.Wait", cond_functions, read_cond},
};

/* A parked goroutine has no thread (runtime/proc.go dropg), and param is set by who wakes it (runtime/chan.go). The
 * runtime's own are never asked about, nor what they run (finalizers, cleanups). */
static bool may_be_candidate(const struct hb_goroutine *goroutine)
{
	return (goroutine->status == HB_G_WAITING || goroutine->status == HB_G_LEAKED) && !goroutine->system &&
	       goroutine->startpc && !goroutine->m && !goroutine->param && !goroutine->syscallsp;
}

static struct hb_error *read_one(struct reader *reader, const struct hb_goroutine *goroutine, struct hb_wait *wait)
{
	*wait = (struct hb_wait){.first = reader->waits->queues.len};
	reader->goroutine = goroutine;
	if (!may_be_candidate(goroutine))
		return NULL;
	for (size_t i = 0; i < hb_countof(reasons); i++)
		if (!strcmp(goroutine->wait_reason, reasons[i].reason)) {
			if (is_parked_in(reader, reasons[i].functions))
				TRY(reasons[i].read(reader, wait));
			break;
		}
	if (wait->kind == HB_WAIT_OTHER) {
		reader->waits->queues.len = wait->first;
		wait->n = 0;
	} else {
		reader->waits->ncandidates++;
	}
	return NULL;
}

static struct hb_error *read_all(struct reader *reader)
{
	const struct hb_goroutines *all = reader->goroutines;
	reader->waits->list = calloc(hb_max(all->n, (size_t)1), sizeof(*reader->waits->list));
	if (!reader->waits->list)
		return hb_error_nomem();
	for (size_t i = 0; i < all->n; i++) {
		if ((i & 4095) == 0 && hb_interrupted())
			return hb_interrupted_error();
		TRY(read_one(reader, &all->list[i], &reader->waits->list[i]));
	}
	return NULL;
}

struct hb_error *hb_waits_read(const struct hb_go *go, const struct hb_heap *heap,
                               const struct hb_goroutines *goroutines, struct hb_waits *ret)
{
	*ret = (struct hb_waits){0};
	struct reader reader = {.go = go, .heap = heap, .goroutines = goroutines, .waits = ret};
	struct hb_error *err = read_all(&reader);
	free(reader.listed);
	hb_vec_deinit(&reader.live);
	if (err)
		hb_waits_deinit(ret);
	return err;
}

void hb_waits_deinit(struct hb_waits *waits)
{
	free(waits->list);
	hb_vec_deinit(&waits->queues);
	*waits = (struct hb_waits){0};
}
