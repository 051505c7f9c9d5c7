#include "report/witnesses.h"
#include "base/progress.h"
#include "golang/go_roots.h"
#include "heap/marker.h"
#include "heap/pointers.h"

#include <string.h>

enum { MAX_LOOKED_AT = 64 };

struct search {
	const struct hb_analysis *analysis;
	struct hb_witnesses *list;
	size_t n;
	uint64_t *pages; /* bit a heap page: one of the objects is there */
};

static int by_slot(const void *a, const void *b)
{
	uint32_t x = ((const struct hb_witnesses *)a)->slot, y = ((const struct hb_witnesses *)b)->slot;
	return x < y ? -1 : x > y;
}

static struct hb_witnesses *at_slot(const struct search *search, uint32_t slot)
{
	const struct hb_witnesses wanted = {.slot = slot};
	return bsearch(&wanted, search->list, search->n, sizeof(wanted), by_slot);
}

/* Most pointers lead elsewhere: their page says so. */
static struct hb_witnesses *find(const struct search *search, uint64_t addr)
{
	uint64_t at;
	if (!hb_heap_page(search->analysis->heap, addr, &at) ||
	    !(search->pages[at >> (HB_HEAP_PAGE_SHIFT + 6)] >> (at >> HB_HEAP_PAGE_SHIFT & 63) & 1))
		return NULL;
	return at_slot(search, hb_heap_slot(search->analysis->heap, addr));
}

/* Holders that read the same (several `go` statements of one function) count once. The first one is of the earliest phase that
 * there is. */
static void add(const struct hb_roots *roots, struct hb_witnesses *witnesses, uint32_t node)
{
	const struct hb_root_node *nodes = roots->nodes.data;
	while (nodes[node].parent != HB_ROOT_NONE)
		node = nodes[node].parent;
	for (uint32_t i = 0; i < witnesses->n; i++)
		if (!strcmp(nodes[witnesses->nodes[i]].name, nodes[node].name))
			return;
	if (witnesses->n < HB_MAX_WITNESSES && (!witnesses->n || nodes[node].phase <= nodes[witnesses->nodes[0]].phase))
		witnesses->nodes[witnesses->n++] = node;
}

/* Those whose names are certain first; else as they were found. */
static void order(const struct hb_roots *roots, struct hb_witnesses *witnesses)
{
	uint32_t sorted[HB_MAX_WITNESSES], n = 0;
	for (unsigned certain = 2; certain--;)
		for (uint32_t i = 0; i < witnesses->n; i++)
			if (roots->nodes.data[witnesses->nodes[i]].name_is_certain == (certain != 0))
				sorted[n++] = witnesses->nodes[i];
	memcpy(witnesses->nodes, sorted, n * sizeof(*sorted));
}

/* The holder whose pointers lead to an object in the depth-first tree. */
static void add_root_above(const struct hb_analysis *analysis, struct hb_witnesses *witnesses, uint32_t slot)
{
	const struct hb_graph *graph = analysis->graph;
	uint32_t number = graph->number[slot];
	if (!number || graph->slot_of[number] != slot)
		return;
	while (number > 1 && !hb_graph_is_root(graph, number))
		number = graph->parent[number];
	if (number > 1)
		add(&analysis->roots, witnesses, number - 2);
}

static void scan_object(const struct search *search, const struct hb_span *span, uint32_t slot)
{
	const struct hb_heap *heap = search->analysis->heap;
	uint64_t at, nwords = span->elem_size / 8;
	if (!hb_heap_page(heap, hb_heap_slot_addr(span, slot), &at))
		return;
	struct hb_pointers pointers = hb_pointers_of(heap, span->kind, at, nwords, span->large_type);
	for (uint64_t start = 0; start < nwords; start += 64)
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1) {
			uint64_t offset = (start + (uint64_t)__builtin_ctzll(bits)) * 8;
			struct hb_witnesses *witnesses = find(search, hb_load_u64(pointers.bytes + offset));
			if (!witnesses || witnesses->slot == slot || witnesses->n == HB_MAX_WITNESSES ||
			    witnesses->looked_at++ >= MAX_LOOKED_AT)
				continue;
			add_root_above(search->analysis, witnesses, slot);
		}
}

