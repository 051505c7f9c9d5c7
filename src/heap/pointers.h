/* Which words of one object are pointers, 64 words at a time.
 *
 * A window is 64 consecutive words of an object, starting at a multiple of 64 words from its first word; its bits say
 * which of them the collector scans. Small objects have one window; huge ones are walked window by window, so that a
 * search can stop and go on anywhere.
 */
#pragma once
#include "heap/heap.h"

struct hb_pointers {
	const uint8_t *bytes; /* the object's local bytes */
	uint64_t nwords;      /* its slot's size */
	/* Exactly one of the two is set, or neither: no pointers. */
	const struct hb_type_mask *mask; /* repeats from word `first` to the slot's end */
	const uint64_t *bits;            /* a bit a word; the object's first is bit `first_bit` */
	uint64_t first;
	uint64_t first_bit;
	bool unknown; /* has a type whose mask nobody knows */
};

/* The object at offset `at` of heap->memory, of nwords words; large_type counts for HB_SPAN_LARGE only. */
struct hb_pointers hb_pointers_of(const struct hb_heap *heap, enum hb_span_kind kind, uint64_t at, uint64_t nwords,
                                  uint64_t large_type);

/* Bits of words [start, start + 64) of the object, none past its end; start is a multiple of 64. */
uint64_t hb_pointers_window(const struct hb_pointers *pointers, uint64_t start);

/* The bitmap of a one-page span of small objects, 128 bytes, for the page at offset `at` or an object in it.
 *
 * It covers the whole page and lies at its end (runtime/mbitmap.go spanHeapBitsRange and heapBitsSmallForAddr, 1.22+);
 * before, it is a part of what heapArena keeps. From 1.26 on the 128 bytes of spanInlineMarkBits lie behind it when the slots have 16 bytes or more
 * (runtime/mgcmark_greenteagc.go gcUsesSpanInlineMarkBits). */
enum { HB_SMALL_BITMAP = (1 << HB_HEAP_PAGE_SHIFT) / 64 };

static inline const uint8_t *hb_small_bitmap(const struct hb_heap *heap, uint64_t at, uint64_t nwords)
{
	enum { PAGE = 1 << HB_HEAP_PAGE_SHIFT, MARKS = 128 };
	uint64_t page = at & ~(uint64_t)(PAGE - 1);
	if (heap->bits_in_arenas)
		return (const uint8_t *)heap->arena_bits + page / 64;
	return heap->memory + page + PAGE - HB_SMALL_BITMAP - (heap->inline_marks && nwords > 1 ? MARKS : 0);
}

/* Which words of the small object at offset `at` (HB_SPAN_BITS: at most 64 words, inside one page) are pointers. */
static inline uint64_t hb_small_window(const struct hb_heap *heap, uint64_t at, uint64_t nwords)
{
	uint64_t first = (at & ((1u << HB_HEAP_PAGE_SHIFT) - 1)) / 8, shift = first & 63;
	const uint8_t *bitmap = hb_small_bitmap(heap, at, nwords) + first / 64 * 8;
	uint64_t bits = hb_load_u64(bitmap) >> shift;
	if (shift + nwords > 64)
		bits |= hb_load_u64(bitmap + 8) << (64 - shift);
	return nwords < 64 ? bits & ((1ull << nwords) - 1) : bits;
}
