/* Types that the program has no descriptor of: internal/runtime/maps.Map, table and runtime.hchan by what they hold. */
#include "golang/typing_internal.h"

#include <string.h>

/* GOEXPERIMENT=noswissmap (1.24, 1.25) and up to 1.23: buckets begin with their tophash bytes. */
bool hb_map_is_swiss(const struct hb_types *types, uint32_t map)
{
	const struct hb_type *group = &types->list[types->list[map].group];
	return group->nfields && strcmp(types->fields[group->first_field].name, "topbits") != 0;
}

struct pseudo {
	struct hb_type type;
	uint64_t mask;
	struct hb_step steps[8];
	uint32_t nsteps;
};

static void add(struct pseudo *pseudo, enum hb_step_kind kind, uint32_t offset, uint32_t type)
{
	pseudo->mask |= 1ull << offset / 8;
	if (kind)
		pseudo->steps[pseudo->nsteps++] = (struct hb_step){offset, type, 0, (uint8_t)kind};
}

static void make_map(struct hb_typer *typer, struct pseudo *pseudo, uint32_t map)
{
	const struct hb_type *real = &typer->types->list[map];
	pseudo->type.name = map ? real->name : "map";
	pseudo->type.pkg_path = real->pkg_path;
	pseudo->type.elem = map;
	if (!map) { /* of unknown keys and values */
		pseudo->type.size = 8;
		return;
	}
	hb_typer_set_role(typer, real->group, HB_ROLE_GROUP);
	if (hb_map_is_swiss(typer->types, map)) { /* internal/runtime/maps/map.go, 1.24-1.27 */
		pseudo->type.size = typer->go->layout->map.size;
		add(pseudo, HB_STEP_DIRECTORY, typer->go->layout->map.dir_ptr, map);
		return;
	}
	struct hb_old_map old;
	if (!hb_old_map_layout(typer->go, &old))
		return;
	pseudo->type.size = old.size;
	uint32_t extra = hb_typer_pseudo(typer, HB_ROLE_MAP_EXTRA, map);
	add(pseudo, HB_STEP_BUCKETS, old.buckets, map);
	add(pseudo, 0, old.oldbuckets, 0);
	add(pseudo, HB_STEP_POINTER, old.extra, extra);
}

/* runtime/map.go mapextra, 1.18-1.25: overflow and oldoverflow are *[]*bmap, nextOverflow is a *bmap. */
static void make_extra(struct hb_typer *typer, struct pseudo *pseudo, uint32_t map)
{
	struct hb_old_map old;
	uint32_t bucket = typer->types->list[map].group;
	if (!hb_old_map_layout(typer->go, &old))
		return;
	pseudo->type.name = hb_arena_printf(&typer->types->arena, "%s extra", typer->types->list[map].name);
	pseudo->type.size = old.extra_size;
	uint32_t header = hb_typer_pseudo(typer, HB_ROLE_OVERFLOW_HEADER, map);
	add(pseudo, HB_STEP_POINTER, old.overflow, header);
	add(pseudo, HB_STEP_POINTER, old.oldoverflow, header);
	add(pseudo, HB_STEP_POINTER, old.next_overflow, bucket);
}

static void make_overflow_header(struct hb_typer *typer, struct pseudo *pseudo, uint32_t map)
{
	pseudo->type.name = hb_arena_printf(&typer->types->arena, "%s overflow header", typer->types->list[map].name);
	pseudo->type.size = 24;
	add(pseudo, HB_STEP_SLICE, 0, hb_typer_pseudo(typer, HB_ROLE_OVERFLOW, map));
}

static void make_overflow(struct hb_typer *typer, struct pseudo *pseudo, uint32_t map)
{
	pseudo->type.name = hb_arena_printf(&typer->types->arena, "%s overflow", typer->types->list[map].name);
	pseudo->type.size = 8;
	add(pseudo, HB_STEP_POINTER, 0, typer->types->list[map].group);
}

/* internal/runtime/maps/table.go, 1.24-1.27 */
static void make_table(struct hb_typer *typer, struct pseudo *pseudo, uint32_t map)
{
	const struct hb_go_layout *layout = typer->go->layout;
	const struct hb_type *real = &typer->types->list[map];
	pseudo->type.name = hb_arena_printf(&typer->types->arena, "%s table", real->name);
	pseudo->type.size = layout->map_table.size;
	add(pseudo, HB_STEP_GROUPS, layout->map_table.groups + layout->map_groups.data, real->group);
}

static void make_directory(struct hb_typer *typer, struct pseudo *pseudo, uint32_t map)
{
	uint32_t table = hb_typer_pseudo(typer, HB_ROLE_TABLE, map);
	pseudo->type.name = hb_arena_printf(&typer->types->arena, "%s directory", typer->types->list[map].name);
	pseudo->type.size = 8;
	add(pseudo, HB_STEP_POINTER, 0, table);
}

