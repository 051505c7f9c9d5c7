/* H703: a few objects of a sync.Pool that have most of what is in it. docs/detectors/H703.md.
 *
 * What was put back is in the processors' poolLocal, the last in `private`, the others in the rings of `shared`; `local` and `victim` of the
 * Pool lead to one array of poolLocal each (sync/pool.go, sync/poolqueue.go; 1.18-1.27). Each thing in it is an interface, whose second
 * word leads to it.
 */
#include "base/order.h"
#include "leak/detectors.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <stdio.h>
#include <string.h>

enum {
	LEAST_THINGS = 8, /* in a pool: else there is no usual size */
	TIMES = 16,       /* so much larger than usual */
	LEAST_LARGE = 65536,
	LEAST_BYTES = 10000000, /* of all of them */
	LEAST_OF_HEAP = 20,     /* and this part of the live heap */
	MAX_STEPS = 64,         /* from a ring to its poolLocal: rings double from one to the next */
	EFACE_WORDS = 2,
	LOCAL_WORDS = 16, /* 128 bytes, private first */
};

struct thing {          /* put back */
	uint32_t pool;  /* number of what leads to the arrays of poolLocal: a root, or the object that the Pool is in */
	uint32_t local; /* slot of the array of poolLocal */
	uint32_t type;
	uint32_t slot;
	uint64_t bytes; /* that go when it does */
};

struct scan {
	const struct hb_analysis *analysis;
	uint32_t local_type, eface_type;
	HB_VEC(struct thing) things;
};

/* --- What is in pools ----------------------------------------------------------------------------------------------- */

/* The array of poolLocal that leads to a ring; 0: none. */
static uint32_t local_of(const struct scan *scan, uint32_t slot)
{
	const struct hb_graph *graph = scan->analysis->graph;
	uint32_t number = graph->number[slot];
	for (int i = 0; i < MAX_STEPS && number > 1 && !hb_graph_is_root(graph, number); i++) {
		if (scan->analysis->typing->type_of[graph->slot_of[number]] == scan->local_type)
			return graph->slot_of[number];
		number = graph->parent[number];
	}
	return 0;
}

static uint64_t bytes_of(const struct hb_graph *graph, uint32_t slot)
{
	const struct hb_span *span = &graph->heap->spans[hb_heap_span_of_slot(graph->heap, slot)];
	return span->kind == HB_SPAN_NOSCAN ? span->elem_size : graph->retained[graph->number[slot]];
}

static struct hb_error *add_thing(struct scan *scan, uint32_t local, uint64_t value)
{
	const struct hb_graph *graph = scan->analysis->graph;
	uint32_t slot = hb_heap_slot(scan->analysis->heap, value);
	if (!slot || !graph->number[slot])
		return NULL;
	HB_VEC_PUSH(&scan->things, (struct thing){.pool = graph->parent[graph->number[local]],
	                                          .local = local,
	                                          .type = scan->analysis->typing->type_of[slot],
	                                          .slot = slot,
	                                          .bytes = bytes_of(graph, slot)});
	return NULL;
}

/* An array of poolLocal, or the ring of a poolDequeue: interfaces at every `step` words. */
static struct hb_error *look_at(struct scan *scan, const struct hb_span *span, uint32_t slot, uint64_t step)
{
	const uint8_t *bytes = hb_heap_bytes(scan->analysis->heap, hb_heap_slot_addr(span, slot));
	uint32_t local = local_of(scan, slot);
	if (!bytes || !local)
		return NULL;
	for (uint64_t word = span->kind == HB_SPAN_HEADER; word + EFACE_WORDS <= span->elem_size / 8; word += step)
		if (hb_load_u64(bytes + word * 8))
			TRY(add_thing(scan, local, hb_load_u64(bytes + (word + 1) * 8)));
	return NULL;
}

static struct hb_error *find_things(struct scan *scan)
{
	const struct hb_heap *heap = scan->analysis->heap;
	const uint32_t *type_of = scan->analysis->typing->type_of;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_NOSCAN || span->kind == HB_SPAN_NONE)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (type_of[slot] == scan->local_type)
				TRY(look_at(scan, span, slot, LOCAL_WORDS));
			else if (type_of[slot] == scan->eface_type)
				TRY(look_at(scan, span, slot, EFACE_WORDS));
	}
	return NULL;
}

/* --- Which are out of proportion ------------------------------------------------------------------------------------ */

struct pool {
	const struct thing *things; /* largest last */
	size_t n, first_large;
	uint64_t usual, large_bytes, all_bytes;
};

static int same_pool(const struct thing *a, const struct thing *b)
{
	int order = hb_order(a->pool, b->pool);
	return order ? order : hb_order(a->type, b->type);
}

static int by_pool(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;
	int order = same_pool(x, y);
	if (!order)
		order = hb_order(x->bytes, y->bytes);
	return order ? order : hb_order(x->slot, y->slot);
}

