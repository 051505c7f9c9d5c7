/* Objects that nothing names: typed when exactly one type of the program can have been allocated there.
 *
 * Whatever has pointers was allocated by mallocgc with a type (runtime/malloc.go), so its descriptor is among those
 * that the sweep found: a type T, or n of them, of which the pointers are those of the object and the size gives its
 * size class. Those whose fields contradict what the object holds are left out. More than one left: no type.
 */
#include "golang/typing_internal.h"

#include "base/progress.h"

#include <string.h>

enum {
	MAX_SIZE = 512,      /* larger objects have a header, or bits of more than one window (up to 1.21) */
	MAX_CANDIDATES = 24, /* more are not worth looking at */
	MIN_OBJECT = 24,     /* smaller ones have too little to tell */
	MAX_DEPTH = 64,
	ENOUGH_MISSES = 64, /* objects of one layout that could have been several types */
	MAX_CHECKED = 256,  /* steps of one candidate */
	MAX_ELEMENTS = 64,  /* of an array that are looked at */
	MISSES_LOG2 = 10,
};

struct layout { /* types of one size and mask */
	uint64_t size, mask;
	uint32_t first, n; /* in members */
};
struct arrangement { /* n values of a layout fill a slot */
	uint64_t bits;
	uint32_t slot_size, layout, n;
	uint32_t misses; /* of the first one with its bits and size: objects in vain, until one is found */
};
struct layouts {
	struct hb_typer *typer;
	HB_VEC(uint32_t) members; /* type ids, sorted by layout */
	HB_VEC(struct layout) list;
	HB_VEC(struct arrangement) arrangements; /* sorted by bits and slot size */
	HB_VEC(uint32_t) large;                  /* types above MAX_SIZE, when objects of that size have bits */
	uint32_t misses[1 << MISSES_LOG2];       /* of large objects, by a hash of their first window and size */
	struct hb_partial *parts;                /* sorted by address */
	size_t nparts;
	/* What was looked up last: objects of a span are often alike. */
	uint64_t last_bits, last_size;
	struct arrangement *first, *end;
	bool several; /* of the object at hand: n values of T or an [n]T, which nothing tells apart */
};

