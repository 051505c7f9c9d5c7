/* What is counted: the populations of one analysis. */
#include "base/progress.h"
#include "growth/growth.h"

enum { MAX_POPULATIONS = 65536 };

static void counted_deinit(struct hb_counted *counted)
{
	free(counted->ids);
	*counted = (struct hb_counted){0};
}

static void population_deinit(struct hb_population *population)
{
	for (size_t i = 0; i < population->looks.len; i++)
		counted_deinit(&population->looks.data[i]);
	hb_vec_deinit(&population->looks);
}

void hb_growth_destroy(struct hb_growth *growth)
{
	if (!growth)
		return;
	for (size_t i = 0; i < growth->populations.len; i++)
		population_deinit(&growth->populations.data[i]);
	hb_vec_deinit(&growth->populations);
	hb_vec_deinit(&growth->looks);
	free(growth);
}

/* --- Maps --------------------------------------------------------------------------------------------------------- */

static struct hb_error *add_map(struct hb_growth *growth, const struct hb_span *span, uint32_t slot)
{
	const struct hb_analysis *analysis = growth->analysis;
	uint32_t type = hb_typing_map_of(analysis->typing, slot);
	struct hb_population population = {
	        .kind = HB_POPULATION_MAP,
	        .type = type,
	        .addr = hb_heap_slot_addr(span, slot),
	        .slot = slot,
	};
	if (!type || !hb_map_open(analysis->types, analysis->heap, population.addr, type, &population.map))
		return NULL;
	population.count0 = population.map.count;
	HB_VEC_PUSH(&growth->populations, population);
	return NULL;
}

/* Headers of maps are small and hold pointers. */
static struct hb_error *list_maps(struct hb_growth *growth)
{
	const struct hb_heap *heap = growth->analysis->heap;
	const struct hb_graph *graph = growth->analysis->graph;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind != HB_SPAN_BITS)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (graph->number[slot])
				TRY(add_map(growth, span, slot));
		if ((i & 255) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- All ---------------------------------------------------------------------------------------------------------- */

/* The largest first; by address where they are equal, so that the order is the same at every run. */
static int compare(const void *a, const void *b)
{
	const struct hb_population *x = a, *y = b;
	if (x->count0 != y->count0)
		return x->count0 > y->count0 ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void keep_largest(struct hb_growth *growth)
{
	size_t n = growth->populations.len;
	if (n)
		qsort(growth->populations.data, n, sizeof(*growth->populations.data), compare);
	for (size_t i = MAX_POPULATIONS; i < n; i++)
		population_deinit(&growth->populations.data[i]);
	growth->dropped = n > MAX_POPULATIONS ? n - MAX_POPULATIONS : 0;
	growth->populations.len = n - growth->dropped;
}

struct hb_error *hb_growth_create(const struct hb_analysis *analysis, struct hb_growth **ret)
{
	struct hb_growth *growth = calloc(1, sizeof(*growth));
	if (!growth)
		return hb_error_nomem();
	growth->analysis = analysis;
	struct hb_error *err = list_maps(growth);
	keep_largest(growth);
	if (err)
		hb_growth_destroy(growth);
	else
		*ret = growth;
	return err;
}
