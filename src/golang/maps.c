#include "golang/maps.h"

enum { SLOTS = 8, MAX_DIRECTORY = 1 << 30, MAX_BUCKETS_LOG2 = 40 };

/* --- Memory ------------------------------------------------------------------------------------------------------- */

/* The local bytes of [addr, addr + size) when they are in one allocated object of the heap. */
static const uint8_t *bytes_at(const struct hb_heap *heap, uint64_t addr, uint64_t size)
{
	uint32_t slot = hb_heap_slot(heap, addr);
	if (!slot || !hb_heap_allocated(heap, slot))
		return NULL;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	uint64_t offset = addr - hb_heap_slot_addr(span, slot);
	if (size > span->elem_size - offset)
		return NULL;
	return hb_heap_bytes(heap, addr);
}

/* The same, of objects that may hold pointers: contents of others were not captured. */
static const uint8_t *captured_at(const struct hb_heap *heap, uint64_t addr, uint64_t size)
{
	uint32_t slot = hb_heap_slot(heap, addr);
	if (!slot || heap->spans[hb_heap_span_of_slot(heap, slot)].kind == HB_SPAN_NOSCAN)
		return NULL;
	return bytes_at(heap, addr, size);
}

/* --- Where entries lie -------------------------------------------------------------------------------------------- */

/* Arrays of keys and of elements: buckets, and groups of 1.27's GOEXPERIMENT=mapsplitgroup. */
static bool find_arrays(struct hb_map *map, const struct hb_field *keys, const struct hb_field *elems)
{
	const struct hb_type *key_array = &map->types->list[keys->type], *elem_array = &map->types->list[elems->type];
	if (key_array->kind != HB_KIND_ARRAY || elem_array->kind != HB_KIND_ARRAY)
		return false;
	map->key_at = (uint32_t)keys->offset;
	map->elem_at = (uint32_t)elems->offset;
	map->key_size = map->key_stride = (uint32_t)map->types->list[key_array->elem].size;
	map->elem_size = map->elem_stride = (uint32_t)map->types->list[elem_array->elem].size;
	return true;
}

/* internal/runtime/maps/group.go: control word, then an array of {key, elem}. */
static bool find_slots(struct hb_map *map, const struct hb_field *slots)
{
	const struct hb_type *array = &map->types->list[slots->type];
	if (array->kind != HB_KIND_ARRAY)
		return false;
	const struct hb_field *key = hb_types_field(map->types, &map->types->list[array->elem], "key");
	const struct hb_field *elem = hb_types_field(map->types, &map->types->list[array->elem], "elem");
	if (!key || !elem)
		return false;
	map->key_at = (uint32_t)(slots->offset + key->offset);
	map->elem_at = (uint32_t)(slots->offset + elem->offset);
	map->key_size = (uint32_t)map->types->list[key->type].size;
	map->elem_size = (uint32_t)map->types->list[elem->type].size;
	map->key_stride = map->elem_stride = (uint32_t)map->types->list[array->elem].size;
	return true;
}

static bool find_places(struct hb_map *map)
{
	uint32_t group = map->type->group;
	const struct hb_field *slots = hb_types_field(map->types, &map->types->list[group], "slots");
	const struct hb_field *keys = hb_types_field(map->types, &map->types->list[group], "keys");
	const struct hb_field *elems = hb_types_field(map->types, &map->types->list[group], "elems");
	map->group_size = map->types->list[group].size;
	if (!map->group_size || map->group_size >= 1u << 30)
		return false;
	return slots ? find_slots(map, slots) : keys && elems && find_arrays(map, keys, elems);
}

/* --- Groups and buckets ------------------------------------------------------------------------------------------- */

/* A walk over what a map consists of; either function may be missing. */
struct walk {
	const struct hb_map *map;
	void (*part)(void *ctx, uint32_t slot);
	bool (*groups)(struct walk *walk, uint64_t addr, uint64_t n, bool old); /* false: stop */
	void (*table)(void *ctx, const struct hb_map_table *table);
	bool (*visit)(void *ctx, const uint8_t *key, const uint8_t *elem);
	void *ctx;
	uint64_t room;
};

static void part(struct walk *walk, uint64_t addr)
{
	uint32_t slot = hb_heap_slot(walk->map->heap, addr);
	if (walk->part && slot)
		walk->part(walk->ctx, slot);
}

