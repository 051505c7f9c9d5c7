/* H104: maps that keep the room of entries they no longer have. docs/detectors/H104.md.
 *
 *   likely    a hundredth or less of a megabyte or more of room is used, and the map was much fuller once
 *   estimate  an eighth or less is used, and it was much fuller once: perhaps it will be full again
 *
 * A map that was made for many entries and is being filled has the same room and as few entries. What tells them apart is wear
 * that only a fuller map has: at a load of one entry in eight slots, groups and buckets are full by chance about once in 100,000.
 *   swiss maps  tombstones, which deleting leaves in groups without an empty slot; tables of different depth, which come from
 *               splitting full ones
 *   buckets     overflow buckets, which are hung behind full ones
 * Without any of them nothing is said.
 */
#include "base/order.h"
#include "base/progress.h"
#include "golang/maps.h"
#include "leak/detectors.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <stdio.h>

enum {
	PART = 8,
	TINY_PART = 100,
	LEAST_BYTES = 1000000,  /* that a new map would free, for a finding */
	LEAST_OF_HEAP = 200,    /* and this part of the live heap; ten times both for an estimate */
	LEAST_MAP_BYTES = 8192, /* smaller maps are not looked at */
	TINY_MAP = 65536,       /* smaller ones are no reason to accuse anybody */
	MAX_FINDINGS = 20,
};

struct slack {
	uint32_t slot, type, root;
	uint32_t part;        /* slot of its largest array */
	uint64_t count, room; /* entries, slots */
	uint64_t bytes, freed;
	bool tiny;
};

struct slacks {
	HB_VEC(struct slack) list; /* by verdict, holder, type */
	uint64_t *counted;         /* bit a slot: part of a map that was summed up */
};

/* --- Which maps --------------------------------------------------------------------------------------------------- */

struct wear {
	uint64_t tables, capacity, tombstones;
	uint8_t least_depth, most_depth;
};

/* internal/runtime/maps/table.go maxGrowthLeft: seven eighths may be used, or have been; 1.24-1.27. */
static void add_wear(void *ctx, const struct hb_map_table *table)
{
	struct wear *wear = ctx;
	uint32_t may = table->capacity / 8u * 7u, taken = (uint32_t)table->used + table->growth_left;
	wear->tombstones += table->capacity > 8 && may > taken ? may - taken : 0;
	wear->capacity += table->capacity;
	wear->least_depth = wear->tables ? hb_min(wear->least_depth, table->local_depth) : table->local_depth;
	wear->most_depth = hb_max(wear->most_depth, table->local_depth);
	wear->tables++;
}

static bool was_much_fuller(const struct hb_map *map)
{
	uint64_t buckets, overflows;
	struct wear wear = {0};
	if (map->swiss) {
		hb_map_each_table(map, add_wear, &wear);
		return wear.tombstones >= 64 + wear.capacity / 2000 ||
		       (wear.tables && wear.least_depth != wear.most_depth);
	}
	return hb_map_overflows(map, &buckets, &overflows) && overflows >= 8 + buckets / 4096;
}

struct sum {
	const struct hb_heap *heap;
	uint64_t *counted;
	uint64_t bytes, most;
	uint32_t largest; /* slot */
};

/* Overflow buckets may be in one array with the others. */
static void add_part(void *ctx, uint32_t slot)
{
	struct sum *sum = ctx;
	uint64_t size = sum->heap->spans[hb_heap_span_of_slot(sum->heap, slot)].elem_size;
	if (hb_slot_is_set(sum->counted, slot))
		return;
	hb_slot_set(sum->counted, slot);
	sum->bytes += size;
	if (size > sum->most) {
		sum->most = size;
		sum->largest = slot;
	}
}

