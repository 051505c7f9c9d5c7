#include "heap/scan.h"

enum { PAGE_SIZE = 1 << HB_HEAP_PAGE_SHIFT, SMALL_MAX = 512 };

static struct hb_error *contradiction(const struct hb_span *span, const char *what)
{
	return hb_error_create(HB_ERR_CORRUPT, "span at %#jx: %s", (uintmax_t)span->base, what);
}

static const char *kind_problem(const struct hb_heap *heap, const struct hb_span *span)
{
	switch (span->kind) {
	case HB_SPAN_NOSCAN:
	case HB_SPAN_HEADER:
		return NULL;
	case HB_SPAN_BITS:
		if (span->npages != 1 || span->elem_size > SMALL_MAX ||
		    span->nelems * span->elem_size > PAGE_SIZE - (heap->bits_in_arenas ? 0 : HB_SMALL_BITMAP))
			return "its slots and its pointer bitmap do not fit in one page";
		return heap->bits_in_arenas && !heap->arena_bits ? "there are no arena bitmaps" : NULL;
	case HB_SPAN_LARGE:
		return span->nelems == 1 ? NULL : "a large object's span has one slot";
	case HB_SPAN_ARENA_BITS:
		return heap->arena_bits ? NULL : "there are no arena bitmaps";
	default:
		return "unknown kind";
	}
}

static const char *span_problem(const struct hb_heap *heap, const struct hb_span *span)
{
	uint64_t size = (uint64_t)span->npages << HB_HEAP_PAGE_SHIFT, slots;
	if (span->base % PAGE_SIZE || !span->npages || span->npages >= 1u << 29)
		return "not a run of pages";
	if (!span->nelems || !span->elem_size || span->elem_size % 8 ||
	    hb_mul_overflows((uint64_t)span->nelems, span->elem_size, &slots) || slots > size)
		return "its slots do not fit";
	if (!span->first_slot || (uint64_t)span->first_slot + span->nelems - 1 > heap->nslots)
		return "its slot numbers do not fit";
	if (span->nelems > 1 && (span->nelems > UINT16_MAX || span->elem_size / 8 > UINT16_MAX))
		return "more or larger slots than the runtime makes";
	return kind_problem(heap, span);
}

/* Arenas in address order, spans in address and slot order and disjoint. */
static struct hb_error *check_order(const struct hb_heap *heap)
{
	uint32_t seen = 0;
	for (uint64_t i = 0; i < heap->arena_span; i++)
		if (heap->arena_map[i] && heap->arena_map[i] != ++seen)
			return hb_error_create(HB_ERR_CORRUPT, "arenas of the heap are not in address order");
	if (seen != heap->narenas)
		return hb_error_create(HB_ERR_CORRUPT, "%u arenas of the heap have %u places", heap->narenas, seen);
	for (uint32_t i = 1; i < heap->nspans; i++) {
		const struct hb_span *before = &heap->spans[i - 1], *span = &heap->spans[i];
		if (span->base < before->base || span->base - before->base < (uint64_t)before->npages
		                                                                     << HB_HEAP_PAGE_SHIFT)
			return contradiction(span, "overlaps the one before");
		if (span->first_slot < before->first_slot || span->first_slot - before->first_slot < before->nelems)
			return contradiction(span, "its slots overlap those of the span before");
	}
	return NULL;
}

static struct hb_error *add_span(struct hb_scan *scan, const struct hb_span *span)
{
	const char *problem = span_problem(scan->heap, span);
	if (problem)
		return contradiction(span, problem);
	uint64_t at, last, before_last = (uint64_t)(span->npages - 1) << HB_HEAP_PAGE_SHIFT;
	if (!hb_heap_page(scan->heap, span->base, &at) || !hb_heap_page(scan->heap, span->base + before_last, &last) ||
	    last - at != before_last)
		return contradiction(span, "not inside arenas that follow each other");
	struct hb_scan_page *page = &scan->pages[at >> HB_HEAP_PAGE_SHIFT];
	uint64_t nwords = span->elem_size / 8;
	for (uint32_t i = 0; i < span->npages; i++)
		page[i] = (struct hb_scan_page){
		        .first_slot = span->first_slot,
		        .div_mul = span->nelems == 1 ? 0 : span->div_mul,
		        .where = i << 3 | span->kind,
		        .nelems = (uint16_t)span->nelems,
		        .nwords = nwords <= UINT16_MAX ? (uint16_t)nwords : 0,
		};
	scan->bytes += span->npages * sizeof(*page);
	if (span->kind == HB_SPAN_BITS) {
		memcpy(scan->bitmaps + (at >> HB_HEAP_PAGE_SHIFT) * HB_SMALL_BITMAP,
		       hb_small_bitmap(scan->heap, at, nwords), HB_SMALL_BITMAP);
		scan->bytes += HB_SMALL_BITMAP;
	}
	return NULL;
}

struct hb_error *hb_scan_init(struct hb_scan *scan, const struct hb_heap *heap)
{
	*scan = (struct hb_scan){
	        .heap = heap,
	        .low = heap->low,
	        .arena_span = heap->arena_span,
	        .arena_map = heap->arena_map,
	        .memory = heap->memory,
	};
	TRY(check_order(heap));
	if (!heap->narenas)
		return NULL;
	scan->pages = hb_pages_map(hb_heap_npages(heap) * sizeof(*scan->pages));
	scan->bitmaps = hb_pages_map(hb_heap_npages(heap) * HB_SMALL_BITMAP);
	if (!scan->pages || !scan->bitmaps) {
		hb_scan_deinit(scan);
		return hb_error_nomem();
	}
	for (uint32_t i = 0; i < heap->nspans; i++) {
		struct hb_error *err = add_span(scan, &heap->spans[i]);
		if (err) {
			hb_scan_deinit(scan);
			return err;
		}
	}
	return NULL;
}

void hb_scan_deinit(struct hb_scan *scan)
{
	hb_pages_unmap(scan->pages, hb_heap_npages(scan->heap) * sizeof(*scan->pages));
	hb_pages_unmap(scan->bitmaps, hb_heap_npages(scan->heap) * HB_SMALL_BITMAP);
	scan->pages = NULL;
	scan->bitmaps = NULL;
}