static struct hb_error *scan_heap(const struct search *search)
{
	const struct hb_heap *heap = search->analysis->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_NOSCAN || span->kind == HB_SPAN_NONE)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (search->analysis->graph->number[slot])
				scan_object(search, span, slot);
		if ((i & 255) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

struct hb_error *hb_find_witnesses(const struct hb_analysis *analysis, struct hb_witnesses *list, size_t n)
{
	const struct hb_heap *heap = analysis->heap;
	struct search search = {.analysis = analysis, .list = list, .n = n};
	size_t bytes = (hb_heap_npages(heap) / 64 + 1) * sizeof(uint64_t);
	if (!n)
		return NULL;
	qsort(list, n, sizeof(*list), by_slot);
	search.pages = hb_pages_map(bytes);
	if (!search.pages)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, list[i].slot)];
		uint64_t at, start = hb_heap_slot_addr(span, list[i].slot);
		for (uint64_t addr = start; addr < start + span->elem_size; addr = (addr | 8191) + 1)
			if (hb_heap_page(heap, addr, &at))
				search.pages[at >> (HB_HEAP_PAGE_SHIFT + 6)] |= UINT64_C(1)
				                                                << (at >> HB_HEAP_PAGE_SHIFT & 63);
		add_root_above(analysis, &list[i], list[i].slot);
	}
	for (size_t i = 0; i < analysis->roots.edges.len; i++) {
		struct hb_witnesses *witnesses = find(&search, analysis->roots.edges.data[i].value);
		if (witnesses)
			add(&analysis->roots, witnesses, analysis->roots.edges.data[i].node);
	}
	struct hb_error *err = scan_heap(&search);
	for (size_t i = 0; i < n; i++)
		order(&analysis->roots, &list[i]);
	hb_pages_unmap(search.pages, bytes);
	return err;
}

/* --- Goroutines -------------------------------------------------------------------------------------------------- */

static bool is_goroutine(const struct hb_root_node *node)
{
	return !node->phase && (node->kind == HB_ROOT_GOROUTINE || node->kind == HB_ROOT_GOROUTINE_GROUP);
}

static bool has_goroutine(const struct hb_roots *roots, const struct hb_witnesses *witnesses)
{
	for (uint32_t i = 0; i < witnesses->n; i++)
		if (is_goroutine(&roots->nodes.data[witnesses->nodes[i]]))
			return true;
	return false;
}

/* Whether it is a goroutine, and the first one or another as asked for. */
static bool is_wanted(const struct hb_roots *roots, uint32_t node, bool main)
{
	const struct hb_root_node *root = &roots->nodes.data[node];
	const struct hb_root_node *group = root->parent == HB_ROOT_NONE ? root : &roots->nodes.data[root->parent];
	return is_goroutine(root) && hb_root_is_main(group) == main;
}

/* Goroutine by goroutine; each hit is one of the list that this one is the first to reach. */
static struct hb_error *follow_goroutines(const struct search *search, struct hb_marker *marker, bool main,
                                          size_t *left)
{
	const struct hb_roots *roots = &search->analysis->roots;
	for (size_t i = 0; i < roots->edges.len && *left;) {
		uint32_t node = roots->edges.data[i].node;
		bool follow = is_wanted(roots, node, main);
		for (; i < roots->edges.len && roots->edges.data[i].node == node; i++)
			if (follow)
				TRY(hb_marker_add(marker, roots->edges.data[i].value));
		if (follow)
			TRY(hb_marker_run(marker));
		for (uint32_t slot; follow && (slot = hb_marker_hit(marker)); (*left)--) {
			struct hb_witnesses *found = at_slot(search, slot);
			if (found)
				add(roots, found, node);
		}
	}
	return NULL;
}

struct hb_error *hb_find_goroutine_witnesses(const struct hb_analysis *analysis, struct hb_witnesses *list, size_t n)
{
	struct search search = {.analysis = analysis, .list = list, .n = n};
	size_t bytes = hb_heap_bitmap_bytes(analysis->heap), left = 0;
	uint64_t *watched = hb_pages_map(bytes), *marked = hb_pages_map(bytes);
	struct hb_marker *marker = NULL;
	struct hb_error *err = watched && marked ? NULL : hb_error_nomem();
	for (size_t i = 0; i < n && !err; i++)
		if (list[i].n < HB_NAMED_WITNESSES && !has_goroutine(&analysis->roots, &list[i])) {
			hb_slot_set(watched, list[i].slot);
			left++;
		}
	if (!err && left)
		err = hb_marker_create(analysis->heap, &(struct hb_marker_options){.watched = watched}, marked,
		                       &marker);
	for (unsigned others = 0; others < 2 && !err && left; others++)
		err = follow_goroutines(&search, marker, !others, &left);
	hb_marker_destroy(marker);
	hb_pages_unmap(watched, bytes);
	hb_pages_unmap(marked, bytes);
	return err;
}
