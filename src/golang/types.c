/* All type descriptors of a process, with dense ids: a sweep over the modules' type sections, then verification. */
#include "base/progress.h"
#include "golang/type_descriptor.h"

#include <stdio.h>

/* --- The sweep -------------------------------------------------------------------------------------------------- */

struct candidate {
	struct hb_descriptor d;
	bool dropped;
};
struct sweep {
	const struct hb_go *go;
	const struct hb_types *known;   /* types that have ids already */
	HB_VEC(struct candidate) found; /* by module, then by address */
	uint32_t *index;                /* address → candidate + 1 */
	uint32_t index_log2;
};

static void sweep_deinit(struct sweep *sweep)
{
	hb_vec_deinit(&sweep->found);
	free(sweep->index);
}

static bool is_plausible(const uint8_t *p, uint64_t section)
{
	/* What costs nothing to look at: kind, alignments, pointer bytes, name offset. hb_descriptor_read does the
	 * rest. */
	uint8_t kind = p[23] & 31, align = p[21];
	return kind >= HB_KIND_BOOL && kind <= HB_KIND_UNSAFE_POINTER && align == p[22] && align && align <= 8 &&
	       hb_load_u64(p + 8) <= hb_load_u64(p) && hb_load_u32(p + 40) && hb_load_u32(p + 40) < section;
}

static struct hb_error *sweep_bytes(struct sweep *sweep, uint64_t addr, struct hb_bytes bytes, uint64_t section)
{
	for (uint64_t at = 0; at + HB_TYPE_BYTES <= bytes.len; at += 8) {
		struct candidate candidate = {0};
		if (!is_plausible(bytes.data + at, section) ||
		    !hb_descriptor_read(sweep->go, addr + at, &candidate.d) ||
		    !hb_descriptor_name(sweep->go, &candidate.d).len)
			continue;
		HB_VEC_PUSH(&sweep->found, candidate);
	}
	return NULL;
}

/* Whatever of the section is in the snapshot: usually one piece. */
static struct hb_error *sweep_module(struct sweep *sweep, const struct hb_go_module *module)
{
	uint64_t start = (module->types + 7) & ~7ull, end = module->etypes;
	if (start >= end)
		return NULL;
	struct hb_bytes whole = hb_snapshot_view(sweep->go->snapshot, start, end - start);
	if (whole.data)
		return sweep_bytes(sweep, start, whole, end - module->types);
	for (uint64_t at = start, next; at < end; at = next) {
		/* A descriptor that straddles two pages is found from the first one. */
		next = hb_min((at | (HB_PAGE_SIZE - 1)) + 1, end);
		uint64_t reach = hb_min(next + HB_TYPE_BYTES - 8, end);
		struct hb_bytes page = hb_snapshot_view(sweep->go->snapshot, at, reach - at);
		if (!page.data)
			page = hb_snapshot_view(sweep->go->snapshot, at, next - at);
		TRY(sweep_bytes(sweep, at, page, end - module->types));
	}
	return NULL;
}

static uint32_t hash_address(uint64_t addr, uint32_t log2)
{
	return (uint32_t)(addr * 0x9e3779b97f4a7c15u >> (64 - log2));
}

static uint32_t log2_for(uint64_t n)
{
	uint32_t log2 = 10;
	while (1ull << log2 < 2 * n)
		log2++;
	return log2;
}

static struct hb_error *index_candidates(struct sweep *sweep)
{
	sweep->index_log2 = log2_for(sweep->found.len);
	uint32_t mask = (1u << sweep->index_log2) - 1;
	sweep->index = calloc((size_t)mask + 1, sizeof(*sweep->index));
	if (!sweep->index)
		return hb_error_nomem();
	for (size_t i = 0; i < sweep->found.len; i++) {
		uint32_t at = hash_address(sweep->found.data[i].d.addr, sweep->index_log2);
		while (sweep->index[at])
			at = (at + 1) & mask;
		sweep->index[at] = (uint32_t)i + 1;
	}
	return NULL;
}

static const struct hb_descriptor *candidate_at(const struct sweep *sweep, uint64_t addr)
{
	uint32_t mask = (1u << sweep->index_log2) - 1;
	for (uint32_t at = hash_address(addr, sweep->index_log2); sweep->index[at]; at = (at + 1) & mask) {
		const struct candidate *found = &sweep->found.data[sweep->index[at] - 1];
		if (found->d.addr == addr)
			return found->dropped ? NULL : &found->d;
	}
	return NULL;
}

