#include "golang/layout_types.h"
#include "golang/type_descriptor.h"

#include <string.h>

/* A struct of the runtime. */
struct item {
	const char *name; /* with the full import path */
	uint64_t descriptor;
};

struct hb_layout_types {
	struct hb_go go; /* as far as descriptors need it: nothing else is known yet */
	struct hb_go_module module;
	HB_VEC(struct item) items; /* by name */
	struct hb_arena arena;
};

/* --- The sweep -------------------------------------------------------------------------------------------------- */

static bool is_package_of_interest(struct hb_bytes path)
{
	static const char *const exact[] = {"runtime", "internal/abi"};
	static const char below[] = "internal/runtime/";
	for (size_t i = 0; i < hb_countof(exact); i++)
		if (path.len == strlen(exact[i]) && !memcmp(path.data, exact[i], path.len))
			return true;
	return path.len > strlen(below) && !memcmp(path.data, below, strlen(below));
}

/* Fields in order, inside of the struct, with names and types: else it only looks like a descriptor. */
static bool fields_are_sane(const struct hb_go *go, const struct hb_descriptor *descriptor)
{
	uint64_t end = 0;
	for (uint32_t i = 0; i < descriptor->nfields; i++) {
		struct hb_field_descriptor field;
		struct hb_descriptor type;
		if (!hb_descriptor_field(go, descriptor, i, &field) || !hb_descriptor_name_at(go, field.name).len ||
		    !hb_descriptor_read(go, field.type, &type) || field.offset < end ||
		    field.offset > descriptor->size || descriptor->size - field.offset < type.size)
			return false;
		end = field.offset + type.size;
	}
	return true;
}

static struct hb_error *consider(struct hb_layout_types *types, uint64_t addr)
{
	struct hb_descriptor descriptor;
	if (!hb_descriptor_read(&types->go, addr, &descriptor) || descriptor.kind != HB_KIND_STRUCT ||
	    !(descriptor.tflag & HB_TFLAG_NAMED))
		return NULL;
	struct hb_bytes path = hb_descriptor_package(&types->go, &descriptor, false);
	struct hb_bytes name = hb_descriptor_name(&types->go, &descriptor);
	/* "maps.Map" of package internal/runtime/maps. Instances of generic types ("[") are of no interest. */
	const uint8_t *dot = name.len ? memchr(name.data, '.', name.len) : NULL;
	if (!dot || memchr(name.data, '[', name.len) || !is_package_of_interest(path) ||
	    !fields_are_sane(&types->go, &descriptor))
		return NULL;
	struct item item = {.descriptor = addr};
	item.name = hb_arena_printf(&types->arena, "%.*s%.*s", (int)path.len, (const char *)path.data,
	                            (int)(name.data + name.len - dot), (const char *)dot);
	if (!item.name)
		return hb_error_nomem();
	HB_VEC_PUSH(&types->items, item);
	return NULL;
}

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : a->descriptor < b->descriptor ? -1 : a->descriptor > b->descriptor;
}

/* The third word of a descriptor: hash, flags, alignments, kind (internal/abi/type.go Type, 1.18-1.27). */
static bool may_be_third_word(uint64_t word)
{
	uint8_t align = (uint8_t)(word >> 40);
	return (word >> 56 & 31) == HB_KIND_STRUCT && align == (uint8_t)(word >> 48) && align && align <= 8;
}

static struct hb_error *sweep(struct hb_layout_types *types)
{
	uint64_t end = types->module.etypes & ~UINT64_C(7);
	for (uint64_t at = (types->module.types + 7) & ~UINT64_C(7), next; at < end; at = next) {
		next = hb_min((at | (HB_PAGE_SIZE - 1)) + 1, end);
		struct hb_bytes page = hb_snapshot_view(types->go.snapshot, at, next - at);
		for (uint64_t i = 0; i + 8 <= page.len; i += 8)
			if (may_be_third_word(hb_load_u64(page.data + i)))
				TRY(consider(types, at + i - 16));
	}
	if (types->items.len)
		qsort(types->items.data, types->items.len, sizeof(struct item), compare_items);
	return NULL;
}

