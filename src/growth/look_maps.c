/* Maps of a running process: the header says how many entries there are, and the entries whose hash begins with the same
 * bits are the sample. Nothing is hashed here: where the map keeps them says which those are. */
#include "growth/look.h"

enum {
	SLOTS = 8,
	MAX_DEPTH = 40,
	MAX_GROUPS = 128, /* of a table: internal/runtime/maps/table.go maxTableCapacity 1024, 1.24-1.27 */
	MAX_TABLES = 16,  /* of a sample: it was one when it was chosen */
	MAX_ALL_TABLES = 256,
	SAMPLE_BUCKETS = 64, /* runtime/map.go, up to 1.23: of a sample when it is chosen */
	MAX_DOUBLINGS = 4,   /* of the buckets since then */
	MAX_CHAIN = 8,       /* overflow buckets behind one bucket */
};

struct reading {
	struct hb_peek *peek;
	const struct hb_map *map;
	const struct hb_go_layout *layout;
	struct hb_elements *elements;
	uint8_t *groups; /* of the run that was read last: peek->room */
};

static bool take_slot(struct reading *reading, const uint8_t *group, unsigned i)
{
	const struct hb_map *map = reading->map;
	const uint8_t *key = group + map->key_at + (uint64_t)i * map->key_stride;
	uint8_t both[64];
	if (!reading->elements->with_value)
		return hb_elements_add(reading->elements, key);
	if (map->key_size + 8 != reading->elements->size || reading->elements->size > sizeof(both))
		return false;
	memcpy(both, key, map->key_size);
	memcpy(both + map->key_size, group + map->elem_at + (uint64_t)i * map->elem_stride, 8);
	return hb_elements_add(reading->elements, both);
}

/* Keys of the slots whose control byte is in a range. */
static bool take_slots(struct reading *reading, const uint8_t *group, uint8_t full_from, uint8_t full_to)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (group[i] >= full_from && group[i] <= full_to && !take_slot(reading, group, i))
			return false;
	return true;
}

static bool read_run(struct reading *reading, uint64_t addr, uint64_t n)
{
	uint64_t bytes;
	return !hb_mul_overflows(n, reading->map->group_size, &bytes) && bytes <= HB_PEEK_MAX_READ &&
	       hb_peek_read(reading->peek, addr, bytes, reading->groups);
}

/* --- Swiss maps: internal/runtime/maps, 1.24-1.27 ------------------------------------------------------------------- */

struct swiss {
	uint64_t used, seed, pointer, tables;
	uint8_t depth;
};

static bool read_swiss_header(struct hb_peek *peek, const struct hb_go_layout *layout, uint64_t addr, struct swiss *ret)
{
	uint8_t header[128];
	if (layout->map.size == HB_ABSENT || layout->map.size > sizeof(header) ||
	    !hb_peek_read(peek, addr, layout->map.size, header))
		return false;
	uint8_t shift = header[layout->map.global_shift];
	*ret = (struct swiss){
	        .used = hb_load_u64(header + layout->map.used),
	        .seed = hb_load_u64(header + layout->map.used + 8), /* map.go: used, seed, dirPtr */
	        .pointer = hb_load_u64(header + layout->map.dir_ptr),
	        .tables = hb_load_u64(header + layout->map.dir_len),
	        .depth = header[layout->map.global_depth],
	};
	if (!ret->tables)
		return ret->used <= SLOTS && !ret->depth;
	return ret->depth <= MAX_DEPTH && ret->tables == UINT64_C(1) << ret->depth && shift == 64 - ret->depth &&
	       ret->used >> 40 == 0;
}

struct table {
	uint64_t addr, groups, ngroups;
	uint16_t capacity;
	uint8_t depth;
};