/* What a map made for as many entries takes: slots a power of two, seven eighths of which (6.5 of 8 in buckets) may be used. */
static uint64_t bytes_of_new(const struct hb_map *map)
{
	uint64_t groups = 1, bytes;
	while (groups < UINT64_C(1) << 40 && (map->swiss ? groups * 7 : groups * 13 / 2) < map->count)
		groups *= 2;
	return hb_mul_overflows(groups, map->group_size, &bytes) ? UINT64_MAX : bytes;
}

static struct hb_error *look_at(const struct hb_analysis *analysis, const struct hb_span *span, uint32_t slot,
                                struct slacks *ret)
{
	struct hb_map map;
	struct slack slack = {.slot = slot, .type = hb_typing_map_of(analysis->typing, slot)};
	if (!slack.type ||
	    !hb_map_open(analysis->types, analysis->heap, hb_heap_slot_addr(span, slot), slack.type, &map) ||
	    map.count > map.room / PART || map.room / 8 * map.group_size < LEAST_MAP_BYTES || !was_much_fuller(&map))
		return NULL;
	struct sum sum = {.heap = analysis->heap, .counted = ret->counted};
	hb_map_each_part(&map, add_part, &sum);
	uint64_t rebuilt = bytes_of_new(&map);
	if (sum.bytes <= rebuilt)
		return NULL;
	slack.count = map.count;
	slack.room = map.room;
	slack.bytes = sum.bytes;
	slack.freed = sum.bytes - rebuilt;
	slack.part = sum.largest;
	slack.tiny = sum.bytes >= TINY_MAP && map.count <= map.room / TINY_PART;
	slack.root = hb_trail_root(analysis, slot);
	if (slack.root != HB_ROOT_NONE && analysis->roots.nodes.data[slack.root].kind != HB_ROOT_RUNTIME)
		HB_VEC_PUSH(&ret->list, slack);
	return NULL;
}

/* Headers of maps are small and hold pointers. */
static struct hb_error *collect(const struct hb_analysis *analysis, struct slacks *ret)
{
	const struct hb_heap *heap = analysis->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind != HB_SPAN_BITS)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (analysis->graph->number[slot])
				TRY(look_at(analysis, span, slot, ret));
		if ((i & 255) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static struct slack sum_up(const struct slack *slacks, size_t n)
{
	struct slack sum = slacks[0];
	for (size_t i = 1; i < n; i++) {
		sum.count += slacks[i].count;
		sum.room += slacks[i].room;
		sum.bytes += slacks[i].bytes;
		sum.freed += slacks[i].freed;
		if (slacks[i].freed > slacks[0].freed)
			sum.slot = slacks[i].slot;
	}
	return sum;
}

/* Who made the map so large: who allocated its largest array. */
static struct hb_error *write_sites(const struct hb_analysis *analysis, const struct slack *slacks, size_t n,
                                    struct hb_finding *finding)
{
	hb_autofree uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++)
		slots[i] = slacks[i].part;
	qsort(slots, n, sizeof(*slots), hb_compare_u32);
	return hb_finding_sites(analysis, slots, NULL, n, finding);
}

static struct hb_error *write_title(const struct slack *sum, size_t n, struct hb_finding *finding)
{
	char entries[32], room[32], maps[32];
	if (sum->count)
		hb_format_count(sum->count, entries, sizeof(entries));
	else
		snprintf(entries, sizeof(entries), "no");
	hb_format_count(sum->room, room, sizeof(room));
	hb_format_count(n, maps, sizeof(maps));
	if (n == 1)
		return hb_finding_title(
		        finding,
		        sum->tiny ? hb_say("a map of %s entries keeps the room of %s", entries, room)
		                  : hb_say("will a map of %s entries need its room for %s again?", entries, room));
	return hb_finding_title(
	        finding, sum->tiny ? hb_say("%s maps with %s entries in all keep the room of %s", maps, entries, room)
	                           : hb_say("will %s maps with %s entries in all need their room for %s again?", maps,
	                                    entries, room));
}