bool hb_layout_types_may_begin(const struct hb_snapshot *snapshot, const struct hb_go_version *version, uint64_t start,
                               uint64_t end)
{
	enum { FIRST_PART = 1 << 16, ENOUGH = 16 };
	struct hb_go_module module = {.types = start, .etypes = end};
	struct hb_go go = {.snapshot = snapshot, .version = *version, .modules = &module, .nmodules = 1};
	unsigned named = 0, nameless = 0;
	for (uint64_t at = start; at < hb_min(end, start + FIRST_PART) && named < ENOUGH; at += 8) {
		struct hb_descriptor descriptor;
		if (!hb_descriptor_read(&go, at, &descriptor))
			continue;
		if (hb_descriptor_name(&go, &descriptor).len)
			named++;
		else if (++nameless > ENOUGH)
			return false;
	}
	return named == ENOUGH;
}

struct hb_error *hb_layout_types_read(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                      uint64_t start, uint64_t end, struct hb_layout_types **ret)
{
	*ret = NULL;
	hb_cleanup(hb_layout_types_destroyp) struct hb_layout_types *types = calloc(1, sizeof(*types));
	if (!types)
		return hb_error_nomem();
	types->module.types = start;
	types->module.etypes = end;
	types->go = (struct hb_go){.snapshot = snapshot, .version = *version, .modules = &types->module, .nmodules = 1};
	TRY(sweep(types));
	if (types->items.len)
		*ret = hb_take(types);
	return NULL;
}

void hb_layout_types_destroy(struct hb_layout_types *types)
{
	if (!types)
		return;
	hb_vec_deinit(&types->items);
	hb_arena_deinit(&types->arena);
	free(types);
}

void hb_layout_types_destroyp(struct hb_layout_types **types)
{
	hb_layout_types_destroy(*types);
	*types = NULL;
}

/* --- As a source ------------------------------------------------------------------------------------------------ */

/* Two types of one name: nobody knows which one is meant. */
static bool find_struct(void *ctx, const char *name, uint64_t *ret, uint64_t *ret_size)
{
	const struct hb_layout_types *types = ctx;
	const struct item *items = types->items.data;
	struct hb_descriptor descriptor;
	size_t n = types->items.len, at = hb_partition_point(n, i, strcmp(items[i].name, name) < 0);
	if (at == n || strcmp(items[at].name, name) != 0 || (at + 1 < n && !strcmp(items[at + 1].name, name)) ||
	    !hb_descriptor_read(&types->go, items[at].descriptor, &descriptor))
		return false;
	*ret = descriptor.addr;
	*ret_size = descriptor.size;
	return true;
}

static bool find_field(void *ctx, uint64_t of, const char *name, size_t len, struct hb_layout_field *ret)
{
	const struct hb_layout_types *types = ctx;
	struct hb_descriptor descriptor, type;
	if (!hb_descriptor_read(&types->go, of, &descriptor) || descriptor.kind != HB_KIND_STRUCT)
		return false;
	for (uint32_t i = 0; i < descriptor.nfields; i++) {
		struct hb_field_descriptor field;
		if (!hb_descriptor_field(&types->go, &descriptor, i, &field))
			return false;
		struct hb_bytes text = hb_descriptor_name_at(&types->go, field.name);
		if (text.len != len || memcmp(text.data, name, len) != 0)
			continue;
		if (!hb_descriptor_read(&types->go, field.type, &type))
			return false;
		*ret = (struct hb_layout_field){
		        .offset = field.offset,
		        .size = type.size,
		        .inner = type.kind == HB_KIND_STRUCT ? type.addr : 0,
		        .is_array = type.kind == HB_KIND_ARRAY,
		};
		return true;
	}
	return false;
}

struct hb_layout_source hb_layout_types_source(struct hb_layout_types *types)
{
	return (struct hb_layout_source){types, find_struct, find_field};
}
