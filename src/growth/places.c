#include "growth/places.h"
#include "leak/trail.h"

uint32_t hb_population_head(const struct hb_growth *growth, const struct hb_population *population)
{
	const struct hb_analysis *analysis = growth->analysis;
	const struct hb_containers *containers = &growth->containers;
	uint64_t word;
	if (population->kind == HB_POPULATION_MAP || population->kind == HB_POPULATION_CHANNEL ||
	    population->kind == HB_POPULATION_TRIE)
		return population->slot;
	bool sync = population->kind == HB_POPULATION_SYNC_MAP;
	if (!hb_snapshot_u64(analysis->snapshot, population->addr + (sync ? containers->sync_dirty : 0), &word) ||
	    (sync && !word && !hb_snapshot_u64(analysis->snapshot, population->addr + containers->sync_read, &word)))
		return 0;
	uint32_t slot = hb_heap_slot(analysis->heap, word);
	return slot && analysis->graph->number[slot] ? slot : 0;
}

uint64_t hb_population_bytes(const struct hb_growth *growth, const struct hb_population *population)
{
	const struct hb_analysis *analysis = growth->analysis;
	uint32_t slot = hb_population_head(growth, population), number = slot ? analysis->graph->number[slot] : 0;
	if (!slot)
		return 0;
	if (analysis->graph->slot_of[number] == slot)
		return analysis->graph->retained[number];
	return analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, slot)].elem_size;
}

/* Pointer-free objects are not in the search tree: what dominates them is. */
uint32_t hb_population_root(const struct hb_growth *growth, const struct hb_population *population)
{
	const struct hb_analysis *analysis = growth->analysis;
	const struct hb_graph *graph = analysis->graph;
	uint32_t slot = population->slot, number = slot ? graph->number[slot] : 0;
	if (!slot)
		return population->node;
	if (number && graph->slot_of[number] != slot) {
		if (hb_graph_is_root(graph, number))
			return number - 2;
		slot = graph->slot_of[number];
	}
	return slot ? hb_trail_root(analysis, slot) : HB_ROOT_NONE;
}

uint32_t hb_map_outermost(const struct hb_analysis *analysis, uint32_t header)
{
	enum { MAX_STEPS = 256 };
	const struct hb_graph *graph = analysis->graph;
	uint32_t number = graph->number[header], outermost = header;
	for (unsigned steps = 0; number && steps < MAX_STEPS; steps++) {
		number = graph->parent[number];
		uint32_t slot = number ? graph->slot_of[number] : 0;
		if (!slot)
			break;
		if (hb_typing_map_of(analysis->typing, slot))
			outermost = slot;
		else if (!hb_typing_is_in_map(analysis->typing, slot))
			break;
	}
	return outermost;
}

bool hb_population_is_nested(const struct hb_growth *growth, const struct hb_population *population)
{
	const struct hb_types *types = growth->analysis->types;
	return population->kind == HB_POPULATION_MAP &&
	       (types->list[types->list[population->type].elem].kind == HB_KIND_MAP ||
	        hb_map_outermost(growth->analysis, population->slot) != population->slot);
}
