/* The page heap: spans against arenas, classes, allocation bits and each other; what objects hold against what there is. */
#include "golang/confirm_internal.h"
#include "heap/pointers.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_SPANS = 1u << 28, PAGE = 1 << HB_HEAP_PAGE_SHIFT };
enum { DEAD = 0, IN_USE = 1, MANUAL = 2 }; /* runtime/mheap.go mSpanState, 1.18-1.27 */

/* --- Type descriptors ------------------------------------------------------------------------------------------------ */

struct hb_error *hb_confirm_types(const struct hb_confirm *confirm)
{
	const struct hb_types *types = confirm->types;
	uint32_t pointers = 0, named = 0;
	/* The type of a pointer is called after what it points to. */
	for (uint32_t id = 1; id < types->n; id++) {
		const struct hb_type *type = &types->list[id];
		if (type->kind != HB_KIND_POINTER || *type->name != '*')
			continue;
		pointers++;
		named += !strcmp(type->name + 1, types->list[type->elem].name);
	}
	if (pointers < 16 || named < pointers - pointers / 64)
		return hb_disagrees("%u of %u types of pointers do not point to what they say", pointers - named,
		                    pointers);
	return NULL;
}

/* internal/abi/iface.go ITab (runtime/runtime2.go up to 1.21). */
static bool is_itab(const struct hb_confirm *confirm, uint64_t itab)
{
	const struct hb_go_layout *layout = confirm->layout;
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	uint64_t inter, type;
	uint32_t hash;
	if (!hb_snapshot_u64(snapshot, itab + layout->itab.inter, &inter) ||
	    !hb_snapshot_u64(snapshot, itab + layout->itab.type, &type) ||
	    !hb_snapshot_u32(snapshot, itab + layout->itab.hash, &hash))
		return false;
	const struct hb_type *of = &confirm->types->list[hb_types_find(confirm->types, inter)];
	return of->kind == HB_KIND_INTERFACE && confirm->types->list[hb_types_find(confirm->types, type)].hash == hash;
}

/* The linker lists the itabs that it makes: moduledata.itablinks up to 1.26, then they follow the types. */
struct hb_error *hb_confirm_itabs(const struct hb_confirm *confirm)
{
	const struct hb_go_layout *layout = confirm->layout;
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	uint64_t moduledata = confirm->module->moduledata, list, n, itab, offset, size;
	if (layout->moduledata.itablinks != HB_ABSENT) {
		if (!hb_snapshot_slice(snapshot, moduledata + layout->moduledata.itablinks, 1 << 24, &list, &n))
			return hb_disagrees("the list of its itabs cannot be read");
		for (uint64_t i = 0; i < n; i++)
			if (!hb_snapshot_u64(snapshot, list + i * 8, &itab) || !is_itab(confirm, itab))
				return hb_disagrees("itab %" PRIu64 " of %" PRIu64 " makes no sense", i, n);
		return NULL;
	}
	if (layout->moduledata.itaboffset == HB_ABSENT || layout->moduledata.itabsize == HB_ABSENT)
		return (confirm->go->newer && confirm->go->newer->has_dwarf) ? NULL
		                                                             : hb_disagrees("its itabs were not found");
	if (!hb_snapshot_u64(snapshot, moduledata + layout->moduledata.itaboffset, &offset) ||
	    !hb_snapshot_u64(snapshot, moduledata + layout->moduledata.itabsize, &size))
		return hb_disagrees("the list of its itabs cannot be read");
	if (size && !is_itab(confirm, confirm->module->types + offset))
		return hb_disagrees("the first of its itabs makes no sense");
	return NULL;
}

/* --- Spans ------------------------------------------------------------------------------------------------------------ */

struct tally {
	uint32_t sweepgen; /* the heap's */
	uint64_t spans[3], pages[3];
};