static bool walk_table(struct walk *walk, uint64_t table)
{
	const struct hb_go_layout *layout = walk->map->types->go->layout;
	const uint8_t *bytes = bytes_at(walk->map->heap, table, layout->map_table.size);
	if (!bytes)
		return true;
	uint64_t groups = hb_load_u64(bytes + layout->map_table.groups + layout->map_groups.data);
	uint64_t mask = hb_load_u64(bytes + layout->map_table.groups + layout->map_groups.length_mask);
	part(walk, table);
	part(walk, groups);
	if (walk->table)
		walk->table(walk->ctx, &(struct hb_map_table){
		                               .used = hb_load_u16(bytes + layout->map_table.used),
		                               .capacity = hb_load_u16(bytes + layout->map_table.capacity),
		                               .growth_left = hb_load_u16(bytes + layout->map_table.growth_left),
		                               .local_depth = bytes[layout->map_table.local_depth],
		                       });
	return mask >= UINT32_MAX || walk->groups(walk, groups, mask + 1, false);
}

/* A table may stand for several entries of the directory that follow each other. */
static bool walk_swiss(struct walk *walk, const uint8_t *header)
{
	const struct hb_go_layout *layout = walk->map->types->go->layout;
	uint64_t pointer = hb_load_u64(header + layout->map.dir_ptr), len = hb_load_u64(header + layout->map.dir_len);
	part(walk, pointer);
	if (!len)
		return !pointer || walk->groups(walk, pointer, 1, false);
	const uint8_t *directory = len < MAX_DIRECTORY ? bytes_at(walk->map->heap, pointer, len * 8) : NULL;
	uint64_t last = 0;
	for (uint64_t i = 0; directory && i < len; i++) {
		uint64_t table = hb_load_u64(directory + i * 8);
		if (table != last && !walk_table(walk, table))
			return false;
		last = table;
	}
	return true;
}

static bool walk_buckets(struct walk *walk, const uint8_t *header)
{
	struct hb_old_map old;
	if (!hb_old_map_layout(walk->map->types->go, &old))
		return true;
	uint8_t b = header[old.b];
	uint64_t buckets = hb_load_u64(header + old.buckets), before = hb_load_u64(header + old.oldbuckets);
	if (b > MAX_BUCKETS_LOG2 || !buckets)
		return true;
	part(walk, buckets);
	if (!walk->groups(walk, buckets, UINT64_C(1) << b, false))
		return false;
	if (!before)
		return true;
	part(walk, before);
	/* Half as many, or as many when only overflow buckets were too many (hashGrow: flag sameSizeGrow 8). */
	bool same_size = header[old.b - 1] & 8;
	return walk->groups(walk, before, UINT64_C(1) << (b && !same_size ? b - 1 : b), true);
}

static void walk(struct walk *walk)
{
	const struct hb_map *map = walk->map;
	struct hb_old_map old;
	uint64_t size = map->swiss                                ? map->types->go->layout->map.size
	                : hb_old_map_layout(map->types->go, &old) ? old.size
	                                                          : 0;
	const uint8_t *header = size ? bytes_at(map->heap, map->addr, size) : NULL;
	part(walk, map->addr);
	if (header && map->swiss)
		walk_swiss(walk, header);
	else if (header)
		walk_buckets(walk, header);
}

/* --- Counting ----------------------------------------------------------------------------------------------------- */

static bool count_room(struct walk *walk, uint64_t addr, uint64_t n, bool old)
{
	/* Buckets of before are on their way out. */
	if (!old && bytes_at(walk->map->heap, addr, n * walk->map->group_size))
		walk->room += n * SLOTS;
	return true;
}

static bool read_count(struct hb_map *map)
{
	const struct hb_go_layout *layout = map->types->go->layout;
	struct hb_old_map old;
	const uint8_t *header;
	if (map->swiss) {
		header = layout->map.size == HB_ABSENT ? NULL : bytes_at(map->heap, map->addr, layout->map.size);
		map->count = header ? hb_load_u64(header + layout->map.used) : 0;
	} else {
		header = hb_old_map_layout(map->types->go, &old) ? bytes_at(map->heap, map->addr, old.size) : NULL;
		map->count = header ? hb_load_u64(header + old.count) : 0;
	}
	return header && map->count < UINT64_C(1) << 40;
}

bool hb_map_open(const struct hb_types *types, const struct hb_heap *heap, uint64_t addr, uint32_t type,
                 struct hb_map *ret)
{
	*ret = (struct hb_map){.types = types, .heap = heap, .addr = addr};
	if (!type || type >= types->n || types->list[type].kind != HB_KIND_MAP || !types->list[type].group)
		return false;
	ret->type = &types->list[type];
	ret->swiss = hb_map_is_swiss(types, type);
	if (!find_places(ret) || !read_count(ret))
		return false;
	struct walk room = {.map = ret, .groups = count_room};
	walk(&room);
	ret->room = room.room;
	/* Overflow buckets are not counted: twice the room is more than they ever have (loadFactorNum 13 of 16). */
	return ret->count <= ret->room * 2;
}

