/* Claims: where they point, whether the heap's bits agree, and which of two types an object has.
 *
 * A claim waits in a ring while the memory that decides about it is fetched: the slot's type, its pointer bits, its
 * first words. Without that, each claim costs several cache misses in a row.
 */
#include "golang/typing_internal.h"

#include <string.h>

enum {
	MAX_SMALL = 32768,
	LOOK_AHEAD = 16, /* claims whose slot is being fetched; then HB_INFLIGHT − LOOK_AHEAD whose object is */
};

/* runtime/malloc.go computeRZlog, redZoneSize from 1.24 on (1.18-1.27): from 64 - 16 bytes in steps of two to 64 KB - 1 KB. */
static uint64_t redzone(uint64_t bytes)
{
	static const uint16_t most[] = {64 - 16,         128 - 32,        512 - 64, 4096 - 128,
	                                (1 << 14) - 256, (1 << 15) - 512, 64512};
	unsigned i = 0;
	while (i < hb_countof(most) && bytes > most[i])
		i++;
	return UINT64_C(16) << i;
}

bool hb_typer_is_class_of(const struct hb_typer *typer, uint64_t bytes, uint64_t slot_size)
{
	if (bytes > slot_size)
		return false;
	if (typer->redzones) {
		bytes += redzone(bytes);
		if (bytes > slot_size)
			return false;
	}
	if (slot_size <= MAX_SMALL)
		return bytes > typer->smaller_class[slot_size / 8];
	return slot_size - bytes < 1u << HB_HEAP_PAGE_SHIFT; /* runtime/malloc.go: large objects are whole pages */
}

static const struct hb_span *span_of(const struct hb_typer *typer, uint64_t word)
{
	return &typer->heap->spans[typer->heap->pages[word >> (HB_HEAP_PAGE_SHIFT - 3)].span];
}

uint64_t hb_typer_slot_size(const struct hb_typer *typer, const struct hb_claim *claim)
{
	uint64_t nwords = hb_scan_page_of_word(&typer->scan, claim->word)->nwords;
	return nwords ? nwords * 8 : span_of(typer, claim->word)->elem_size;
}

static uint64_t large_type(const struct hb_typer *typer, const struct hb_claim *claim)
{
	return claim->kind == HB_SPAN_LARGE ? span_of(typer, claim->word)->large_type : 0;
}

/* --- Tables of claims: on parts of objects, and on globals ------------------------------------------------------ */

static uint64_t hash_claim(uint64_t addr, uint32_t type, uint32_t log2)
{
	return ((addr ^ (uint64_t)type << 40) * 0x9e3779b97f4a7c15u) >> (64 - log2);
}

static bool grow(struct hb_partial **table, uint32_t *log2)
{
	uint32_t bigger = *log2 ? *log2 + 1 : 12;
	struct hb_partial *grown = hb_pages_map(sizeof(*grown) << bigger);
	if (!grown)
		return false;
	for (uint64_t i = 0; *log2 && i < 1ull << *log2; i++) {
		const struct hb_partial *old = &(*table)[i];
		if (!old->addr)
			continue;
		uint64_t at = hash_claim(old->addr, old->type, bigger);
		while (grown[at].addr)
			at = (at + 1) & ((1ull << bigger) - 1);
		grown[at] = *old;
	}
	if (*table)
		hb_pages_unmap(*table, sizeof(**table) << *log2);
	*table = grown;
	*log2 = bigger;
	return true;
}

/* Notes a claim; false when as much is known already. */
static bool is_news(struct hb_typer *typer, struct hb_partial **table, uint32_t *log2, uint64_t *count, uint64_t addr,
                    uint32_t type, uint64_t n)
{
	uint32_t elements = (uint32_t)hb_min(n, UINT32_MAX);
	if ((!*log2 || *count * 2 >= 1ull << *log2) && !grow(table, log2)) {
		typer->nomem = true;
		return false;
	}
	uint64_t at = hash_claim(addr, type, *log2);
	while ((*table)[at].addr) {
		struct hb_partial *entry = &(*table)[at];
		if (entry->addr == addr && entry->type == type) {
			bool more = elements > entry->n;
			entry->n = hb_max(entry->n, elements);
			return more;
		}
		at = (at + 1) & ((1ull << *log2) - 1);
	}
	(*table)[at] = (struct hb_partial){addr, type, elements};
	++*count;
	return true;
}

