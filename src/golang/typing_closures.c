/* Closures: objects whose first word is a function. What they capture follows from the code that makes them, else from
 * the descriptors of closures, of which the program has one for each layout it allocates.
 */
#include "golang/pclntab.h"
#include "golang/typing_internal.h"

#include <string.h>

enum { UNKNOWN = 0, NOT_A_FUNCTION = UINT32_MAX, MAX_CANDIDATES = 16, MAX_CHECKED_STEPS = 32 };

static uint64_t hash_word(uint64_t word)
{
	return word * 0x9e3779b97f4a7c15u >> (64 - HB_WORD_CACHE_LOG2);
}

static uint32_t type_from_code(const struct hb_typer *typer, uint64_t fn)
{
	if (!typer->facts)
		return 0;
	size_t low = hb_partition_point(typer->facts->closures.len, i, typer->facts->closures.data[i].fn < fn);
	if (low == typer->facts->closures.len || typer->facts->closures.data[low].fn != fn)
		return 0;
	return hb_types_find(typer->types, typer->facts->closures.data[low].type);
}

/* Functions that reflect and the runtime put into objects of types of their own. */
static uint32_t type_of_special(const struct hb_typer *typer, const char *function)
{
	static const struct {
		const char *function, *type, *package;
	} special[] = {
	        /* reflect/makefunc.go, 1.18-1.27 */
	        {"reflect.makeFuncStub", "reflect.makeFuncImpl", "reflect"},
	        {"reflect.methodValueCall", "reflect.methodValue", "reflect"},
	};
	for (size_t i = 0; i < hb_countof(special); i++)
		if (!strcmp(function, special[i].function))
			return hb_types_by_name(typer->types, special[i].type, special[i].package);
	return 0;
}

static void list_closure_types(struct hb_typer *typer)
{
	typer->closure_types_listed = true;
	for (uint32_t id = 1; id < typer->types->n; id++) {
		const struct hb_type *type = &typer->types->list[id];
		if (type->kind == HB_KIND_STRUCT && type->ptr_bytes && !strncmp(type->name, "struct { F uintptr", 18) &&
		    !hb_vec_push(&typer->closure_types, id))
			typer->nomem = true;
	}
}

/* The only descriptor of a closure that has the object's pointers, its size, and room for what it points at. */
static uint32_t type_from_descriptors(struct hb_typer *typer, const struct hb_claim *claim)
{
	if (claim->kind != HB_SPAN_BITS)
		return 0;
	if (!typer->closure_types_listed)
		list_closure_types(typer);
	uint64_t size = hb_typer_slot_size(typer, claim);
	uint64_t bits = hb_small_window(typer->heap, claim->word * 8, size / 8);
	const uint8_t *object = typer->heap->memory + claim->word * 8;
	uint32_t candidates[MAX_CANDIDATES], n = 0;
	for (size_t i = 0; i < typer->closure_types.len; i++) {
		const struct hb_type *type = &typer->types->list[typer->closure_types.data[i]];
		if (!type->mask || type->mask[0] != bits || !hb_typer_is_class_of(typer, type->size, size))
			continue;
		if (n == MAX_CANDIDATES)
			return 0;
		candidates[n++] = typer->closure_types.data[i];
	}
	if (n == 1)
		return candidates[0];
	uint32_t agreeing = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!hb_typer_value_agrees(typer, object, candidates[i], MAX_CHECKED_STEPS))
			continue;
		if (agreeing)
			return 0;
		agreeing = candidates[i];
	}
	return agreeing;
}

uint32_t hb_typer_closure_type(struct hb_typer *typer, const struct hb_claim *claim, bool *is_closure)
{
	*is_closure = false;
	if (claim->kind == HB_SPAN_NOSCAN || claim->offset != hb_typer_header(claim))
		return 0;
	uint64_t fn = hb_load_u64(typer->heap->memory + claim->word * 8 + claim->offset);
	struct hb_word_type *known = &typer->words[hash_word(fn | 1)];
	if (known->word != (fn | 1)) {
		struct hb_go_func func;
		uint32_t type = NOT_A_FUNCTION;
		if (hb_go_module_of_text(typer->go, fn) && hb_go_func_at(typer->go, fn, &func) && func.entry == fn) {
			type = type_from_code(typer, fn);
			if (!type)
				type = type_of_special(typer, func.name);
		}
		*known = (struct hb_word_type){fn | 1, type};
	}
	if (known->type == NOT_A_FUNCTION)
		return 0;
	*is_closure = true;
	/* Not remembered: another object of the function may decide what this one leaves open. */
	return known->type != UNKNOWN ? known->type : type_from_descriptors(typer, claim);
}
