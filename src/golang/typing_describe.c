/* What objects and the pointers in them are called. */
#include "golang/pclntab.h"
#include "golang/typing_internal.h"

#include <stdio.h>
#include <string.h>

struct object {
	const struct hb_span *span;
	const uint8_t *bytes; /* of the first value */
	uint64_t room;
	uint32_t type;
	uint8_t how;
	enum hb_role role;
};

static bool find_object(const struct hb_typing *typing, uint32_t slot, struct object *ret)
{
	if (!slot || slot > typing->heap->nslots)
		return false;
	const struct hb_span *span = &typing->heap->spans[hb_heap_span_of_slot(typing->heap, slot)];
	uint64_t header = span->kind == HB_SPAN_HEADER ? 8 : 0, addr = hb_heap_slot_addr(span, slot);
	uint32_t type = typing->type_of[slot];
	*ret = (struct object){
	        .span = span,
	        .bytes = hb_heap_bytes(typing->heap, addr + header),
	        .room = span->elem_size - header,
	        .type = type,
	        .how = typing->extra->how[slot],
	        .role = type < typing->extra->nroles ? typing->extra->roles[type] : HB_ROLE_PLAIN,
	};
	return ret->bytes;
}

/* 4096 → "4,096" */
static void write_number(char buf[32], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), out = 0;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = 0;
}

/* The function of a closure, NULL when its first word is none or was not read. */
static const char *function_of(const struct hb_typing *typing, const struct object *object)
{
	struct hb_go_func func;
	if (object->span->kind == HB_SPAN_NOSCAN ||
	    !hb_go_func_at(typing->types->go, hb_load_u64(object->bytes), &func))
		return NULL;
	return func.name;
}

/* "map.group[K]V" → "map[K]V groups", "noalg.map.bucket[K]V" → "map[K]V buckets" */
static void write_group(char *buf, size_t size, const char *name)
{
	static const char bucket[] = "map.bucket";
	size_t len = strcspn(name, "["), tail = sizeof(bucket) - 1;
	bool buckets = len >= tail && !memcmp(name + len - tail, bucket, tail);
	snprintf(buf, size, "map%s %s", name + len, buckets ? "buckets" : "groups");
}

static const char *element_name(const struct hb_type *type)
{
	return type->kind == HB_KIND_UINT8 && !strcmp(type->name, "uint8") ? "byte" : type->name;
}

/* The class of an object: its description without numbers. */
static void write_class(const struct hb_typing *typing, const struct object *object, char *buf, size_t size)
{
	const struct hb_type *type = &typing->types->list[object->type];
	const char *function;
	switch (object->role) {
	case HB_ROLE_GROUP:
		write_group(buf, size, type->name);
		return;
	case HB_ROLE_CLOSURE:
	case HB_ROLE_UNKNOWN_CLOSURE:
		function = function_of(typing, object);
		snprintf(buf, size, function ? "closure of %s" : "closure", function);
		return;
	case HB_ROLE_PLAIN:
		if (object->how & HB_HOW_MANY || type->kind == HB_KIND_UINT8) {
			snprintf(buf, size, "[]%s", element_name(type));
			return;
		}
		/* The three words of a slice in an object of their own, not its array; so for strings. */
		if (!strncmp(type->name, "[]", 2) || !strcmp(type->name, "string")) {
			snprintf(buf, size, "%s header", type->name);
			return;
		}
		break;
	default:
		break;
	}
	snprintf(buf, size, "%s", type->name);
}

void hb_typing_describe(const struct hb_typing *typing, uint32_t slot, char *buf, size_t size)
{
	struct object object;
	char number[32];
	if (!find_object(typing, slot, &object)) {
		snprintf(buf, size, "nothing");
		return;
	}
	write_number(number, object.span->elem_size);
	if (!object.type) {
		snprintf(buf, size, "untyped %s-byte object", number);
		return;
	}
	const struct hb_type *type = &typing->types->list[object.type];
	write_class(typing, &object, buf, size);
	size_t used = strnlen(buf, size);
	if (object.role == HB_ROLE_STRING) {
		snprintf(buf + used, size - used, " of %s B", number);
	} else if (object.role == HB_ROLE_PLAIN && type->kind == HB_KIND_UINT8) {
		snprintf(buf + used, size - used, " (%s B)", number);
	} else if (object.role == HB_ROLE_PLAIN && object.how & HB_HOW_MANY && type->size) {
		write_number(number, object.room / type->size);
		snprintf(buf + used, size - used, " (cap %s)", number);
	}
}

