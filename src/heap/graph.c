#include "heap/graph.h"
#include "heap/build.h"

#include <sys/mman.h>
#include <time.h>

uint64_t hb_thread_cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- Arrays by number ------------------------------------------------------------------------------------------- */

/* Filled densely and read in the order of the graph, which is nobody's: large pages save most of the look-ups. */
static void *map_numbers(uint64_t highest, size_t size)
{
	size_t bytes = (highest + 1) * size;
	void *array = hb_pages_map(bytes);
	if (array)
		madvise(array, bytes, MADV_HUGEPAGE); /* a wish */
	return array;
}

/* Gives back what was reserved for numbers that no object got. */
static void *trim_numbers(void *array, uint64_t reserved, uint64_t highest, size_t size)
{
	size_t all = (reserved + 1) * size, used = ((highest + 1) * size + 4095) & ~(size_t)4095;
	if (used < all)
		hb_pages_unmap((char *)array + used, all - used);
	return array;
}

void hb_graph_destroy(struct hb_graph *graph)
{
	if (!graph)
		return;
	size_t n = (size_t)graph->count + 1;
	hb_pages_unmap(graph->number, ((size_t)graph->heap->nslots + 1) * sizeof(*graph->number));
	hb_pages_unmap(graph->slot_of, n * sizeof(*graph->slot_of));
	hb_pages_unmap(graph->parent, n * sizeof(*graph->parent));
	hb_pages_unmap(graph->idom, n * sizeof(*graph->idom));
	hb_pages_unmap(graph->retained, n * sizeof(*graph->retained));
	hb_pages_unmap(graph->retained_objects, n * sizeof(*graph->retained_objects));
	free(graph);
}

void hb_graph_destroyp(struct hb_graph **graph)
{
	hb_graph_destroy(*graph);
	*graph = NULL;
}

/* --- Building --------------------------------------------------------------------------------------------------- */

/* What may get a number: root nodes and pointerful slots. */
static struct hb_error *find_capacity(struct hb_build *build)
{
	uint64_t capacity = build->last_root;
	for (uint32_t i = 0; i < build->heap->nspans; i++)
		if (build->heap->spans[i].kind != HB_SPAN_NOSCAN)
			capacity += build->heap->spans[i].nelems;
	/* The search marks free slots and cut targets by numbers above all others. */
	if (capacity + build->roots->cut_targets.len + 1 >= UINT32_MAX)
		return hb_error_create(HB_ERR_UNSUPPORTED, "the heap has more than 4 billion objects");
	build->capacity = (uint32_t)capacity;
	return NULL;
}

static struct hb_error *search(struct hb_build *build)
{
	struct hb_graph *graph = build->graph;
	uint32_t capacity = build->capacity;
	graph->count = capacity; /* what destroy has to unmap */
	graph->number = map_numbers(build->heap->nslots, sizeof(*graph->number));
	graph->slot_of = map_numbers(capacity, sizeof(*graph->slot_of));
	graph->parent = map_numbers(capacity, sizeof(*graph->parent));
	graph->retained_objects = map_numbers(capacity, sizeof(*graph->retained_objects));
	if (!graph->number || !graph->slot_of || !graph->parent || !graph->retained_objects)
		return hb_error_nomem();
	struct hb_error *err = hb_search_run(build);
	trim_numbers(graph->slot_of, capacity, graph->count, sizeof(*graph->slot_of));
	trim_numbers(graph->parent, capacity, graph->count, sizeof(*graph->parent));
	trim_numbers(graph->retained_objects, capacity, graph->count, sizeof(*graph->retained_objects));
	return err;
}

static struct hb_error *dominators(struct hb_build *build)
{
	struct hb_graph *graph = build->graph;
	graph->idom = map_numbers(graph->count, sizeof(*graph->idom));
	graph->retained = map_numbers(graph->count, sizeof(*graph->retained));
	if (!graph->idom || !graph->retained)
		return hb_error_nomem();
	return hb_dominators_run(build);
}

/* The search has its stack where the dominators have idom, retained and the sorted bucket. */
static uint64_t peak_bytes(const struct hb_build *build)
{
	const struct hb_graph *graph = build->graph;
	uint64_t numbered = (uint64_t)graph->count + 1;
	uint64_t common =
	        ((uint64_t)build->heap->nslots + 1) * sizeof(*graph->number) +
	        numbered * (sizeof(*graph->slot_of) + sizeof(*graph->parent) + sizeof(*graph->retained_objects)) +
	        build->edges.bytes + build->leaf_edges.bytes + build->scan.bytes;
	uint64_t later = numbered * (sizeof(*graph->idom) + sizeof(*graph->retained)) + build->sort_bytes;
	return common + hb_max(build->stack_bytes, later);
}