/* runtime/mheap.go mspan.sweepgen, against the heap's: −2 needs sweeping, −1 is being swept, 0 swept, +1 cached before the
 * sweep began, +3 swept and cached. */
static bool is_sweepgen(uint32_t difference)
{
	return difference + 2 <= 5 && difference != 2;
}

static struct hb_error *add_span(const struct hb_confirm *confirm, const uint8_t *span, struct tally *tally)
{
	const struct hb_go_layout *layout = confirm->layout;
	uint8_t state = span[layout->mspan.state];
	uint64_t start = hb_load_u64(span + layout->mspan.start_addr),
	         npages = hb_load_u64(span + layout->mspan.npages);
	uint64_t first, last;
	if (state > MANUAL)
		return hb_disagrees("the state of a heap span is %u", state);
	tally->spans[state]++;
	if (state == DEAD)
		return NULL;
	if (start % PAGE || !npages || npages > UINT32_MAX || !hb_heap_page(confirm->heap, start, &first) ||
	    !hb_heap_page(confirm->heap, start + npages * PAGE - 1, &last) || last - first != npages * PAGE - 1)
		return hb_disagrees("a heap span of %" PRIu64 " pages at 0x%" PRIx64 " is in no arena", npages, start);
	if (state == IN_USE && !is_sweepgen(hb_load_u32(span + layout->mspan.sweepgen) - tally->sweepgen))
		return hb_disagrees("a heap span is of another cycle of the collector than the heap");
	tally->pages[state] += npages;
	uint8_t *pages = confirm->page_states + (first >> HB_HEAP_PAGE_SHIFT);
	for (uint64_t i = 0; i < npages; i++) {
		if (pages[i])
			return hb_disagrees("two heap spans have the page at 0x%" PRIx64, start + i * PAGE);
		pages[i] = state;
	}
	return NULL;
}

/* A thread may be about to take or give back the pages of one span. */
static struct hb_error *check_pages_in_use(const struct hb_confirm *confirm, const struct tally *tally)
{
	uint64_t counted;
	if (confirm->layout->mheap.pages_in_use == HB_ABSENT ||
	    !hb_snapshot_u64(confirm->go->snapshot, confirm->go->mheap + confirm->layout->mheap.pages_in_use, &counted))
		return NULL;
	uint64_t found = tally->pages[IN_USE];
	if ((found > counted ? found - counted : counted - found) > found / 16 + 64)
		return hb_disagrees("its heap spans have %" PRIu64 " pages in use, and it counts %" PRIu64, found,
		                    counted);
	return NULL;
}

struct hb_error *hb_confirm_spans(const struct hb_confirm *confirm)
{
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	struct tally tally = {0};
	uint64_t data, len;
	const uint8_t *list = NULL;
	if (!hb_snapshot_u32(snapshot, confirm->go->mheap + confirm->layout->mheap.sweepgen, &tally.sweepgen) ||
	    !hb_snapshot_slice(snapshot, confirm->go->mheap + confirm->layout->mheap.allspans, MAX_SPANS, &data,
	                       &len) ||
	    !(list = hb_snapshot_at(snapshot, data, len * 8)))
		return hb_disagrees("the list of heap spans cannot be read");
	for (uint64_t i = 0; i < len; i++) {
		const uint8_t *span = hb_snapshot_at(snapshot, hb_load_u64(list + i * 8), confirm->layout->mspan.size);
		if (!span)
			return hb_disagrees("heap span %" PRIu64 " cannot be read", i);
		TRY(add_span(confirm, span, &tally));
	}
	if (confirm->heap->nspans != tally.spans[IN_USE])
		return hb_disagrees("%" PRIu64 " of %" PRIu64 " heap spans in use make no sense",
		                    tally.spans[IN_USE] - confirm->heap->nspans, tally.spans[IN_USE]);
	return check_pages_in_use(confirm, &tally);
}

/* --- Size classes ------------------------------------------------------------------------------------------------------ */