/* The descriptor that another one refers to, NULL when there is no sane one. */
static const struct hb_descriptor *refer(const struct sweep *sweep, uint64_t addr, struct hb_descriptor *scratch)
{
	if (sweep->known->n && hb_types_find(sweep->known, addr))
		return hb_descriptor_read(sweep->go, addr, scratch) ? scratch : NULL;
	return candidate_at(sweep, addr);
}

/* --- Verification: what a descriptor refers to must be a descriptor, and their sizes must agree ----------------- */

/* reflect keeps the names that it makes in pointer-free memory, which a snapshot does not have. */
static bool is_made_by_reflect(const struct hb_go *go, uint64_t addr)
{
	return !hb_go_module_of_types(go, addr);
}

static bool array_agrees(const struct hb_descriptor *d, const struct hb_descriptor *elem)
{
	uint64_t size, ptr_bytes = 0;
	if (hb_mul_overflows(elem->size, d->len, &size) || size != d->size)
		return false;
	if (d->len && elem->ptr_bytes)
		ptr_bytes = size - elem->size + elem->ptr_bytes;
	return ptr_bytes == d->ptr_bytes;
}

static bool struct_agrees(const struct sweep *sweep, const struct hb_descriptor *d)
{
	uint64_t end = 0, ptr_end = 0;
	for (uint32_t i = 0; i < d->nfields; i++) {
		struct hb_field_descriptor field;
		struct hb_descriptor scratch;
		if (!hb_descriptor_field(sweep->go, d, i, &field))
			return false;
		const struct hb_descriptor *type = refer(sweep, field.type, &scratch);
		if (!type || field.offset < end || field.offset > d->size || d->size - field.offset < type->size)
			return false;
		if (!is_made_by_reflect(sweep->go, d->addr) && !hb_descriptor_name_at(sweep->go, field.name).len)
			return false;
		end = field.offset + type->size;
		if (type->ptr_bytes)
			ptr_end = field.offset + type->ptr_bytes;
	}
	return ptr_end == d->ptr_bytes;
}

static bool agrees(const struct sweep *sweep, const struct hb_descriptor *d)
{
	struct hb_descriptor scratch[3];
	const struct hb_descriptor *elem = d->elem ? refer(sweep, d->elem, &scratch[0]) : NULL;
	switch (d->kind) {
	case HB_KIND_ARRAY:
		return elem && array_agrees(d, elem);
	case HB_KIND_CHAN:
	case HB_KIND_POINTER:
	case HB_KIND_SLICE:
		return elem;
	case HB_KIND_MAP: {
		const struct hb_descriptor *key = refer(sweep, d->key, &scratch[1]);
		const struct hb_descriptor *group = refer(sweep, d->group, &scratch[2]);
		return elem && key && group && group->kind == HB_KIND_STRUCT;
	}
	case HB_KIND_STRUCT:
		return struct_agrees(sweep, d);
	default:
		return true;
	}
}

enum { MAX_ROUNDS = 64 };

