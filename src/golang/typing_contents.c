/* Does what an object holds agree with a type? Only for what nothing names: a claim needs no such check. */
#include "golang/typing_internal.h"

#include <string.h>

/* runtime/map.go, 1.18-1.25; internal/runtime/maps/group.go, 1.24-1.27 */
enum { MIN_TOPHASH = 5, NOT_FULL = 128, SLOTS = 8 };

/* A map, channel or function pointer leads to an object that is one, as far as that is known. */
static bool runtime_object_agrees(struct hb_typer *typer, const struct hb_step *step, uint64_t word)
{
	struct hb_target_slot found = hb_scan_find(&typer->scan, word);
	uint32_t has = found.kind ? typer->state[found.slot] & (HB_TYPE_ID_LIMIT - 1) : 0;
	enum hb_role role = hb_typer_role(typer, has);
	switch (step->kind) {
	case HB_STEP_MAP:
		return hb_typer_may_be(typer, word, hb_typer_pseudo(typer, HB_ROLE_MAP, step->type), 1);
	case HB_STEP_CHAN:
		return !has || role == HB_ROLE_CHAN || role == HB_ROLE_CHAN_INLINE;
	default:
		return !has || role == HB_ROLE_CLOSURE || role == HB_ROLE_UNKNOWN_CLOSURE;
	}
}

/* Itabs that the runtime made are in memory of its own (runtime/iface.go getitab, persistentalloc), which a snapshot need
 * not have: what cannot be read may be one. */
static bool may_begin_interface(struct hb_typer *typer, uint64_t word)
{
	uint64_t value;
	if (hb_typer_interface_type(typer, word))
		return true;
	return word >= 4096 && word % 8 == 0 && word >> 47 == 0 && !hb_scan_find(&typer->scan, word).kind &&
	       !hb_snapshot_u64(typer->go->snapshot, word, &value);
}

static bool step_agrees(struct hb_typer *typer, const struct hb_step *step, const uint8_t *at)
{
	uint64_t word = hb_load_u64(at);
	switch ((enum hb_step_kind)step->kind) {
	case HB_STEP_STRING:
		return word ? hb_load_u64(at + 8) >> 40 == 0 && hb_typer_may_be(typer, word, step->type, 1)
		            : !hb_load_u64(at + 8);
	case HB_STEP_SLICE: {
		uint64_t len = hb_load_u64(at + 8), cap = hb_load_u64(at + 16);
		return word ? len <= cap && cap >> 40 == 0 && hb_typer_may_be(typer, word, step->type, cap)
		            : !len && !cap;
	}
	case HB_STEP_INTERFACE:
		return word ? may_begin_interface(typer, word) : !hb_load_u64(at + 8);
	case HB_STEP_POINTER:
		return !word || hb_typer_may_be(typer, word, step->type, 1);
	case HB_STEP_MAP:
	case HB_STEP_CHAN:
	case HB_STEP_FUNC:
		return !word || runtime_object_agrees(typer, step, word);
	default:
		return true;
	}
}

/* Keys and values of a map are in arrays of as many elements as a group has, or in one of both (maps.go groupLayout). */
static bool find_slot(const struct hb_types *types, const struct hb_type *group, uint32_t offset, uint64_t *ret)
{
	for (uint32_t i = 1; i < group->nfields; i++) {
		const struct hb_field *field = &types->fields[group->first_field + i];
		const struct hb_type *array = &types->list[field->type];
		if (array->kind != HB_KIND_ARRAY || array->len != SLOTS || offset < field->offset ||
		    offset - field->offset >= array->size)
			continue;
		*ret = (offset - field->offset) / types->list[array->elem].size;
		return true;
	}
	return false;
}

/* True when the offset is in a slot of a map's group or bucket that nothing is in now. mapdelete_faststr
 * (runtime/map_faststr.go, 1.18-1.25) takes the pointer out of a key but leaves its length. */
static bool is_free_slot(const struct hb_types *types, const uint8_t *value, uint32_t id, uint32_t offset)
{
	const struct hb_type *type = &types->list[id];
	uint64_t slot;
	if (type->kind != HB_KIND_STRUCT || type->nfields < 2)
		return false;
	const char *first = types->fields[type->first_field].name;
	bool bucket = !strcmp(first, "topbits");
	if ((!bucket && strcmp(first, "ctrl")) || !find_slot(types, type, offset, &slot))
		return false;
	return bucket ? value[slot] < MIN_TOPHASH : value[slot] >= NOT_FULL;
}

bool hb_typer_value_agrees(struct hb_typer *typer, const uint8_t *value, uint32_t type, uint32_t max_steps)
{
	struct hb_shape shape = *hb_typer_shape(typer, type);
	for (uint32_t i = 0; i < shape.nsteps && i < max_steps; i++) {
		struct hb_step step = typer->steps.data[shape.first_step + i];
		if (!step_agrees(typer, &step, value + step.offset) &&
		    !is_free_slot(typer->types, value, type, step.offset))
			return false;
	}
	return true;
}