/* --- Edges ---------------------------------------------------------------------------------------------------------
 */

/* "slots[3].key.name" → "{key}.name"; empty for what is neither key nor value. Both layouts of groups and old buckets:
 * slots[i].key, slots[i].elem; keys[i], elems[i]. */
static void write_entry(char *buf, size_t size, const char *path)
{
	static const struct {
		const char *prefix, *member, *name;
	} parts[] = {
	        {"slots[", "].key", "{key}"},
	        {"slots[", "].elem", "{value}"},
	        {"keys[", "]", "{key}"},
	        {"elems[", "]", "{value}"},
	};
	buf[0] = 0;
	for (size_t i = 0; i < hb_countof(parts); i++) {
		if (strncmp(path, parts[i].prefix, strlen(parts[i].prefix)))
			continue;
		const char *member = strchr(path, ']');
		if (!member || strncmp(member, parts[i].member, strlen(parts[i].member)))
			continue;
		snprintf(buf, size, "%s%s", parts[i].name, member + strlen(parts[i].member));
		return;
	}
}

/* "[3].name" → "[*].name", and ".root.v" of an atomic.Pointer → ".root" */
static void generalise(char *path, bool ends_in_unsafe_pointer)
{
	char *out = path;
	for (const char *in = path; *in; in++) {
		*out++ = *in;
		if (*in != '[' || in[1] < '0' || in[1] > '9')
			continue;
		while (in[1] >= '0' && in[1] <= '9')
			in++;
		*out++ = '*'; /* only now: out may be one behind in */
	}
	*out = 0;
	size_t len = strlen(path);
	if (ends_in_unsafe_pointer && len > 2 && !strcmp(path + len - 2, ".v"))
		path[len - 2] = 0;
}

void hb_typing_edge_name(const struct hb_typing *typing, uint32_t slot, uint64_t offset, char *buf, size_t size)
{
	struct object object;
	char path[512], entry[512];
	if (!size)
		return;
	buf[0] = 0;
	if (!find_object(typing, slot, &object) || !object.type || !typing->types->list[object.type].size)
		return;
	const struct hb_type *type = &typing->types->list[object.type];
	uint64_t header = object.span->elem_size - object.room;
	if (offset < header)
		return;
	uint32_t inner = hb_type_path(typing->types, object.type, (offset - header) % type->size, path, sizeof(path));
	switch (object.role) {
	case HB_ROLE_PLAIN:
		break;
	case HB_ROLE_GROUP:
		write_entry(entry, sizeof(entry), path);
		generalise(entry, typing->types->list[inner].kind == HB_KIND_UNSAFE_POINTER);
		snprintf(buf, size, "%s", entry);
		return;
	case HB_ROLE_CLOSURE:
		snprintf(buf, size, "{captured}");
		return;
	default:
		return;
	}
	generalise(path, typing->types->list[inner].kind == HB_KIND_UNSAFE_POINTER);
	const char *elements = object.how & HB_HOW_MANY ? "[*]" : "";
	snprintf(buf, size, "%s%s%s", elements, path[0] && path[0] != '[' ? "." : "", path);
}

/* --- Classes -------------------------------------------------------------------------------------------------------
 */

struct classes {
	const struct hb_typing *typing;
	struct hb_arena *arena;
	uint32_t *by_type; /* class of (type, many), 0 not yet */
	uint64_t *fns;     /* functions of closures, open addressing */
	uint32_t *by_fn;
	uint32_t nfns, fns_log2;
	HB_VEC(const char *) names;
};

static uint32_t fn_slot(uint64_t fn, uint32_t log2)
{
	return (uint32_t)(fn * 0x9e3779b97f4a7c15u >> (64 - log2));
}

static struct hb_error *grow_fns(struct classes *classes)
{
	uint32_t log2 = classes->fns_log2 ? classes->fns_log2 + 1 : 10;
	uint64_t *fns = calloc((size_t)1 << log2, sizeof(*fns));
	uint32_t *by_fn = calloc((size_t)1 << log2, sizeof(*by_fn));
	if (!fns || !by_fn) {
		free(fns);
		free(by_fn);
		return hb_error_nomem();
	}
	for (uint32_t i = 0; classes->fns_log2 && i < 1u << classes->fns_log2; i++) {
		if (!classes->by_fn[i])
			continue;
		uint32_t at = fn_slot(classes->fns[i], log2);
		while (by_fn[at])
			at = (at + 1) & ((1u << log2) - 1);
		fns[at] = classes->fns[i];
		by_fn[at] = classes->by_fn[i];
	}
	free(classes->fns);
	free(classes->by_fn);
	classes->fns = fns;
	classes->by_fn = by_fn;
	classes->fns_log2 = log2;
	return NULL;
}

