#include "notes.h"
#include "heap/graph.h"

#include <stdio.h>
#include <string.h>

/* shadow.py has the same */
static const uint64_t shadow_start = 0x600000000000, shadow_heap = 0xc000000000, shadow_size = 1ull << 33;

const char *const note_outcome_names[NOTE_OUTCOMES] = {
        "the same",
        "the same but for go.shape or a runtime box",
        "its first part or the other way round",
        "not noted",
        "untyped",
        "wrong",
};

static uint32_t element_of(const struct hb_types *types, uint32_t id)
{
	while (types->list[id].kind == HB_KIND_ARRAY)
		id = types->list[id].elem;
	return id;
}

static bool begins_with(const struct hb_types *types, uint32_t outer, uint32_t inner)
{
	for (int depth = 0; outer && depth < 64; depth++) {
		if (outer == inner)
			return true;
		const struct hb_type *type = &types->list[outer];
		const struct hb_field *field = types->fields + type->first_field, *end = field + type->nfields;
		while (field < end && !types->list[field->type].size)
			field++;
		outer = type->kind == HB_KIND_ARRAY ? type->elem : field < end ? field->type : 0;
	}
	return false;
}

static bool same_layout(const struct hb_type *a, const struct hb_type *b)
{
	return a->size == b->size && a->ptr_bytes == b->ptr_bytes &&
	       (!a->ptr_bytes || !memcmp(a->mask, b->mask, (a->mask_words + 7) / 8));
}

/* What the program allocated for the pseudo types: the runtime's own structs. */
static bool stands_for(const struct hb_type *claimed, const struct hb_type *noted)
{
	static const struct {
		const char *suffix, *noted;
	} pairs[] = {
	        {" table", "maps.table"},        {" directory", "*maps.table"},
	        {" directory", "[]*maps.table"}, {"", "maps.Map"},
	        {"", "runtime.hchan"},           {"", "runtime.hmap"},
	        {" extra", "runtime.mapextra"},  {" overflow header", "[]*runtime.bmap"},
	        {" overflow", "*runtime.bmap"},
	};
	size_t len = strlen(claimed->name);
	for (size_t i = 0; i < hb_countof(pairs); i++)
		if (claimed->addr >> 63 && !strcmp(noted->name, pairs[i].noted) && len > strlen(pairs[i].suffix) &&
		    !strcmp(claimed->name + len - strlen(pairs[i].suffix), pairs[i].suffix))
			return true;
	return false;
}

static enum note_outcome compare(const struct hb_typing *typing, uint32_t slot, uint64_t note, const char *what)
{
	const struct hb_types *types = typing->types;
	uint32_t type = typing->type_of[slot], noted = note > 1 ? hb_types_find(types, note) : 0;
	if (!type || !strcmp(what, "closure") || !strcmp(what, "map") ||
	    (types->list[type].addr >> 63 && !strncmp(what, "closure", 7)))
		return NOTE_UNTYPED;
	if (!noted)
		return NOTE_MISSING;
	if (stands_for(&types->list[type], &types->list[noted]))
		return NOTE_SAME;
	type = element_of(types, type);
	noted = element_of(types, noted);
	/* A string's bytes may have been made as a []byte. */
	bool bytes = types->list[type].kind == HB_KIND_UINT8 && types->list[noted].kind == HB_KIND_UINT8;
	if (type == noted || bytes)
		return NOTE_SAME;
	const struct hb_type *a = &types->list[type], *b = &types->list[noted];
	/* reflect/value.go MakeSlice makes the header of any slice as an unsafeheader.Slice. */
	bool box = strstr(b->name, "InterfacePtr") || !strcmp(b->name, "unsafeheader.Slice");
	if (same_layout(a, b) && (strstr(b->name, "go.shape.") || box))
		return NOTE_SAME_SHAPE;
	if (begins_with(types, type, noted) || begins_with(types, noted, type))
		return NOTE_PART;
	return NOTE_WRONG;
}

struct comparison {
	struct hb_target *target;
	const struct hb_typing *typing;
	void (*report)(const struct note_difference *difference, void *ctx);
	void *ctx;
	struct note_sums *sums;
};

static const char *noted_name(const struct hb_types *types, uint64_t note)
{
	uint32_t id = hb_types_find(types, note);
	return note == 0   ? "nothing"
	       : note == 1 ? "memory without type"
	       : id        ? types->list[id].name
	                   : "a type that is not known";
}

static void compare_object(const struct comparison *comparison, const struct hb_span *span, uint32_t slot,
                           uint64_t note)
{
	char what[512];
	struct note_difference difference = {.addr = hb_heap_slot_addr(span, slot),
	                                     .size = span->elem_size,
	                                     .pointerful = span->kind != HB_SPAN_NOSCAN};
	hb_typing_describe(comparison->typing, slot, what, sizeof(what));
	enum note_outcome outcome = compare(comparison->typing, slot, note, what);
	/* Blocks of the tiny allocator have several owners. */
	if (!difference.pointerful && span->elem_size == 16)
		outcome = NOTE_MISSING;
	comparison->sums->counts[difference.pointerful][outcome]++;
	comparison->sums->bytes[difference.pointerful][outcome] += span->elem_size;
	if (!comparison->report || outcome == NOTE_SAME || outcome == NOTE_SAME_SHAPE ||
	    (outcome == NOTE_MISSING && !difference.pointerful))
		return;
	difference.outcome = outcome;
	difference.what = what;
	difference.noted = noted_name(comparison->typing->types, note);
	comparison->report(&difference, comparison->ctx);
}

static struct hb_error *compare_span(const struct comparison *comparison, const struct hb_span *span,
                                     const uint64_t *reached)
{
	uint64_t header = span->kind == HB_SPAN_HEADER ? 8 : 0, at = span->base - shadow_heap, unread;
	uint64_t size = span->nelems == 1 ? header + 8 : span->nelems * span->elem_size;
	if (at >= shadow_size || size > shadow_size - at)
		return NULL;
	hb_autofree uint8_t *notes = malloc(size);
	if (!notes)
		return hb_error_nomem();
	/* Pages that nobody wrote to have no notes. */
	struct hb_range range = {shadow_start + at, size, notes};
	TRY(comparison->target->ops->read(comparison->target, &range, 1, &unread));
	for (uint32_t k = 0; k < span->nelems; k++) {
		uint32_t slot = span->first_slot + k;
		if (reached[slot / 64] >> (slot % 64) & 1)
			compare_object(comparison, span, slot, hb_load_u64(notes + k * span->elem_size + header));
	}
	return NULL;
}

struct hb_error *notes_compare(struct hb_target *target, const struct hb_typing *typing, const uint64_t *reached,
                               void (*report)(const struct note_difference *difference, void *ctx), void *ctx,
                               struct note_sums *ret)
{
	*ret = (struct note_sums){0};
	struct comparison comparison = {target, typing, report, ctx, ret};
	for (uint32_t i = 0; i < typing->heap->nspans; i++)
		TRY(compare_span(&comparison, &typing->heap->spans[i], reached));
	return NULL;
}