static bool read_table(struct reading *reading, uint64_t addr, uint8_t global_depth, struct table *ret)
{
	const struct hb_go_layout *layout = reading->layout;
	uint8_t bytes[128];
	if (layout->map_table.size > sizeof(bytes) || !hb_peek_read(reading->peek, addr, layout->map_table.size, bytes))
		return false;
	*ret = (struct table){
	        .addr = addr,
	        .groups = hb_load_u64(bytes + layout->map_table.groups + layout->map_groups.data),
	        .ngroups = hb_load_u64(bytes + layout->map_table.groups + layout->map_groups.length_mask) + 1,
	        .capacity = hb_load_u16(bytes + layout->map_table.capacity),
	        .depth = bytes[layout->map_table.local_depth],
	};
	return ret->ngroups && ret->ngroups <= MAX_GROUPS && ret->capacity == ret->ngroups * SLOTS &&
	       hb_load_u16(bytes + layout->map_table.used) <= ret->capacity && ret->depth <= global_depth;
}

static bool table_at(struct reading *reading, const struct swiss *header, uint64_t index, struct table *ret)
{
	uint64_t addr;
	return hb_peek_u64(reading->peek, header->pointer + index * 8, &addr) &&
	       read_table(reading, addr, header->depth, ret);
}

static bool take_groups(struct reading *reading, uint64_t addr, uint64_t n)
{
	if (!read_run(reading, addr, n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (!take_slots(reading, reading->groups + i * reading->map->group_size, 0, 127))
			return false;
	return true;
}

/* One table in the middle of the directory; it may stand for several entries of it that follow each other. */
static bool choose_swiss(struct reading *reading, const struct swiss *header, struct hb_sample_place *place)
{
	struct table table = {0};
	if (header->tables) {
		uint64_t index = header->tables / 2;
		if (!table_at(reading, header, index, &table))
			return false;
		place->prefix = index >> (header->depth - table.depth);
	}
	place->depth = place->whole ? 0 : table.depth;
	place->prefix = place->whole ? 0 : place->prefix;
	place->seed = header->seed;
	place->chosen = true;
	return true;
}

static bool sample_swiss(struct reading *reading, const struct swiss *header, const struct hb_sample_place *place,
                         struct hb_counted *ret)
{
	/* A map that is emptied gets another seed. */
	if (header->seed != place->seed || (header->depth < place->depth && header->tables)) {
		ret->renewed = true;
		return true;
	}
	if (!header->tables) {
		ret->capacity = header->pointer ? SLOTS : 0;
		return place->depth == 0 && (!header->pointer || take_groups(reading, header->pointer, 1));
	}
	uint64_t n = UINT64_C(1) << (header->depth - place->depth), first = place->prefix * n, last = 0, tables = 0;
	uint64_t capacity = 0;
	for (uint64_t i = 0; i < n;) {
		struct table table;
		if (!table_at(reading, header, first + i, &table) || table.addr == last ||
		    tables++ == (place->whole ? MAX_ALL_TABLES : MAX_TABLES) ||
		    !take_groups(reading, table.groups, table.ngroups))
			return false;
		last = table.addr;
		capacity += table.capacity;
		i += UINT64_C(1) << (header->depth - table.depth);
	}
	ret->capacity = capacity << place->depth;
	return true;
}

static bool look_at_swiss(struct reading *reading, const struct hb_population *population,
                          struct hb_sample_place *place, struct hb_counted *ret)
{
	struct swiss header;
	if (!read_swiss_header(reading->peek, reading->layout, population->addr, &header))
		return false;
	ret->count = header.used;
	ret->known = true;
	if (!reading->elements)
		return true;
	ret->sampled =
	        (place->chosen || choose_swiss(reading, &header, place)) && sample_swiss(reading, &header, place, ret);
	return true;
}

/* --- Buckets: runtime/map.go, up to 1.23; map_noswiss.go, 1.24-1.25 ------------------------------------------------- */

struct buckets {
	uint64_t count, buckets, before;
	uint32_t seed;
	uint8_t b, before_b;
};

static bool read_old_header(struct hb_peek *peek, const struct hb_go *go, uint64_t addr, struct buckets *ret)
{
	struct hb_old_map old;
	uint8_t header[128];
	if (!hb_old_map_layout(go, &old) || old.size > sizeof(header) || !hb_peek_read(peek, addr, old.size, header))
		return false;
	*ret = (struct buckets){
	        .count = hb_load_u64(header + old.count),
	        .buckets = hb_load_u64(header + old.buckets),
	        .before = hb_load_u64(header + old.oldbuckets),
	        .seed = hb_load_u32(header + old.b + 3), /* flags, B uint8, noverflow uint16, hash0 uint32 */
	        .b = header[old.b],
	};
	if (ret->b > MAX_DEPTH)
		return false;
	bool same_size = header[old.b - 1] & 8; /* sameSizeGrow */
	ret->before_b = ret->b && !same_size ? (uint8_t)(ret->b - 1) : ret->b;
	/* Twice the room is more than overflow buckets ever hold. */
	return ret->count <= ((uint64_t)SLOTS << ret->b) * 2;
}

/* A bucket of which the local bytes are there, and its overflow. */
static bool take_chain(struct reading *reading, const uint8_t *bucket, bool old)
{
	uint64_t size = reading->map->group_size;
	hb_autofree uint8_t *copy = NULL;
	for (unsigned n = 0; n < MAX_CHAIN; n++) {
		/* The entries of a bucket that was moved are elsewhere: evacuatedX to evacuatedEmpty. */
		if (old && bucket[0] >= 2 && bucket[0] <= 4)
			return true;
		if (!take_slots(reading, bucket, 5, 255)) /* minTopHash */
			return false;
		uint64_t next = hb_load_u64(bucket + size - 8);
		if (!next)
			return true;
		if (!copy && !(copy = malloc(size)))
			return false;
		if (!hb_peek_read(reading->peek, next, size, copy))
			return false;
		bucket = copy;
	}
	return false;
}

/* The buckets of the sample in an array of 1 << b: when it has doubled since, they are in as many places. */
static bool take_buckets(struct reading *reading, const struct hb_sample_place *place, uint64_t addr, uint8_t b,
                         bool old)
{
	uint64_t size = reading->map->group_size;
	if (b < place->depth || b - place->depth > MAX_DOUBLINGS)
		return false;
	for (uint64_t k = 0; k < UINT64_C(1) << (b - place->depth); k++) {
		uint64_t first = place->prefix + (k << place->depth);
		if (!read_run(reading, addr + first * size, place->n))
			return false;
		for (uint64_t i = 0; i < place->n; i++)
			if (!take_chain(reading, reading->groups + i * size, old))
				return false;
	}
	return true;
}

static void choose_old(const struct buckets *header, struct hb_sample_place *place)
{
	place->depth = header->before ? hb_min(header->before_b, header->b) : header->b;
	uint64_t all = UINT64_C(1) << place->depth;
	place->n = place->whole ? all : hb_min(all, (uint64_t)SAMPLE_BUCKETS);
	place->prefix = (all - place->n) / 2;
	place->seed = header->seed;
	place->chosen = true;
}

static bool look_at_old(struct reading *reading, const struct hb_population *population, struct hb_sample_place *place,
                        struct hb_counted *ret)
{
	struct buckets header;
	if (!read_old_header(reading->peek, population->map.types->go, population->addr, &header))
		return false;
	ret->count = header.count;
	ret->known = true;
	ret->capacity = header.buckets ? (uint64_t)SLOTS << header.b : 0;
	if (!reading->elements)
		return true;
	if (!place->chosen)
		choose_old(&header, place);
	/* Clearing a map gives it another seed, and so does removing its last entry. */
	ret->renewed = header.seed != place->seed || header.b < place->depth;
	ret->sampled = ret->renewed || !header.buckets ||
	               (take_buckets(reading, place, header.buckets, header.b, false) &&
	                (!header.before || take_buckets(reading, place, header.before, header.before_b, true)));
	return true;
}

bool hb_look_at_map(struct hb_peek *peek, const struct hb_population *population, struct hb_sample_place *place,
                    struct hb_elements *elements, struct hb_counted *ret)
{
	struct reading reading = {
	        .peek = peek,
	        .map = &population->map,
	        .layout = population->map.types->go->layout,
	        .elements = elements,
	        .groups = peek->room,
	};
	*ret = (struct hb_counted){0};
	return population->map.swiss ? look_at_swiss(&reading, population, place, ret)
	                             : look_at_old(&reading, population, place, ret);
}
