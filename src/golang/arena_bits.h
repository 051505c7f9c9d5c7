/* Pointer bitmaps that heapArena keeps (up to 1.21): for every word of the arena, whether the collector scans it.
 *
 * runtime/mbitmap.go, runtime/mheap.go heapArena. 1.18-1.19: four words a byte, pointer bits in the low and "scan" bits in
 * the high nibble; an object ends, as far as the collector is concerned, at its first word without the scan bit. 1.20-1.21:
 * a bit a word; where an object goes on in the next 64 words, noMorePtrs may say that no pointer follows. What stands behind
 * such an end is left over from other objects. From 1.22 on bitmaps are in the spans, and heapArena has none.
 */
#pragma once
#include "golang/locate.h"
#include "heap/heap.h"

static inline bool hb_go_has_arena_bits(const struct hb_go_layout *layout)
{
	return layout->heap_arena.bitmap != HB_ABSENT;
}

/* Where the address of an arena's heapArena stands, below mheap.arenas[0]: runtime/malloc.go arenaIndex on linux/amd64,
 * with one level of tables (arenaL1Bits 0), arenaBaseOffset 0xffff800000000000 and arenas of 64 MB; 1.18-1.27. */
static inline uint64_t hb_go_heap_arena_entry(uint64_t table, uint64_t arena)
{
	return table + ((arena - UINT64_C(0xffff800000000000)) >> HB_ARENA_SHIFT) * 8;
}

/* Address of the heapArena of the arena at `arena`; 0 when it cannot be read. */
uint64_t hb_go_heap_arena(const struct hb_go_memory *memory, const struct hb_go_layout *layout, uint64_t mheap,
                          uint64_t arena);

/* What of a heapArena describes npages heap pages (8 KB) of its arena, from page `first` on; len 0: nothing. */
struct hb_arena_bits_ranges {
	uint64_t bits, bits_len; /* the bitmap */
	uint64_t ends, ends_len; /* noMorePtrs */
};
struct hb_arena_bits_ranges hb_go_arena_bits_of(const struct hb_go_layout *layout, uint64_t heap_arena, uint64_t first,
                                                uint64_t npages);

/* For the filler: makes heap->arena_bits from them. Spans and allocated slots must be known. */
struct hb_error *hb_go_arena_bits_read(const struct hb_go *go, struct hb_heap *heap) HB_MUST_CHECK;
