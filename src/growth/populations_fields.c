/* Populations whose header lies inside of a global or of another object. */
#include "base/progress.h"
#include "growth/populations.h"

enum { LEAST_LEN = 8, MAX_WORDS = 4096 };

struct of_type { /* containers of a value of a type */
	bool ready;
	uint32_t first, n;
};

struct lister {
	struct hb_growth *growth;
	struct of_type *of_types; /* by type id */
	uint32_t ntypes;
	HB_VEC(struct hb_container) containers;
};

/* --- What a type contains ----------------------------------------------------------------------------------------- */

static struct hb_error *look_into(struct lister *lister, uint32_t type)
{
	const struct hb_types *types = lister->growth->analysis->types;
	const struct hb_type *at = &types->list[type];
	struct of_type *ret = &lister->of_types[type];
	*ret = (struct of_type){true, (uint32_t)lister->containers.len, 0};
	for (uint64_t word = 0; at->mask && word * 8 < at->ptr_bytes && word < MAX_WORDS; word++) {
		struct hb_container container;
		if (!(at->mask[word / 64] >> (word & 63) & 1) ||
		    !hb_container_at(types, &lister->growth->containers, type, word * 8, &container))
			continue;
		/* A container of several pointers comes with each of them. */
		if (ret->n && lister->containers.data[ret->first + ret->n - 1].offset == container.offset)
			continue;
		HB_VEC_PUSH(&lister->containers, container);
		ret->n++;
	}
	return NULL;
}

/* --- Populations -------------------------------------------------------------------------------------------------- */

static bool read_words(const struct hb_analysis *analysis, uint64_t addr, uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!hb_snapshot_u64(analysis->snapshot, addr + i * 8, &words[i]))
			return false;
	return true;
}

/* --- Globals whose type is not known ------------------------------------------------------------------------------ */

/* A pointer to the start of an array, and a length and a capacity that fit it: the elements' type is known from elsewhere,
 * as the program need not have a descriptor of the slice. */
static struct hb_error *list_unknown_slice(struct hb_growth *growth, const struct hb_root_edge *edge)
{
	const struct hb_analysis *analysis = growth->analysis;
	const struct hb_heap *heap = analysis->heap;
	uint64_t words[3], bytes;
	uint32_t slot = hb_heap_slot(heap, edge->value), type = slot ? analysis->typing->type_of[slot] : 0;
	if (!type || !analysis->types->list[type].size || !read_words(analysis, edge->from, words, 3) ||
	    words[0] != edge->value || words[1] < LEAST_LEN || words[1] > words[2] ||
	    hb_mul_overflows(words[2], analysis->types->list[type].size, &bytes))
		return NULL;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	uint64_t room = span->elem_size - (edge->value - hb_heap_slot_addr(span, slot));
	if (bytes > room || bytes < room - room / 8 - 8)
		return NULL;
	struct hb_population population = {
	        .kind = HB_POPULATION_SLICE,
	        .type = type,
	        .elem = type,
	        .addr = edge->from,
	        .node = edge->node,
	        .count0 = words[1],
	};
	HB_VEC_PUSH(&growth->populations, population);
	return NULL;
}

/* Whichever of its maps is there says how entries lie in them. */
static bool open_sync_map(const struct hb_growth *growth, struct hb_population *population)
{
	const struct hb_analysis *analysis = growth->analysis;
	const struct hb_containers *at = &growth->containers;
	uint64_t map = 0, read = 0;
	if (!hb_snapshot_u64(analysis->snapshot, population->addr + at->sync_dirty, &map))
		return false;
	if (!map && (!hb_snapshot_u64(analysis->snapshot, population->addr + at->sync_read, &read) || !read ||
	             !hb_snapshot_u64(analysis->snapshot, read, &map)))
		return false;
	if (!hb_map_open(analysis->types, analysis->heap, map, at->sync_map_type, &population->map))
		return false;
	population->count0 = population->map.count;
	return true;
}

