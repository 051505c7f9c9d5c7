/* Maps: how many entries they have and room for, and the entries themselves.
 *
 * Vocabulary (Go's own)
 *   group    1.24+: eight slots for entries and a control byte for each (internal/runtime/maps); a small map is one group
 *   table    1.24+: groups of one hash prefix; the directory lists the tables
 *   bucket   up to 1.23, and with GOEXPERIMENT=noswissmap: eight entries and a tophash byte for each (runtime/map.go hmap),
 *            with overflow buckets behind; while the map grows, buckets that were not moved yet are in the old array
 *
 * What is read is as torn as the target left it: counts are checked against the room there is.
 */
#pragma once
#include "golang/types.h"
#include "heap/heap.h"

/* Where the fields of a map's header (hmap) and of its mapextra are, before swiss maps. */
struct hb_old_map {
	uint32_t size, count, b, buckets, oldbuckets, nevacuate, extra;
	uint32_t extra_size, overflow, oldoverflow, next_overflow;
};
/* False when the version has swiss maps only. */
bool hb_old_map_layout(const struct hb_go *go, struct hb_old_map *ret);

bool hb_map_is_swiss(const struct hb_types *types, uint32_t map);

struct hb_map {
	const struct hb_types *types;
	const struct hb_heap *heap;
	const struct hb_type *type; /* the map type */
	uint64_t addr;              /* of the header */
	uint64_t count;             /* entries, as len() says */
	uint64_t room; /* slots for entries in all groups or buckets, overflow included where it was looked at */
	uint32_t key_at, elem_at; /* of the first slot's, in a group or bucket */
	uint32_t key_stride, elem_stride;
	uint32_t key_size, elem_size; /* as they lie in a slot: 8 where they are kept behind a pointer */
	uint64_t group_size;
	bool swiss;
};

/* The map whose header is at an address of the heap; false when it is none that makes sense. */
bool hb_map_open(const struct hb_types *types, const struct hb_heap *heap, uint64_t addr, uint32_t type,
                 struct hb_map *ret);

/* Calls visit for every entry until it returns false: the bytes of key and element as they lie in their slot. Groups that were
 * not captured (they hold no pointers) have none. */
void hb_map_each(const struct hb_map *map, bool (*visit)(void *ctx, const uint8_t *key, const uint8_t *elem),
                 void *ctx);

/* A table of a swiss map; a map of one group has none. */
struct hb_map_table {
	uint16_t used, capacity; /* slots */
	uint16_t growth_left;    /* entries that can be added before it must grow */
	uint8_t local_depth;     /* bits of the hash that its entries have in common */
};
void hb_map_each_table(const struct hb_map *map, void (*visit)(void *ctx, const struct hb_map_table *table), void *ctx);

/* Overflow buckets that were added since the buckets were made, about; false: it is a swiss map, or one that grows just now. */
bool hb_map_overflows(const struct hb_map *map, uint64_t *buckets, uint64_t *ret);

/* Calls visit for every object that the map consists of, its header included. */
void hb_map_each_part(const struct hb_map *map, void (*visit)(void *ctx, uint32_t slot), void *ctx);
