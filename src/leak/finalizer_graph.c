#include "leak/finalizer_graph.h"
#include "base/components.h"
#include "base/progress.h"
#include "golang/go_roots.h"
#include "golang/specials.h"
#include "heap/marker.h"

#include <string.h>

struct builder {
	struct hb_finalizer_graph *graph;
	const struct hb_analysis *analysis;
	uint64_t *by_records;  /* bit a number: the search reached it from records */
	HB_VEC(uint64_t) weak; /* objects with weak pointers */
	struct hb_error *err;
};

/* Roots that are not the records'. Finalizers that are due are: they run. */
static bool is_record(const struct hb_root_node *node)
{
	return node->kind == HB_ROOT_FINALIZER &&
	       (!strcmp(node->name, HB_ROOT_FINALIZERS) || !strcmp(node->name, HB_ROOT_CLEANUPS));
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

/* The search goes from globals, goroutines and timers first: what it found from records nobody of these leads to. */
static struct hb_error *find_below_records(struct builder *builder)
{
	const struct hb_graph *graph = builder->analysis->graph;
	builder->by_records = hb_pages_map(((size_t)graph->count / 64 + 1) * sizeof(uint64_t));
	if (!builder->by_records)
		return hb_error_nomem();
	for (uint32_t number = 2; number <= graph->count; number++)
		if (hb_graph_is_root(graph, number) ? is_record(&builder->analysis->roots.nodes.data[number - 2])
		                                    : hb_slot_is_set(builder->by_records, graph->parent[number]))
			hb_slot_set(builder->by_records, number);
	return NULL;
}

/* Pointer-free objects have the number of their dominator: of several roots together it is the virtual one. */
static bool may_be_kept(const struct builder *builder, uint32_t slot)
{
	uint32_t number = builder->analysis->graph->number[slot];
	return number == 1 || (number && hb_slot_is_set(builder->by_records, number));
}

static struct hb_error *add_record(struct builder *builder, uint32_t slot, const struct hb_specials *record)
{
	struct hb_finalizer_graph *graph = builder->graph;
	const struct hb_snapshot *snapshot = builder->analysis->snapshot;
	struct hb_finalizer_record added = {
	        .slot = slot,
	        .cleanup = record->kind == builder->analysis->go->layout->kinds.cleanup,
	        .first = graph->values.len,
	};
	uint64_t at, value;
	uint32_t n = hb_specials_roots(record, &at);
	for (uint32_t i = 0; i < n; i++) {
		if (!hb_snapshot_u64(snapshot, at + i * 8, &value))
			continue;
		if (!i && !hb_snapshot_u64(snapshot, value, &added.code))
			added.code = 0;
		HB_VEC_PUSH(&graph->values, value);
		added.nvalues++;
	}
	HB_VEC_PUSH(&graph->records, added);
	return NULL;
}

static struct hb_error *collect(struct builder *builder)
{
	const struct hb_heap *heap = builder->analysis->heap;
	const struct hb_go_special_kinds *kinds = &builder->analysis->go->layout->kinds;
	struct hb_specials specials = hb_specials(builder->analysis->go);
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		for (hb_specials_start(&specials, span); hb_specials_next(&specials);) {
			uint32_t slot = hb_specials_slot(&specials, span);
			if (!slot || !hb_heap_allocated(heap, slot))
				continue;
			if (specials.kind == kinds->weak_handle)
				HB_VEC_PUSH(&builder->weak, hb_heap_slot_addr(span, slot));
			else if ((specials.kind == kinds->finalizer || specials.kind == kinds->cleanup) &&
			         may_be_kept(builder, slot))
				TRY(add_record(builder, slot, &specials));
		}
	}
	return NULL;
}

/* --- What is reached otherwise ------------------------------------------------------------------------------------ */

static struct hb_error *add_roots(const struct builder *builder, struct hb_marker *marker)
{
	const struct hb_roots *roots = &builder->analysis->roots;
	for (size_t i = 0; i < roots->edges.len; i++)
		if (!is_record(&roots->nodes.data[roots->edges.data[i].node]))
			TRY(hb_marker_add(marker, roots->edges.data[i].value));
	for (size_t i = 0; i < builder->weak.len; i++)
		TRY(hb_marker_add(marker, builder->weak.data[i]));
	return hb_marker_run(marker);
}

static struct hb_error *mark(struct builder *builder)
{
	const struct hb_heap *heap = builder->analysis->heap;
	struct hb_marker *marker;
	builder->graph->reached = hb_pages_map(hb_heap_bitmap_bytes(heap));
	if (!builder->graph->reached)
		return hb_error_nomem();
	TRY(hb_marker_create(heap, &(struct hb_marker_options){.thorough = true}, builder->graph->reached, &marker));
	struct hb_error *err = add_roots(builder, marker);
	hb_marker_finish(marker);
	hb_marker_destroy(marker);
	return err;
}

static void drop_reached(struct hb_finalizer_graph *graph)
{
	size_t kept = 0;
	for (size_t i = 0; i < graph->records.len; i++)
		if (!hb_slot_is_set(graph->reached, graph->records.data[i].slot))
			graph->records.data[kept++] = graph->records.data[i];
	graph->records.len = kept;
}

/* --- Nodes and edges ---------------------------------------------------------------------------------------------- */

