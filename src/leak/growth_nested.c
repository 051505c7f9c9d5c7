/* H105: maps of maps that only grow, and which keys own the bytes. docs/detectors/growth.md.
 *
 * The verdict is that of H101. What is added is whose entries they are: keys are numbered, as they may be secrets, unless
 * the user asks for them.
 */
#include "growth/places.h"
#include "leak/contents.h"
#include "leak/detectors.h"
#include "leak/growth.h"
#include "leak/wording.h"
#include "report/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 65536, SHOWN = 5, MAX_LABEL = 48 };

struct owner { /* the entry of a map whose value is a map */
	uint64_t bytes, entries;
	uint64_t key;    /* where its bytes are in keys */
	uint32_t slot;   /* of the inner map's header */
	uint32_t parent; /* the slot of the one that this is in; of the first level: 0 */
};

struct owners {
	const struct hb_analysis *analysis;
	const struct hb_map *map;
	HB_VEC(struct owner) list;
	HB_VEC(uint8_t) keys;
	uint32_t parent;
	bool nomem;
};

/* --- Who owns what ------------------------------------------------------------------------------------------------ */

static bool visit(void *ctx, const uint8_t *key, const uint8_t *elem)
{
	struct owners *owners = ctx;
	const struct hb_analysis *analysis = owners->analysis;
	uint32_t slot = hb_heap_slot(analysis->heap, hb_load_u64(elem));
	uint32_t number = slot ? analysis->graph->number[slot] : 0;
	struct hb_map inner;
	if (!number || analysis->graph->slot_of[number] != slot || owners->list.len == MAX_KEYS ||
	    !hb_map_open(analysis->types, analysis->heap, hb_load_u64(elem), owners->map->type->elem, &inner))
		return true;
	struct owner owner = {
	        .bytes = analysis->graph->retained[number],
	        .entries = inner.count,
	        .key = owners->keys.len,
	        .parent = owners->parent,
	        .slot = slot,
	};
	if (!hb_vec_reserve(&owners->keys, owners->keys.len + owners->map->key_size) ||
	    !hb_vec_push(&owners->list, owner)) {
		owners->nomem = true;
		return false;
	}
	memcpy(owners->keys.data + owners->keys.len, key, owners->map->key_size);
	owners->keys.len += owners->map->key_size;
	return true;
}

static struct hb_error *add_owners(struct owners *owners, uint32_t header, uint32_t parent)
{
	const struct hb_analysis *analysis = owners->analysis;
	struct hb_map map;
	const struct hb_span *span = &analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, header)];
	uint32_t type = hb_typing_map_of(analysis->typing, header);
	if (!type || analysis->types->list[analysis->types->list[type].elem].kind != HB_KIND_MAP ||
	    !hb_map_open(analysis->types, analysis->heap, hb_heap_slot_addr(span, header), type, &map))
		return NULL;
	owners->map = &map;
	owners->parent = parent;
	hb_map_each(&map, visit, owners);
	owners->map = NULL;
	return owners->nomem ? hb_error_nomem() : NULL;
}

/* --- What keys are called ----------------------------------------------------------------------------------------- */

/* A number or the beginning of a string; "" when it is neither. */
static void say_key(const struct hb_analysis *analysis, const struct hb_type *type, const uint8_t *key, char *buf,
                    size_t size)
{
	uint64_t word = 0;
	char contents[MAX_LABEL];
	buf[0] = 0;
	if (type->kind == HB_KIND_STRING) {
		uint64_t len = hb_load_u64(key + 8), part = hb_min(len, (uint64_t)MAX_LABEL - 1);
		if (len && !hb_contents_read(analysis, hb_load_u64(key), part, contents))
			return;
		snprintf(buf, size, "\"%.*s%s\"", (int)part, contents, part < len ? "…" : "");
		return;
	}
	if (type->kind < HB_KIND_INT || type->kind > HB_KIND_UINTPTR || type->size > 8)
		return;
	memcpy(&word, key, type->size);
	if (type->kind > HB_KIND_INT64)
		snprintf(buf, size, "%" PRIu64, word);
	else
		snprintf(buf, size, "%" PRId64, (int64_t)(word << (64 - type->size * 8)) >> (64 - type->size * 8));
}

static void label(const struct owners *owners, uint32_t map_type, const struct owner *owner, size_t rank, char *buf,
                  size_t size)
{
	const struct hb_types *types = owners->analysis->types;
	buf[0] = 0;
	if (owners->analysis->options.show_data)
		say_key(owners->analysis, &types->list[types->list[map_type].key], owners->keys.data + owner->key, buf,
		        size);
	if (!buf[0])
		snprintf(buf, size, "key #%zu", rank + 1);
}