/* --- Entries ------------------------------------------------------------------------------------------------------ */

static bool visit_slots(struct walk *walk, const uint8_t *group, const uint8_t *control, uint8_t full_from,
                        uint8_t full_to)
{
	const struct hb_map *map = walk->map;
	for (unsigned i = 0; i < SLOTS; i++)
		if (control[i] >= full_from && control[i] <= full_to &&
		    !walk->visit(walk->ctx, group + map->key_at + i * map->key_stride,
		                 group + map->elem_at + i * map->elem_stride))
			return false;
	return true;
}

/* internal/runtime/maps/group.go: the control byte of a full slot is below 128. runtime/map.go: its tophash is
 * minTopHash (5) or more; 2 to 4 in the first one say that the bucket was moved. */
static bool visit_group(struct walk *walk, const uint8_t *group, bool old)
{
	if (walk->map->swiss)
		return visit_slots(walk, group, group, 0, 127);
	return (old && group[0] >= 2 && group[0] <= 4) || visit_slots(walk, group, group, 5, 255);
}

/* A bucket and its overflow, whose address is its last word. */
static bool visit_chain(struct walk *walk, uint64_t addr, bool old)
{
	uint64_t size = walk->map->group_size, mark = 0, until_mark = 1;
	for (uint64_t n = 1; addr; n++) {
		const uint8_t *bucket = captured_at(walk->map->heap, addr, size);
		if (!bucket || addr == mark)
			return true; /* torn chains may loop */
		if (n == until_mark) {
			mark = addr;
			until_mark *= 2;
		}
		if (walk->part && n > 1)
			part(walk, addr);
		if (walk->visit && !visit_group(walk, bucket, old))
			return false;
		addr = hb_load_u64(bucket + size - 8);
	}
	return true;
}

static bool each_group(struct walk *walk, uint64_t addr, uint64_t n, bool old)
{
	uint64_t size = walk->map->group_size, bytes;
	if (hb_mul_overflows(n, size, &bytes) || !captured_at(walk->map->heap, addr, bytes))
		return true;
	for (uint64_t i = 0; i < n; i++) {
		if (!walk->map->swiss) {
			if (!visit_chain(walk, addr + i * size, old))
				return false;
			continue;
		}
		const uint8_t *group = captured_at(walk->map->heap, addr + i * size, size);
		if (walk->visit && group && !visit_group(walk, group, old))
			return false;
	}
	return true;
}

void hb_map_each(const struct hb_map *map, bool (*visit)(void *ctx, const uint8_t *key, const uint8_t *elem), void *ctx)
{
	walk(&(struct walk){.map = map, .groups = each_group, .visit = visit, .ctx = ctx});
}

void hb_map_each_part(const struct hb_map *map, void (*visit)(void *ctx, uint32_t slot), void *ctx)
{
	walk(&(struct walk){.map = map, .groups = each_group, .part = visit, .ctx = ctx});
}

/* --- Wear ----------------------------------------------------------------------------------------------------------- */

static bool no_groups(struct walk *walk, uint64_t addr, uint64_t n, bool old)
{
	return true;
}

void hb_map_each_table(const struct hb_map *map, void (*visit)(void *ctx, const struct hb_map_table *table), void *ctx)
{
	if (map->swiss)
		walk(&(struct walk){.map = map, .groups = no_groups, .table = visit, .ctx = ctx});
}

/* runtime/map.go, 1.18-1.23, and map_noswiss.go, 1.24-1.25: flags, B uint8, noverflow uint16. From 1 << 16 buckets on
 * incrnoverflow counts only one in 1 << (B - 15). */
bool hb_map_overflows(const struct hb_map *map, uint64_t *buckets, uint64_t *ret)
{
	struct hb_old_map old;
	const uint8_t *header;
	if (map->swiss || !hb_old_map_layout(map->types->go, &old) ||
	    !(header = bytes_at(map->heap, map->addr, old.size)) || header[old.b] > MAX_BUCKETS_LOG2 ||
	    hb_load_u64(header + old.oldbuckets))
		return false;
	uint8_t b = header[old.b];
	*buckets = UINT64_C(1) << b;
	*ret = (uint64_t)hb_load_u16(header + old.b + 1) << (b < 16 ? 0 : b - 15);
	return true;
}
