#include "golang/spans.h"
#include "base/progress.h"
#include "golang/arena_bits.h"
#include "golang/specials.h"
#include "golang/types.h"
#include "golang/user_arenas.h"

#include <string.h>

enum { MAX_SPANS = 1u << 28, PAGE = 8192, BITMAP = PAGE / 64, INLINE_MARKS = 128, LARGEST_SMALL = 32768 };

struct reader {
	const struct hb_go *go;
	const struct hb_go_layout *layout;
	struct hb_heap *heap;
	uint32_t sweepgen;
	struct hb_span *found; /* as allspans has them */
	uint32_t nfound;
	uint32_t *first_span_at; /* dense heap page → index in found + 1 */
	uint64_t rejected;
	struct hb_specials specials;
	HB_VEC(uint64_t) unknown_types;
};

/* --- Arenas ----------------------------------------------------------------------------------------------------------
 */

static struct hb_error *map_arenas(struct hb_heap *heap, const struct hb_snapshot_arenas *arenas)
{
	if (!arenas->n)
		return hb_error_create(HB_ERR_CORRUPT, "the snapshot has no heap arenas");
	heap->memory = arenas->bytes;
	heap->narenas = arenas->n;
	heap->low = arenas->addr[0];
	heap->arena_span = ((arenas->addr[arenas->n - 1] - heap->low) >> HB_ARENA_SHIFT) + 1;
	if (heap->arena_span > 1u << 22) /* the whole 48-bit address space; 16 MB of table at most */
		return hb_error_create(HB_ERR_CORRUPT, "the heap's arenas are impossibly far apart");
	heap->arena_addr = calloc(arenas->n, sizeof(*heap->arena_addr));
	heap->arena_map = calloc(heap->arena_span, sizeof(*heap->arena_map));
	heap->pages = hb_pages_map(hb_heap_npages(heap) * sizeof(*heap->pages));
	if (!heap->arena_addr || !heap->arena_map || !heap->pages)
		return hb_error_nomem();
	for (uint32_t i = 0; i < arenas->n; i++) {
		heap->arena_addr[i] = arenas->addr[i];
		heap->arena_map[(arenas->addr[i] - heap->low) >> HB_ARENA_SHIFT] = i + 1;
	}
	return NULL;
}

/* The dense page of a span's first byte; false unless all its pages are contiguous in arenas. */
static bool dense_pages(const struct hb_heap *heap, uint64_t base, uint64_t npages, uint64_t *ret)
{
	uint64_t first, last;
	if (!hb_heap_page(heap, base, &first) || !hb_heap_page(heap, base + (npages << 13) - 1, &last))
		return false;
	*ret = first >> HB_HEAP_PAGE_SHIFT;
	return last - first == (npages << 13) - 1;
}

/* --- Spans -----------------------------------------------------------------------------------------------------------
 */

static bool shape_is_sane(const struct reader *reader, const struct hb_span *span)
{
	uint64_t bytes = (uint64_t)span->npages << 13;
	if (!span->elem_size || span->elem_size % 8 || !span->nelems || span->elem_size > bytes / span->nelems)
		return false;
	if (span->nelems > 1 && (span->nelems > 65535 || span->elem_size > 524280))
		return false;
	return span->kind != HB_SPAN_BITS ||
	       (span->npages == 1 &&
	        (uint64_t)span->nelems * span->elem_size <= PAGE - (reader->heap->bits_in_arenas ? 0 : BITMAP));
}

/* runtime/mbitmap.go heapBitsInSpan: objects of at most 512 bytes; larger ones have a type header; large spans record
 * the type (1.22-1.27). Before, heapArena described all of them. Span class: size class << 1 | noscan; class 0 is
 * large. */
static enum hb_span_kind kind_of(const struct reader *reader, uint8_t span_class, uint64_t elem_size)
{
	if (span_class & 1)
		return HB_SPAN_NOSCAN;
	if (reader->heap->bits_in_arenas)
		return elem_size <= 512 && span_class >> 1 != 0 ? HB_SPAN_BITS : HB_SPAN_ARENA_BITS;
	if (span_class >> 1 == 0)
		return HB_SPAN_LARGE;
	return elem_size <= 512 ? HB_SPAN_BITS : HB_SPAN_HEADER;
}

