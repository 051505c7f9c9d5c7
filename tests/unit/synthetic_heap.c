#include "synthetic_heap.h"

#include <stdio.h>
#include <sys/mman.h>

enum { PAGE = 1 << HB_HEAP_PAGE_SHIFT, GUARD = 1 << 16 };

static void *must(void *memory)
{
	if (!memory || memory == MAP_FAILED) {
		perror("memory for a synthetic heap");
		exit(1);
	}
	return memory;
}

void synthetic_create(struct synthetic_heap *s, uint64_t base, const uint32_t *indexes, uint32_t narenas,
                      uint32_t nslots_max, bool inline_marks)
{
	*s = (struct synthetic_heap){0};
	struct hb_heap *heap = s->heap = must(calloc(1, sizeof(*heap)));
	heap->low = base + ((uint64_t)indexes[0] << HB_ARENA_SHIFT);
	heap->narenas = narenas;
	heap->arena_span = indexes[narenas - 1] - indexes[0] + 1;
	heap->arena_map = must(calloc(heap->arena_span, sizeof(*heap->arena_map)));
	heap->arena_addr = must(calloc(narenas, sizeof(*heap->arena_addr)));
	for (uint32_t i = 0; i < narenas; i++) {
		heap->arena_map[indexes[i] - indexes[0]] = i + 1;
		heap->arena_addr[i] = base + ((uint64_t)indexes[i] << HB_ARENA_SHIFT);
	}
	heap->inline_marks = inline_marks;
	heap->nslots = nslots_max;
	s->bitmap_bytes = hb_heap_bitmap_bytes(heap);
	heap->allocated = must(hb_pages_map(s->bitmap_bytes));
	heap->nslots = 0;
	heap->pages = must(hb_pages_map(hb_heap_npages(heap) * sizeof(*heap->pages)));
	heap->arena_bits = must(hb_pages_map(hb_heap_arena_bits_bytes(heap)));
	size_t size = (size_t)narenas << HB_ARENA_SHIFT;
	s->mapping_bytes = size + 2 * GUARD;
	s->mapping = must(mmap(NULL, s->mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	heap->memory = (uint8_t *)s->mapping + GUARD;
	if (mprotect(heap->memory, size, PROT_READ | PROT_WRITE))
		must(NULL);
}

void synthetic_destroy(struct synthetic_heap *s)
{
	munmap(s->mapping, s->mapping_bytes);
	hb_heap_destroy(s->heap);
	*s = (struct synthetic_heap){0};
}

void synthetic_skip(struct synthetic_heap *s, uint32_t npages)
{
	s->next += (uint64_t)npages * PAGE;
}

static uint64_t dense_addr(const struct hb_heap *heap, uint64_t at)
{
	return heap->arena_addr[at >> HB_ARENA_SHIFT] + (at & ((1u << HB_ARENA_SHIFT) - 1));
}

/* Addresses follow each other over the whole run. */
static bool is_contiguous(const struct hb_heap *heap, uint64_t at, uint64_t size)
{
	return dense_addr(heap, at + size - 1) == dense_addr(heap, at) + size - 1;
}

static uint64_t room_for_slots(const struct hb_heap *heap, enum hb_span_kind kind, uint64_t elem_size, uint32_t npages)
{
	uint64_t size = (uint64_t)npages * PAGE;
	if (kind == HB_SPAN_BITS && !heap->bits_in_arenas)
		size -= 128 + (heap->inline_marks && elem_size >= 16 ? 128 : 0);
	return size / elem_size;
}

struct hb_span *synthetic_span(struct synthetic_heap *s, enum hb_span_kind kind, uint64_t elem_size, uint32_t npages,
                               uint32_t max_slots, const struct synthetic_type *type)
{
	struct hb_heap *heap = s->heap;
	uint64_t size = (uint64_t)npages * PAGE, end = (uint64_t)heap->narenas << HB_ARENA_SHIFT;
	while (s->next + size <= end && !is_contiguous(heap, s->next, size))
		s->next = ((s->next >> HB_ARENA_SHIFT) + 1) << HB_ARENA_SHIFT;
	if (s->next + size > end)
		return NULL;
	if (heap->nspans == s->spans_cap) {
		s->spans_cap = s->spans_cap ? s->spans_cap * 2 : 64;
		heap->spans = must(realloc(heap->spans, s->spans_cap * sizeof(*heap->spans)));
	}
	uint64_t nelems = room_for_slots(heap, kind, elem_size, npages);
	if (max_slots && nelems > max_slots)
		nelems = max_slots;
	struct hb_span *span = &heap->spans[heap->nspans++];
	*span = (struct hb_span){
	        .base = dense_addr(heap, s->next),
	        .elem_size = elem_size,
	        .large_type = type ? type->addr : 0,
	        .npages = npages,
	        .nelems = (uint32_t)nelems,
	        .first_slot = heap->nslots + 1,
	        .div_mul = nelems == 1 ? 0 : (uint32_t)(~0u / elem_size + 1), /* as the runtime computes it */
	        .kind = kind,
	};
	heap->nslots += span->nelems;
	s->next += size;
	return span;
}

const struct synthetic_type *synthetic_type(struct synthetic_heap *s, uint64_t size_words, uint64_t ptr_words,
                                            const uint64_t *mask, bool known)
{
	struct synthetic_type *type = &s->types[s->ntypes++];
	uint64_t *copy = hb_arena_alloc(&s->heap->arena, (ptr_words / 64 + 1) * sizeof(*copy));
	memcpy(must(copy), mask, (ptr_words + 63) / 64 * sizeof(*copy));
	*type = (struct synthetic_type){0x4c0000 + s->ntypes * 64, size_words, ptr_words, copy};
	struct hb_error *err = known ? hb_heap_add_mask(s->heap, type->addr, size_words, ptr_words, copy) : NULL;
	if (err)
		must(NULL);
	return type;
}

void synthetic_alloc(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot)
{
	s->heap->allocated[slot / 64] |= 1ull << (slot & 63);
}

static uint64_t slot_offset(const struct synthetic_heap *s, const struct hb_span *span, uint32_t slot)
{
	uint64_t addr = span->base + (uint64_t)(slot - span->first_slot) * span->elem_size;
	uint64_t arena = (addr - s->heap->low) >> HB_ARENA_SHIFT;
	return ((uint64_t)s->heap->arena_map[arena] - 1) << HB_ARENA_SHIFT | (addr & ((1u << HB_ARENA_SHIFT) - 1));
}

void synthetic_store(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot, uint64_t word, uint64_t value)
{
	memcpy(s->heap->memory + slot_offset(s, span, slot) + word * 8, &value, sizeof(value));
}

void synthetic_set_header(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot, uint64_t type)
{
	synthetic_store(s, span, slot, 0, type);
}

void synthetic_set_bit(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot, uint64_t word, bool on)
{
	uint8_t *byte;
	uint64_t at = slot_offset(s, span, slot) + word * 8, bit;
	if (span->kind == HB_SPAN_ARENA_BITS || s->heap->bits_in_arenas) {
		byte = (uint8_t *)s->heap->arena_bits + at / 64;
		bit = at / 8 % 8;
	} else {
		uint64_t marks = s->heap->inline_marks && span->elem_size >= 16 ? 128 : 0, in_page = at % PAGE;
		byte = s->heap->memory + at - in_page + PAGE - 128 - marks + in_page / 64;
		bit = in_page / 8 % 8;
	}
	*byte = (uint8_t)((*byte & ~(1u << bit)) | (unsigned)on << bit);
}

void synthetic_finish(struct synthetic_heap *s)
{
	struct hb_heap *heap = s->heap;
	size_t kept = (hb_heap_bitmap_bytes(heap) + 4095) & ~(size_t)4095;
	if (kept < s->bitmap_bytes)
		hb_pages_unmap((char *)heap->allocated + kept, s->bitmap_bytes - kept);
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint64_t used = 0;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			used += heap->allocated[slot / 64] >> (slot & 63) & 1;
		heap->nobjects += used;
		heap->object_bytes += used * span->elem_size;
		heap->free_slot_bytes += (span->nelems - used) * span->elem_size;
		heap->tail_bytes += (uint64_t)span->npages * PAGE - span->nelems * span->elem_size;
		struct hb_page *page = &heap->pages[slot_offset(s, span, span->first_slot) / PAGE];
		for (uint32_t k = 0; k < span->npages; k++)
			page[k] = (struct hb_page){span->first_slot, span->div_mul, k << 3 | span->kind, i};
	}
}

uint64_t synthetic_addr(const struct synthetic_heap *s, uint32_t slot)
{
	const struct hb_heap *heap = s->heap;
	uint32_t i = 0, high = heap->nspans;
	while (high - i > 1) {
		uint32_t middle = (i + high) / 2;
		if (heap->spans[middle].first_slot <= slot)
			i = middle;
		else
			high = middle;
	}
	return heap->spans[i].base + (uint64_t)(slot - heap->spans[i].first_slot) * heap->spans[i].elem_size;
}

uint32_t synthetic_root(struct hb_roots *roots, uint8_t phase, uint32_t parent)
{
	struct hb_root_node node = {.kind = HB_ROOT_GLOBAL, .phase = phase, .parent = parent, .name = "root"};
	if (!hb_vec_push(&roots->nodes, node))
		must(NULL);
	return (uint32_t)roots->nodes.len - 1;
}

void synthetic_root_edge(struct hb_roots *roots, uint32_t node, uint64_t value)
{
	struct hb_root_edge edge = {.value = value, .node = node};
	if (!hb_vec_push(&roots->edges, edge))
		must(NULL);
}