static struct hb_error *describe(const struct hb_analysis *analysis, const struct slack *slacks, size_t n,
                                 struct hb_finding *finding)
{
	struct slack sum = sum_up(slacks, n);
	char bytes[32], rebuilt[32];
	hb_format_bytes(sum.bytes, bytes, sizeof(bytes));
	hb_format_bytes(sum.bytes - sum.freed, rebuilt, sizeof(rebuilt));
	finding->rule = "H104";
	finding->verdict = sum.tiny ? HB_LIKELY : HB_ESTIMATE;
	finding->count = n;
	finding->bytes = sum.freed;
	TRY(write_title(&sum, n, finding));
	TRY(hb_finding_holder(analysis, sum.root, finding));
	TRY(hb_trail_object(analysis, sum.slot, finding));
	TRY(write_sites(analysis, slacks, n, finding));
	TRY(hb_finding_because(finding, hb_say("%s made for as many entries would take %s instead of %s",
	                                       n == 1 ? "a new map" : "new maps", rebuilt, bytes)));
	TRY(hb_finding_because(
	        finding, hb_say("%s once: %s", n == 1 ? "it was much fuller" : "each was much fuller",
	                        hb_map_is_swiss(analysis->types, sum.type)
	                                ? "deleting left marks in groups that were full, or full tables were split"
	                                : "it has overflow buckets, which are added behind full ones")));
	return hb_finding_help(finding,
	                       "copy the entries to a new map when most of them are gone; delete and clear never "
	                       "give room back");
}

/* --- Findings ----------------------------------------------------------------------------------------------------- */

static int same_group(const struct slack *a, const struct slack *b)
{
	if (a->tiny != b->tiny)
		return a->tiny ? -1 : 1;
	if (a->root != b->root)
		return a->root < b->root ? -1 : 1;
	return a->type < b->type ? -1 : a->type > b->type;
}

static int by_group(const void *a, const void *b)
{
	const struct slack *x = a, *y = b;
	int order = same_group(x, y);
	return order ? order : x->slot < y->slot ? -1 : x->slot > y->slot;
}

static bool is_substantial(const struct hb_analysis *analysis, const struct slack *slacks, size_t n)
{
	uint64_t freed = 0, factor = slacks[0].tiny ? 1 : 10;
	for (size_t i = 0; i < n; i++)
		freed += slacks[i].freed;
	return freed >= LEAST_BYTES * factor && freed >= analysis->graph->reached_bytes / LEAST_OF_HEAP * factor;
}

static struct hb_error *report(const struct hb_analysis *analysis, struct slacks *slacks, struct hb_findings *findings)
{
	size_t made = 0;
	if (slacks->list.len)
		qsort(slacks->list.data, slacks->list.len, sizeof(*slacks->list.data), by_group);
	for (size_t i = 0, next; i < slacks->list.len && made < MAX_FINDINGS; i = next) {
		for (next = i + 1; next < slacks->list.len; next++)
			if (same_group(&slacks->list.data[i], &slacks->list.data[next]) != 0)
				break;
		if (!is_substantial(analysis, &slacks->list.data[i], next - i))
			continue;
		struct hb_finding finding = {0};
		TRY(hb_findings_add(findings, &finding, describe(analysis, &slacks->list.data[i], next - i, &finding)));
		made++;
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct slacks slacks = {0};
	slacks.counted = hb_pages_map(hb_heap_bitmap_bytes(analysis->heap));
	struct hb_error *err = slacks.counted ? collect(analysis, &slacks) : hb_error_nomem();
	if (!err)
		err = report(analysis, &slacks, findings);
	hb_pages_unmap(slacks.counted, hb_heap_bitmap_bytes(analysis->heap));
	hb_vec_deinit(&slacks.list);
	return err;
}

const struct hb_detector hb_detector_map_slack = {
        .rule = "H104",
        .name = "a map keeps the room of entries it no longer has",
        .run = run,
};