static void read_span(struct reader *reader, uint64_t addr)
{
	const struct hb_go_layout *layout = reader->layout;
	const uint8_t *at = hb_snapshot_at(reader->go->snapshot, addr, layout->mspan.size);
	if (!at) {
		reader->rejected++;
		return;
	}
	if (at[layout->mspan.state] != 1) /* mSpanInUse */
		return;
	uint64_t npages = hb_load_u64(at + layout->mspan.npages), page;
	uint32_t sweepgen = hb_load_u32(at + layout->mspan.sweepgen);
	struct hb_span span = {
	        .base = hb_load_u64(at + layout->mspan.start_addr),
	        .mspan = addr,
	        .elem_size = hb_load_u64(at + layout->mspan.elemsize),
	        .specials = hb_load_u64(at + layout->mspan.specials),
	        .npages = (uint32_t)npages,
	        .nelems = hb_load_u16(at + layout->mspan.nelems),
	        .span_class = at[layout->mspan.spanclass],
	        .user_arena = layout->mspan.user_arena != HB_ABSENT && at[layout->mspan.user_arena],
	        /* runtime/mheap.go, mspan.sweepgen: −2 needs sweeping, +1 cached and needs sweeping, −1 being swept. */
	        .unswept = sweepgen == reader->sweepgen - 2 || sweepgen == reader->sweepgen + 1,
	        .being_swept = sweepgen == reader->sweepgen - 1,
	};
	span.kind = (uint8_t)kind_of(reader, span.span_class, span.elem_size);
	if (span.kind == HB_SPAN_LARGE && layout->mspan.large_type != HB_ABSENT)
		span.large_type = hb_load_u64(at + layout->mspan.large_type);
	if (span.nelems > 1)
		span.div_mul = (uint32_t)(UINT32_MAX / span.elem_size + 1);
	if (npages > UINT32_MAX >> 3 || span.base % PAGE || !npages || !shape_is_sane(reader, &span) ||
	    !dense_pages(reader->heap, span.base, npages, &page)) {
		reader->rejected++;
		return;
	}
	reader->found[reader->nfound] = span;
	reader->first_span_at[page] = ++reader->nfound;
}

/* Inline mark bits (1.26+, not in programs built without the green tea collector) take 128 bytes of every small span:
 * the number of slots tells. */
static bool has_inline_marks(const struct hb_heap *heap)
{
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind != HB_SPAN_BITS || span->elem_size < 16)
			continue;
		uint64_t with = (PAGE - BITMAP - INLINE_MARKS) / span->elem_size,
		         without = (PAGE - BITMAP) / span->elem_size;
		if (with != without)
			return span->nelems == with;
	}
	return false;
}

static struct hb_error *order_spans(struct reader *reader)
{
	struct hb_heap *heap = reader->heap;
	uint64_t npages = hb_heap_npages(heap), free_from = 0, slots = 0;
	heap->spans = calloc(hb_max(reader->nfound, 1u), sizeof(*heap->spans));
	if (!heap->spans)
		return hb_error_nomem();
	for (uint64_t page = 0; page < npages; page++) {
		if (!reader->first_span_at[page])
			continue;
		struct hb_span span = reader->found[reader->first_span_at[page] - 1];
		if (page < free_from || slots + span.nelems >= UINT32_MAX) { /* overlaps the one before */
			reader->rejected++;
			continue;
		}
		span.first_slot = (uint32_t)slots + 1;
		slots += span.nelems;
		free_from = page + span.npages;
		for (uint32_t k = 0; k < span.npages; k++)
			heap->pages[page + k] =
			        (struct hb_page){span.first_slot, span.div_mul, k << 3 | span.kind, heap->nspans};
		heap->spans[heap->nspans++] = span;
	}
	heap->nslots = (uint32_t)slots;
	return NULL;
}

static struct hb_error *read_spans(struct reader *reader)
{
	const struct hb_snapshot *snapshot = reader->go->snapshot;
	uint64_t data, len;
	const uint8_t *list = NULL;
	if (!hb_snapshot_u32(snapshot, reader->go->mheap + reader->layout->mheap.sweepgen, &reader->sweepgen) ||
	    !hb_snapshot_slice(snapshot, reader->go->mheap + reader->layout->mheap.allspans, MAX_SPANS, &data, &len) ||
	    !(list = hb_snapshot_at(snapshot, data, len * 8)))
		return hb_error_create(HB_ERR_CORRUPT, "the list of heap spans is not in the snapshot");
	reader->found = calloc(hb_max(len, (uint64_t)1), sizeof(*reader->found));
	reader->first_span_at = hb_pages_map(hb_heap_npages(reader->heap) * 4);
	if (!reader->found || !reader->first_span_at)
		return hb_error_nomem();
	for (uint64_t i = 0; i < len; i++)
		read_span(reader, hb_load_u64(list + i * 8));
	TRY(order_spans(reader));
	reader->heap->inline_marks = has_inline_marks(reader->heap);
	return NULL;
}

