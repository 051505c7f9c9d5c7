#include "heap/heap.h"
#include "heap/pointers.h"
#include "heap/scan.h"

void hb_heap_destroy(struct hb_heap *heap)
{
	if (!heap)
		return;
	hb_pages_unmap(heap->pages, hb_heap_npages(heap) * sizeof(*heap->pages));
	hb_pages_unmap(heap->allocated, hb_heap_bitmap_bytes(heap));
	hb_pages_unmap(heap->arena_bits, hb_heap_arena_bits_bytes(heap));
	free(heap->arena_map);
	free(heap->arena_addr);
	free(heap->spans);
	free(heap->slot_index);
	free(heap->masks);
	hb_arena_deinit(&heap->arena);
	free(heap);
}

void hb_heap_destroyp(struct hb_heap **heap)
{
	hb_heap_destroy(*heap);
	*heap = NULL;
}

/* --- Masks ------------------------------------------------------------------------------------------------------ */

static uint64_t mask_hash(uint64_t type, uint32_t log2)
{
	return type * 0x9e3779b97f4a7c15u >> (64 - log2);
}

/* The entry of a type, or the empty one where it would go. The table always has an empty entry. */
static struct hb_type_mask *mask_entry(struct hb_type_mask *masks, uint32_t log2, uint64_t type)
{
	uint64_t last = (1ull << log2) - 1, i = mask_hash(type, log2);
	while (masks[i].type && masks[i].type != type)
		i = (i + 1) & last;
	return &masks[i];
}

const struct hb_type_mask *hb_heap_mask(const struct hb_heap *heap, uint64_t type)
{
	if (!type || !heap->masks)
		return NULL;
	const struct hb_type_mask *entry = mask_entry(heap->masks, heap->nmasks_log2, type);
	return entry->type ? entry : NULL;
}

static struct hb_error *masks_grow(struct hb_heap *heap)
{
	uint32_t log2 = heap->masks ? heap->nmasks_log2 + 1 : 6;
	struct hb_type_mask *grown = calloc(1ull << log2, sizeof(*grown));
	if (!grown)
		return hb_error_nomem();
	for (uint64_t i = 0; heap->masks && i < 1ull << heap->nmasks_log2; i++)
		if (heap->masks[i].type)
			*mask_entry(grown, log2, heap->masks[i].type) = heap->masks[i];
	free(heap->masks);
	heap->masks = grown;
	heap->nmasks_log2 = log2;
	return NULL;
}

struct hb_error *hb_heap_add_mask(struct hb_heap *heap, uint64_t type, uint64_t size_words, uint64_t ptr_words,
                                  const uint64_t *mask)
{
	if (!type || !size_words || ptr_words > size_words)
		return hb_error_create(HB_ERR_CORRUPT, "type at %#jx has %ju pointer words of %ju", (uintmax_t)type,
		                       (uintmax_t)ptr_words, (uintmax_t)size_words);
	if (!heap->masks || heap->nmasks + 1 > 1ull << heap->nmasks_log2 >> 1)
		TRY(masks_grow(heap));
	struct hb_type_mask *entry = mask_entry(heap->masks, heap->nmasks_log2, type);
	if (entry->type)
		return NULL;
	*entry = (struct hb_type_mask){type, size_words, ptr_words, ptr_words ? mask : NULL};
	heap->nmasks++;
	return NULL;
}

/* --- Slots ------------------------------------------------------------------------------------------------------ */

enum { SLOT_BLOCK_LOG2 = 8 }; /* slots an entry of slot_index stands for: few spans begin in between */

struct hb_error *hb_heap_index_slots(struct hb_heap *heap)
{
	uint32_t nblocks = (heap->nslots >> SLOT_BLOCK_LOG2) + 2, span = 0;
	heap->slot_index = calloc(nblocks, sizeof(*heap->slot_index));
	if (!heap->slot_index)
		return hb_error_nomem();
	for (uint32_t block = 0; block < nblocks; block++) {
		uint64_t first = (uint64_t)block << SLOT_BLOCK_LOG2;
		while (span + 1 < heap->nspans && heap->spans[span + 1].first_slot <= first)
			span++;
		heap->slot_index[block] = span;
	}
	return NULL;
}

uint32_t hb_heap_span_of_slot(const struct hb_heap *heap, uint32_t slot)
{
	uint32_t low = 0, high = heap->nspans, block = slot >> SLOT_BLOCK_LOG2;
	if (heap->slot_index && slot <= heap->nslots) {
		low = heap->slot_index[block];
		high = heap->slot_index[block + 1] + 1;
	}
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (heap->spans[middle].first_slot <= slot)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static struct hb_pointers pointers_of_slot(const struct hb_heap *heap, const struct hb_span *span, uint32_t slot)
{
	uint64_t at;
	if (!hb_heap_page(heap, hb_heap_slot_addr(span, slot), &at))
		return (struct hb_pointers){0};
	return hb_pointers_of(heap, span->kind, at, span->elem_size / 8, span->large_type);
}

void hb_heap_each_pointer_word(const struct hb_heap *heap, const struct hb_span *span, uint32_t slot,
                               void (*visit)(void *ctx, uint64_t word), void *ctx)
{
	struct hb_pointers pointers = pointers_of_slot(heap, span, slot);
	if (!pointers.bits && !pointers.mask)
		return;
	for (uint64_t start = 0; start < pointers.nwords; start += 64)
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1)
			visit(ctx, start + (uint64_t)__builtin_ctzll(bits));
}