/* Dropping a candidate may take others with it: until nothing changes (two or three rounds). */
static struct hb_error *verify(struct sweep *sweep)
{
	bool changed = true;
	for (int round = 0; changed && round < MAX_ROUNDS; round++) {
		changed = false;
		for (size_t i = 0; i < sweep->found.len; i++) {
			struct candidate *candidate = &sweep->found.data[i];
			if (candidate->dropped || agrees(sweep, &candidate->d))
				continue;
			candidate->dropped = true;
			changed = true;
		}
		if (hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- The table -------------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *text, uint32_t log2)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (const uint8_t *p = (const uint8_t *)text; *p; p++)
		hash = (hash ^ *p) * 0x100000001b3u;
	return hash_address(hash, log2);
}

static void insert(uint32_t *index, uint32_t log2, uint32_t at, uint32_t id)
{
	while (index[at])
		at = (at + 1) & ((1u << log2) - 1);
	index[at] = id;
}

static void index_type(struct hb_types *types, uint32_t id)
{
	insert(types->index, types->index_log2, hash_address(types->list[id].addr, types->index_log2), id);
}

static void index_name(struct hb_types *types, uint32_t id)
{
	insert(types->by_name, types->index_log2, hash_text(types->list[id].name, types->index_log2), id);
}

/* Room for ids below n in both indexes; every id so far is in them again. */
static struct hb_error *grow_index(struct hb_types *types, uint64_t n)
{
	uint32_t log2 = log2_for(n);
	if (types->index && log2 <= types->index_log2)
		return NULL;
	uint32_t *index = calloc((size_t)1 << log2, sizeof(*index));
	uint32_t *by_name = calloc((size_t)1 << log2, sizeof(*by_name));
	if (!index || !by_name) {
		free(index);
		free(by_name);
		return hb_error_nomem();
	}
	free(types->index);
	free(types->by_name);
	types->index = index;
	types->by_name = by_name;
	types->index_log2 = log2;
	for (uint32_t id = 1; id < types->n; id++) {
		index_type(types, id);
		index_name(types, id);
	}
	return NULL;
}

static struct hb_error *grow_list(struct hb_types *types, uint64_t n, uint64_t nfields)
{
	if (n >= UINT32_MAX / 2 || nfields >= UINT32_MAX / 2)
		return hb_error_create(HB_ERR_CORRUPT, "the target has more types than a program can have");
	if (n > types->cap) {
		uint32_t cap = (uint32_t)hb_max(n, (uint64_t)types->cap * 2);
		struct hb_type *list = realloc(types->list, (size_t)cap * sizeof(*list));
		if (!list)
			return hb_error_nomem();
		types->list = list;
		types->cap = cap;
	}
	if (nfields > types->fields_cap) {
		uint32_t cap = (uint32_t)hb_max(nfields, (uint64_t)types->fields_cap * 2);
		struct hb_field *fields = realloc(types->fields, (size_t)cap * sizeof(*fields));
		if (!fields)
			return hb_error_nomem();
		types->fields = fields;
		types->fields_cap = cap;
	}
	return NULL;
}

static const char *copy_text(struct hb_types *types, struct hb_bytes text)
{
	return text.len ? hb_arena_strndup(&types->arena, (const char *)text.data, text.len) : "";
}

/* A name for what reflect made, from what it is made of. */
static const char *make_name(struct hb_types *types, const struct hb_type *type)
{
	struct hb_arena *arena = &types->arena;
	const char *elem = types->list[type->elem].name;
	switch (type->kind) {
	case HB_KIND_POINTER:
		return hb_arena_printf(arena, "*%s", elem);
	case HB_KIND_SLICE:
		return hb_arena_printf(arena, "[]%s", elem);
	case HB_KIND_ARRAY:
		return hb_arena_printf(arena, "[%llu]%s", (unsigned long long)type->len, elem);
	case HB_KIND_CHAN:
		return hb_arena_printf(arena, "chan %s", elem);
	case HB_KIND_MAP:
		return hb_arena_printf(arena, "map[%s]%s", types->list[type->key].name, elem);
	case HB_KIND_FUNC:
		return "func(…)";
	case HB_KIND_STRUCT:
		return "struct {…}";
	default:
		return "a type made by reflect";
	}
}

static struct hb_error *fill_fields(struct hb_types *types, const struct hb_descriptor *d, struct hb_type *type)
{
	type->first_field = types->nfields;
	for (uint32_t i = 0; i < d->nfields; i++) {
		struct hb_field_descriptor field;
		if (!hb_descriptor_field(types->go, d, i, &field))
			break;
		struct hb_bytes name = hb_descriptor_name_at(types->go, field.name);
		const char *text = name.len ? copy_text(types, name) : hb_arena_printf(&types->arena, "field%u", i);
		if (!text)
			return hb_error_nomem();
		types->fields[types->nfields++] = (struct hb_field){
		        .name = text,
		        .type = hb_types_find(types, field.type),
		        .offset = field.offset,
		        .embedded = field.embedded,
		};
		type->nfields++;
	}
	return NULL;
}

/* The bucket of a map before swiss maps begins with its tophash bytes: reflectdata.MapBucketType, "topbits". */
static bool is_old_group(const struct hb_types *types, const struct hb_descriptor *d)
{
	struct hb_descriptor group;
	struct hb_field_descriptor first;
	if (d->kind != HB_KIND_MAP || !hb_descriptor_read(types->go, d->group, &group) ||
	    !hb_descriptor_field(types->go, &group, 0, &first))
		return false;
	struct hb_bytes name = hb_descriptor_name_at(types->go, first.name);
	return name.len == 7 && !memcmp(name.data, "topbits", 7);
}

static struct hb_error *fill_type(struct hb_types *types, const struct hb_descriptor *d, uint32_t id)
{
	struct hb_type *type = &types->list[id];
	uint64_t size_words, ptr_words;
	*type = (struct hb_type){
	        .addr = d->addr,
	        .size = d->size,
	        .ptr_bytes = d->ptr_bytes,
	        .hash = d->hash,
	        .kind = d->kind,
	        .tflag = d->tflag,
	        .align = d->align,
	        .direct_iface = d->direct_iface,
	        .elem = d->elem ? hb_types_find(types, d->elem) : 0,
	        .key = d->key ? hb_types_find(types, d->key) : 0,
	        .group = d->group ? hb_types_find(types, d->group) : 0,
	        .len = d->len,
	        .ptr_to = type->ptr_to, /* a pointer type behind this one has set it */
	};
	if (d->kind == HB_KIND_STRUCT)
		TRY(fill_fields(types, d, type));
	struct hb_bytes name = hb_descriptor_name(types->go, d);
	type->name = name.len ? copy_text(types, name) : make_name(types, type);
	type->pkg_path = copy_text(types, hb_descriptor_package(types->go, d, is_old_group(types, d)));
	if (!type->name || !type->pkg_path)
		return hb_error_nomem();
	if (d->ptr_bytes && hb_go_type_mask(types->go, d->addr, &types->arena, &size_words, &ptr_words, &type->mask))
		type->mask_words = (uint32_t)ptr_words;
	if (type->kind == HB_KIND_POINTER && type->elem && !types->list[type->elem].ptr_to)
		types->list[type->elem].ptr_to = id;
	return NULL;
}

/* Gives ids to what the sweep found and verified. */
static struct hb_error *append(struct hb_types *types, const struct sweep *sweep)
{
	uint64_t n = types->n, nfields = types->nfields;
	for (size_t i = 0; i < sweep->found.len; i++) {
		n += !sweep->found.data[i].dropped;
		nfields += sweep->found.data[i].dropped ? 0 : sweep->found.data[i].d.nfields;
	}
	TRY(grow_list(types, n, nfields));
	TRY(grow_index(types, n));
	uint32_t first = types->n, id = first;
	for (size_t i = 0; i < sweep->found.len; i++) {
		if (sweep->found.data[i].dropped)
			continue;
		types->list[id] = (struct hb_type){.addr = sweep->found.data[i].d.addr, .name = "…"};
		index_type(types, id++);
	}
	types->n = id;
	/* Backwards: what hb_types_add found later is what the earlier ones are made of, so it has its name by then. */
	for (size_t i = sweep->found.len; i-- > 0;) {
		if (sweep->found.data[i].dropped)
			continue;
		TRY(fill_type(types, &sweep->found.data[i].d, --id));
		index_name(types, id);
	}
	return NULL;
}

struct hb_error *hb_types_read(const struct hb_go *go, struct hb_types **ret)
{
	hb_cleanup(hb_types_destroyp) struct hb_types *types = calloc(1, sizeof(*types));
	if (!types)
		return hb_error_nomem();
	types->go = go;
	hb_cleanup(sweep_deinit) struct sweep sweep = {.go = go, .known = types};
	for (size_t i = 0; i < go->nmodules; i++)
		TRY(sweep_module(&sweep, &go->modules[i]));
	TRY(index_candidates(&sweep));
	TRY(verify(&sweep));
	TRY(grow_list(types, 1, 1));
	types->list[0] = (struct hb_type){.name = "untyped", .pkg_path = ""};
	types->n = 1;
	TRY(append(types, &sweep));
	*ret = hb_take(types);
	return NULL;
}

/* --- Types that reflect made ------------------------------------------------------------------------------------ */

enum { MAX_ADDED_AT_ONCE = 4096 };

static bool is_found(const struct sweep *sweep, uint64_t addr)
{
	for (size_t i = 0; i < sweep->found.len; i++)
		if (sweep->found.data[i].d.addr == addr)
			return true;
	return false;
}

static bool gather(struct sweep *sweep, uint64_t addr)
{
	struct candidate candidate = {0};
	if (hb_types_find(sweep->known, addr) || is_found(sweep, addr))
		return true;
	return sweep->found.len < MAX_ADDED_AT_ONCE && hb_descriptor_read(sweep->go, addr, &candidate.d) &&
	       hb_vec_push(&sweep->found, candidate);
}

/* The type and all that it is made of, as far as they have no ids yet. */
static bool gather_all(struct sweep *sweep, uint64_t addr)
{
	if (!gather(sweep, addr))
		return false;
	for (size_t i = 0; i < sweep->found.len; i++) {
		struct hb_descriptor d = sweep->found.data[i].d;
		if ((d.elem && !gather(sweep, d.elem)) || (d.key && !gather(sweep, d.key)) ||
		    (d.group && !gather(sweep, d.group)))
			return false;
		for (uint32_t f = 0; f < d.nfields; f++) {
			struct hb_field_descriptor field;
			if (!hb_descriptor_field(sweep->go, &d, f, &field) || !gather(sweep, field.type))
				return false;
		}
	}
	return true;
}

uint32_t hb_types_add(struct hb_types *types, uint64_t addr)
{
	uint32_t known = hb_types_find(types, addr);
	if (known)
		return known;
	hb_cleanup(sweep_deinit) struct sweep sweep = {.go = types->go, .known = types};
	if (!gather_all(&sweep, addr) || !sweep.found.len)
		return 0;
	struct hb_error *err = index_candidates(&sweep);
	if (!err)
		err = verify(&sweep);
	if (!err && !sweep.found.data[0].dropped)
		err = append(types, &sweep);
	hb_error_destroy(err);
	return hb_types_find(types, addr);
}

uint32_t hb_types_add_pseudo(struct hb_types *types, const struct hb_type *type)
{
	uint32_t id = types->n;
	struct hb_error *err = grow_list(types, (uint64_t)id + 1, types->nfields);
	if (!err)
		err = grow_index(types, (uint64_t)id + 1);
	if (err) {
		hb_error_destroy(err);
		return 0;
	}
	types->list[id] = *type;
	types->list[id].addr = 1ull << 63 | id;
	types->n++;
	index_type(types, id);
	return id;
}

/* --- Look-up ---------------------------------------------------------------------------------------------------- */

uint32_t hb_types_find(const struct hb_types *types, uint64_t addr)
{
	uint32_t mask = (1u << types->index_log2) - 1;
	for (uint32_t at = hash_address(addr, types->index_log2); types->index[at]; at = (at + 1) & mask)
		if (types->list[types->index[at]].addr == addr)
			return types->index[at];
	return 0;
}

/* Two descriptors of one type (a plugin has its own copies) have equal hashes; two local types of one name do not. */
uint32_t hb_types_by_name(const struct hb_types *types, const char *name, const char *pkg_path)
{
	uint32_t mask = (1u << types->index_log2) - 1, found = 0;
	for (uint32_t at = hash_text(name, types->index_log2); types->by_name[at]; at = (at + 1) & mask) {
		uint32_t id = types->by_name[at];
		const struct hb_type *type = &types->list[id];
		if (strcmp(type->name, name) || (pkg_path && strcmp(type->pkg_path, pkg_path)))
			continue;
		if (found && types->list[found].hash != type->hash)
			return 0;
		found = found && found < id ? found : id;
	}
	return found;
}

const struct hb_field *hb_types_field(const struct hb_types *types, const struct hb_type *type, const char *name)
{
	for (uint32_t i = 0; i < type->nfields; i++)
		if (!strcmp(types->fields[type->first_field + i].name, name))
			return &types->fields[type->first_field + i];
	return NULL;
}

bool hb_types_offset(const struct hb_types *types, uint32_t type, const char *name, uint64_t room, uint64_t *ret)
{
	const struct hb_field *field = type ? hb_types_field(types, &types->list[type], name) : NULL;
	if (!field || field->offset > types->list[type].size || room > types->list[type].size - field->offset)
		return false;
	*ret = field->offset;
	return true;
}

void hb_types_destroy(struct hb_types *types)
{
	if (!types)
		return;
	free(types->list);
	free(types->fields);
	free(types->index);
	free(types->by_name);
	hb_arena_deinit(&types->arena);
	free(types);
}

void hb_types_destroyp(struct hb_types **types)
{
	hb_types_destroy(*types);
}