/* A bit for each of the first n words. */
static uint64_t low_words(uint64_t n)
{
	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

static void layouts_deinit(struct layouts *layouts)
{
	hb_vec_deinit(&layouts->members);
	hb_vec_deinit(&layouts->list);
	hb_vec_deinit(&layouts->arrangements);
	hb_vec_deinit(&layouts->large);
	free(layouts->parts);
}

/* --- The index -----------------------------------------------------------------------------------------------------
 */

static int compare_members(const void *a, const void *b, void *ctx)
{
	const struct hb_type *list = ((const struct hb_types *)ctx)->list;
	const struct hb_type *x = &list[*(const uint32_t *)a], *y = &list[*(const uint32_t *)b];
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (x->mask[0] != y->mask[0])
		return x->mask[0] < y->mask[0] ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static struct hb_error *list_layouts(struct layouts *layouts)
{
	const struct hb_types *types = layouts->typer->types;
	for (uint32_t id = 1; id < types->n; id++) {
		const struct hb_type *type = &types->list[id];
		/* Pseudo types stand for runtime structs that are in the list themselves. */
		if (!type->mask || type->size % 8 || type->addr >> 63)
			continue;
		if (type->size <= MAX_SIZE)
			HB_VEC_PUSH(&layouts->members, id);
		else if (layouts->typer->heap->arena_bits)
			HB_VEC_PUSH(&layouts->large, id);
	}
	if (layouts->members.len)
		qsort_r(layouts->members.data, layouts->members.len, sizeof(uint32_t), compare_members, (void *)types);
	for (uint32_t i = 0; i < layouts->members.len; i++) {
		const struct hb_type *type = &types->list[layouts->members.data[i]];
		if (layouts->list.len) {
			struct layout *last = &layouts->list.data[layouts->list.len - 1];
			if (last->size == type->size && last->mask == type->mask[0]) {
				last->n++;
				continue;
			}
		}
		HB_VEC_PUSH(&layouts->list, (struct layout){type->size, type->mask[0], i, 1});
	}
	return NULL;
}

static int compare_arrangements(const void *a, const void *b)
{
	const struct arrangement *x = a, *y = b;
	if (x->bits != y->bits)
		return x->bits < y->bits ? -1 : 1;
	if (x->slot_size != y->slot_size)
		return x->slot_size < y->slot_size ? -1 : 1;
	return x->layout < y->layout ? -1 : x->layout > y->layout;
}

static uint32_t class_of(const struct hb_typer *typer, uint64_t bytes)
{
	for (uint64_t size = bytes; size <= MAX_SIZE; size += 8)
		if (hb_typer_is_class_of(typer, bytes, size) && typer->smaller_class[size / 8])
			return (uint32_t)size;
	return 0;
}

static struct hb_error *list_arrangements(struct layouts *layouts)
{
	for (uint32_t i = 0; i < layouts->list.len; i++) {
		const struct layout *layout = &layouts->list.data[i];
		uint64_t bits = 0;
		for (uint32_t n = 1; n * layout->size <= MAX_SIZE; n++) {
			bits |= layout->mask << (n - 1) * layout->size / 8;
			struct arrangement one = {bits, class_of(layouts->typer, n * layout->size), i, n, 0};
			if (one.slot_size >= MIN_OBJECT)
				HB_VEC_PUSH(&layouts->arrangements, one);
		}
	}
	if (layouts->arrangements.len)
		qsort(layouts->arrangements.data, layouts->arrangements.len, sizeof(struct arrangement),
		      compare_arrangements);
	return NULL;
}

static int compare_parts(const void *a, const void *b)
{
	const struct hb_partial *x = a, *y = b;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static struct hb_error *sort_parts(struct layouts *layouts)
{
	const struct hb_typer *typer = layouts->typer;
	layouts->parts = malloc((typer->npartials + 1) * sizeof(*layouts->parts));
	if (!layouts->parts)
		return hb_error_nomem();
	for (uint64_t i = 0; typer->partials && i < 1ull << typer->partials_log2; i++)
		if (typer->partials[i].addr)
			layouts->parts[layouts->nparts++] = typer->partials[i];
	qsort(layouts->parts, layouts->nparts, sizeof(*layouts->parts), compare_parts);
	return NULL;
}

/* --- Does a candidate agree with what else is known? ---------------------------------------------------------------
 */

/* True when a value of type inner lies at that offset of one of type outer. */
static bool has_at(const struct hb_types *types, uint32_t outer, uint64_t offset, uint32_t inner)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		if (!offset && outer == inner)
			return true;
		const struct hb_type *type = &types->list[outer];
		if (type->kind == HB_KIND_ARRAY && types->list[type->elem].size) {
			offset %= types->list[type->elem].size;
			outer = type->elem;
			continue;
		}
		if (type->kind != HB_KIND_STRUCT)
			return false;
		const struct hb_field *at = NULL;
		for (uint32_t i = 0; i < type->nfields && !at; i++) {
			const struct hb_field *field = &types->fields[type->first_field + i];
			if (field->offset <= offset && offset - field->offset < types->list[field->type].size)
				at = field;
		}
		if (!at)
			return false;
		offset -= at->offset;
		outer = at->type;
	}
	return false;
}

/* Everything that points into the object points at a field of that type. */
static bool parts_agree(const struct layouts *layouts, uint64_t addr, uint64_t slot_size, uint32_t candidate)
{
	const struct hb_types *types = layouts->typer->types;
	size_t low = hb_partition_point(layouts->nparts, i, layouts->parts[i].addr < addr);
	for (; low < layouts->nparts && layouts->parts[low].addr < addr + slot_size; low++) {
		uint64_t offset = (layouts->parts[low].addr - addr) % types->list[candidate].size;
		uint32_t part = layouts->parts[low].type;
		/* (*[2]T)(slice): an array where the type has but its elements. */
		if (!has_at(types, candidate, offset, part) &&
		    !has_at(types, candidate, offset, hb_type_element_of(types, part)))
			return false;
	}
	return true;
}

/* Booleans are 0 or 1, at any depth of fields; arrays by their first element. */
static bool scalars_agree(const struct hb_types *types, const uint8_t *value, uint32_t id)
{
	const struct hb_type *type = &types->list[id];
	for (uint32_t i = 0; i < type->nfields; i++) {
		const struct hb_field *field = &types->fields[type->first_field + i];
		if (types->list[field->type].kind == HB_KIND_BOOL && value[field->offset] > 1)
			return false;
	}
	return true;
}

static bool candidate_agrees(struct layouts *layouts, const struct hb_claim *claim, uint32_t candidate, uint32_t n)
{
	struct hb_typer *typer = layouts->typer;
	const uint8_t *object = typer->heap->memory + claim->word * 8;
	struct hb_shape shape = *hb_typer_shape(typer, candidate);
	if (!shape.size || !parts_agree(layouts, claim->addr, hb_typer_slot_size(typer, claim), candidate))
		return false;
	for (uint32_t k = 0; k < n && k < MAX_ELEMENTS; k++) {
		const uint8_t *value = object + k * shape.size;
		if (!scalars_agree(typer->types, value, candidate) ||
		    !hb_typer_value_agrees(typer, value, candidate, MAX_CHECKED))
			return false;
	}
	return true;
}

/* --- Inference -----------------------------------------------------------------------------------------------------
 */

/* Finds the arrangements with these bits; none when they are too many types to choose from. */
static void look_up(struct layouts *layouts, uint64_t bits, uint64_t slot_size)
{
	if (layouts->last_bits == bits && layouts->last_size == slot_size)
		return;
	struct arrangement key = {.bits = bits, .slot_size = (uint32_t)slot_size};
	size_t low = hb_partition_point(layouts->arrangements.len, i,
	                                compare_arrangements(&layouts->arrangements.data[i], &key) < 0);
	size_t end = low;
	uint64_t total = 0;
	for (; end < layouts->arrangements.len; end++) {
		const struct arrangement *at = &layouts->arrangements.data[end];
		if (at->bits != bits || at->slot_size != slot_size)
			break;
		total += layouts->list.data[at->layout].n;
	}
	layouts->last_bits = bits;
	layouts->last_size = slot_size;
	layouts->first = layouts->arrangements.data + low;
	layouts->end = total > MAX_CANDIDATES ? layouts->first : layouts->arrangements.data + end;
}

/* Adds a candidate; a go.shape type counts only when no other type has its layout. */
static bool consider(struct layouts *layouts, struct hb_claim *claim, uint32_t candidate, uint32_t n)
{
	struct hb_typer *typer = layouts->typer;
	if (!candidate_agrees(layouts, claim, candidate, n))
		return true;
	bool shape = hb_typer_shape(typer, candidate)->generic_shape;
	if (claim->type &&
	    hb_type_element_of(typer->types, claim->type) == hb_type_element_of(typer->types, candidate)) {
		layouts->several = true;
		return true;
	}
	if (claim->type && shape)
		return true;
	if (claim->type && !hb_typer_shape(typer, claim->type)->generic_shape)
		return false;
	claim->type = candidate;
	claim->n = n;
	claim->many = n > 1;
	layouts->several = false;
	return true;
}

/* Takes the type that is left over for the object's. When it is not known whether n values of T were allocated or arrays
 * of T, the object stays untyped, but what is in it is known. */
static bool accept_only(struct layouts *layouts, struct hb_claim *claim)
{
	if (!layouts->several) {
		hb_typer_accept(layouts->typer, claim, 0);
		return true;
	}
	hb_typer_follow_contents(layouts->typer, claim);
	return false;
}

/* Sets the claim's type to the only one that is possible; false when there is none or there are several. */
static bool only_type(struct layouts *layouts, struct hb_claim *claim)
{
	layouts->several = false;
	for (const struct arrangement *at = layouts->first; at < layouts->end; at++) {
		const struct layout *layout = &layouts->list.data[at->layout];
		for (uint32_t i = 0; i < layout->n; i++)
			if (!consider(layouts, claim, layouts->members.data[layout->first + i], at->n))
				return false;
	}
	/* A map's header says nothing of its keys and values: typing_orphan_maps.c looks at them. */
	return claim->type && hb_typer_shape(layouts->typer, claim->type)->rule != HB_RULE_MAP_HEADER;
}

static bool infer_object(struct layouts *layouts, struct hb_claim *claim, uint64_t slot_size)
{
	uint64_t bits = hb_small_window(layouts->typer->heap, claim->word * 8, slot_size / 8);
	look_up(layouts, bits, slot_size);
	if (!bits || layouts->first == layouts->end || layouts->first->misses >= ENOUGH_MISSES)
		return false;
	if (!only_type(layouts, claim)) {
		layouts->first->misses++;
		return false;
	}
	layouts->first->misses = 0;
	return accept_only(layouts, claim);
}

/* --- Objects above 512 bytes, up to 1.21 ---------------------------------------------------------------------------
 *
 * They have no header that tells the type (runtime/mbitmap.go, 1.22+), but bits in the arena's bitmap.
 */

struct large {
	struct hb_claim claim;
	uint64_t slot_size;
	uint64_t window;       /* the first 64 words */
	uint64_t last_pointer; /* word */
	uint32_t tried;
};

static bool read_large(struct hb_typer *typer, struct large *large)
{
	struct hb_pointers pointers =
	        hb_pointers_of(typer->heap, large->claim.kind, large->claim.word * 8, large->slot_size / 8, 0);
	large->window = hb_pointers_window(&pointers, 0);
	for (uint64_t at = (pointers.nwords - 1) & ~63ull;; at -= 64) {
		uint64_t window = hb_pointers_window(&pointers, at);
		if (window) {
			large->last_pointer = at + 63 - (uint64_t)__builtin_clzll(window);
			return true;
		}
		if (!at)
			return false;
	}
}

/* As many values of the type as the last pointer asks for: may they be all of the object? */
static bool fills(struct hb_typer *typer, const struct large *large, uint32_t type, uint64_t *ret_n)
{
	const struct hb_type *t = &typer->types->list[type];
	*ret_n = large->last_pointer / (t->size / 8) + 1;
	if (*ret_n * t->size > large->slot_size || ((large->window ^ t->mask[0]) & low_words(t->size / 8)))
		return false;
	return hb_typer_is_all(typer, large->claim.addr, type, *ret_n);
}

static bool consider_large(struct layouts *layouts, struct large *large, uint32_t candidate, uint64_t n)
{
	return ++large->tried <= MAX_CANDIDATES && n <= UINT32_MAX &&
	       consider(layouts, &large->claim, candidate, (uint32_t)n);
}

/* Sets the claim's type to the only one that is possible; false when there is none or there are several. */
static bool only_large_type(struct layouts *layouts, struct large *large)
{
	uint64_t n;
	layouts->several = false;
	for (size_t i = 0; i < layouts->large.len; i++)
		if (fills(layouts->typer, large, layouts->large.data[i], &n) &&
		    !consider_large(layouts, large, layouts->large.data[i], n))
			return false;
	for (size_t i = 0; i < layouts->list.len; i++) {
		const struct layout *layout = &layouts->list.data[i];
		const uint32_t *members = layouts->members.data + layout->first;
		if (!fills(layouts->typer, large, members[0], &n))
			continue;
		for (uint32_t k = 0; k < layout->n; k++)
			if (!consider_large(layouts, large, members[k], n))
				return false;
	}
	return large->claim.type != 0;
}

static bool infer_large(struct layouts *layouts, const struct hb_claim *claim, uint64_t slot_size)
{
	struct large large = {.claim = *claim, .slot_size = slot_size};
	if (!read_large(layouts->typer, &large))
		return false;
	uint32_t *misses = &layouts->misses[(large.window ^ slot_size) * 0x9e3779b97f4a7c15u >> (64 - MISSES_LOG2)];
	if (*misses >= ENOUGH_MISSES)
		return false;
	if (!only_large_type(layouts, &large)) {
		++*misses;
		return false;
	}
	*misses = 0;
	return accept_only(layouts, &large.claim);
}

/* --- All objects ---------------------------------------------------------------------------------------------------
 */

static uint64_t infer_span(struct layouts *layouts, const struct hb_span *span)
{
	struct hb_typer *typer = layouts->typer;
	uint64_t found = 0, at;
	if (!hb_heap_page(typer->heap, span->base, &at))
		return 0;
	for (uint32_t k = 0; k < span->nelems; k++) {
		uint32_t slot = span->first_slot + k;
		if (!hb_heap_allocated(typer->heap, slot) || hb_typer_type(typer, slot))
			continue;
		struct hb_claim claim = {
		        .addr = hb_heap_slot_addr(span, slot),
		        .slot = slot,
		        .kind = span->kind,
		        .word = (at + k * span->elem_size) / 8,
		        .source = HB_CLAIM_LAYOUT,
		};
		found += span->kind == HB_SPAN_BITS ? infer_object(layouts, &claim, span->elem_size)
		                                    : infer_large(layouts, &claim, span->elem_size);
	}
	return found;
}

struct hb_error *hb_typer_infer_layouts(struct hb_typer *typer, uint64_t *ret)
{
	hb_cleanup(layouts_deinit) struct layouts layouts = {.typer = typer};
	TRY(list_layouts(&layouts));
	TRY(list_arrangements(&layouts));
	TRY(sort_parts(&layouts));
	*ret = 0;
	for (uint32_t i = 0; i < typer->heap->nspans; i++) {
		const struct hb_span *span = &typer->heap->spans[i];
		if (i % 1024 == 0 && hb_interrupted())
			return hb_interrupted_error();
		if ((span->kind != HB_SPAN_BITS && span->kind != HB_SPAN_ARENA_BITS) || span->elem_size < MIN_OBJECT)
			continue;
		*ret += infer_span(&layouts, span);
		TRY(hb_typer_drain(typer));
	}
	return NULL;
}
