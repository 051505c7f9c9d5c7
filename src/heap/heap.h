/* The heap as flat tables: spans, pages, slots, and which slots hold objects.
 *
 * Vocabulary
 *   span     a run of 8 KB pages cut into slots of one size (an mspan in state in-use)
 *   slot     room for one object, numbered 1, 2, 3 … over all spans in address order (0: the virtual root)
 *   object   an allocated slot; heldby's object ids are slot numbers (u32)
 *   arena    64 MB of address space; arenas in use are packed densely into local memory, so that an address becomes
 *            local bytes by one table look-up whatever the target's heap base is
 *
 * Filled by golang/spans.c (another allocator can fill it too); immutable afterwards and shared between threads.
 *
 * What the filler promises, and hb_heap_is_valid() checks, whatever the target's bytes say (everything below follows
 * pointers through these tables without looking back):
 *   - arenas are numbered in address order, so that a span over several arenas is contiguous in local memory;
 *   - a span's pages are inside those arenas, spans are sorted and disjoint, elem_size is a positive multiple of 8,
 *     nelems * elem_size fits in the pages; a span of kind BITS has one page, elem_size <= 512, and its slots end
 * before the bitmap, if that is in the span; LARGE spans have one slot; a span of several slots has at most 65,535 of at most 524,280 bytes;
 *   - first_slot starts at 1 and advances by nelems from span to span; div_mul gives the right index for every byte of
 *     every slot (0 for spans of one slot);
 *   - what a heap owns: arena_map, arena_addr, spans and masks are malloc'ed; pages, allocated and arena_bits come from
 *     hb_pages_map (sizes beside them); masks' bits are in arena.
 */
#pragma once
#include "base/bytes.h"
#include "base/memory.h"

enum {
	HB_ARENA_SHIFT = 26,     /* runtime/malloc.go heapArenaBytes on 64-bit Linux: 64 MB */
	HB_HEAP_PAGE_SHIFT = 13, /* runtime page size: 8 KB */
};

/* How an object's pointers are found. */
enum hb_span_kind {
	HB_SPAN_NONE = 0,       /* not heap */
	HB_SPAN_NOSCAN = 1,     /* no pointers */
	HB_SPAN_BITS = 2,       /* ≤ 512 B, one page: a bitmap of the page, see hb_small_bitmap in pointers.h */
	HB_SPAN_HEADER = 3,     /* first word of the slot is the type (1.22+, > 512 B) */
	HB_SPAN_LARGE = 4,      /* one object; the span records the type (1.22+) */
	HB_SPAN_ARENA_BITS = 5, /* bitmap kept by heapArena (≤ 1.21, > 512 B) */
};

struct hb_page {             /* 16 bytes a heap page */
	uint32_t first_slot; /* of the span */
	uint32_t div_mul;    /* mspan.divMul: slot index = (offset * div_mul) >> 32; 0 when the span has one slot */
	uint32_t where;      /* page index inside the span << 3 | kind */
	uint32_t span;       /* index in spans */
};

struct hb_span {
	uint64_t base;       /* target address */
	uint64_t mspan;      /* address of the mspan */
	uint64_t elem_size;  /* slot size in bytes */
	uint64_t large_type; /* HB_SPAN_LARGE: address of the type, 0 = none */
	uint64_t specials;   /* first special record, 0 = none */
	uint32_t npages, nelems, first_slot, div_mul;
	uint8_t kind; /* enum hb_span_kind */
	uint8_t span_class;
	bool unswept;     /* liveness was taken from mark bits */
	bool being_swept; /* it was taken from mark and allocation bits: what is garbage may be free by now */
	bool user_arena;
};

/* Pointer mask of a type as far as marking needs it. mask has a bit a word, ptr_words bits. */
struct hb_type_mask {
	uint64_t type; /* address of the descriptor; 0 = empty slot */
	uint64_t size_words, ptr_words;
	const uint64_t *mask; /* NULL when ptr_words == 0 */
};

struct hb_heap {
	/* address → page */
	uint64_t low;        /* address of arena_map[0]'s arena */
	uint64_t arena_span; /* arenas covered by arena_map */
	uint32_t *arena_map; /* dense arena number + 1, 0 = not ours */
	uint32_t narenas;
	uint64_t *arena_addr; /* dense arena number → target address */
	uint8_t *memory; /* local bytes of all dense arenas (borrowed from the snapshot); noscan pages are unread */
	struct hb_page *pages; /* hb_heap_npages() of them */
	struct hb_span *spans; /* in-use spans by address */
	uint32_t nspans;
	uint32_t *slot_index; /* slot / 256 → span, made by hb_heap_index_slots; NULL: hb_heap_span_of_slot searches */
	uint32_t nslots;      /* slots are 1 … nslots */
	uint64_t *allocated;  /* bit a slot: holds an object; hb_heap_bitmap_bytes(); bits of no slot are clear */
	/* types of HEADER and LARGE objects, resolved before anything else runs: filled by hb_heap_add_mask */
	struct hb_type_mask *masks; /* open addressing; NULL when there are none */
	uint32_t nmasks_log2, nmasks;
	bool inline_marks; /* 1.26+: 128 bytes of mark bits follow the bitmap of ≥ 16-byte spans */
	/* What heapArena keeps up to 1.21: a bit a word of dense memory, for HB_SPAN_ARENA_BITS and, when
	 * bits_in_arenas, HB_SPAN_BITS; hb_heap_arena_bits_bytes() of them, NULL when no span needs them */
	uint64_t *arena_bits;
	bool bits_in_arenas;
	struct hb_arena arena; /* bits of masks */
	/* totals */
	uint64_t nobjects, object_bytes; /* allocated slots */
	uint64_t free_slot_bytes;        /* unallocated slots of in-use spans */
	uint64_t tail_bytes;             /* page bytes no slot covers */
};

