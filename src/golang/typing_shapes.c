#include "golang/typing_internal.h"

#include <string.h>

enum {
	MAX_NESTING_STEPS = 1 << 16, /* of one type: structs and arrays looked into */
	MAX_LISTED = 1024,           /* steps of one type; beyond that, arrays stay arrays */
	MAX_UNROLLED = 64,           /* elements of an array that is listed element by element */
	MAX_PREFIX = 64,             /* depth of first fields */
};

enum hb_role hb_typer_role(const struct hb_typer *typer, uint32_t type)
{
	return type < typer->roles.len ? typer->roles.data[type] : HB_ROLE_PLAIN;
}

void hb_typer_set_role(struct hb_typer *typer, uint32_t type, enum hb_role role)
{
	while (typer->roles.len <= type)
		if (!hb_vec_push(&typer->roles, 0)) {
			typer->nomem = true;
			return;
		}
	typer->roles.data[type] = (uint8_t)role;
}

static void add_step(struct hb_typer *typer, enum hb_step_kind kind, uint64_t offset, uint32_t type, uint64_t count)
{
	if (offset > UINT32_MAX || count > UINT32_MAX) /* a type of 4 GB: nothing that a program allocates */
		return;
	struct hb_step step = {(uint32_t)offset, type, (uint32_t)count, (uint8_t)kind};
	if (!hb_vec_push(&typer->steps, step))
		typer->nomem = true;
}

struct nested {
	uint32_t type;
	uint64_t offset;
};
struct flattening {
	struct hb_typer *typer;
	HB_VEC(struct nested) todo; /* last one first */
	uint32_t looked_at;
};

static void push(struct flattening *flattening, uint32_t type, uint64_t offset)
{
	if (flattening->typer->types->list[type].ptr_bytes &&
	    !hb_vec_push(&flattening->todo, (struct nested){type, offset}))
		flattening->typer->nomem = true;
}

/* The bucket of a map before swiss maps ends in an untyped pointer to the next one: reflectdata.MapBucketType. */
static bool add_overflow(struct hb_typer *typer, uint32_t struct_id, const struct hb_field *field, uint64_t offset)
{
	const struct hb_type *type = &typer->types->list[struct_id];
	const struct hb_field *first = &typer->types->fields[type->first_field];
	if (type->nfields != 4 || strcmp(field->name, "overflow") || strcmp(first->name, "topbits"))
		return false;
	add_step(typer, HB_STEP_POINTER, offset, struct_id, 0);
	return true;
}

static void flatten_struct(struct flattening *flattening, uint32_t id, uint64_t offset)
{
	struct hb_typer *typer = flattening->typer;
	if (offset <= UINT32_MAX && hb_typer_rule_steps(typer, id, (uint32_t)offset))
		return;
	const struct hb_type *type = &typer->types->list[id];
	for (uint32_t i = type->nfields; i-- > 0;) {
		const struct hb_field *field = &typer->types->fields[type->first_field + i];
		if (i != 3 || !add_overflow(typer, id, field, offset + field->offset))
			push(flattening, field->type, offset + field->offset);
	}
}

static void flatten_array(struct flattening *flattening, const struct hb_type *type, uint64_t offset, size_t listed)
{
	struct hb_typer *typer = flattening->typer;
	uint64_t size = typer->types->list[type->elem].size;
	if (type->len > MAX_UNROLLED || listed > MAX_LISTED) {
		add_step(typer, HB_STEP_ARRAY, offset, type->elem, type->len);
		return;
	}
	for (uint64_t i = type->len; i-- > 0;)
		push(flattening, type->elem, offset + i * size);
}

