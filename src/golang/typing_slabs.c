/* Arrays that nothing points at as a whole: found by the elements that are pointed at. */
#include "golang/typing_internal.h"

enum { ENOUGH_ELEMENTS = 2, MIN_SIZE = 16 };

struct part { /* a partial claim, by slot */
	uint32_t slot, type;
	uint64_t addr, offset;
	uint32_t n;
};

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static bool is_open(const struct hb_typer *typer, uint32_t slot)
{
	return slot && !hb_typer_type(typer, slot);
}

/* The claims of one type on one object: where the array would begin and whether they say so. */
static bool are_elements(const struct hb_typer *typer, const struct part *parts, size_t n)
{
	uint64_t size = typer->types->list[parts[0].type].size, seen = 0;
	if (size < MIN_SIZE || typer->types->list[parts[0].type].kind != HB_KIND_STRUCT ||
	    !typer->types->list[parts[0].type].ptr_bytes)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].offset % size)
			return false;
		seen += parts[i].n;
	}
	return seen >= ENOUGH_ELEMENTS;
}

static void try_slab(struct hb_typer *typer, const struct part *parts, size_t n)
{
	const struct part *best = NULL;
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && parts[next].type == parts[i].type; next++)
			;
		uint64_t size = typer->types->list[parts[i].type].size;
		if (are_elements(typer, parts + i, next - i) && (!best || size > typer->types->list[best->type].size))
			best = &parts[i];
	}
	if (!best)
		return;
	struct hb_claim claim = {.word = hb_scan_find(&typer->scan, best->addr).word};
	uint64_t room = hb_typer_slot_size(typer, &claim);
	hb_typer_claim(typer, best->addr - best->offset, best->type, room / typer->types->list[best->type].size, true);
}

static struct hb_error *collect(struct hb_typer *typer, struct part **ret, size_t *ret_n)
{
	HB_VEC(struct part) parts = {0};
	for (uint64_t i = 0; typer->partials && i < 1ull << typer->partials_log2; i++) {
		const struct hb_partial *partial = &typer->partials[i];
		struct hb_target_slot found = hb_scan_find(&typer->scan, partial->addr);
		uint64_t at;
		bool has_bits = found.kind == HB_SPAN_BITS || found.kind == HB_SPAN_ARENA_BITS;
		if (!partial->addr || !has_bits || !is_open(typer, found.slot) ||
		    !hb_heap_page(typer->heap, partial->addr, &at))
			continue;
		struct part part = {found.slot, partial->type, partial->addr, at - found.word * 8, partial->n};
		if (!hb_vec_push(&parts, part)) {
			hb_vec_deinit(&parts);
			return hb_error_nomem();
		}
	}
	if (parts.len)
		qsort(parts.data, parts.len, sizeof(*parts.data), compare_parts);
	*ret = parts.data;
	*ret_n = parts.len;
	return NULL;
}

struct hb_error *hb_typer_infer_slabs(struct hb_typer *typer, uint64_t *ret)
{
	hb_autofree struct part *parts = NULL;
	size_t n;
	TRY(collect(typer, &parts, &n));
	typer->source = HB_CLAIM_SLAB;
	uint64_t tried = 0, still_open = 0;
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && parts[next].slot == parts[i].slot; next++)
			;
		try_slab(typer, parts + i, next - i);
	}
	typer->source = HB_CLAIM_FIELD;
	TRY(hb_typer_drain(typer));
	for (size_t i = 0; i < n; i++) {
		if (i && parts[i].slot == parts[i - 1].slot)
			continue;
		tried++;
		still_open += is_open(typer, parts[i].slot);
	}
	*ret = tried - still_open;
	return NULL;
}