/* What is usual is what half of them have, or less. */
static bool is_out_of_proportion(const struct hb_analysis *analysis, struct pool *pool)
{
	if (pool->n < LEAST_THINGS)
		return false;
	pool->usual = pool->things[(pool->n - 1) / 2].bytes;
	uint64_t least = hb_max(pool->usual * TIMES, (uint64_t)LEAST_LARGE);
	pool->first_large = hb_partition_point(pool->n, i, pool->things[i].bytes < least);
	for (size_t i = 0; i < pool->n; i++) {
		pool->all_bytes += pool->things[i].bytes;
		pool->large_bytes += i >= pool->first_large ? pool->things[i].bytes - pool->usual : 0;
	}
	return pool->large_bytes >= pool->all_bytes / 2 && pool->large_bytes >= LEAST_BYTES &&
	       pool->large_bytes >= analysis->graph->reached_bytes / LEAST_OF_HEAP;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

struct largest {
	const struct hb_analysis *analysis;
	const uint8_t *bytes;
	uint32_t slot;
	uint64_t size;
};

static void visit_word(void *ctx, uint64_t word)
{
	struct largest *largest = ctx;
	const struct hb_heap *heap = largest->analysis->heap;
	uint32_t slot = hb_heap_slot(heap, hb_load_u64(largest->bytes + word * 8));
	uint64_t size = slot ? heap->spans[hb_heap_span_of_slot(heap, slot)].elem_size : 0;
	if (size <= largest->size)
		return;
	largest->slot = slot;
	largest->size = size;
}

/* Of a buffer and its array, the array: where that was allocated is where it became large. */
static uint32_t largest_part(const struct hb_analysis *analysis, uint32_t slot)
{
	const struct hb_heap *heap = analysis->heap;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	struct largest largest = {analysis, hb_heap_bytes(heap, hb_heap_slot_addr(span, slot)), slot, span->elem_size};
	if (largest.bytes)
		hb_heap_each_pointer_word(heap, span, slot, visit_word, &largest);
	return largest.slot;
}

static struct hb_error *write_sites(const struct hb_analysis *analysis, const struct pool *pool,
                                    struct hb_finding *finding)
{
	size_t n = pool->n - pool->first_large;
	hb_autofree uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++)
		slots[i] = largest_part(analysis, pool->things[pool->first_large + i].slot);
	qsort(slots, n, sizeof(*slots), hb_compare_u32);
	return hb_finding_sites(analysis, slots, NULL, n, finding);
}

static struct hb_error *write_words(const struct hb_analysis *analysis, const struct pool *pool,
                                    struct hb_finding *finding)
{
	char large[32], all[32], bytes[32], usual[32], each[32], what[256];
	size_t n = pool->n - pool->first_large;
	hb_format_count(n, large, sizeof(large));
	hb_format_count(pool->n, all, sizeof(all));
	hb_format_bytes(pool->large_bytes, bytes, sizeof(bytes));
	hb_format_bytes(pool->usual, usual, sizeof(usual));
	hb_format_bytes(pool->large_bytes / n + pool->usual, each, sizeof(each));
	hb_typing_describe(analysis->typing, pool->things[pool->n - 1].slot, what, sizeof(what));
	TRY(hb_finding_title(finding, hb_say("%s %s of the %s %s in a sync.Pool need %s?", n == 1 ? "does" : "do",
	                                     large, all, what, bytes)));
	TRY(hb_finding_because(finding, hb_say("half of them have %s or less, %s %s", usual,
	                                       n == 1 ? "this one" : "these on average", each)));
	TRY(hb_finding_because(finding, hb_say("each use takes any of them; the collector only frees what was not used "
	                                       "between two collections")));
	return hb_finding_help(finding, "put back only what has the usual size: if b.Cap() <= 64<<10 { pool.Put(b) }");
}

static struct hb_error *describe(const struct hb_analysis *analysis, const struct pool *pool,
                                 struct hb_finding *finding)
{
	const struct thing *last = &pool->things[pool->n - 1];
	finding->rule = "H703";
	finding->verdict = HB_ESTIMATE;
	finding->count = pool->n - pool->first_large;
	finding->bytes = pool->large_bytes;
	TRY(hb_finding_holder(analysis, hb_trail_root(analysis, last->local), finding));
	if (!hb_graph_is_root(analysis->graph, last->pool))
		TRY(hb_trail_object(analysis, analysis->graph->slot_of[last->pool], finding));
	TRY(write_sites(analysis, pool, finding));
	return write_words(analysis, pool, finding);
}

/* --- Together ----------------------------------------------------------------------------------------------------- */

static struct hb_error *find(struct scan *scan, struct hb_findings *findings)
{
	TRY(find_things(scan));
	if (scan->things.len)
		qsort(scan->things.data, scan->things.len, sizeof(*scan->things.data), by_pool);
	for (size_t i = 0, next; i < scan->things.len; i = next) {
		for (next = i + 1; next < scan->things.len; next++)
			if (same_pool(&scan->things.data[i], &scan->things.data[next]) != 0)
				break;
		struct pool pool = {.things = &scan->things.data[i], .n = next - i};
		struct hb_finding finding = {0};
		if (is_out_of_proportion(scan->analysis, &pool))
			TRY(hb_findings_add(findings, &finding, describe(scan->analysis, &pool, &finding)));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {
	        .analysis = analysis,
	        .local_type = hb_types_by_name(analysis->types, "sync.poolLocal", "sync"),
	        .eface_type = hb_types_by_name(analysis->types, "sync.eface", "sync"),
	};
	if (!scan.local_type)
		return NULL;
	struct hb_error *err = find(&scan, findings);
	hb_vec_deinit(&scan.things);
	return err;
}

const struct hb_detector hb_detector_pools = {
        .rule = "H703",
        .name = "a sync.Pool keeps large objects among small ones",
        .run = run,
};