bool hb_heap_is_pointer_word(const struct hb_heap *heap, const struct hb_span *span, uint32_t slot, uint64_t offset)
{
	struct hb_pointers pointers = pointers_of_slot(heap, span, slot);
	uint64_t word = offset / 8;
	return hb_pointers_window(&pointers, word & ~63ull) >> (word & 63) & 1;
}

/* --- The invariant ---------------------------------------------------------------------------------------------- */

static bool arenas_are_valid(const struct hb_heap *heap)
{
	for (uint64_t i = 0; i < heap->arena_span; i++) {
		uint32_t dense = heap->arena_map[i];
		if (dense && heap->arena_addr[dense - 1] != heap->low + (i << HB_ARENA_SHIFT))
			return false;
	}
	return heap->low % (1u << HB_ARENA_SHIFT) == 0;
}

/* Every slot's first and last byte lead to it, and the bytes after the last slot lead to nothing. */
static bool span_pages_agree(const struct hb_heap *heap, const struct hb_span *span)
{
	for (uint32_t i = 0; i < span->nelems; i++) {
		uint64_t addr = span->base + i * span->elem_size;
		if (hb_heap_slot(heap, addr) != span->first_slot + i ||
		    hb_heap_slot(heap, addr + span->elem_size - 1) != span->first_slot + i)
			return false;
	}
	uint64_t end = span->base + ((uint64_t)span->npages << HB_HEAP_PAGE_SHIFT);
	uint64_t tail = end - span->base - span->nelems * span->elem_size;
	return span->nelems == 1 || !tail || hb_heap_slot(heap, end - 1) == 0;
}

/* See hb_small_bitmap. */
static bool bitmap_has_room(const struct hb_heap *heap, const struct hb_span *span)
{
	uint64_t behind = heap->inline_marks && span->elem_size > 8 ? 256 : 128;
	if (heap->bits_in_arenas)
		return heap->arena_bits;
	return span->kind != HB_SPAN_BITS || span->nelems * span->elem_size <= (1u << HB_HEAP_PAGE_SHIFT) - behind;
}

static bool spans_are_valid(const struct hb_heap *heap)
{
	uint64_t end = 0, next_slot = 1;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->base < end || span->first_slot != next_slot || !span_pages_agree(heap, span) ||
		    !bitmap_has_room(heap, span))
			return false;
		for (uint32_t page = 0; page < span->npages; page++) {
			uint64_t at;
			const struct hb_page *entry =
			        hb_heap_page(heap, span->base + ((uint64_t)page << HB_HEAP_PAGE_SHIFT), &at);
			if (!entry || entry->span != i || entry->where != (page << 3 | span->kind))
				return false;
		}
		end = span->base + ((uint64_t)span->npages << HB_HEAP_PAGE_SHIFT);
		next_slot += span->nelems;
	}
	return next_slot == (uint64_t)heap->nslots + 1;
}

static bool totals_are_valid(const struct hb_heap *heap)
{
	uint64_t nobjects = 0, object_bytes = 0, free_bytes = 0, tail_bytes = 0;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint64_t used = 0;
		for (uint32_t k = 0; k < span->nelems; k++)
			used += hb_heap_allocated(heap, span->first_slot + k);
		nobjects += used;
		object_bytes += used * span->elem_size;
		free_bytes += (span->nelems - used) * span->elem_size;
		tail_bytes += ((uint64_t)span->npages << HB_HEAP_PAGE_SHIFT) - span->nelems * span->elem_size;
	}
	return nobjects == heap->nobjects && object_bytes == heap->object_bytes &&
	       free_bytes == heap->free_slot_bytes && tail_bytes == heap->tail_bytes;
}

static bool masks_are_valid(const struct hb_heap *heap)
{
	uint32_t n = 0;
	for (uint64_t i = 0; heap->masks && i < 1ull << heap->nmasks_log2; i++) {
		const struct hb_type_mask *mask = &heap->masks[i];
		if (!mask->type)
			continue;
		n++;
		if (hb_heap_mask(heap, mask->type) != mask || !mask->size_words || mask->ptr_words > mask->size_words ||
		    !mask->mask != !mask->ptr_words)
			return false;
	}
	return n == heap->nmasks;
}

bool hb_heap_is_valid(const struct hb_heap *heap)
{
	struct hb_scan scan;
	struct hb_error *err = hb_scan_init(&scan, heap);
	if (err) {
		hb_error_destroy(err);
		return false;
	}
	hb_scan_deinit(&scan);
	return arenas_are_valid(heap) && spans_are_valid(heap) && masks_are_valid(heap) &&
	       !hb_heap_allocated(heap, 0) && totals_are_valid(heap);
}