static void flatten_one(struct flattening *flattening, struct nested nested, size_t listed)
{
	struct hb_typer *typer = flattening->typer;
	const struct hb_type *type = &typer->types->list[nested.type];
	switch (type->kind) {
	case HB_KIND_STRUCT:
		flatten_struct(flattening, nested.type, nested.offset);
		break;
	case HB_KIND_ARRAY:
		flatten_array(flattening, type, nested.offset, listed);
		break;
	case HB_KIND_POINTER:
		add_step(typer, HB_STEP_POINTER, nested.offset, type->elem, 0);
		break;
	case HB_KIND_SLICE:
		add_step(typer, HB_STEP_SLICE, nested.offset, type->elem, 0);
		break;
	case HB_KIND_STRING:
		add_step(typer, HB_STEP_STRING, nested.offset, typer->known.string, 0);
		break;
	case HB_KIND_INTERFACE:
		add_step(typer, HB_STEP_INTERFACE, nested.offset, 0, 0);
		break;
	case HB_KIND_MAP:
		add_step(typer, HB_STEP_MAP, nested.offset, nested.type, 0);
		break;
	case HB_KIND_CHAN:
		add_step(typer, HB_STEP_CHAN, nested.offset, type->elem, 0);
		break;
	case HB_KIND_FUNC:
		add_step(typer, HB_STEP_FUNC, nested.offset, 0, 0);
		break;
	default: /* unsafe.Pointer: to anything */
		break;
	}
}

/* Lists the steps of a type. The looked-at budget ends descriptors that contain themselves. */
static void flatten(struct hb_typer *typer, uint32_t id, uint32_t *ret_first, uint32_t *ret_n)
{
	struct flattening flattening = {.typer = typer};
	size_t first = typer->steps.len;
	push(&flattening, id, 0);
	while (flattening.todo.len && flattening.looked_at++ < MAX_NESTING_STEPS) {
		struct nested nested = flattening.todo.data[--flattening.todo.len];
		flatten_one(&flattening, nested, typer->steps.len - first);
	}
	hb_vec_deinit(&flattening.todo);
	*ret_first = (uint32_t)first;
	*ret_n = (uint32_t)(typer->steps.len - first);
}

static bool grow_shapes(struct hb_typer *typer, uint32_t type)
{
	size_t want = hb_max((size_t)typer->types->n, (size_t)type + 1) + 1024;
	if (!hb_vec_reserve(&typer->shapes, want)) {
		typer->nomem = true;
		return false;
	}
	memset(typer->shapes.data + typer->shapes.len, 0, (want - typer->shapes.len) * sizeof(struct hb_shape));
	typer->shapes.len = want;
	return true;
}

const struct hb_shape *hb_typer_make_shape(struct hb_typer *typer, uint32_t id)
{
	static const struct hb_shape nothing = {.ready = 1};
	if (id >= typer->shapes.len && !grow_shapes(typer, id))
		return &nothing;
	const struct hb_type *type = &typer->types->list[id];
	struct hb_shape shape = {
	        .size = type->size,
	        .ptr_words = type->mask ? (uint32_t)(type->ptr_bytes / 8) : 0,
	        .small_mask = type->mask ? type->mask[0] : 0,
	        .ready = 1,
	        .rule = (uint8_t)hb_typer_rule_of(typer, id),
	        .generic_shape = strstr(type->name, "go.shape.") != NULL,
	};
	if (type->ptr_bytes && !type->mask) /* cannot be checked, so it is not claimed */
		shape.size = 0;
	if (!strncmp(type->name, "struct { F uintptr", 18) && hb_typer_role(typer, id) == HB_ROLE_PLAIN)
		hb_typer_set_role(typer, id, HB_ROLE_CLOSURE);
	if (shape.ptr_words)
		flatten(typer, id, &shape.first_step, &shape.nsteps);
	typer->shapes.data[id] = shape;
	return &typer->shapes.data[id];
}

/* The type at offset 0: of the first field that is not empty, or the element. */
static uint32_t first_part(const struct hb_types *types, uint32_t id)
{
	const struct hb_type *type = &types->list[id];
	if (type->kind == HB_KIND_ARRAY)
		return type->len ? type->elem : 0;
	if (type->kind != HB_KIND_STRUCT)
		return 0;
	for (uint32_t i = 0; i < type->nfields; i++) {
		const struct hb_field *field = &types->fields[type->first_field + i];
		if (types->list[field->type].size)
			return field->offset ? 0 : field->type;
	}
	return 0;
}

bool hb_type_begins_with(const struct hb_types *types, uint32_t outer, uint32_t inner)
{
	for (int depth = 0; outer && depth < MAX_PREFIX; depth++) {
		if (outer == inner)
			return true;
		outer = first_part(types, outer);
	}
	return false;
}

uint32_t hb_type_element_of(const struct hb_types *types, uint32_t id)
{
	for (int depth = 0; depth < MAX_PREFIX && types->list[id].kind == HB_KIND_ARRAY; depth++)
		id = types->list[id].elem;
	return id;
}