static bool fill_in(const struct hb_growth *growth, const struct hb_container *container,
                    struct hb_population *population)
{
	const struct hb_analysis *analysis = growth->analysis;
	const struct hb_type *type = &analysis->types->list[container->type];
	uint64_t words[3];
	switch (container->kind) {
	case HB_CONTAINER_SLICE:
		population->kind = HB_POPULATION_SLICE;
		population->elem = type->elem;
		if (!read_words(analysis, population->addr, words, 3) || words[1] > words[2])
			return false;
		population->count0 = words[1];
		return words[1] >= LEAST_LEN;
	case HB_CONTAINER_LIST:
		population->kind = HB_POPULATION_LIST;
		return hb_snapshot_u64(analysis->snapshot, population->addr + growth->containers.list_len,
		                       &population->count0) &&
		       population->count0;
	case HB_CONTAINER_SYNC_MAP:
		population->kind = HB_POPULATION_SYNC_MAP;
		population->elem = growth->containers.any;
		return open_sync_map(growth, population);
	}
	return false;
}

static struct hb_error *list_value(struct lister *lister, uint32_t type, uint64_t addr, uint32_t slot, uint32_t node)
{
	if (type >= lister->ntypes)
		return NULL;
	if (!lister->of_types[type].ready)
		TRY(look_into(lister, type));
	struct of_type in = lister->of_types[type];
	for (uint32_t i = 0; i < in.n; i++) {
		const struct hb_container *container = &lister->containers.data[in.first + i];
		struct hb_population population = {
		        .type = container->type,
		        .addr = addr + container->offset,
		        .slot = slot,
		        .node = node,
		};
		if (fill_in(lister->growth, container, &population))
			HB_VEC_PUSH(&lister->growth->populations, population);
	}
	return NULL;
}

static struct hb_error *list_globals(struct lister *lister)
{
	const struct hb_analysis *analysis = lister->growth->analysis;
	for (size_t i = 0; i < analysis->roots.nodes.len; i++) {
		const struct hb_root_node *node = &analysis->roots.nodes.data[i];
		uint32_t type =
		        node->kind == HB_ROOT_GLOBAL && node->type ? hb_types_find(analysis->types, node->type) : 0;
		if (type)
			TRY(list_value(lister, type, node->id, 0, (uint32_t)i));
	}
	return NULL;
}

static struct hb_error *list_unknown_globals(struct hb_growth *growth)
{
	const struct hb_analysis *analysis = growth->analysis;
	for (size_t i = 0; i < analysis->roots.edges.len; i++) {
		const struct hb_root_edge *edge = &analysis->roots.edges.data[i];
		const struct hb_root_node *node = &analysis->roots.nodes.data[edge->node];
		if (node->kind != HB_ROOT_GLOBAL || node->phase ||
		    (node->type && hb_types_find(analysis->types, node->type)))
			continue;
		if (node->size && edge->from >= node->id && edge->from - node->id + 24 <= node->size)
			TRY(list_unknown_slice(growth, edge));
	}
	for (size_t i = 0; growth->containers.sync_map_type && i < analysis->roots.nodes.len; i++) {
		const struct hb_root_node *node = &analysis->roots.nodes.data[i];
		struct hb_population population = {
		        .kind = HB_POPULATION_SYNC_MAP,
		        .type = growth->containers.sync_map_type,
		        .elem = growth->containers.any,
		        .addr = node->id,
		        .node = (uint32_t)i,
		};
		if (node->kind == HB_ROOT_GLOBAL && node->name_is_certain && !node->type &&
		    node->size == growth->containers.sync_size && open_sync_map(growth, &population))
			HB_VEC_PUSH(&growth->populations, population);
	}
	return NULL;
}

static struct hb_error *list_objects(struct lister *lister)
{
	const struct hb_analysis *analysis = lister->growth->analysis;
	const struct hb_heap *heap = analysis->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint64_t header = span->kind == HB_SPAN_HEADER ? 8 : 0;
		if (span->kind == HB_SPAN_NOSCAN || span->kind == HB_SPAN_NONE)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (analysis->graph->number[slot] && hb_typing_is_one(analysis->typing, slot))
				TRY(list_value(lister, analysis->typing->type_of[slot],
				               hb_heap_slot_addr(span, slot) + header, slot, HB_ROOT_NONE));
		if ((i & 255) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

struct hb_error *hb_populations_of_fields(struct hb_growth *growth)
{
	struct lister lister = {.growth = growth, .ntypes = growth->analysis->types->n};
	lister.of_types = calloc(lister.ntypes, sizeof(*lister.of_types));
	struct hb_error *err = lister.of_types ? list_globals(&lister) : hb_error_nomem();
	if (!err)
		err = list_unknown_globals(growth);
	if (!err)
		err = list_objects(&lister);
	free(lister.of_types);
	hb_vec_deinit(&lister.containers);
	return err;
}