/* --- Which slots hold objects ----------------------------------------------------------------------------------------
 */

/* runtime/mgcmark_greenteagc.go spanInlineMarkBits: scans[63], owned, marks[63], class; merged into gcmarkBits by the
 * sweeper. Pointer-free spans have them as well, but their pages are not read: their allocation bits stand in. */
static const uint8_t *inline_marks(const struct reader *reader, const struct hb_span *span)
{
	if (!reader->heap->inline_marks || span->kind != HB_SPAN_BITS || span->elem_size < 16)
		return NULL;
	const uint8_t *at = hb_snapshot_at(reader->go->snapshot, span->base + PAGE - INLINE_MARKS, INLINE_MARKS);
	return at ? at + 64 : NULL;
}

static void set_bits(uint64_t *bitmap, uint32_t first, const uint8_t *bits, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t byte = bits[i / 8];
		if (n - i < 8)
			byte &= (1u << (n - i)) - 1;
		uint32_t at = first + i;
		bitmap[at >> 6] |= byte << (at & 63);
		if ((at & 63) > 56 && byte >> (64 - (at & 63)))
			bitmap[(at >> 6) + 1] |= byte >> (64 - (at & 63));
	}
}

static void set_run(uint64_t *bitmap, uint32_t first, uint32_t n)
{
	for (uint32_t at = first; at < first + n; at++)
		bitmap[at >> 6] |= UINT64_C(1) << (at & 63);
}

/* An object with a finalizer outlives the sweep that finds it unmarked: the sweep marks it, and queues the finalizer
 * (runtime/mgcsweep.go sweep, 1.18-1.27). */
static void set_finalizable(struct reader *reader, const struct hb_span *span)
{
	struct hb_specials *specials = &reader->specials;
	for (hb_specials_start(specials, span); hb_specials_next(specials);) {
		uint32_t slot = hb_specials_slot(specials, span);
		if (specials->kind == reader->layout->kinds.finalizer && slot)
			hb_slot_set(reader->heap->allocated, slot);
	}
}

/* field: of the mspan, that leads to the bits. */
static bool set_bits_at(const struct reader *reader, const struct hb_span *span, const uint8_t *field)
{
	const uint8_t *bits = hb_snapshot_at(reader->go->snapshot, hb_load_u64(field), (span->nelems + 7) / 8);
	if (bits)
		set_bits(reader->heap->allocated, span->first_slot, bits, span->nelems);
	return bits;
}

/* What the sweep leaves. */
static void set_marked(struct reader *reader, const struct hb_span *span, const uint8_t *mspan)
{
	const uint8_t *marks = inline_marks(reader, span);
	set_bits_at(reader, span, mspan + reader->layout->mspan.gcmark_bits);
	if (marks)
		set_bits(reader->heap->allocated, span->first_slot, marks, hb_min(span->nelems, 63u * 8));
	set_finalizable(reader, span);
}

static void read_allocated(struct reader *reader, struct hb_span *span)
{
	const struct hb_go_layout *layout = reader->layout;
	struct hb_heap *heap = reader->heap;
	const uint8_t *at = hb_snapshot_at(reader->go->snapshot, span->mspan, layout->mspan.size);
	bool hidden_marks =
	        heap->inline_marks && span->kind == HB_SPAN_NOSCAN && span->elem_size >= 16 && span->elem_size <= 512;
	if (!at)
		return;
	bool only_marks = span->unswept && !hidden_marks;
	/* The sweeper sets freeindex to 0 before mark bits become allocation bits, and others become mark bits after
	 * (runtime/mgcsweep.go sweep, 1.18-1.27): between these steps, only all of them together have every object that
	 * lives. */
	if (only_marks || span->being_swept)
		set_marked(reader, span, at);
	if (only_marks)
		return;
	if (!set_bits_at(reader, span, at + layout->mspan.alloc_bits))
		reader->rejected++;
	/* Everything below the index that the allocator has passed is allocated (runtime/mbitmap.go isFree). Not
	 * freeIndexForScan: from 1.25 on it stands still while the collector marks. */
	uint32_t index = hb_load_u16(at + layout->mspan.freeindex);
	set_run(heap->allocated, span->first_slot, hb_min(index, span->nelems));
}

