/* Who refers to large arrays, and to which parts of them: one pass over all pointers of reached objects.
 *
 * Most pointers lead elsewhere: a bit a heap page says so before anything else is looked up.
 */
#include "base/progress.h"
#include "heap/pointers.h"
#include "leak/sub_slices.h"

#include <string.h>

struct scanner {
	const struct hb_analysis *analysis;
	struct hb_large_arrays *arrays;
	uint64_t *pages; /* bit a heap page: holds a candidate */
	size_t pages_bytes;
};

/* --- Candidates ------------------------------------------------------------------------------------------------- */

static void mark_pages(struct scanner *scanner, const struct hb_span *span)
{
	uint64_t at;
	for (uint32_t i = 0; i < span->npages; i++)
		if (hb_heap_page(scanner->analysis->heap, span->base + ((uint64_t)i << HB_HEAP_PAGE_SHIFT), &at))
			scanner->pages[at >> (HB_HEAP_PAGE_SHIFT + 6)] |= UINT64_C(1)
			                                                  << (at >> HB_HEAP_PAGE_SHIFT & 63);
}

static struct hb_error *collect(struct scanner *scanner, uint64_t least)
{
	const struct hb_heap *heap = scanner->analysis->heap;
	const struct hb_graph *graph = scanner->analysis->graph;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->elem_size < least || span->user_arena) /* which is freed as a whole, and on purpose */
			continue;
		size_t before = scanner->arrays->list.len;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (graph->number[slot])
				HB_VEC_PUSH(&scanner->arrays->list,
				            (struct hb_large_array){.start = hb_heap_slot_addr(span, slot),
				                                    .size = span->elem_size,
				                                    .slot = slot,
				                                    .smallest_len = UINT64_MAX,
				                                    .lowest = UINT64_MAX,
				                                    .node = HB_ROOT_NONE,
				                                    .known = true,
				                                    .pointer_free = span->kind == HB_SPAN_NOSCAN});
		if (scanner->arrays->list.len > before)
			mark_pages(scanner, span);
	}
	return NULL;
}

static struct hb_large_array *find(struct scanner *scanner, uint64_t addr)
{
	const struct hb_heap *heap = scanner->analysis->heap;
	uint64_t at;
	if (!hb_heap_page(heap, addr, &at) ||
	    !(scanner->pages[at >> (HB_HEAP_PAGE_SHIFT + 6)] >> (at >> HB_HEAP_PAGE_SHIFT & 63) & 1))
		return NULL;
	uint32_t slot = hb_heap_slot(heap, addr);
	size_t low = hb_partition_point(scanner->arrays->list.len, i, scanner->arrays->list.data[i].slot < slot);
	struct hb_large_array *array = &scanner->arrays->list.data[low];
	return slot && low < scanner->arrays->list.len && array->slot == slot ? array : NULL;
}

/* --- Headers ---------------------------------------------------------------------------------------------------- */