void hb_heap_destroy(struct hb_heap *heap); /* accepts NULL */
void hb_heap_destroyp(struct hb_heap **heap);

/* For the filler. Adds a type's mask: ptr_words bits, borrowed (allocate them in heap->arena). A type that is there
 * already is left alone. Fails with HB_ERR_CORRUPT when type or size_words is 0, or size_words < ptr_words. */
struct hb_error *hb_heap_add_mask(struct hb_heap *heap, uint64_t type, uint64_t size_words, uint64_t ptr_words,
                                  const uint64_t *mask) HB_MUST_CHECK;

/* For the filler, when all spans are there: makes hb_heap_span_of_slot quick. */
struct hb_error *hb_heap_index_slots(struct hb_heap *heap) HB_MUST_CHECK;

static inline uint64_t hb_heap_npages(const struct hb_heap *heap)
{
	return (uint64_t)heap->narenas << (HB_ARENA_SHIFT - HB_HEAP_PAGE_SHIFT);
}

/* Size of a bitmap over slots, as `allocated` and hb_graph_mark() have it. */
static inline size_t hb_heap_bitmap_bytes(const struct hb_heap *heap)
{
	return ((size_t)heap->nslots / 64 + 1) * sizeof(uint64_t);
}

/* Bits of such a bitmap. */
static inline bool hb_slot_is_set(const uint64_t *bits, uint32_t slot)
{
	return bits[slot / 64] >> (slot & 63) & 1;
}
static inline void hb_slot_set(uint64_t *bits, uint32_t slot)
{
	bits[slot / 64] |= UINT64_C(1) << (slot & 63);
}

static inline uint64_t hb_heap_arena_bits_bytes(const struct hb_heap *heap)
{
	return (uint64_t)heap->narenas << (HB_ARENA_SHIFT - 6);
}

/* Executable invariant: tables agree with each other. Cheap enough for every run in test builds. */
bool hb_heap_is_valid(const struct hb_heap *heap);

static inline const struct hb_page *hb_heap_page(const struct hb_heap *heap, uint64_t addr, uint64_t *ret_dense)
{
	uint64_t offset = addr - heap->low, arena = offset >> HB_ARENA_SHIFT;
	if (arena >= heap->arena_span)
		return NULL;
	uint32_t dense = heap->arena_map[arena];
	if (!dense)
		return NULL;
	uint64_t at = (uint64_t)(dense - 1) << HB_ARENA_SHIFT | (offset & ((1u << HB_ARENA_SHIFT) - 1));
	*ret_dense = at;
	return &heap->pages[at >> HB_HEAP_PAGE_SHIFT];
}

/* The slot that addr points into (interior pointers included), 0 when it is not heap. The slot may be free. */
static inline uint32_t hb_heap_slot(const struct hb_heap *heap, uint64_t addr)
{
	uint64_t at;
	const struct hb_page *page = hb_heap_page(heap, addr, &at);
	if (!page || !(page->where & 7))
		return 0;
	uint64_t offset = (uint64_t)(page->where >> 3) << HB_HEAP_PAGE_SHIFT | (at & 8191);
	uint32_t index = (uint32_t)((offset * page->div_mul) >> 32);
	/* The tail of a span, past its last slot, belongs to nothing. */
	const struct hb_span *span = &heap->spans[page->span];
	return index < span->nelems ? page->first_slot + index : 0;
}

static inline bool hb_heap_allocated(const struct hb_heap *heap, uint32_t slot)
{
	return hb_slot_is_set(heap->allocated, slot);
}

/* The index of the span of a slot. Hot loops keep the span instead. */
uint32_t hb_heap_span_of_slot(const struct hb_heap *heap, uint32_t slot);

static inline uint64_t hb_heap_slot_addr(const struct hb_span *span, uint32_t slot)
{
	return span->base + (uint64_t)(slot - span->first_slot) * span->elem_size;
}

/* Local bytes of a target heap address (not checked for having been read: noscan contents are zero). */
static inline uint8_t *hb_heap_bytes(const struct hb_heap *heap, uint64_t addr)
{
	uint64_t at;
	return hb_heap_page(heap, addr, &at) ? heap->memory + at : NULL;
}

/* A word of an object that is in the snapshot and has it. */
static inline uint64_t hb_heap_slot_word(const struct hb_heap *heap, uint32_t slot, uint64_t offset)
{
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	return hb_load_u64(hb_heap_bytes(heap, hb_heap_slot_addr(span, slot) + offset));
}

/* Mask of a type seen in HEADER or LARGE objects; NULL when unknown (such an object's pointers are unknown). */
const struct hb_type_mask *hb_heap_mask(const struct hb_heap *heap, uint64_t type);

/* Pointer bits of one object, for everything but the hot marking loop: calls visit(word index from the slot's start)
 * for every pointer-sized word that the collector would scan, in order, including the zero ones. */
void hb_heap_each_pointer_word(const struct hb_heap *heap, const struct hb_span *span, uint32_t slot,
                               void (*visit)(void *ctx, uint64_t word), void *ctx);

/* True when the collector scans the word at byte offset `offset` (multiple of 8) of the slot. */
bool hb_heap_is_pointer_word(const struct hb_heap *heap, const struct hb_span *span, uint32_t slot, uint64_t offset);
