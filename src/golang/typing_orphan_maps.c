/* Maps of which nothing says the type: recognised by their header, typed by their groups when those leave no choice.
 *
 * Typical are maps that an init function fills and only generated code reads.
 */
#include "golang/typing_internal.h"

enum { ONE_GROUP_SLOTS = 8, MAX_CHECKED_GROUPS = 4, MAX_CHECKED_STEPS = 64, NO_DIRECTORY_SHIFT = 64 };

struct headers {                 /* of the program's maps */
	uint64_t size, pointers; /* a bit a word */
	bool swiss;
	struct hb_old_map old; /* when they are not swiss */
};
struct contents { /* of a map */
	uint64_t addr;
	uint64_t ngroups; /* 0: buckets, of which the size says how many they are */
	uint8_t b;
};

/* internal/runtime/maps/map.go, 1.24-1.27: used, seed, dirPtr, dirLen, globalDepth, globalShift. With a directory, its
 * length is 1 << globalDepth and globalShift is 64 − globalDepth; a map of one group has neither. */
static bool looks_like_map(const struct hb_typer *typer, const uint8_t *header)
{
	const struct hb_go_layout *layout = typer->go->layout;
	uint64_t used = hb_load_u64(header + layout->map.used), len = hb_load_u64(header + layout->map.dir_len);
	uint8_t depth = header[layout->map.global_depth], shift = header[layout->map.global_shift];
	if (used >> 40 || depth > 40)
		return false;
	if (!len)
		return !depth && (shift == NO_DIRECTORY_SHIFT || !shift) && used <= ONE_GROUP_SLOTS;
	return len == 1ull << depth && shift == NO_DIRECTORY_SHIFT - depth;
}

/* runtime/map.go, 1.18-1.25: without buckets there is nothing in the map; evacuation goes up to half of the buckets, or
 * to all when their number stayed. */
static bool looks_like_old_map(const struct hb_old_map *old, const uint8_t *header)
{
	uint64_t count = hb_load_u64(header + old->count), evacuated = hb_load_u64(header + old->nevacuate);
	uint8_t b = header[old->b];
	if (count >> 40 || b > 40 || evacuated > 1ull << b)
		return false;
	return hb_load_u64(header + old->buckets) || (!count && !hb_load_u64(header + old->oldbuckets));
}

static const uint8_t *bytes_at(const struct hb_typer *typer, uint64_t addr, uint64_t size)
{
	struct hb_target_slot found = hb_scan_find(&typer->scan, addr);
	struct hb_claim claim = {.word = found.word};
	uint64_t at;
	if (!found.kind || !hb_heap_page(typer->heap, addr, &at) ||
	    at - found.word * 8 + size > hb_typer_slot_size(typer, &claim))
		return NULL;
	return typer->heap->memory + at;
}

static bool find_groups(const struct hb_typer *typer, const uint8_t *header, struct contents *ret)
{
	const struct hb_go_layout *layout = typer->go->layout;
	uint64_t pointer = hb_load_u64(header + layout->map.dir_ptr);
	*ret = (struct contents){pointer, 1, 0};
	if (!hb_load_u64(header + layout->map.dir_len))
		return pointer;
	const uint8_t *directory = bytes_at(typer, pointer, 8);
	const uint8_t *table = directory ? bytes_at(typer, hb_load_u64(directory), layout->map_table.size) : NULL;
	if (!table)
		return false;
	const uint8_t *groups = table + layout->map_table.groups;
	ret->addr = hb_load_u64(groups + layout->map_groups.data);
	ret->ngroups = hb_load_u64(groups + layout->map_groups.length_mask) + 1;
	return ret->addr && ret->ngroups && ret->ngroups < UINT32_MAX;
}

static bool contents_agree(struct hb_typer *typer, uint64_t addr, uint64_t n, uint32_t group)
{
	struct hb_shape shape = *hb_typer_shape(typer, group);
	for (uint64_t k = 0; k < n && k < MAX_CHECKED_GROUPS; k++) {
		const uint8_t *bytes = bytes_at(typer, addr + k * shape.size, shape.size);
		if (bytes && !hb_typer_value_agrees(typer, bytes, group, MAX_CHECKED_STEPS))
			return false;
	}
	return true;
}

static bool may_hold(struct hb_typer *typer, const struct contents *contents, uint32_t group)
{
	uint64_t n = contents->ngroups;
	if (!n)
		n = hb_typer_count_buckets(typer, contents->addr, typer->types->list[group].size, contents->b);
	return n && hb_typer_is_all(typer, contents->addr, group, n) && contents_agree(typer, contents->addr, n, group);
}

static bool is_generic_shape(struct hb_typer *typer, uint32_t map)
{
	return hb_typer_shape(typer, typer->types->list[map].group)->generic_shape;
}