static void push_work(struct hb_typer *typer, const uint8_t *bytes, uint32_t type, uint64_t n)
{
	if (!hb_typer_shape(typer, type)->nsteps)
		return;
	if (!hb_vec_push(&typer->work, (struct hb_work){bytes, type, (uint32_t)hb_min(n, UINT32_MAX)}))
		typer->nomem = true;
}

/* --- Globals -------------------------------------------------------------------------------------------------------
 */

/* True when the linker's mask of data or bss has exactly the type's pointers. Globals without pointers (noptrdata,
 * noptrbss) have no mask: they cannot hold a type with pointers. */
static bool global_agrees(const struct hb_typer *typer, const struct hb_go_module *module, uint64_t addr, uint32_t type,
                          uint64_t n)
{
	const struct hb_type *t = &typer->types->list[type];
	bool bss = addr >= module->bss && addr < module->ebss;
	uint64_t start = bss ? module->bss : module->data, end = bss ? module->ebss : module->edata, total;
	if (addr < start || addr >= end || addr % 8 || hb_mul_overflows(t->size, n, &total) || total > end - addr)
		return false;
	uint64_t first = (addr - start) / 8, words = t->size / 8;
	struct hb_bytes mask = hb_snapshot_view(typer->go->snapshot, bss ? module->gcbssmask : module->gcdatamask,
	                                        (first + words * n) / 8 + 1);
	for (uint64_t i = 0; mask.data && i < words * n; i++) {
		uint64_t in_type = i % words, at = first + i;
		bool pointer = in_type < t->mask_words && t->mask[in_type / 64] >> (in_type % 64) & 1;
		if ((mask.data[at / 8] >> (at % 8) & 1) != pointer)
			return false;
	}
	return mask.data;
}

static void claim_global(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n)
{
	const struct hb_shape *shape = hb_typer_shape(typer, type);
	if (!shape->ptr_words || !shape->nsteps)
		return;
	const struct hb_go_module *module = hb_go_module_of_data(typer->go, addr);
	if (!module || !is_news(typer, &typer->statics, &typer->statics_log2, &typer->nstatics, addr, type, n))
		return;
	if (!global_agrees(typer, module, addr, type, n)) {
		typer->typing->rejected_claims++;
		return;
	}
	const uint8_t *bytes = hb_snapshot_at(typer->go->snapshot, addr, n * typer->types->list[type].size);
	if (bytes)
		push_work(typer, bytes, type, n);
}

/* --- The ring ------------------------------------------------------------------------------------------------------
 */

static bool locate(const struct hb_typer *typer, uint64_t addr, struct hb_claim *claim)
{
	const struct hb_scan *scan = &typer->scan;
	struct hb_target_slot found = hb_scan_find(scan, addr);
	if (!found.kind)
		return false;
	uint64_t arena = scan->arena_map[(addr - scan->low) >> HB_ARENA_SHIFT] - 1;
	uint64_t in_memory = arena << HB_ARENA_SHIFT | ((addr - scan->low) & ((1u << HB_ARENA_SHIFT) - 1));
	claim->slot = found.slot;
	claim->kind = (uint8_t)found.kind;
	claim->word = found.word;
	claim->offset = in_memory - found.word * 8;
	return true;
}

/* The slot's state has arrived meanwhile. Half of all claims say nothing new and are done with; the others will need
 * the object's first words and its pointer bits. */
static void look_at_next(struct hb_typer *typer)
{
	struct hb_claim *claim = &typer->inflight[(typer->inflight_first + typer->inflight_seen++) % HB_INFLIGHT];
	if (hb_typer_type(typer, claim->slot) == claim->type) {
		claim->type = 0;
		return;
	}
	if (claim->kind == HB_SPAN_NOSCAN)
		return;
	const uint8_t *object = typer->heap->memory + claim->word * 8;
	__builtin_prefetch(object);
	if (claim->kind == HB_SPAN_BITS)
		__builtin_prefetch(hb_small_bitmap(typer->heap, claim->word * 8, 2) + claim->word % 1024 / 8);
}