static struct hb_error *add_edge(struct builder *builder, uint64_t value)
{
	struct hb_finalizer_graph *graph = builder->graph;
	uint32_t slot = hb_heap_slot(builder->analysis->heap, value);
	if (!slot || !hb_heap_allocated(builder->analysis->heap, slot) || hb_slot_is_set(graph->reached, slot))
		return NULL;
	if (!graph->object[slot]) {
		HB_VEC_PUSH(&graph->slots, slot);
		graph->object[slot] = hb_finalizer_graph_nodes(graph);
	}
	HB_VEC_PUSH(&graph->to, graph->object[slot] - 1);
	return NULL;
}

struct object {
	struct builder *builder;
	const uint8_t *bytes;
};

static void visit_word(void *ctx, uint64_t word)
{
	struct object *object = ctx;
	if (!object->builder->err)
		object->builder->err = add_edge(object->builder, hb_load_u64(object->bytes + word * 8));
}

static struct hb_error *follow(struct builder *builder, uint32_t slot)
{
	const struct hb_heap *heap = builder->analysis->heap;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	struct object object = {builder, hb_heap_bytes(heap, hb_heap_slot_addr(span, slot))};
	if (object.bytes)
		hb_heap_each_pointer_word(heap, span, slot, visit_word, &object);
	return builder->err;
}

static struct hb_error *follow_record(struct builder *builder, const struct hb_finalizer_record *record)
{
	for (uint32_t i = 0; i < record->nvalues; i++)
		TRY(add_edge(builder, builder->graph->values.data[record->first + i]));
	return record->cleanup ? NULL : follow(builder, record->slot);
}

static struct hb_error *follow_object(struct builder *builder, uint32_t slot)
{
	struct hb_finalizer_graph *graph = builder->graph;
	const struct hb_finalizer_record *records = graph->records.data;
	size_t n = graph->records.len;
	TRY(follow(builder, slot));
	for (size_t i = hb_partition_point(n, k, records[k].slot < slot); i < n && records[i].slot == slot; i++)
		HB_VEC_PUSH(&graph->to, (uint32_t)i);
	return NULL;
}

/* Nodes get their edges in the order in which they were found: that of `first`. */
static struct hb_error *connect(struct builder *builder)
{
	struct hb_finalizer_graph *graph = builder->graph;
	graph->object = hb_pages_map(((size_t)builder->analysis->heap->nslots + 1) * sizeof(*graph->object));
	if (!graph->object)
		return hb_error_nomem();
	for (uint32_t node = 0; node < hb_finalizer_graph_nodes(graph); node++) {
		HB_VEC_PUSH(&graph->first, graph->to.len);
		if (node < graph->records.len)
			TRY(follow_record(builder, &graph->records.data[node]));
		else
			TRY(follow_object(builder, hb_finalizer_graph_slot(graph, node)));
		if ((node & 65535) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	HB_VEC_PUSH(&graph->first, graph->to.len);
	return NULL;
}

/* --- Cycles ------------------------------------------------------------------------------------------------------- */

/* From a record to another node and back: a record leads to itself only through its object. */
static struct hb_error *find_cycles(struct hb_finalizer_graph *graph)
{
	uint32_t n = hb_finalizer_graph_nodes(graph);
	graph->component = calloc((size_t)n + 1, sizeof(*graph->component));
	hb_autofree uint32_t *sizes = calloc((size_t)n + 1, sizeof(*sizes));
	if (!graph->component || !sizes)
		return hb_error_nomem();
	TRY(hb_components_find(n, graph->first.data, graph->to.data, graph->component));
	for (uint32_t node = 0; node < n; node++)
		sizes[graph->component[node]]++;
	for (uint32_t node = 0; node < graph->records.len; node++)
		graph->records.data[node].in_cycle = sizes[graph->component[node]] > 1;
	return NULL;
}

static struct hb_error *build(struct builder *builder)
{
	TRY(find_below_records(builder));
	TRY(collect(builder));
	if (!builder->graph->records.len)
		return NULL;
	TRY(mark(builder));
	drop_reached(builder->graph);
	if (!builder->graph->records.len)
		return NULL;
	TRY(connect(builder));
	return find_cycles(builder->graph);
}

struct hb_error *hb_finalizer_graph_build(const struct hb_analysis *analysis, struct hb_finalizer_graph *ret)
{
	*ret = (struct hb_finalizer_graph){.analysis = analysis};
	struct builder builder = {.graph = ret, .analysis = analysis};
	struct hb_error *err = build(&builder);
	hb_pages_unmap(builder.by_records, ((size_t)analysis->graph->count / 64 + 1) * sizeof(uint64_t));
	hb_vec_deinit(&builder.weak);
	if (err)
		hb_finalizer_graph_deinit(ret);
	return err;
}

void hb_finalizer_graph_deinit(struct hb_finalizer_graph *graph)
{
	const struct hb_heap *heap = graph->analysis->heap;
	hb_vec_deinit(&graph->records);
	hb_vec_deinit(&graph->values);
	hb_vec_deinit(&graph->slots);
	hb_vec_deinit(&graph->to);
	hb_vec_deinit(&graph->first);
	free(graph->component);
	hb_pages_unmap(graph->reached, hb_heap_bitmap_bytes(heap));
	hb_pages_unmap(graph->object, ((size_t)heap->nslots + 1) * sizeof(*graph->object));
	*graph = (struct hb_finalizer_graph){.analysis = graph->analysis};
}