/* All spans of a size class have slots of one size and the same number of pages (runtime/sizeclasses.go,
 * internal/runtime/gc/sizeclasses.go), larger classes larger ones; and as many slots as there is room for: behind them come
 * the pointer bitmap (1.22+) and the inline mark bits (1.26+). */
struct class
{
	uint64_t elem_size;
	uint32_t npages;
};

static struct hb_error *check_class(const struct hb_confirm *confirm, const struct hb_span *span,
                                    struct class classes[128])
{
	struct class *class = &classes[span->span_class >> 1];
	uint64_t bytes = (uint64_t)span->npages * PAGE, used = span->nelems * span->elem_size;
	if (span->span_class >> 1 == 0) {
		if (span->nelems != 1 || span->elem_size > bytes)
			return hb_disagrees("a heap span for one large object has %u", span->nelems);
		return NULL;
	}
	if (!class->elem_size)
		*class = (struct class){span->elem_size, span->npages};
	if (class->elem_size != span->elem_size || class->npages != span->npages || span->elem_size > 32768)
		return hb_disagrees("heap spans of class %u differ: %" PRIu64 " and %" PRIu64 " bytes a slot",
		                    span->span_class >> 1, class->elem_size, span->elem_size);
	/* What is left is less than a slot and the two bitmaps. */
	if (used > bytes || bytes - used >= span->elem_size + 256)
		return hb_disagrees("a heap span of %" PRIu64 " bytes has %u slots of %" PRIu64, bytes, span->nelems,
		                    span->elem_size);
	return NULL;
}

struct hb_error *hb_confirm_classes(const struct hb_confirm *confirm)
{
	struct class classes[128] = {0};
	uint64_t before = 0;
	for (uint32_t i = 0; i < confirm->heap->nspans; i++)
		TRY(check_class(confirm, &confirm->heap->spans[i], classes));
	for (size_t i = 1; i < hb_countof(classes); i++) {
		if (classes[i].elem_size && classes[i].elem_size <= before)
			return hb_disagrees("slots of heap spans of class %zu have %" PRIu64
			                    " bytes, those of a smaller one %" PRIu64,
			                    i, classes[i].elem_size, before);
		before = hb_max(before, classes[i].elem_size);
	}
	return NULL;
}

/* --- Allocated slots --------------------------------------------------------------------------------------------------- */

static uint32_t count_allocated(const struct hb_heap *heap, const struct hb_span *span)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < span->nelems; i++)
		n += hb_heap_allocated(heap, span->first_slot + i);
	return n;
}

/* The end of the last slot, or of its pages (1.22). */
static bool has_limit(const struct hb_confirm *confirm, const struct hb_span *span, const uint8_t *mspan)
{
	if (confirm->layout->mspan.limit == HB_ABSENT || span->user_arena || span->span_class >> 1 == 0)
		return true;
	uint64_t limit = hb_load_u64(mspan + confirm->layout->mspan.limit) - span->base;
	return limit >= span->nelems * span->elem_size && limit <= (uint64_t)span->npages * PAGE;
}

/* The allocator counts what it hands out, and so does the sweeper what it leaves (runtime/mheap.go allocCount, 1.18-1.27).
 * Of unswept spans the count is of before. A thread may be between the two steps in one span. */