/* runtime/chan.go hchan, 1.18-1.27: pointers are buf, the element type, the timer (1.23+), four ends of queues, the
 * bubble (1.25+). The program's own descriptor knows best. */
static void make_channel(struct hb_typer *typer, struct pseudo *pseudo, uint32_t elem)
{
	const struct hb_go_layout *layout = typer->go->layout;
	const struct hb_type *real = &typer->types->list[typer->known.hchan];
	uint32_t sudog = typer->known.sudog;
	enum hb_step_kind queued = sudog ? HB_STEP_POINTER : 0;
	pseudo->type.name = hb_arena_printf(&typer->types->arena, "chan %s", typer->types->list[elem].name);
	pseudo->type.size = layout->hchan.size;
	pseudo->type.elem = elem;
	add(pseudo, HB_STEP_BUFFER, layout->hchan.buf, elem);
	add(pseudo, 0, layout->hchan.elemtype, 0);
	if (layout->hchan.timer != HB_ABSENT)
		add(pseudo, typer->known.runtime_timer ? HB_STEP_POINTER : 0, layout->hchan.timer,
		    typer->known.runtime_timer);
	for (uint32_t i = 0; i < 2; i++) {
		add(pseudo, queued, layout->hchan.recvq + 8 * i, sudog);
		add(pseudo, queued, layout->hchan.sendq + 8 * i, sudog);
	}
	if (real->mask && real->size == pseudo->type.size)
		pseudo->mask = real->mask[0];
}

static bool make(struct hb_typer *typer, enum hb_role role, uint32_t real, struct pseudo *pseudo)
{
	const struct hb_go_layout *layout = typer->go->layout;
	bool of_map = role == HB_ROLE_MAP || role == HB_ROLE_DIRECTORY || role == HB_ROLE_TABLE;
	if (of_map && real && hb_map_is_swiss(typer->types, real) && layout->map.size == HB_ABSENT)
		return false;
	pseudo->type.kind = HB_KIND_STRUCT;
	pseudo->type.align = 8;
	pseudo->type.pkg_path = "";
	switch (role) {
	case HB_ROLE_MAP:
		make_map(typer, pseudo, real);
		break;
	case HB_ROLE_DIRECTORY:
		make_directory(typer, pseudo, real);
		break;
	case HB_ROLE_TABLE:
		make_table(typer, pseudo, real);
		break;
	case HB_ROLE_MAP_EXTRA:
		make_extra(typer, pseudo, real);
		break;
	case HB_ROLE_OVERFLOW_HEADER:
		make_overflow_header(typer, pseudo, real);
		break;
	case HB_ROLE_OVERFLOW:
		make_overflow(typer, pseudo, real);
		break;
	case HB_ROLE_CHAN:
		make_channel(typer, pseudo, real);
		break;
	case HB_ROLE_CHAN_INLINE:
		pseudo->type.name = hb_arena_printf(&typer->types->arena, "chan %s", typer->types->list[real].name);
		pseudo->type.size = layout->hchan.size;
		pseudo->type.elem = real;
		break;
	case HB_ROLE_STRING:
	case HB_ROLE_TINY:
		pseudo->type.name = role == HB_ROLE_STRING ? "string" : "small pointer-free values";
		pseudo->type.kind = HB_KIND_UINT8;
		pseudo->type.size = pseudo->type.align = 1;
		break;
	case HB_ROLE_USER_ARENA:
		pseudo->type.name = "user arena chunk";
		pseudo->type.size = 8;
		break;
	case HB_ROLE_UNKNOWN_CLOSURE:
		pseudo->type.name = "closure";
		pseudo->type.size = 8;
		break;
	default:
		return false;
	}
	return pseudo->type.name && pseudo->type.size && pseudo->mask >> 63 == 0;
}

/* Registers the type and its shape, which does not follow from fields. */
static uint32_t enlist(struct hb_typer *typer, enum hb_role role, struct pseudo *pseudo)
{
	if (pseudo->mask) {
		uint64_t *mask = hb_arena_alloc(&typer->types->arena, sizeof(*mask));
		if (!mask)
			return 0;
		*mask = pseudo->mask;
		pseudo->type.mask = mask;
		pseudo->type.mask_words = 64 - (uint32_t)__builtin_clzll(pseudo->mask);
		pseudo->type.ptr_bytes = pseudo->type.mask_words * 8ull;
	}
	uint32_t id = hb_types_add_pseudo(typer->types, &pseudo->type);
	if (!id)
		return 0;
	hb_typer_set_role(typer, id, role);
	hb_typer_shape(typer, id);
	if (typer->nomem || !hb_vec_reserve(&typer->steps, typer->steps.len + pseudo->nsteps))
		return 0;
	struct hb_shape *shape = &typer->shapes.data[id];
	shape->first_step = (uint32_t)typer->steps.len;
	shape->nsteps = pseudo->nsteps;
	shape->rule = role == HB_ROLE_UNKNOWN_CLOSURE ? HB_RULE_CLOSURE : HB_RULE_NONE;
	if (pseudo->nsteps)
		memcpy(typer->steps.data + typer->steps.len, pseudo->steps, pseudo->nsteps * sizeof(pseudo->steps[0]));
	typer->steps.len += pseudo->nsteps;
	return id;
}

