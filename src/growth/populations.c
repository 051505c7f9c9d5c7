/* What is counted: the populations of one analysis. */
#include "growth/populations.h"
#include "base/progress.h"

enum { MAX_POPULATIONS = 65536 };

const char *hb_population_kind_name(enum hb_population_kind kind)
{
	static const char *const names[HB_POPULATION_KINDS] = {
	        [HB_POPULATION_MAP] = "map",           [HB_POPULATION_SLICE] = "slice",
	        [HB_POPULATION_CHANNEL] = "channel",   [HB_POPULATION_LIST] = "list",
	        [HB_POPULATION_SYNC_MAP] = "sync.Map", [HB_POPULATION_TRIE] = "sync.Map",
	        [HB_POPULATION_LINKED] = "linked",
	};
	return names[kind];
}

static void counted_deinit(struct hb_counted *counted)
{
	free(counted->ids);
	*counted = (struct hb_counted){0};
}

static void counts_deinit(struct hb_counts *counts)
{
	for (size_t i = 0; i < counts->len; i++)
		counted_deinit(&counts->data[i]);
	hb_vec_deinit(counts);
}

void hb_growth_destroy(struct hb_growth *growth)
{
	if (!growth)
		return;
	for (size_t i = 0; i < growth->populations.len; i++)
		counts_deinit(&growth->populations.data[i].looks);
	for (size_t i = 0; i < growth->piles.len; i++)
		counts_deinit(&growth->piles.data[i].looks);
	hb_vec_deinit(&growth->populations);
	hb_vec_deinit(&growth->piles);
	hb_vec_deinit(&growth->looks);
	free(growth);
}

static bool stays(size_t look, size_t nlooks)
{
	return look % 2 == 0 || look == nlooks - 1;
}

static void thin(struct hb_counts *counts)
{
	size_t kept = 0;
	for (size_t i = 0; i < counts->len; i++)
		if (stays(i, counts->len))
			counts->data[kept++] = counts->data[i];
		else
			counted_deinit(&counts->data[i]);
	counts->len = kept;
}

void hb_growth_thin(struct hb_growth *growth)
{
	enum { MANY = 64 };
	size_t n = growth->looks.len, kept = 0;
	if (n < MANY)
		return;
	for (size_t i = 0; i < growth->populations.len; i++)
		thin(&growth->populations.data[i].looks);
	for (size_t i = 0; i < growth->piles.len; i++)
		thin(&growth->piles.data[i].looks);
	for (size_t i = 0; i < n; i++)
		if (stays(i, n))
			growth->looks.data[kept++] = growth->looks.data[i];
	growth->looks.len = kept;
}

/* --- Headers ----------------------------------------------------------------------------------------------------- */

static struct hb_error *add_map(struct hb_growth *growth, const struct hb_span *span, uint32_t slot)
{
	const struct hb_analysis *analysis = growth->analysis;
	uint32_t type = hb_typing_map_of(analysis->typing, slot);
	struct hb_population population = {
	        .kind = HB_POPULATION_MAP,
	        .type = type,
	        .addr = hb_heap_slot_addr(span, slot),
	        .slot = slot,
	        .node = HB_ROOT_NONE,
	};
	/* The maps that a sync.Map consists of are replaced all the time. */
	if (!type || type == growth->containers.sync_map_type ||
	    !hb_map_open(analysis->types, analysis->heap, population.addr, type, &population.map))
		return NULL;
	population.count0 = population.map.count;
	population.elem = population.map.type->key;
	HB_VEC_PUSH(&growth->populations, population);
	return NULL;
}

/* runtime/chan.go hchan: those with a buffer that is no mere signal. Pointer-free ones were not captured. */
static struct hb_error *add_channel(struct hb_growth *growth, const struct hb_span *span, uint32_t slot)
{
	enum { LEAST_ROOM = 16 };
	const struct hb_analysis *analysis = growth->analysis;
	const struct hb_go_layout *layout = analysis->go->layout;
	uint64_t room;
	struct hb_population population = {
	        .kind = HB_POPULATION_CHANNEL,
	        .elem = hb_typing_channel_of(analysis->typing, slot),
	        .type = analysis->typing->type_of[slot],
	        .addr = hb_heap_slot_addr(span, slot),
	        .slot = slot,
	        .node = HB_ROOT_NONE,
	};
	if (!population.elem)
		return NULL;
	if (span->kind != HB_SPAN_NOSCAN &&
	    (!hb_snapshot_u64(analysis->snapshot, population.addr + layout->hchan.dataqsiz, &room) ||
	     room < LEAST_ROOM ||
	     !hb_snapshot_u64(analysis->snapshot, population.addr + layout->hchan.qcount, &population.count0)))
		return NULL;
	HB_VEC_PUSH(&growth->populations, population);
	return NULL;
}

/* The root node of a trie, which stays the same until the sync.Map is cleared. */
static struct hb_error *add_trie(struct hb_growth *growth, const struct hb_span *span, uint32_t slot)
{
	const struct hb_analysis *analysis = growth->analysis;
	uint64_t parent;
	struct hb_population population = {
	        .kind = HB_POPULATION_TRIE,
	        .type = growth->containers.trie,
	        .elem = growth->containers.any,
	        .addr = hb_heap_slot_addr(span, slot),
	        .slot = slot,
	        .node = HB_ROOT_NONE,
	};
	if (!population.type || analysis->typing->type_of[slot] != population.type ||
	    !hb_snapshot_u64(analysis->snapshot, population.addr + growth->containers.trie_parent, &parent) || parent)
		return NULL;
	HB_VEC_PUSH(&growth->populations, population);
	return NULL;
}

/* Objects that are a header themselves. */
static struct hb_error *list_headers(struct hb_growth *growth)
{
	const struct hb_heap *heap = growth->analysis->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (!growth->analysis->graph->number[slot] || !growth->analysis->typing->type_of[slot])
				continue;
			TRY(add_map(growth, span, slot));
			TRY(add_channel(growth, span, slot));
			TRY(add_trie(growth, span, slot));
		}
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
		counts_deinit(&growth->populations.data[i].looks);
	growth->dropped = n > MAX_POPULATIONS ? n - MAX_POPULATIONS : 0;
	growth->populations.len = n - growth->dropped;
}

struct hb_error *hb_growth_create(const struct hb_analysis *analysis, struct hb_growth **ret)
{
	struct hb_growth *growth = calloc(1, sizeof(*growth));
	if (!growth)
		return hb_error_nomem();
	growth->analysis = analysis;
	hb_containers_find(analysis->types, &growth->containers);
	struct hb_error *err = list_headers(growth);
	if (!err)
		err = hb_populations_of_fields(growth);
	if (!err)
		err = hb_populations_of_links(growth);
	if (!err)
		err = hb_piles_create(growth);
	keep_largest(growth);
	if (err)
		hb_growth_destroy(growth);
	else
		*ret = growth;
	return err;
}
