#include "heap/pointers.h"

struct hb_pointers hb_pointers_of(const struct hb_heap *heap, enum hb_span_kind kind, uint64_t at, uint64_t nwords,
                                  uint64_t large_type)
{
	struct hb_pointers pointers = {.bytes = heap->memory + at, .nwords = nwords};
	uint64_t type = 0;
	switch (kind) {
	case HB_SPAN_BITS:
		pointers.bits = (const uint64_t *)(const void *)hb_small_bitmap(heap, at, nwords);
		pointers.first_bit = (at & ((1u << HB_HEAP_PAGE_SHIFT) - 1)) / 8;
		return pointers;
	case HB_SPAN_ARENA_BITS:
		pointers.bits = heap->arena_bits;
		pointers.first_bit = at / 8;
		return pointers;
	case HB_SPAN_HEADER:
		type = hb_load_u64(pointers.bytes);
		pointers.first = 1;
		break;
	case HB_SPAN_LARGE:
		type = large_type;
		break;
	case HB_SPAN_NONE:
	case HB_SPAN_NOSCAN:
		return pointers;
	}
	/* Type 0: the object is being allocated and holds nothing yet (runtime/mbitmap.go typePointersOfUnchecked:
	 * largeType is nil until the memory is zeroed). */
	if (type) {
		pointers.mask = hb_heap_mask(heap, type);
		pointers.unknown = !pointers.mask;
	}
	if (pointers.mask && !pointers.mask->ptr_words)
		pointers.mask = NULL;
	return pointers;
}

static uint64_t low_bits(uint64_t n)
{
	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

/* 64 bits of a bitmap of nbits bits from bit `first` on; zero past its end. */
static uint64_t bitmap_window(const uint64_t *bits, uint64_t nbits, uint64_t first)
{
	if (first >= nbits)
		return 0;
	uint64_t left = nbits - first, shift = first & 63;
	uint64_t window = bits[first / 64] >> shift;
	if (shift && left > 64 - shift)
		window |= bits[first / 64 + 1] << (64 - shift);
	return window & low_bits(left);
}

/* 64 bits of the endless repetition of a type's mask, from word `from` on. */
static uint64_t tiled_window(const struct hb_type_mask *mask, uint64_t from)
{
	uint64_t size = mask->size_words, at = from % size;
	if (size <= 32) { /* several elements a window: rotate one to where the window starts, then double it */
		uint64_t element = bitmap_window(mask->mask, mask->ptr_words, 0);
		uint64_t window = at ? (element >> at | element << (size - at)) & low_bits(size) : element;
		for (uint64_t width = size; width < 64; width *= 2)
			window |= window << width;
		return window;
	}
	uint64_t window = 0;
	for (uint64_t done = 0; done < 64;) {
		uint64_t n = hb_min(64 - done, size - at);
		window |= (bitmap_window(mask->mask, mask->ptr_words, at) & low_bits(n)) << done;
		done += n;
		at = 0;
	}
	return window;
}

/* The last element of an array may be cut off by the slot's end: the collector scans its first part all the same
 * (runtime/mbitmap.go typePointers.next), which is zero. */
uint64_t hb_pointers_window(const struct hb_pointers *pointers, uint64_t start)
{
	uint64_t window;
	if (start >= pointers->nwords)
		return 0;
	if (pointers->bits)
		return bitmap_window(pointers->bits, pointers->first_bit + pointers->nwords,
		                     pointers->first_bit + start);
	if (!pointers->mask)
		return 0;
	if (start < pointers->first)
		window = tiled_window(pointers->mask, 0) << (pointers->first - start);
	else
		window = tiled_window(pointers->mask, start - pointers->first);
	return window & low_bits(pointers->nwords - start);
}