static uint32_t slot_of_key(uint64_t key, uint32_t log2)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> (64 - log2));
}

static bool grow_table(struct hb_typer *typer)
{
	uint32_t log2 = typer->pseudo_log2 ? typer->pseudo_log2 + 1 : 8;
	uint64_t *keys = calloc((size_t)1 << log2, sizeof(*keys));
	uint32_t *ids = calloc((size_t)1 << log2, sizeof(*ids));
	if (!keys || !ids) {
		free(keys);
		free(ids);
		return false;
	}
	for (uint32_t i = 0; typer->pseudo_log2 && i < 1u << typer->pseudo_log2; i++) {
		if (!typer->pseudo_keys[i])
			continue;
		uint32_t at = slot_of_key(typer->pseudo_keys[i], log2);
		while (keys[at])
			at = (at + 1) & ((1u << log2) - 1);
		keys[at] = typer->pseudo_keys[i];
		ids[at] = typer->pseudo_ids[i];
	}
	free(typer->pseudo_keys);
	free(typer->pseudo_ids);
	typer->pseudo_keys = keys;
	typer->pseudo_ids = ids;
	typer->pseudo_log2 = log2;
	return true;
}

static uint32_t *find(struct hb_typer *typer, uint64_t key, bool *ret_known)
{
	uint32_t at = slot_of_key(key, typer->pseudo_log2);
	while (typer->pseudo_keys[at] && typer->pseudo_keys[at] != key)
		at = (at + 1) & ((1u << typer->pseudo_log2) - 1);
	*ret_known = typer->pseudo_keys[at];
	typer->pseudo_keys[at] = key;
	return &typer->pseudo_ids[at];
}

uint32_t hb_typer_pseudo(struct hb_typer *typer, enum hb_role role, uint32_t real)
{
	uint64_t key = (uint64_t)role << 32 | real;
	bool known;
	if (!typer->pseudo_log2 || typer->npseudo * 2 >= 1u << typer->pseudo_log2) {
		if (!grow_table(typer)) {
			typer->nomem = true;
			return 0;
		}
	}
	uint32_t *id = find(typer, key, &known);
	if (known)
		return *id;
	typer->npseudo++;
	struct pseudo pseudo = {0};
	uint32_t made = make(typer, role, real, &pseudo) ? enlist(typer, role, &pseudo) : 0;
	/* Making one may have made another and moved the table. */
	*find(typer, key, &known) = made;
	return made;
}

/* --- Back from the pseudo type to what it stands for ------------------------------------------------------------- */

static uint32_t real_type(const struct hb_typing *typing, uint32_t slot, enum hb_role role, enum hb_role or)
{
	uint32_t type = typing->type_of[slot];
	if (!type || type >= typing->extra->nroles ||
	    (typing->extra->roles[type] != role && typing->extra->roles[type] != or))
		return 0;
	return typing->types->list[type].elem;
}

uint32_t hb_typing_map_of(const struct hb_typing *typing, uint32_t slot)
{
	return real_type(typing, slot, HB_ROLE_MAP, HB_ROLE_MAP);
}

uint32_t hb_typing_channel_of(const struct hb_typing *typing, uint32_t slot)
{
	return real_type(typing, slot, HB_ROLE_CHAN, HB_ROLE_CHAN_INLINE);
}

bool hb_typing_is_in_map(const struct hb_typing *typing, uint32_t slot)
{
	uint32_t type = typing->type_of[slot];
	uint8_t role = type < typing->extra->nroles ? typing->extra->roles[type] : HB_ROLE_PLAIN;
	return role == HB_ROLE_DIRECTORY || role == HB_ROLE_TABLE || role == HB_ROLE_GROUP;
}

bool hb_typing_is_one(const struct hb_typing *typing, uint32_t slot)
{
	uint32_t type = typing->type_of[slot];
	bool plain = type >= typing->extra->nroles || typing->extra->roles[type] == HB_ROLE_PLAIN;
	return type && plain && !(typing->extra->how[slot] & (HB_HOW_MANY | HB_HOW_WEAK));
}
