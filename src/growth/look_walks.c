/* Lists, trees and tries of a running process, node by node. Small ones are read from frozen pages; larger ones while the
 * program runs: a node that is taken out meanwhile may be missing or
 * be seen for the last time, which is a matter of milliseconds. Of lists and trees only one node in `every` is kept as a sample,
 * told by its address; entries of a sync.Map are told by their keys, and all are kept. */
#include "growth/look.h"

#include <string.h>

enum { MAX_NODES = 200000, CHILDREN = 16, SAMPLE = 1024, MAX_SLICE = 65536 };

struct walker {
	struct hb_peek *peek;
	const struct hb_growth *growth;
	struct hb_sample_place *place;
	struct hb_elements *elements;
	uint64_t count;
	uint64_t *seen; /* open addressing */
	uint32_t log2, nseen;
	HB_VEC(uint64_t) todo;
	bool failed, nomem;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* --- Nodes that were seen ----------------------------------------------------------------------------------------- */

static uint32_t place_of(const uint64_t *seen, uint32_t log2, uint64_t addr)
{
	uint32_t at = (uint32_t)(addr * UINT64_C(0x9e3779b97f4a7c15) >> (64 - log2));
	while (seen[at] && seen[at] != addr)
		at = (at + 1) & ((1u << log2) - 1);
	return at;
}

static bool grow(struct walker *walker)
{
	uint32_t log2 = walker->seen ? walker->log2 + 1 : 10;
	uint64_t *grown = calloc((size_t)1 << log2, sizeof(*grown));
	if (!grown)
		return false;
	for (size_t i = 0; walker->seen && i < (size_t)1 << walker->log2; i++)
		if (walker->seen[i])
			grown[place_of(grown, log2, walker->seen[i])] = walker->seen[i];
	free(walker->seen);
	walker->seen = grown;
	walker->log2 = log2;
	return true;
}

/* Puts a node on the list unless it was there already. */
static void push(struct walker *walker, uint64_t addr)
{
	if (!addr || walker->failed)
		return;
	if ((!walker->seen || walker->nseen * 2 >= 1u << walker->log2) && !grow(walker)) {
		walker->failed = walker->nomem = true;
		return;
	}
	uint32_t at = place_of(walker->seen, walker->log2, addr);
	if (walker->seen[at])
		return;
	walker->seen[at] = addr;
	if (++walker->nseen > MAX_NODES)
		walker->failed = true;
	else if (!hb_vec_push(&walker->todo, addr))
		walker->failed = walker->nomem = true;
}

/* Counts an element, and keeps it if it belongs to the sample: id 0 always does. */
static void take(struct walker *walker, uint64_t id, const void *bytes)
{
	walker->count++;
	if ((!id || mix(0, id) % walker->place->every == 0) && !hb_elements_add(walker->elements, bytes))
		walker->failed = true;
}

/* --- Kinds -------------------------------------------------------------------------------------------------------- */

/* container/list is a ring through its root. An element that was taken out belongs to no list. */
static void walk_list(struct walker *walker, const struct hb_population *population)
{
	const struct hb_containers *at = &walker->growth->containers;
	uint64_t node, list, words[3];
	if (!hb_peek_u64(walker->peek, population->addr + at->list_next, &node)) {
		walker->failed = true;
		return;
	}
	for (uint64_t n = 0; node && node != population->addr; n++) {
		words[0] = node;
		if (n == MAX_NODES || !hb_peek_u64(walker->peek, node + at->element_list, &list) ||
		    list != population->addr || !hb_peek_read(walker->peek, node + at->element_value, 16, words + 1) ||
		    !hb_peek_u64(walker->peek, node + at->list_next, &node)) {
			walker->failed = true;
			return;
		}
		take(walker, words[0], words);
	}
}

static void follow_slice(struct walker *walker, uint64_t header)
{
	uint64_t words[3];
	if (!hb_peek_read(walker->peek, header, sizeof(words), words) || words[1] > words[2] || words[1] > MAX_SLICE) {
		walker->failed = true;
		return;
	}
	for (uint64_t i = 0; i < words[1] && !walker->failed; i++) {
		uint64_t node;
		if (hb_peek_u64(walker->peek, words[0] + i * 8, &node))
			push(walker, node);
		else
			walker->failed = true;
	}
}

static void walk_linked(struct walker *walker, const struct hb_population *population)
{
	struct hb_links links;
	uint64_t node;
	if (!hb_links_of(walker->growth->analysis->types, population->type, &links) ||
	    !hb_peek_u64(walker->peek, population->addr, &node)) {
		walker->failed = true;
		return;
	}
	push(walker, node);
	while (walker->todo.len && !walker->failed) {
		uint64_t at = walker->todo.data[--walker->todo.len];
		for (uint32_t i = 0; i < links.n; i++) {
			if (links.slice[i])
				follow_slice(walker, at + links.at[i]);
			else if (hb_peek_u64(walker->peek, at + links.at[i], &node))
				push(walker, node);
			else
				walker->failed = true;
		}
		take(walker, at, &at);
	}
}

/* An entry, and those whose hashes are equal behind it. */
static void take_entries(struct walker *walker, uint64_t entry)
{
	const struct hb_containers *at = &walker->growth->containers;
	for (unsigned n = 0; entry && n < 64; n++) {
		uint64_t key[2];
		if (!hb_peek_read(walker->peek, entry + at->trie_key, sizeof(key), key) ||
		    !hb_peek_u64(walker->peek, entry + at->trie_overflow, &entry)) {
			walker->failed = true;
			return;
		}
		take(walker, 0, key);
	}
}

static void walk_trie(struct walker *walker, const struct hb_population *population)
{
	const struct hb_containers *at = &walker->growth->containers;
	uint64_t children[CHILDREN];
	push(walker, population->addr);
	while (walker->todo.len && !walker->failed) {
		uint64_t node = walker->todo.data[--walker->todo.len];
		uint8_t is_entry;
		if (!hb_peek_read(walker->peek, node, 1, &is_entry))
			walker->failed = true;
		else if (is_entry)
			take_entries(walker, node);
		else if (!hb_peek_read(walker->peek, node + at->trie_children, sizeof(children), children))
			walker->failed = true;
		else
			for (unsigned i = 0; i < CHILDREN; i++)
				push(walker, children[i]);
	}
}

/* sync/map.go, up to 1.23: dirty has all entries, or is nil and read has them. An entry whose pointer is nil was deleted. */
static uint64_t map_of_sync(struct hb_peek *peek, const struct hb_containers *at, uint64_t addr)
{
	uint64_t map = 0, read = 0;
	if (!hb_peek_u64(peek, addr + at->sync_dirty, &map) || map || !hb_peek_u64(peek, addr + at->sync_read, &read) ||
	    !read || !hb_peek_u64(peek, read, &map))
		return map;
	return map;
}

static void walk_sync_map(struct walker *walker, const struct hb_population *population)
{
	enum { KEY = 16, ENTRY = 24 };
	const struct hb_containers *at = &walker->growth->containers;
	struct hb_population inner = *population;
	struct hb_sample_place place = {.whole = true};
	struct hb_elements entries = {.size = ENTRY, .with_value = true};
	struct hb_counted counted;
	inner.addr = map_of_sync(walker->peek, at, population->addr);
	if (!inner.addr || !hb_look_at_map(walker->peek, &inner, &place, &entries, &counted) || !counted.sampled)
		walker->failed = true;
	for (size_t i = 0; i < entries.n && !walker->failed; i++) {
		const uint8_t *entry = entries.bytes.data + i * ENTRY;
		uint64_t value;
		if (!hb_peek_u64(walker->peek, hb_load_u64(entry + KEY) + at->sync_entry, &value))
			walker->failed = true;
		else if (value)
			take(walker, 0, entry);
	}
	walker->nomem |= entries.nomem;
	hb_vec_deinit(&entries.bytes);
}

/* --- A walk ------------------------------------------------------------------------------------------------------- */

bool hb_look_at_nodes(struct hb_peek *peek, const struct hb_growth *growth, const struct hb_population *population,
                      struct hb_sample_place *place, struct hb_elements *elements, struct hb_counted *ret)
{
	struct walker walker = {.peek = peek, .growth = growth, .place = place, .elements = elements};
	*ret = (struct hb_counted){0};
	if (!place->chosen)
		*place = (struct hb_sample_place){.chosen = true,
		                                  .every = hb_max(population->count0 / SAMPLE, UINT64_C(1))};
	switch (population->kind) {
	case HB_POPULATION_LIST:
		walk_list(&walker, population);
		break;
	case HB_POPULATION_LINKED:
		walk_linked(&walker, population);
		break;
	case HB_POPULATION_TRIE:
		walk_trie(&walker, population);
		break;
	case HB_POPULATION_SYNC_MAP:
		walk_sync_map(&walker, population);
		break;
	default:
		walker.failed = true;
	}
	elements->nomem |= walker.nomem;
	free(walker.seen);
	hb_vec_deinit(&walker.todo);
	ret->count = walker.count;
	ret->known = ret->sampled = !walker.failed;
	return ret->known;
}