static void count_objects(struct hb_heap *heap)
{
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint32_t objects = 0, first = span->first_slot, end = first + span->nelems;
		for (uint32_t at = first; at < end;) {
			uint64_t word = heap->allocated[at >> 6] >> (at & 63);
			uint32_t take = hb_min(64 - (at & 63), end - at);
			if (take < 64)
				word &= (UINT64_C(1) << take) - 1;
			objects += (uint32_t)__builtin_popcountll(word);
			at += take;
		}
		heap->nobjects += objects;
		heap->object_bytes += objects * span->elem_size;
		heap->free_slot_bytes += (span->nelems - objects) * span->elem_size;
		heap->tail_bytes += ((uint64_t)span->npages << 13) - span->nelems * span->elem_size;
	}
}

/* --- Types of objects above 512 bytes --------------------------------------------------------------------------------
 */

static struct hb_error *add_type(struct reader *reader, uint64_t type)
{
	uint64_t size_words, ptr_words;
	const uint64_t *mask;
	if (!type || hb_heap_mask(reader->heap, type))
		return NULL;
	for (size_t i = reader->unknown_types.len; i-- > 0;)
		if (reader->unknown_types.data[i] == type)
			return NULL;
	if (hb_go_type_mask(reader->go, type, &reader->heap->arena, &size_words, &ptr_words, &mask) && size_words &&
	    ptr_words <= size_words)
		return hb_heap_add_mask(reader->heap, type, size_words, ptr_words, mask);
	if (reader->unknown_types.len < 1024)
		HB_VEC_PUSH(&reader->unknown_types, type);
	return NULL;
}

static struct hb_error *read_types(struct reader *reader)
{
	struct hb_heap *heap = reader->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_LARGE) {
			TRY(span->user_arena ? hb_go_user_arena_add_mask(reader->go, heap, span)
			                     : add_type(reader, span->large_type));
			continue;
		}
		if (span->kind != HB_SPAN_HEADER)
			continue;
		const uint8_t *bytes = hb_heap_bytes(heap, span->base);
		for (uint32_t k = 0; k < span->nelems; k++)
			if (hb_heap_allocated(heap, span->first_slot + k))
				TRY(add_type(reader, hb_load_u64(bytes + k * span->elem_size)));
		if ((i & 1023) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- Together --------------------------------------------------------------------------------------------------------
 */

static struct hb_error *read_all(struct reader *reader)
{
	struct hb_heap *heap = reader->heap;
	TRY(map_arenas(heap, &reader->go->snapshot->arenas));
	heap->bits_in_arenas = hb_go_has_arena_bits(reader->layout);
	TRY(read_spans(reader));
	heap->allocated = hb_pages_map(hb_heap_bitmap_bytes(heap));
	if (!heap->allocated)
		return hb_error_nomem();
	for (uint32_t i = 0; i < heap->nspans; i++)
		read_allocated(reader, &heap->spans[i]);
	count_objects(heap);
	TRY(hb_heap_index_slots(heap));
	if (heap->bits_in_arenas)
		TRY(hb_go_arena_bits_read(reader->go, heap));
	TRY(read_types(reader));
	if (reader->rejected)
		hb_notes_add_partial(reader->go->notes,
		                     "%llu heap spans could not be made sense of: their objects are missing",
		                     (unsigned long long)reader->rejected);
	return NULL;
}

struct hb_error *hb_spans_read(const struct hb_go *go, struct hb_heap **ret)
{
	struct hb_heap *heap = calloc(1, sizeof(*heap));
	if (!heap)
		return hb_error_nomem();
	struct reader reader = {.go = go, .layout = go->layout, .heap = heap, .specials = hb_specials(go)};
	struct hb_error *err = read_all(&reader);
	free(reader.found);
	hb_pages_unmap(reader.first_span_at, hb_heap_npages(heap) * 4);
	hb_vec_deinit(&reader.unknown_types);
	if (err)
		hb_heap_destroy(heap);
	else
		*ret = heap;
	return err;
}