void hb_typer_claim(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n, bool many)
{
	struct hb_claim claim = {.addr = addr, .type = type, .n = n, .source = typer->source, .many = many};
	if (!type || !n)
		return;
	if (!locate(typer, addr, &claim)) {
		claim_global(typer, addr, type, n);
		return;
	}
	__builtin_prefetch(&typer->state[claim.slot], 1);
	if (typer->inflight_len == HB_INFLIGHT)
		hb_typer_settle_oldest(typer);
	typer->inflight[(typer->inflight_first + typer->inflight_len++) % HB_INFLIGHT] = claim;
	if (typer->inflight_len > typer->inflight_seen + LOOK_AHEAD)
		look_at_next(typer);
}

/* --- Bits ----------------------------------------------------------------------------------------------------------
 */

enum fit {
	MISFIT = 0,
	PART,  /* the claimed words agree */
	WHOLE, /* and the claim is all that was allocated */
};

static uint64_t low_bits(uint64_t n)
{
	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

static enum fit fit_small(const struct hb_typer *typer, const struct hb_claim *claim, const struct hb_shape *shape,
                          uint64_t slot_size, uint64_t total)
{
	uint64_t bits = hb_small_window(typer->heap, claim->word * 8, slot_size / 8) >> claim->offset / 8;
	uint64_t words = shape->size / 8, expected = shape->small_mask;
	for (uint64_t i = 1; i < claim->n; i++)
		expected |= shape->small_mask << i * words;
	uint64_t covered = low_bits(total / 8);
	if ((bits & covered) != expected)
		return MISFIT;
	return !claim->offset && !(bits & ~covered) && hb_typer_is_class_of(typer, total, slot_size) ? WHOLE : PART;
}

/* Objects with a header or without a bitmap of their own: window by window against the mask that the collector uses. */
static enum fit fit_large(struct hb_typer *typer, const struct hb_claim *claim, uint64_t slot_size, uint64_t total)
{
	const struct hb_type *type = &typer->types->list[claim->type];
	struct hb_type_mask mask = {.size_words = type->size / 8, .ptr_words = type->ptr_bytes / 8, .mask = type->mask};
	struct hb_pointers claimed = {.mask = &mask, .first = claim->offset / 8, .nwords = (claim->offset + total) / 8};
	struct hb_pointers actual =
	        hb_pointers_of(typer->heap, claim->kind, claim->word * 8, slot_size / 8, large_type(typer, claim));
	uint64_t header = hb_typer_header(claim), end = (claim->offset + total) / 8;
	if (actual.unknown)
		return MISFIT;
	for (uint64_t at = claim->offset / 8 & ~63ull; at < end; at += 64) {
		uint64_t covered = low_bits(end - at);
		if (at < claim->offset / 8)
			covered &= ~low_bits(claim->offset / 8 - at);
		if ((hb_pointers_window(&actual, at) ^ hb_pointers_window(&claimed, at)) & covered)
			return MISFIT;
	}
	return claim->offset == header && hb_typer_is_class_of(typer, total + header, slot_size) ? WHOLE : PART;
}

static enum fit fit(struct hb_typer *typer, const struct hb_claim *claim, const struct hb_shape *shape)
{
	uint64_t slot_size = hb_typer_slot_size(typer, claim), total;
	if (claim->offset % 8 || claim->offset < hb_typer_header(claim) || shape->size % 8 ||
	    hb_mul_overflows(shape->size, claim->n, &total) || total > slot_size - claim->offset)
		return MISFIT;
	if (claim->kind == HB_SPAN_BITS)
		return fit_small(typer, claim, shape, slot_size, total);
	return fit_large(typer, claim, slot_size, total);
}

bool hb_typer_would_fill(struct hb_typer *typer, const struct hb_claim *claim, uint32_t type)
{
	struct hb_claim whole = *claim;
	struct hb_shape shape = *hb_typer_shape(typer, type);
	whole.type = type;
	whole.n = 1;
	whole.offset = hb_typer_header(claim);
	if (!shape.size)
		return false;
	if (claim->kind == HB_SPAN_NOSCAN)
		return !shape.ptr_words && hb_typer_is_class_of(typer, shape.size, hb_typer_slot_size(typer, claim));
	return shape.ptr_words && fit(typer, &whole, &shape) == WHOLE;
}

bool hb_typer_is_all(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n)
{
	struct hb_claim claim = {.addr = addr, .type = type, .n = n};
	struct hb_shape shape = *hb_typer_shape(typer, type);
	uint64_t total;
	if (!locate(typer, addr, &claim) || !shape.size || hb_mul_overflows(shape.size, n, &total))
		return false;
	uint32_t has = hb_typer_type(typer, claim.slot);
	if (has && has != type)
		return false;
	if (claim.kind == HB_SPAN_NOSCAN)
		return !shape.ptr_words && !claim.offset &&
		       hb_typer_is_class_of(typer, total, hb_typer_slot_size(typer, &claim));
	return shape.ptr_words && fit(typer, &claim, &shape) == WHOLE;
}

/* --- Types that may be taken for each other ------------------------------------------------------------------------
 */

static bool is_generic_shape(struct hb_typer *typer, uint32_t type)
{
	return hb_typer_shape(typer, type)->generic_shape;
}

/* Do the types differ in their names only, so that pointers to them can be converted to each other? */
static bool same_underlying(const struct hb_types *types, uint32_t one, uint32_t other)
{
	const struct hb_type *a = &types->list[one], *b = &types->list[other];
	if (a->addr >> 63 || b->addr >> 63) /* pseudo types have no fields to compare */
		return false;
	if (a->kind != b->kind || a->size != b->size || a->elem != b->elem || a->key != b->key ||
	    a->nfields != b->nfields)
		return false;
	for (uint32_t i = 0; i < a->nfields; i++) {
		const struct hb_field *x = &types->fields[a->first_field + i], *y = &types->fields[b->first_field + i];
		if (x->type != y->type || x->offset != y->offset || strcmp(x->name, y->name))
			return false;
	}
	return true;
}

/* map[K]V and a type that is defined as it. */
static bool same_map(struct hb_typer *typer, uint32_t one, uint32_t other)
{
	if (hb_typer_role(typer, one) != HB_ROLE_MAP || hb_typer_role(typer, other) != HB_ROLE_MAP)
		return false;
	struct hb_shape a = *hb_typer_shape(typer, one), b = *hb_typer_shape(typer, other);
	return a.nsteps && b.nsteps &&
	       typer->types->list[typer->steps.data[a.first_step].type].group ==
	               typer->types->list[typer->steps.data[b.first_step].type].group;
}

/* May a pointer to a value of type be one to the start of an object that has its own type? */
static bool may_point_to(struct hb_typer *typer, uint32_t type, uint32_t has)
{
	const struct hb_types *types = typer->types;
	return hb_type_begins_with(types, has, hb_type_element_of(types, type)) ||
	       hb_type_begins_with(types, type, has) || same_underlying(types, type, has) || same_map(typer, type, has);
}

bool hb_typer_may_be(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n)
{
	struct hb_claim claim = {.addr = addr, .type = type, .n = n};
	struct hb_shape shape = *hb_typer_shape(typer, type);
	uint64_t total;
	if (!shape.size || shape.rule || !n || !locate(typer, addr, &claim))
		return true; /* nothing to compare with */
	if (!hb_heap_allocated(typer->heap, claim.slot) || hb_mul_overflows(shape.size, n, &total) ||
	    total > hb_typer_slot_size(typer, &claim) - claim.offset)
		return false;
	if (claim.kind == HB_SPAN_NOSCAN)
		return !shape.ptr_words;
	uint32_t has = hb_typer_type(typer, claim.slot);
	if (has && claim.offset == hb_typer_header(&claim) && shape.ptr_words && !is_generic_shape(typer, has))
		return may_point_to(typer, type, has);
	return !shape.ptr_words || fit(typer, &claim, &shape) != MISFIT;
}

/* --- Competition ---------------------------------------------------------------------------------------------------
 */

enum verdict { UNDECIDED = 0, KEEP, REPLACE, CONFLICT };

/* In how many fields pointers to a type are declared. */
static uint32_t declared_uses(const struct hb_types *types, uint32_t type)
{
	uint32_t pointer = types->list[type].ptr_to, n = 0;
	for (uint32_t i = 0; pointer && i < types->nfields; i++)
		n += types->fields[i].type == pointer;
	return n;
}

/* `type idler ClientConn` and (*idler)(cc), `type stringValue string` and (*stringValue)(p): what was allocated is rather
 * the predeclared type, or the one that more fields point to. */
static enum verdict decide_by_use(const struct hb_types *types, uint32_t has, uint32_t other)
{
	bool has_package = types->list[has].pkg_path[0], other_has_package = types->list[other].pkg_path[0];
	if (has_package != other_has_package)
		return has_package ? REPLACE : KEEP;
	uint32_t uses = declared_uses(types, has), other_uses = declared_uses(types, other);
	return uses == other_uses ? CONFLICT : uses < other_uses ? REPLACE : KEEP;
}

/* Both fit the whole object. The outer one of two is what was allocated; a go.shape type stands for another one. */
static enum verdict decide(struct hb_typer *typer, uint32_t has, uint32_t other)
{
	const struct hb_types *types = typer->types;
	if (hb_type_begins_with(types, has, other))
		return KEEP;
	if (hb_type_begins_with(types, other, has))
		return REPLACE;
	/* Equal layouts by the compiler's word, under another name. */
	if (is_generic_shape(typer, has) && !is_generic_shape(typer, other))
		return REPLACE;
	if (is_generic_shape(typer, other))
		return KEEP;
	/* Bytes are a view of something more often than the thing itself. */
	uint8_t has_kind = types->list[has].kind, other_kind = types->list[other].kind;
	if (other_kind == HB_KIND_UINT8)
		return KEEP;
	if (has_kind == HB_KIND_UINT8)
		return REPLACE;
	if (same_underlying(types, has, other))
		return decide_by_use(types, has, other);
	return CONFLICT;
}

static enum verdict verdict(struct hb_typer *typer, uint32_t has, uint32_t other)
{
	uint64_t key = (uint64_t)has << 32 | other;
	struct hb_verdict *known = &typer->verdicts[key * 0x9e3779b97f4a7c15u >> (64 - HB_VERDICTS_LOG2)];
	if (known->has != has || known->other != other)
		*known = (struct hb_verdict){has, other, (uint8_t)decide(typer, has, other)};
	return known->verdict;
}

/* An object has a type that fits; another one came. True when the new one replaces it if it fits as well. */
static bool may_replace(struct hb_typer *typer, const struct hb_claim *claim, uint32_t has)
{
	if (claim->offset != hb_typer_header(claim))
		return false;
	return verdict(typer, has, claim->type) != KEEP;
}

/* --- Settling ------------------------------------------------------------------------------------------------------
 */

void hb_typer_accept(struct hb_typer *typer, const struct hb_claim *claim, uint64_t offset)
{
	typer->ntyped += !hb_typer_type(typer, claim->slot);
	hb_typer_set_type(typer, claim->slot, claim->type, claim->source | (claim->many ? HB_HOW_MANY : 0));
	push_work(typer, typer->heap->memory + claim->word * 8 + offset, claim->type, claim->n);
}

void hb_typer_follow_contents(struct hb_typer *typer, const struct hb_claim *claim)
{
	push_work(typer, typer->heap->memory + claim->word * 8 + claim->offset, claim->type, claim->n);
}

/* Pointer-free memory has no bits to compare and its contents were not read: sizes alone decide. */
static void settle_noscan(struct hb_typer *typer, struct hb_claim *claim, const struct hb_shape *shape, uint32_t has)
{
	uint64_t slot_size = hb_typer_slot_size(typer, claim), total;
	if (shape->ptr_words || hb_mul_overflows(shape->size, claim->n, &total) || total > slot_size - claim->offset) {
		typer->typing->rejected_claims++;
		return;
	}
	bool open_ended = hb_typer_role(typer, claim->type) == HB_ROLE_CHAN_INLINE;
	bool whole = !claim->offset && (open_ended || hb_typer_is_class_of(typer, total, slot_size));
	/* The rest of a slice that was cut at its front still ends where the array ends. */
	if (claim->many && claim->offset && claim->offset % shape->size == 0)
		whole = hb_typer_is_class_of(typer, claim->offset + total, slot_size);
	bool bytes = typer->types->list[claim->type].kind == HB_KIND_UINT8 && shape->size == 1;
	if (!whole) {
		unsigned many = claim->many ? HB_HOW_MANY : 0;
		if (slot_size == 16)
			hb_typer_set_weakly(typer, claim->slot, typer->known.tiny, claim->source);
		else if (bytes && (!claim->offset || claim->type == typer->known.string))
			hb_typer_set_weakly(typer, claim->slot, claim->type, claim->source | many);
		return;
	}
	if (has) {
		enum verdict decided = verdict(typer, has, claim->type);
		typer->typing->conflicting_claims += decided == CONFLICT;
		if (decided != REPLACE)
			return;
	}
	hb_typer_accept(typer, claim, 0);
}

/* A slice that was cut at its front still ends where its array ends: true when the claim now is for all of the array.
 */
static bool extend_to_front(struct hb_typer *typer, struct hb_claim *claim, const struct hb_shape *shape)
{
	uint64_t header = hb_typer_header(claim), before = claim->offset - header;
	struct hb_claim whole = *claim;
	if (!claim->many || claim->offset <= header || before % shape->size)
		return false;
	whole.addr -= before;
	whole.offset = header;
	whole.n += before / shape->size;
	if (fit(typer, &whole, shape) != WHOLE)
		return false;
	*claim = whole;
	return true;
}

static void settle_pointerful(struct hb_typer *typer, struct hb_claim *claim, const struct hb_shape *shape,
                              uint32_t has)
{
	if (!shape->ptr_words) { /* a number in a struct, or a view of one: says something of what is around it */
		if (!has && typer->npartials < typer->max_partials)
			is_news(typer, &typer->partials, &typer->partials_log2, &typer->npartials, claim->addr,
			        claim->type, claim->n);
		return;
	}
	if (has && !may_replace(typer, claim, has))
		return;
	if (!has && extend_to_front(typer, claim, shape)) {
		hb_typer_accept(typer, claim, claim->offset);
		return;
	}
	switch (fit(typer, claim, shape)) {
	case MISFIT:
		typer->typing->rejected_claims++;
		return;
	case PART:
		if (!has && typer->npartials < typer->max_partials &&
		    is_news(typer, &typer->partials, &typer->partials_log2, &typer->npartials, claim->addr, claim->type,
		            claim->n))
			push_work(typer, typer->heap->memory + claim->word * 8 + claim->offset, claim->type, claim->n);
		return;
	case WHOLE:
		break;
	}
	if (has && verdict(typer, has, claim->type) == CONFLICT) {
		typer->typing->conflicting_claims++;
		return;
	}
	hb_typer_accept(typer, claim, claim->offset);
}

static void settle(struct hb_typer *typer, struct hb_claim *claim)
{
	uint32_t has = hb_typer_type(typer, claim->slot);
	if (has == claim->type)
		return;
	if (!hb_heap_allocated(typer->heap, claim->slot)) {
		typer->typing->rejected_claims++;
		return;
	}
	const struct hb_shape *shape = hb_typer_shape(typer, claim->type);
	if (shape->rule) {
		if (!hb_typer_substitute(typer, shape->rule, claim) || has == claim->type)
			return;
		shape = hb_typer_shape(typer, claim->type);
	}
	if (!shape->size)
		return;
	/* The shape stays where it is until types are added, which settling does not. */
	if (claim->kind == HB_SPAN_NOSCAN)
		settle_noscan(typer, claim, shape, has);
	else
		settle_pointerful(typer, claim, shape, has);
}

void hb_typer_settle_oldest(struct hb_typer *typer)
{
	struct hb_claim claim = typer->inflight[typer->inflight_first];
	typer->inflight_first = (typer->inflight_first + 1) % HB_INFLIGHT;
	typer->inflight_len--;
	typer->inflight_seen -= typer->inflight_seen > 0;
	if (claim.type)
		settle(typer, &claim);
}
