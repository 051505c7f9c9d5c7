#include "proof/reasons.h"
#include "base/components.h"
#include "base/progress.h"

enum {
	WAKERS = 4,       /* of one primitive, the nearest ones */
	LEAST_STEPS = 64, /* to look for them, each time */
	MOST_STEPS = 1 << 14,
	ALL_STEPS = 50 * 1000 * 1000, /* all searches together; then each gets the least */
	NOBODY = UINT32_MAX,
};

/* A thing that at least one goroutine waits for. */
struct primitive {
	uint64_t addr;
	uint32_t waiter; /* node: one of its waiters; they follow each other in the list */
	uint32_t wakers[WAKERS];
	bool crowded;
};

struct finder {
	const struct hb_dark *dark;
	struct hb_reasons *reasons;
	HB_VEC(struct primitive)
	waits;          /* one a queue, by address then waiter; the first of an address has the wakers */
	uint32_t *seen; /* by node: the search that saw it last */
	uint32_t search;
	HB_VEC(uint32_t) queue;
	uint64_t steps;
	uint32_t (*wakers)[WAKERS]; /* by goroutine */
	uint64_t *waker_primitive;  /* by goroutine: of its first waker */
};

static const struct hb_wait *wait_of(const struct finder *finder, uint32_t node)
{
	return &finder->dark->proof->waits.list[finder->dark->goroutine[node]];
}

static const struct hb_wait_on *queue_of(const struct finder *finder, const struct hb_wait *wait, uint32_t i)
{
	return &finder->dark->proof->waits.queues.data[wait->first + i];
}

/* --- Who waits for what ------------------------------------------------------------------------------------------- */

static int compare_primitives(const void *a, const void *b)
{
	const struct primitive *x = a, *y = b;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->waiter < y->waiter ? -1 : x->waiter > y->waiter;
}

static struct hb_error *list_waits(struct finder *finder)
{
	for (uint32_t node = 0; node < finder->dark->ngoroutines; node++) {
		const struct hb_wait *wait = wait_of(finder, node);
		for (uint32_t i = 0; i < wait->n; i++) {
			struct primitive primitive = {.addr = queue_of(finder, wait, i)->primitive, .waiter = node};
			for (unsigned k = 0; k < WAKERS; k++)
				primitive.wakers[k] = NOBODY;
			HB_VEC_PUSH(&finder->waits, primitive);
		}
	}
	if (finder->waits.len)
		qsort(finder->waits.data, finder->waits.len, sizeof(*finder->waits.data), compare_primitives);
	return NULL;
}

static struct primitive *find_primitive(const struct finder *finder, uint64_t addr)
{
	return &finder->waits.data[hb_partition_point(finder->waits.len, i, finder->waits.data[i].addr < addr)];
}

/* --- Who could wake ----------------------------------------------------------------------------------------------- */

static bool waits_for(const struct finder *finder, uint32_t node, uint64_t primitive)
{
	const struct hb_wait *wait = wait_of(finder, node);
	for (uint32_t i = 0; i < wait->n; i++)
		if (queue_of(finder, wait, i)->primitive == primitive)
			return true;
	return false;
}

/* Backward from the primitive, nearest first. */
static struct hb_error *find_wakers(struct finder *finder, struct primitive *primitive)
{
	const struct hb_dark *dark = finder->dark;
	uint32_t start = hb_dark_node_at(dark, primitive->addr);
	uint64_t budget = finder->steps < ALL_STEPS ? MOST_STEPS : LEAST_STEPS, steps = 0;
	unsigned found = 0;
	if (start == UINT32_MAX)
		return NULL;
	finder->search++;
	finder->queue.len = 0;
	finder->seen[start] = finder->search;
	HB_VEC_PUSH(&finder->queue, start);
	for (size_t next = 0; next < finder->queue.len && found < WAKERS; next++) {
		uint32_t node = finder->queue.data[next];
		for (uint64_t i = dark->first_from[node]; i < dark->first_from[node + 1] && found < WAKERS; i++) {
			uint32_t tail = dark->from[i];
			if (steps++ == budget) {
				primitive->crowded = true;
				goto out;
			}
			if (finder->seen[tail] == finder->search)
				continue;
			finder->seen[tail] = finder->search;
			if (tail >= dark->ngoroutines)
				HB_VEC_PUSH(&finder->queue, tail);
			else if (!waits_for(finder, tail, primitive->addr))
				primitive->wakers[found++] = tail;
		}
	}
out:
	finder->steps += steps;
	return NULL;
}

static struct hb_error *find_all_wakers(struct finder *finder)
{
	for (size_t i = 0; i < finder->waits.len; i++) {
		if ((i & 4095) == 0 && hb_interrupted())
			return hb_interrupted_error();
		if (!i || finder->waits.data[i].addr != finder->waits.data[i - 1].addr)
			TRY(find_wakers(finder, &finder->waits.data[i]));
	}
	return NULL;
}

