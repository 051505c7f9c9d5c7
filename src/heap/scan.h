/* From a pointer to the object it points into, as fast as it goes: what the searches (search.c, mark.c) share.
 *
 * The inner loops resolve one pointer every few nanoseconds and never look at spans: a page entry of 16 bytes, made
 * from the heap's tables once, has all they need in one load. It costs 0.2 % of the heap's size.
 *
 * Local words: objects are named by the offset of their first byte in heap->memory, in words of 8 bytes.
 */
#pragma once
#include "heap/pointers.h"

struct hb_scan_page {
	uint32_t first_slot;
	uint32_t div_mul; /* 0: one slot */
	uint32_t where;   /* page index inside the span << 3 | kind; kind HB_SPAN_NONE: no object here */
	uint16_t nelems;  /* of the span */
	uint16_t nwords;  /* of a slot; 0: the only slot of its span and larger than this field */
};

struct hb_scan {
	const struct hb_heap *heap;
	uint64_t low, arena_span; /* copies of the heap's */
	const uint32_t *arena_map;
	const uint8_t *memory;
	struct hb_scan_page *pages; /* hb_heap_npages() of them */
	uint8_t *bitmaps;           /* HB_SMALL_BITMAP bytes a heap page; filled for HB_SPAN_BITS */
	uint64_t bytes;             /* of both, as far as they are in use */
};

/* Checks everything that the searches rely on, so that no content of the target's memory can lead them out of bounds;
 * HB_ERR_CORRUPT when the heap's tables contradict each other. */
struct hb_error *hb_scan_init(struct hb_scan *scan, const struct hb_heap *heap) HB_MUST_CHECK;
void hb_scan_deinit(struct hb_scan *scan);

struct hb_target_slot {
	uint32_t slot;
	uint32_t kind; /* enum hb_span_kind; HB_SPAN_NONE: the value points to no slot */
	uint64_t word; /* the slot's first local word */
};

static inline struct hb_target_slot hb_scan_find(const struct hb_scan *scan, uint64_t value)
{
	const struct hb_target_slot nothing = {0};
	uint64_t offset = value - scan->low, arena = offset >> HB_ARENA_SHIFT;
	if (arena >= scan->arena_span)
		return nothing;
	uint32_t dense = scan->arena_map[arena];
	if (!dense)
		return nothing;
	uint64_t page = (uint64_t)(dense - 1) << (HB_ARENA_SHIFT - HB_HEAP_PAGE_SHIFT) |
	                (offset >> HB_HEAP_PAGE_SHIFT & ((1u << (HB_ARENA_SHIFT - HB_HEAP_PAGE_SHIFT)) - 1));
	const struct hb_scan_page *entry = &scan->pages[page];
	uint64_t page_in_span = entry->where >> 3;
	uint64_t in_span = page_in_span << HB_HEAP_PAGE_SHIFT | (offset & ((1u << HB_HEAP_PAGE_SHIFT) - 1));
	/* The only slot of a span gets index 0: its div_mul is 0. Past the last slot there is nothing; nelems is 0 on
	 * pages outside spans. */
	uint32_t index = (uint32_t)(in_span * entry->div_mul >> 32);
	if (index >= entry->nelems)
		return nothing;
	return (struct hb_target_slot){
	        .slot = entry->first_slot + index,
	        .kind = entry->where & 7,
	        .word = ((page - page_in_span) << (HB_HEAP_PAGE_SHIFT - 3)) + (uint64_t)index * entry->nwords,
	};
}

static inline const struct hb_scan_page *hb_scan_page_of_word(const struct hb_scan *scan, uint64_t word)
{
	return &scan->pages[word >> (HB_HEAP_PAGE_SHIFT - 3)];
}

static inline const uint8_t *hb_scan_bitmap(const struct hb_scan *scan, uint64_t word)
{
	return scan->bitmaps + (word >> (HB_HEAP_PAGE_SHIFT - 3)) * HB_SMALL_BITMAP;
}

/* Which words of a small object (HB_SPAN_BITS: at most 64 words) are pointers. */
static inline uint64_t hb_scan_window(const struct hb_scan *scan, uint64_t word, uint64_t nwords)
{
	uint64_t first = word & ((1u << (HB_HEAP_PAGE_SHIFT - 3)) - 1), shift = first & 63;
	const uint8_t *bitmap = hb_scan_bitmap(scan, word) + first / 64 * 8;
	uint64_t bits = hb_load_u64(bitmap) >> shift;
	if (shift + nwords > 64)
		bits |= hb_load_u64(bitmap + 8) << (64 - shift);
	return nwords < 64 ? bits & ((1ull << nwords) - 1) : bits;
}

/* Starts reading what the visit of an object will need of it. */
static inline void hb_scan_prefetch(const struct hb_scan *scan, uint64_t word)
{
	__builtin_prefetch(scan->memory + word * 8);
	__builtin_prefetch(scan->bitmaps + word / 8); /* a bit a word: right there, whatever the kind */
}
