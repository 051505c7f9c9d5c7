/* Retained sizes: every object's own size is added to its dominator, from the highest number down. */
#include "heap/build.h"

enum { AHEAD = 16 };

static void add_saturating(uint32_t *sum, uint32_t n)
{
	if (hb_add_overflows(*sum, n, sum))
		*sum = UINT32_MAX;
}

/* Turns the sizes in words that the search left in retained_objects into bytes and counts. */
static void own_sizes(const struct hb_graph *graph, uint32_t last_root)
{
	const struct hb_heap *heap = graph->heap;
	memset(graph->retained, 0, ((size_t)last_root + 1) * sizeof(*graph->retained));
	memset(graph->retained_objects, 0, ((size_t)last_root + 1) * sizeof(*graph->retained_objects));
	for (uint32_t i = last_root + 1; i <= graph->count; i++) {
		uint32_t nwords = graph->retained_objects[i];
		if (nwords)
			graph->retained[i] = (uint64_t)nwords * 8;
		else
			graph->retained[i] = heap->spans[hb_heap_span_of_slot(heap, graph->slot_of[i])].elem_size;
		graph->retained_objects[i] = 1;
	}
}

/* Leaves lie in spans of their own: a pass over those spans in address order. */
static void add_leaves(const struct hb_graph *graph)
{
	const struct hb_heap *heap = graph->heap;
	for (uint32_t k = 0; k < heap->nspans; k++) {
		const struct hb_span *span = &heap->spans[k];
		if (span->kind != HB_SPAN_NOSCAN)
			continue;
		const uint32_t *dominator = &graph->number[span->first_slot];
		for (uint32_t i = 0; i < span->nelems; i++) {
			if (i + AHEAD < span->nelems) {
				__builtin_prefetch(&graph->retained[dominator[i + AHEAD]], 1);
				__builtin_prefetch(&graph->retained_objects[dominator[i + AHEAD]], 1);
			}
			if (!dominator[i])
				continue;
			graph->retained[dominator[i]] += span->elem_size;
			add_saturating(&graph->retained_objects[dominator[i]], 1);
		}
	}
}

struct hb_error *hb_retained_run(struct hb_build *build)
{
	struct hb_graph *graph = build->graph;
	own_sizes(graph, build->last_root);
	if (hb_interrupted())
		return hb_interrupted_error();
	add_leaves(graph);
	if (hb_interrupted())
		return hb_interrupted_error();
	for (uint32_t i = graph->count; i > 1; i--) {
		graph->retained[graph->idom[i]] += graph->retained[i];
		add_saturating(&graph->retained_objects[graph->idom[i]], graph->retained_objects[i]);
	}
	graph->reached_objects = graph->count - build->last_root + graph->leaves;
	graph->reached_bytes = graph->retained[1];
	hb_progress_set(graph->reached_objects);
	return NULL;
}