/* --- Sentences ---------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static struct hb_error *say_owner(const struct owner *owner, const char *name, uint64_t whole,
                                  struct hb_finding *finding)
{
	char bytes[32], share[32], entries[32];
	hb_format_bytes(owner->bytes, bytes, sizeof(bytes));
	hb_format_share(owner->bytes, whole, share, sizeof(share));
	hb_format_count(owner->entries, entries, sizeof(entries));
	return hb_finding_because(finding, hb_say("%s owns %s (%s), in %s entries", name, bytes, share, entries));
}

static struct hb_error *say_rest(size_t n, const char *below, struct hb_finding *finding)
{
	char count[32];
	hb_format_count(n - hb_min(n, (size_t)SHOWN), count, sizeof(count));
	return n <= SHOWN ? NULL : hb_finding_because(finding, hb_say("and %s more keys%s", count, below));
}

static void sort(struct owners *owners)
{
	if (owners->list.len)
		qsort(owners->list.data, owners->list.len, sizeof(*owners->list.data), compare);
}

/* The largest of one level. */
static struct hb_error *say_level(const struct owners *owners, const struct owners *above, uint32_t type,
                                  uint64_t whole, struct hb_finding *finding)
{
	const struct hb_type *types = owners->analysis->types->list;
	for (size_t i = 0; i < hb_min(owners->list.len, (size_t)SHOWN); i++) {
		const struct owner *owner = &owners->list.data[i];
		char name[512], outer[128] = "", inner[128];
		for (size_t k = 0; above && k < above->list.len; k++)
			if (above->list.data[k].slot == owner->parent)
				label(above, type, &above->list.data[k], k, outer, sizeof(outer));
		label(owners, above ? types[type].elem : type, owner, i, inner, sizeof(inner));
		snprintf(name, sizeof(name), "%s%s%s", outer, above ? ", " : "", inner);
		TRY(say_owner(owner, name, whole, finding));
	}
	return say_rest(owners->list.len, above ? " below these" : "", finding);
}

/* An inner map that a goroutine has in its hands at the moment, too, is not in what the map above it retains; it is the key's all
 * the same. Returns what all own together. */
static uint64_t add_shared(const struct hb_graph *graph, uint32_t header, struct owners *first,
                           const struct owners *second)
{
	uint32_t top = graph->number[header];
	uint64_t whole = graph->retained[top];
	size_t k = 0; /* they are in the order of the first level */
	for (size_t i = 0; i < first->list.len; i++) {
		struct owner *owner = &first->list.data[i];
		uint32_t number = graph->number[owner->slot];
		if (!hb_graph_dominates(graph, top, number))
			whole += owner->bytes;
		for (; k < second->list.len && second->list.data[k].parent == owner->slot; k++) {
			uint32_t below = graph->number[second->list.data[k].slot];
			uint64_t bytes = second->list.data[k].bytes;
			if (hb_graph_dominates(graph, number, below))
				continue;
			owner->bytes += bytes;
			if (!hb_graph_dominates(graph, top, below))
				whole += bytes;
		}
	}
	return whole;
}

/* The largest keys of the outer map; then, where those are maps of maps again, the largest of the next level. */
static struct hb_error *say_owners(const struct hb_analysis *analysis, uint32_t header, struct owners *first,
                                   struct owners *second, struct hb_finding *finding)
{
	uint32_t type = hb_typing_map_of(analysis->typing, header);
	TRY(add_owners(first, header, 0));
	for (size_t i = 0; i < first->list.len; i++)
		TRY(add_owners(second, first->list.data[i].slot, first->list.data[i].slot));
	uint64_t whole = add_shared(analysis->graph, header, first, second);
	sort(first);
	sort(second);
	TRY(say_level(first, NULL, type, whole, finding));
	return say_level(second, first, type, whole, finding);
}

static struct hb_error *describe(const struct hb_analysis *analysis, const struct hb_population *population,
                                 struct hb_finding *finding)
{
	struct owners first = {.analysis = analysis}, second = {.analysis = analysis};
	uint32_t header = hb_map_outermost(analysis, population->slot);
	struct hb_error *err = say_owners(analysis, header, &first, &second, finding);
	hb_vec_deinit(&first.list);
	hb_vec_deinit(&first.keys);
	hb_vec_deinit(&second.list);
	hb_vec_deinit(&second.keys);
	return err;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	static const struct hb_growth_wording wording = {
	        .rule = "H105",
	        .what = "entries",
	        .help = "where the subject of a key ends, delete its entries from every map and every level, and inner "
	                "maps "
	                "that have become empty",
	        .wants = hb_population_is_nested,
	        .describe = describe,
	};
	return hb_growth_report(analysis, HB_POPULATION_MAP, &wording, findings);
}

const struct hb_detector hb_detector_nested_maps = {
        .rule = "H105",
        .name = "a map of maps in which some keys are forgotten",
        .run = run,
};