/* Of everything that one goroutine waits for. */
static void give_wakers(struct finder *finder, uint32_t node)
{
	const struct hb_wait *wait = wait_of(finder, node);
	struct hb_reasons *reasons = finder->reasons;
	unsigned found = 0;
	bool crowded = false;
	for (unsigned k = 0; k < WAKERS; k++)
		finder->wakers[node][k] = NOBODY;
	reasons->waker[node] = NOBODY;
	if (wait->n)
		reasons->primitive[node] = queue_of(finder, wait, 0)->primitive;
	for (uint32_t i = 0; i < wait->n; i++) {
		const struct primitive *primitive = find_primitive(finder, queue_of(finder, wait, i)->primitive);
		crowded |= primitive->crowded;
		for (unsigned k = 0; k < WAKERS && primitive->wakers[k] != NOBODY && found < WAKERS; k++) {
			if (primitive->wakers[k] == node)
				continue;
			if (!found)
				reasons->primitive[node] = primitive->addr;
			finder->wakers[node][found++] = primitive->wakers[k];
		}
	}
	reasons->waker[node] = finder->wakers[node][0];
	reasons->reason[node] = wait->kind == HB_WAIT_NEVER ? HB_REASON_NEVER
	                        : found                     ? HB_REASON_BEHIND
	                        : crowded                   ? HB_REASON_CROWD
	                                                    : HB_REASON_ALONE;
}

/* --- Cycles ------------------------------------------------------------------------------------------------------- */

/* In a cycle, the waker to tell of is one of the cycle. */
static void name_cycles(struct finder *finder, const uint32_t *component)
{
	for (uint32_t node = 0; node < finder->dark->ngoroutines; node++)
		for (unsigned k = 0; k < WAKERS && finder->wakers[node][k] != NOBODY; k++)
			if (component[finder->wakers[node][k]] == component[node]) {
				finder->reasons->waker[node] = finder->wakers[node][k];
				finder->reasons->reason[node] = HB_REASON_CYCLE;
				break;
			}
}

/* Of "could be woken by". */
static struct hb_error *find_cycles(struct finder *finder)
{
	uint32_t n = finder->dark->ngoroutines;
	hb_autofree uint64_t *first = calloc((size_t)n + 1, sizeof(*first));
	hb_autofree uint32_t *to = calloc((size_t)n * WAKERS + 1, sizeof(*to));
	hb_autofree uint32_t *component = calloc((size_t)n + 1, sizeof(*component));
	if (!first || !to || !component)
		return hb_error_nomem();
	uint64_t edges = 0;
	for (uint32_t node = 0; node < n; node++) {
		for (unsigned k = 0; k < WAKERS && finder->wakers[node][k] != NOBODY; k++)
			to[edges++] = finder->wakers[node][k];
		first[node + 1] = edges;
	}
	TRY(hb_components_find(n, first, to, component));
	name_cycles(finder, component);
	return NULL;
}

/* --- Chains ------------------------------------------------------------------------------------------------------- */

static struct hb_error *measure_chains(struct finder *finder)
{
	struct hb_reasons *reasons = finder->reasons;
	enum { UNKNOWN = UINT32_MAX };
	for (uint32_t node = 0; node < finder->dark->ngoroutines; node++)
		reasons->depth[node] = reasons->reason[node] == HB_REASON_BEHIND ? UNKNOWN : 0;
	for (uint32_t start = 0; start < finder->dark->ngoroutines; start++) {
		uint32_t node = start;
		finder->queue.len = 0;
		for (; reasons->depth[node] == UNKNOWN; node = reasons->waker[node])
			HB_VEC_PUSH(&finder->queue, node);
		for (uint32_t depth = reasons->depth[node]; finder->queue.len;)
			reasons->depth[finder->queue.data[--finder->queue.len]] = ++depth;
	}
	return NULL;
}

/* --- Together ----------------------------------------------------------------------------------------------------- */

static struct hb_error *find(struct finder *finder)
{
	size_t n = (size_t)finder->dark->ngoroutines + 1;
	struct hb_reasons *reasons = finder->reasons;
	finder->seen = calloc((size_t)hb_dark_nodes(finder->dark) + 1, sizeof(*finder->seen));
	finder->wakers = calloc(n, sizeof(*finder->wakers));
	reasons->reason = calloc(n, sizeof(*reasons->reason));
	reasons->waker = calloc(n, sizeof(*reasons->waker));
	reasons->depth = calloc(n, sizeof(*reasons->depth));
	reasons->primitive = calloc(n, sizeof(*reasons->primitive));
	if (!finder->seen || !finder->wakers || !reasons->reason || !reasons->waker || !reasons->depth ||
	    !reasons->primitive)
		return hb_error_nomem();
	TRY(list_waits(finder));
	TRY(find_all_wakers(finder));
	for (uint32_t node = 0; node < finder->dark->ngoroutines; node++)
		give_wakers(finder, node);
	TRY(find_cycles(finder));
	return measure_chains(finder);
}

struct hb_error *hb_reasons_find(const struct hb_dark *dark, struct hb_reasons *ret)
{
	*ret = (struct hb_reasons){0};
	struct finder finder = {.dark = dark, .reasons = ret};
	struct hb_error *err = find(&finder);
	free(finder.seen);
	free(finder.wakers);
	hb_vec_deinit(&finder.waits);
	hb_vec_deinit(&finder.queue);
	if (err)
		hb_reasons_deinit(ret);
	return err;
}

void hb_reasons_deinit(struct hb_reasons *reasons)
{
	free(reasons->reason);
	free(reasons->waker);
	free(reasons->depth);
	free(reasons->primitive);
	*reasons = (struct hb_reasons){0};
}