static struct hb_error *run(struct hb_build *build)
{
	struct hb_graph *graph = build->graph;
	uint64_t start = hb_thread_cpu_ns(), now;
	TRY(find_capacity(build));
	build->before_root = calloc((size_t)graph->nroots + 1, sizeof(*build->before_root));
	if (!build->before_root)
		return hb_error_nomem();
	TRY(hb_log_init(&build->edges, build->capacity));
	TRY(hb_log_init(&build->leaf_edges, build->capacity));
	TRY(search(build));
	graph->cpu_ns_search = (now = hb_thread_cpu_ns()) - start;
	start = now;
	TRY(dominators(build));
	graph->cpu_ns_dominators = (now = hb_thread_cpu_ns()) - start;
	start = now;
	TRY(hb_retained_run(build));
	graph->cpu_ns_retained = hb_thread_cpu_ns() - start;
	graph->peak_bytes = peak_bytes(build);
	return NULL;
}

struct hb_error *hb_graph_build(const struct hb_heap *heap, const struct hb_roots *roots, struct hb_graph **ret)
{
	if (!hb_roots_are_valid(roots))
		return hb_error_create(HB_ERR_CORRUPT, "the tables of GC roots contradict each other");
	hb_cleanup(hb_graph_destroyp) struct hb_graph *graph = calloc(1, sizeof(*graph));
	if (!graph)
		return hb_error_nomem();
	graph->heap = heap;
	graph->roots = roots;
	graph->nroots = (uint32_t)roots->nodes.len;
	struct hb_build build = {.graph = graph, .heap = heap, .roots = roots, .last_root = graph->nroots + 1};
	TRY(hb_scan_init(&build.scan, heap));
	struct hb_error *err = run(&build);
	hb_scan_deinit(&build.scan);
	hb_log_deinit(&build.edges);
	hb_log_deinit(&build.leaf_edges);
	free(build.before_root);
	TRY(err);
#ifdef HB_CHECKS
	if (!hb_heap_is_valid(heap) || !hb_graph_is_valid(graph))
		return hb_error_create(HB_ERR_CORRUPT, "internal error: the heap or its graph is not valid");
#endif
	*ret = hb_take(graph);
	return NULL;
}

uint32_t hb_graph_dominator_of_slot(const struct hb_graph *graph, uint32_t slot)
{
	if (!slot || slot > graph->heap->nslots || !graph->number[slot])
		return 0;
	uint32_t number = graph->number[slot];
	return graph->slot_of[number] == slot ? graph->idom[number] : number; /* leaves have their dominator's number */
}

bool hb_graph_dominates(const struct hb_graph *graph, uint32_t above, uint32_t below)
{
	while (below > above)
		below = graph->idom[below];
	return below == above;
}

/* --- The invariant ---------------------------------------------------------------------------------------------- */

static bool numbers_are_valid(const struct hb_graph *graph)
{
	uint32_t last_root = graph->nroots + 1;
	if (graph->idom[1] || graph->parent[1])
		return false;
	for (uint32_t i = 1; i <= graph->count; i++) {
		if (i > 1 &&
		    (graph->idom[i] < 1 || graph->idom[i] >= i || graph->parent[i] < 1 || graph->parent[i] >= i))
			return false;
		/* A dominator is an ancestor in the search tree too, at or above the parent. */
		if (i > 1 && graph->idom[i] > graph->parent[i])
			return false;
		uint32_t slot = graph->slot_of[i];
		if (i <= last_root ? slot != 0 : slot > graph->heap->nslots || graph->number[slot] != i)
			return false;
		if (i > 1 && (graph->retained[i] > graph->retained[graph->idom[i]] ||
		              graph->retained_objects[i] > graph->retained_objects[graph->idom[i]]))
			return false;
	}
	return true;
}

bool hb_graph_is_valid(const struct hb_graph *graph)
{
	const struct hb_heap *heap = graph->heap;
	uint64_t objects = 0, bytes = 0, leaves = 0;
	if (!numbers_are_valid(graph) || graph->number[0])
		return false;
	for (uint32_t k = 0; k < heap->nspans; k++) {
		const struct hb_span *span = &heap->spans[k];
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (!graph->number[slot])
				continue;
			if (!hb_heap_allocated(heap, slot) || graph->number[slot] > graph->count)
				return false;
			objects++;
			bytes += span->elem_size;
			leaves += span->kind == HB_SPAN_NOSCAN;
		}
	}
	uint32_t counted = (uint32_t)hb_min(objects, (uint64_t)UINT32_MAX);
	return objects == graph->reached_objects && bytes == graph->reached_bytes && leaves == graph->leaves &&
	       graph->retained[1] == bytes && graph->retained_objects[1] == counted;
}