/* Where the class of an object is kept: closures are told apart by their functions. */
static struct hb_error *place_of(struct classes *classes, const struct object *object, uint32_t **ret)
{
	bool closure = object->role == HB_ROLE_CLOSURE || object->role == HB_ROLE_UNKNOWN_CLOSURE;
	if (!closure || object->span->kind == HB_SPAN_NOSCAN) {
		*ret = &classes->by_type[object->type * 2 + !!(object->how & HB_HOW_MANY)];
		return NULL;
	}
	if (!classes->fns_log2 || classes->nfns * 2 >= 1u << classes->fns_log2)
		TRY(grow_fns(classes));
	uint64_t fn = hb_load_u64(object->bytes);
	uint32_t at = fn_slot(fn, classes->fns_log2);
	while (classes->by_fn[at] && classes->fns[at] != fn)
		at = (at + 1) & ((1u << classes->fns_log2) - 1);
	classes->nfns += !classes->by_fn[at];
	classes->fns[at] = fn;
	*ret = &classes->by_fn[at];
	return NULL;
}

static struct hb_error *class_of_object(struct classes *classes, const struct object *object, uint32_t *ret)
{
	char name[4096];
	uint32_t *place;
	TRY(place_of(classes, object, &place));
	if (!*place) {
		write_class(classes->typing, object, name, sizeof(name));
		const char *kept = hb_arena_strdup(classes->arena, name);
		if (!kept)
			return hb_error_nomem();
		*place = (uint32_t)classes->names.len;
		HB_VEC_PUSH(&classes->names, kept);
	}
	*ret = *place;
	return NULL;
}

static struct hb_error *classify_span(struct classes *classes, const struct hb_span *span, uint32_t *class_of)
{
	const struct hb_typing *typing = classes->typing;
	uint64_t header = span->kind == HB_SPAN_HEADER ? 8 : 0;
	const uint8_t *bytes = hb_heap_bytes(typing->heap, span->base);
	for (uint32_t k = 0; bytes && k < span->nelems; k++) {
		uint32_t slot = span->first_slot + k, type = typing->type_of[slot];
		if (!type)
			continue;
		struct object object = {
		        .span = span,
		        .bytes = bytes + k * span->elem_size + header,
		        .room = span->elem_size - header,
		        .type = type,
		        .how = typing->extra->how[slot],
		        .role = type < typing->extra->nroles ? typing->extra->roles[type] : HB_ROLE_PLAIN,
		};
		TRY(class_of_object(classes, &object, &class_of[slot]));
	}
	return NULL;
}

static struct hb_error *classify_all(struct classes *classes, uint32_t *class_of)
{
	classes->by_type = calloc((size_t)classes->typing->types->n * 2, sizeof(*classes->by_type));
	if (!classes->by_type)
		return hb_error_nomem();
	HB_VEC_PUSH(&classes->names, "untyped");
	for (uint32_t i = 0; i < classes->typing->heap->nspans; i++)
		TRY(classify_span(classes, &classes->typing->heap->spans[i], class_of));
	return NULL;
}

struct hb_error *hb_typing_classes(const struct hb_typing *typing, struct hb_arena *arena, uint32_t **class_of,
                                   const char *const **names, uint32_t *nclasses)
{
	struct classes classes = {.typing = typing, .arena = arena};
	uint32_t *result = calloc((size_t)typing->heap->nslots + 1, sizeof(*result));
	const char **kept = NULL;
	struct hb_error *err = result ? classify_all(&classes, result) : hb_error_nomem();
	if (!err) {
		kept = hb_arena_alloc(arena, classes.names.len * sizeof(*kept));
		err = kept ? NULL : hb_error_nomem();
	}
	if (!err) {
		memcpy(kept, classes.names.data, classes.names.len * sizeof(*kept));
		*class_of = result;
		*names = kept;
		*nclasses = (uint32_t)classes.names.len;
	} else {
		free(result);
	}
	free(classes.by_type);
	free(classes.fns);
	free(classes.by_fn);
	hb_vec_deinit(&classes.names);
	return err;
}
