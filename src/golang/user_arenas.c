#include "golang/user_arenas.h"

#include <string.h>

/* The bytes of the chunk at addr; NULL unless they all are in it. */
static const uint8_t *in_chunk(const struct hb_heap *heap, const struct hb_span *span, uint64_t addr, uint64_t len)
{
	uint64_t size = (uint64_t)span->npages << HB_HEAP_PAGE_SHIFT;
	if (addr < span->base || addr - span->base > size || len > size - (addr - span->base))
		return NULL;
	return hb_heap_bytes(heap, span->base) + (addr - span->base);
}

struct hb_error *hb_go_user_arena_add_mask(const struct hb_go *go, struct hb_heap *heap, const struct hb_span *span)
{
	const struct hb_go_layout *layout = go->layout;
	const uint8_t *type = in_chunk(heap, span, span->large_type, layout->type.size);
	if (!type || span->large_type < span->base + span->elem_size)
		return NULL;
	uint64_t nwords = hb_load_u64(type + layout->type.ptr_bytes) / 8, bytes = (nwords + 63) / 64 * 8;
	const uint8_t *bits = in_chunk(heap, span, hb_load_u64(type + layout->type.gcdata), bytes);
	if (!bits || nwords > span->elem_size / 8)
		return NULL;
	uint64_t *mask = hb_arena_alloc(&heap->arena, hb_max(bytes, (uint64_t)8));
	if (!mask)
		return hb_error_nomem();
	memcpy(mask, bits, bytes);
	return hb_heap_add_mask(heap, span->large_type, span->elem_size / 8, nwords, mask);
}