struct hb_error *hb_confirm_allocated(const struct hb_confirm *confirm)
{
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t spans = 0, wrong = 0, nameless = 0, unlimited = 0;
	for (uint32_t i = 0; i < confirm->heap->nspans; i++) {
		const struct hb_span *span = &confirm->heap->spans[i];
		const uint8_t *at = hb_snapshot_at(confirm->go->snapshot, span->mspan, layout->mspan.size);
		/* A large object gets its type as soon as its memory is clear (runtime/mbitmap.go heapSetTypeLarge, 1.22-1.27). */
		nameless += span->kind == HB_SPAN_LARGE && hb_heap_allocated(confirm->heap, span->first_slot) &&
		            !hb_heap_mask(confirm->heap, span->large_type);
		if (!at || hb_load_u16(at + layout->mspan.freeindex) > span->nelems)
			return hb_disagrees("a heap span of %u slots says that none is free below %u", span->nelems,
			                    at ? hb_load_u16(at + layout->mspan.freeindex) : 0);
		unlimited += !has_limit(confirm, span, at); /* set last, up to 1.21 (runtime/mcentral.go grow) */
		if (span->unswept || span->being_swept || layout->mspan.alloc_count == HB_ABSENT)
			continue;
		spans++;
		wrong += count_allocated(confirm->heap, span) != hb_load_u16(at + layout->mspan.alloc_count);
	}
	if (unlimited > hb_confirm_threads_at_work(confirm))
		return hb_disagrees("%" PRIu64 " heap spans end elsewhere than their slots", unlimited);
	if (nameless > hb_confirm_threads_at_work(confirm))
		return hb_disagrees("%" PRIu64 " large objects with pointers have no type", nameless);
	if (wrong > hb_confirm_threads_at_work(confirm))
		return hb_disagrees("%" PRIu64 " of %" PRIu64 " heap spans count other objects than their bits say",
		                    wrong, spans);
	return NULL;
}

/* --- Pointers ---------------------------------------------------------------------------------------------------------- */

enum { SAMPLE_SLOTS = 1 << 18, MOST_WORDS = 1 << 12 };

struct words {
	const struct hb_confirm *confirm;
	uint64_t pointers,
	        bad;     /* words that the collector scans and that are not nil; those of them that lead nowhere */
	uint64_t hidden; /* words that it does not scan and that hold the address of an object */
	uint64_t objects, untyped;
};

static bool is_mapped(const struct hb_snapshot *snapshot, uint64_t addr)
{
	const struct hb_mapping *list = snapshot->mappings;
	size_t i = hb_partition_point(snapshot->nmappings, k, list[k].end <= addr);
	return i < snapshot->nmappings && list[i].start <= addr;
}

/* The collector ends a program whose pointers lead to free pages (runtime/mbitmap.go badPointer). */
static bool leads_somewhere(const struct hb_confirm *confirm, uint64_t value)
{
	uint64_t at;
	if (hb_heap_page(confirm->heap, value, &at))
		return confirm->page_states[at >> HB_HEAP_PAGE_SHIFT] != DEAD;
	return value >= HB_PAGE_SIZE && is_mapped(confirm->go->snapshot, value);
}

static bool is_object(const struct hb_heap *heap, uint64_t value)
{
	uint32_t slot = value % 8 ? 0 : hb_heap_slot(heap, value);
	return slot && hb_heap_allocated(heap, slot) &&
	       hb_heap_slot_addr(&heap->spans[hb_heap_span_of_slot(heap, slot)], slot) == value;
}

static void look_at_object(struct words *words, const struct hb_span *span, uint32_t slot)
{
	const struct hb_heap *heap = words->confirm->heap;
	uint64_t at, n = hb_min(span->elem_size / 8, (uint64_t)MOST_WORDS);
	if (!hb_heap_page(heap, hb_heap_slot_addr(span, slot), &at))
		return;
	struct hb_pointers pointers = hb_pointers_of(heap, span->kind, at, span->elem_size / 8, span->large_type);
	words->objects++;
	words->untyped += pointers.unknown || (span->kind == HB_SPAN_LARGE && !span->large_type && !span->user_arena);
	for (uint64_t first = 0; first < n; first += 64) {
		uint64_t bits = hb_pointers_window(&pointers, first);
		for (uint64_t i = 0; i < 64 && first + i < n; i++) {
			uint64_t value = hb_load_u64(pointers.bytes + (first + i) * 8);
			bool scanned = bits >> i & 1;
			words->pointers += scanned && value;
			words->bad += scanned && value && !leads_somewhere(words->confirm, value);
			words->hidden += !scanned && span->kind == HB_SPAN_BITS && is_object(heap, value);
		}
	}
}