/* Cells that bytes [from, from + len) touch. */
static uint64_t cells(const struct hb_large_array *array, uint64_t from, uint64_t len)
{
	uint64_t cell = (array->size + HB_SUB_SLICE_CELLS - 1) / HB_SUB_SLICE_CELLS;
	if (!len)
		return 0;
	uint64_t first = from / cell, last = (from + len - 1) / cell;
	uint64_t upto = last == 63 ? UINT64_MAX : (UINT64_C(1) << (last + 1)) - 1;
	return upto & ~((UINT64_C(1) << first) - 1);
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return hb_add_overflows(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t covered(uint64_t cell_bits, uint64_t sum, uint64_t size)
{
	uint64_t cell = (size + HB_SUB_SLICE_CELLS - 1) / HB_SUB_SLICE_CELLS;
	return hb_min(hb_min((uint64_t)__builtin_popcountll(cell_bits) * cell, sum), size);
}

uint64_t hb_large_array_used(const struct hb_large_array *array)
{
	return covered(array->used, array->used_sum, array->size);
}

uint64_t hb_large_array_usable(const struct hb_large_array *array)
{
	return covered(array->usable, array->usable_sum, array->size);
}

struct reference { /* words of a header, and where it lies */
	uint64_t data, len, cap;
	uint32_t slot, node;
	uint64_t offset;
	struct hb_header header;
};

static void refer(const struct scanner *scanner, struct hb_large_array *array, const struct reference *reference)
{
	uint64_t from = reference->data - array->start,
	         cap = reference->header.is_string ? reference->len : reference->cap;
	uint64_t used, usable;
	/* What does not fit is no header, or one that was being written. */
	if (hb_mul_overflows(reference->len, reference->header.elem, &used) ||
	    hb_mul_overflows(cap, reference->header.elem, &usable) || used > usable || usable > array->size - from) {
		array->known = false;
		return;
	}
	/* The slot is up to an eighth larger than what was asked for. */
	array->reaches_end |= !reference->header.is_string && array->size - from - usable <= array->size / 8;
	array->lowest = hb_min(array->lowest, from);
	array->highest = hb_max(array->highest, from + usable);
	array->used |= cells(array, from, used);
	array->usable |= cells(array, from, usable);
	array->used_sum = add_saturating(array->used_sum, used);
	array->usable_sum = add_saturating(array->usable_sum, usable);
	array->has_strings |= reference->header.is_string;
	array->has_slices |= !reference->header.is_string;
	array->library |=
	        reference->header.owner && hb_type_is_of_library(scanner->analysis->types, reference->header.owner);
	array->referrers += array->referrers < UINT32_MAX;
	if (reference->len >= array->smallest_len)
		return;
	array->smallest_len = reference->len;
	array->cap = cap;
	array->referrer = reference->slot;
	array->node = reference->node;
	array->referrer_offset = reference->offset;
	array->header = reference->header;
}

/* --- Objects ---------------------------------------------------------------------------------------------------- */

struct object {
	uint32_t slot, type;
	const uint8_t *bytes;
	uint64_t size, header, elem; /* bytes: of the slot, before the first value, of a value */
};

static void visit_word(struct scanner *scanner, const struct object *object, uint64_t offset)
{
	uint64_t value = hb_load_u64(object->bytes + offset);
	struct hb_large_array *array = find(scanner, value);
	if (!array || array->slot == object->slot)
		return;
	struct reference reference = {.data = value, .slot = object->slot, .node = HB_ROOT_NONE, .offset = offset};
	if (!object->elem || offset < object->header ||
	    !hb_header_at(scanner->analysis->types, object->type, (offset - object->header) % object->elem,
	                  &reference.header) ||
	    offset + (reference.header.is_string ? 16 : 24) > object->size) {
		array->known = false;
		return;
	}
	reference.len = hb_load_u64(object->bytes + offset + 8);
	reference.cap = reference.header.is_string ? reference.len : hb_load_u64(object->bytes + offset + 16);
	refer(scanner, array, &reference);
}

static void visit_object(struct scanner *scanner, const struct hb_span *span, uint32_t slot)
{
	const struct hb_analysis *analysis = scanner->analysis;
	uint64_t at;
	if (!hb_heap_page(analysis->heap, hb_heap_slot_addr(span, slot), &at))
		return;
	uint64_t nwords = span->elem_size / 8;
	struct hb_pointers pointers = hb_pointers_of(analysis->heap, span->kind, at, nwords, span->large_type);
	struct object object = {
	        .slot = slot,
	        .type = analysis->typing->type_of[slot],
	        .bytes = pointers.bytes,
	        .size = span->elem_size,
	        .header = span->kind == HB_SPAN_HEADER ? 8 : 0,
	};
	object.elem = analysis->types->list[object.type].size;
	for (uint64_t start = 0; start < nwords; start += 64)
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1)
			visit_word(scanner, &object, (start + (uint64_t)__builtin_ctzll(bits)) * 8);
}

static struct hb_error *scan_heap(struct scanner *scanner)
{
	const struct hb_heap *heap = scanner->analysis->heap;
	const struct hb_graph *graph = scanner->analysis->graph;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_NOSCAN || span->kind == HB_SPAN_NONE)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			if (graph->number[slot])
				visit_object(scanner, span, slot);
		if ((i & 255) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- Roots -------------------------------------------------------------------------------------------------------- */

/* A variable of three words, not the first three of a bytes.Buffer. Without symbols there are only the addresses that
 * code refers to: the linker aligns variables of 24 bytes to 16 and puts them side by side
 * (cmd/link/internal/ld/data.go, symalign and dodata, 1.18-1.27), so the next one is 32 bytes on, and nothing refers to
 * what is between. */
static bool is_three_words(const struct hb_globals *globals, uint64_t addr)
{
	const struct hb_global *global = globals ? hb_globals_at(globals, addr) : NULL;
	if (!global || global->addr != addr)
		return false;
	if (global->certain)
		return global->size == 24;
	const struct hb_global *behind = hb_globals_at(globals, addr + 24), *next = hb_globals_at(globals, addr + 32);
	bool padding = !behind || behind->addr != addr + 24 || !strcmp(behind->name, "unnamed data");
	return addr % 16 == 0 && padding && next && next->addr == addr + 32;
}

/* A global whose type nobody knows, as in a stripped program, or has no descriptor, as a []*T that is nothing but appended to: what
 * looks like ptr, len, cap is a slice when the capacity is that of the array to the element, give or take the rounding to its
 * size class. Of what it is a slice the array's elements say; else it is of bytes, or of pointers. */
static bool looks_like_slice(const struct scanner *scanner, const struct hb_large_array *array,
                             struct reference *reference)
{
	const struct hb_analysis *analysis = scanner->analysis;
	uint32_t elem = analysis->typing->type_of[array->slot];
	uint64_t room = array->size - (reference->data - array->start), cap;
	reference->header = (struct hb_header){.elem = elem ? analysis->types->list[elem].size : 8};
	if (!elem && array->pointer_free)
		reference->header =
		        (struct hb_header){.type = hb_types_by_name(analysis->types, "[]uint8", NULL), .elem = 1};
	return reference->header.elem && is_three_words(analysis->globals, reference->offset) &&
	       reference->len <= reference->cap && !hb_mul_overflows(reference->cap, reference->header.elem, &cap) &&
	       cap <= room && room - cap <= array->size / 8;
}

static bool is_header(const struct scanner *scanner, const struct hb_large_array *array, struct reference *reference)
{
	const struct hb_analysis *analysis = scanner->analysis;
	const struct hb_root_node *node = &analysis->roots.nodes.data[reference->node];
	uint32_t type = node->type ? hb_types_find(analysis->types, node->type) : 0;
	if (node->kind != HB_ROOT_GLOBAL || reference->offset < node->id ||
	    !hb_snapshot_u64(analysis->snapshot, reference->offset + 8, &reference->len) ||
	    !hb_snapshot_u64(analysis->snapshot, reference->offset + 16, &reference->cap))
		return false;
	if (type)
		return hb_header_at(analysis->types, type, reference->offset - node->id, &reference->header);
	return looks_like_slice(scanner, array, reference);
}

/* Headers in globals. A variable of a function that runs may be about to use all of the array: nothing is said of it.
 */
static void scan_roots(struct scanner *scanner)
{
	const struct hb_analysis *analysis = scanner->analysis;
	for (size_t i = 0; i < analysis->roots.edges.len; i++) {
		const struct hb_root_edge *edge = &analysis->roots.edges.data[i];
		struct hb_large_array *array = find(scanner, edge->value);
		struct reference reference = {.data = edge->value, .node = edge->node, .offset = edge->from};
		if (array && is_header(scanner, array, &reference))
			refer(scanner, array, &reference);
		else if (array)
			array->known = false;
	}
}

struct hb_error *hb_large_arrays_scan(const struct hb_analysis *analysis, uint64_t least, struct hb_large_arrays *ret)
{
	*ret = (struct hb_large_arrays){0};
	struct scanner scanner = {
	        .analysis = analysis,
	        .arrays = ret,
	        .pages_bytes = (hb_heap_npages(analysis->heap) / 64 + 1) * sizeof(uint64_t),
	};
	scanner.pages = hb_pages_map(scanner.pages_bytes);
	struct hb_error *err = scanner.pages ? collect(&scanner, least) : hb_error_nomem();
	if (!err && ret->list.len) {
		scan_roots(&scanner);
		err = scan_heap(&scanner);
	}
	hb_pages_unmap(scanner.pages, scanner.pages_bytes);
	if (err)
		hb_vec_deinit(&ret->list);
	return err;
}