/* The only map type whose groups fit; 0 when there is none or several. Of types with the same groups (map[K]V and types
 * defined as it) the first one stands for all. One of go.shape types counts only when no other fits: maps are made with
 * the types that the dictionary of a generic function has. */
static uint32_t only_map(struct hb_typer *typer, const struct contents *contents)
{
	uint32_t found[2] = {0};
	for (size_t i = 0; i < typer->map_types.len; i++) {
		uint32_t map = typer->map_types.data[i], group = typer->types->list[map].group;
		bool shape = is_generic_shape(typer, map);
		if (found[shape] == UINT32_MAX || (found[shape] && typer->types->list[found[shape]].group == group) ||
		    !may_hold(typer, contents, group))
			continue;
		if (found[shape] && !shape)
			return 0;
		found[shape] = found[shape] ? UINT32_MAX : map;
	}
	return found[0] ? found[0] : found[1] != UINT32_MAX ? found[1] : 0;
}

/* Unnamed map types first. */
static bool list_map_types(struct hb_typer *typer)
{
	for (int named = 0; named < 2; named++)
		for (uint32_t id = 1; id < typer->types->n; id++) {
			const struct hb_type *type = &typer->types->list[id];
			bool is_named = type->tflag & 4; /* abi.TFlagNamed */
			if (type->kind == HB_KIND_MAP && is_named == named && !hb_vec_push(&typer->map_types, id))
				return false;
		}
	return true;
}

/* What a header like that of a map leads to; false when it is none. */
static bool read_header(const struct hb_typer *typer, const struct headers *headers, const uint8_t *header,
                        uint64_t pointers, struct contents *ret)
{
	if (pointers != headers->pointers)
		return false;
	if (headers->swiss) {
		if (!looks_like_map(typer, header))
			return false;
		if (!find_groups(typer, header, ret))
			*ret = (struct contents){0};
		return true;
	}
	if (!looks_like_old_map(&headers->old, header))
		return false;
	*ret = (struct contents){hb_load_u64(header + headers->old.buckets), 0, header[headers->old.b]};
	return true;
}

static bool infer_map(struct hb_typer *typer, const struct headers *headers, const struct hb_span *span, uint32_t slot,
                      uint64_t at)
{
	struct contents contents;
	uint64_t pointers = hb_small_window(typer->heap, at, span->elem_size / 8);
	if (!read_header(typer, headers, typer->heap->memory + at, pointers, &contents))
		return false;
	uint32_t map = contents.addr ? only_map(typer, &contents) : 0;
	if (!map) {
		hb_typer_set_weakly(typer, slot, typer->known.map, HB_CLAIM_LAYOUT);
		return false;
	}
	typer->source = HB_CLAIM_LAYOUT;
	hb_typer_claim(typer, hb_heap_slot_addr(span, slot), hb_typer_pseudo(typer, HB_ROLE_MAP, map), 1, false);
	typer->source = HB_CLAIM_FIELD;
	return true;
}

/* All maps of a program are of one kind. */
static bool find_headers(const struct hb_typer *typer, struct headers *ret)
{
	const struct hb_go_layout *layout = typer->go->layout;
	*ret = (struct headers){0};
	if (!typer->map_types.len)
		return false;
	ret->swiss = hb_map_is_swiss(typer->types, typer->map_types.data[0]);
	if (ret->swiss) {
		ret->size = layout->map.size;
		ret->pointers = 1ull << layout->map.dir_ptr / 8;
		return layout->map.size != HB_ABSENT;
	}
	if (!hb_old_map_layout(typer->go, &ret->old))
		return false;
	ret->size = ret->old.size;
	ret->pointers = 1ull << ret->old.buckets / 8 | 1ull << ret->old.oldbuckets / 8 | 1ull << ret->old.extra / 8;
	return true;
}

struct hb_error *hb_typer_infer_maps(struct hb_typer *typer, uint64_t *ret)
{
	struct headers headers;
	*ret = 0;
	if (!typer->map_types.len && !list_map_types(typer))
		return hb_error_nomem();
	if (!find_headers(typer, &headers))
		return NULL;
	for (uint32_t i = 0; i < typer->heap->nspans; i++) {
		const struct hb_span *span = &typer->heap->spans[i];
		uint64_t at;
		if (span->kind != HB_SPAN_BITS || !hb_typer_is_class_of(typer, headers.size, span->elem_size) ||
		    !hb_heap_page(typer->heap, span->base, &at))
			continue;
		for (uint32_t k = 0; k < span->nelems; k++) {
			uint32_t slot = span->first_slot + k;
			if (hb_heap_allocated(typer->heap, slot) && !hb_typer_type(typer, slot))
				*ret += infer_map(typer, &headers, span, slot, at + k * span->elem_size);
		}
		TRY(hb_typer_drain(typer));
	}
	return NULL;
}