/* A few may be wrong at any moment: what is being made, and what nothing refers to any more. */
static bool are_few(uint64_t n, uint64_t of)
{
	return n <= 16 + of / 64;
}

struct hb_error *hb_confirm_pointers(const struct hb_confirm *confirm)
{
	const struct hb_heap *heap = confirm->heap;
	struct words words = {.confirm = confirm};
	uint32_t step = heap->nslots / SAMPLE_SLOTS + 1;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		for (uint32_t k = 0; k < span->nelems && span->kind != HB_SPAN_NOSCAN; k += step)
			if (hb_heap_allocated(heap, span->first_slot + k))
				look_at_object(&words, span, span->first_slot + k);
	}
	if (!are_few(words.untyped, words.objects))
		return hb_disagrees("%" PRIu64 " of %" PRIu64 " objects have no type of the program's", words.untyped,
		                    words.objects);
	if (!are_few(words.bad, words.pointers))
		return hb_disagrees("%" PRIu64 " of %" PRIu64 " pointers in the heap lead nowhere", words.bad,
		                    words.pointers);
	/* Programs may hide pointers from the collector; that they hide that many says that they do not. */
	if (words.hidden > 64 + words.pointers / 4)
		return hb_disagrees("%" PRIu64
		                    " words of the heap hold addresses of objects and are no pointers, %" PRIu64 " are",
		                    words.hidden, words.pointers);
	return NULL;
}

static struct hb_error *look_at_section(struct words *words, uint64_t start, uint64_t end, uint64_t mask_addr)
{
	const struct hb_snapshot *snapshot = words->confirm->go->snapshot;
	uint64_t nwords = (end - start) / 8, value;
	const uint8_t *mask = hb_snapshot_at(snapshot, mask_addr, (nwords + 7) / 8);
	if (nwords && !mask)
		return hb_disagrees("which words of its data are pointers cannot be read");
	for (uint64_t i = 0; i < nwords; i++) {
		if (!(mask[i / 8] >> i % 8 & 1) || !hb_snapshot_u64(snapshot, start + i * 8, &value) || !value)
			continue;
		words->pointers++;
		words->bad += !leads_somewhere(words->confirm, value);
	}
	return NULL;
}

/* The linker's program of pointer bits ends where the section does (runtime/mbitmap.go progToPointerMask, 1.18-1.27): the
 * number of bits stands before the address of the mask. */
static struct hb_error *check_extent(const struct hb_confirm *confirm, uint64_t start, uint64_t end, uint32_t mask)
{
	uint32_t nbits = 0;
	if (end < start || !hb_snapshot_u32(confirm->go->snapshot, confirm->module->moduledata + mask, &nbits) ||
	    nbits != (end - start) / 8)
		return hb_disagrees("%" PRIu64 " bytes of its data have %u pointer bits", end - start, nbits);
	return NULL;
}

struct hb_error *hb_confirm_globals(const struct hb_confirm *confirm)
{
	const struct hb_go_module *module = confirm->module;
	struct words words = {.confirm = confirm};
	TRY(check_extent(confirm, module->data, module->edata, confirm->layout->moduledata.gcdatamask));
	TRY(check_extent(confirm, module->bss, module->ebss, confirm->layout->moduledata.gcbssmask));
	TRY(look_at_section(&words, module->data, module->edata, module->gcdatamask));
	TRY(look_at_section(&words, module->bss, module->ebss, module->gcbssmask));
	if (words.pointers < 16 || !are_few(words.bad, words.pointers))
		return hb_disagrees("%" PRIu64 " of %" PRIu64 " pointers in its data lead nowhere", words.bad,
		                    words.pointers);
	return NULL;
}
