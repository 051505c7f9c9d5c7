/* Go type descriptors: names, kinds, fields, pointer masks.
 *
 * internal/abi/type.go (runtime/type.go before 1.21). A descriptor sits in a module's [types, etypes), or in the heap
 * when reflect made it. Types get dense ids (u32, 0 = unknown); names are as Go prints them ("*main.Session",
 * "map[string]*cache.Session"), package-qualified by the last path element, with the import path apart.
 */
#pragma once
#include "golang/runtime.h"

/* internal/abi/type.go, stable */
enum hb_go_kind {
	HB_KIND_BOOL = 1,
	HB_KIND_INT,
	HB_KIND_INT8,
	HB_KIND_INT16,
	HB_KIND_INT32,
	HB_KIND_INT64,
	HB_KIND_UINT,
	HB_KIND_UINT8,
	HB_KIND_UINT16,
	HB_KIND_UINT32,
	HB_KIND_UINT64,
	HB_KIND_UINTPTR,
	HB_KIND_FLOAT32,
	HB_KIND_FLOAT64,
	HB_KIND_COMPLEX64,
	HB_KIND_COMPLEX128,
	HB_KIND_ARRAY,
	HB_KIND_CHAN,
	HB_KIND_FUNC,
	HB_KIND_INTERFACE,
	HB_KIND_MAP,
	HB_KIND_POINTER,
	HB_KIND_SLICE,
	HB_KIND_STRING,
	HB_KIND_STRUCT,
	HB_KIND_UNSAFE_POINTER,
};

struct hb_field {
	const char *name;
	uint32_t type; /* type id */
	uint64_t offset;
	bool embedded;
};

struct hb_type {
	uint64_t addr;
	uint64_t size, ptr_bytes;
	uint32_t hash;
	uint8_t kind, tflag, align;
	bool direct_iface;             /* an interface word holds the value itself */
	const char *name;              /* arena */
	const char *pkg_path;          /* "" when predeclared or unnamed */
	uint32_t elem;                 /* pointer, slice, array, chan, map value: type id; 0 unknown */
	uint32_t key;                  /* map */
	uint32_t group;                /* swiss map: the group struct */
	uint64_t len;                  /* array */
	uint32_t first_field, nfields; /* struct: in types->fields */
	uint32_t ptr_to;               /* id of *T, 0 unknown */
	uint32_t mask_words;
	const uint64_t
	        *mask; /* pointer mask, bit a word, ptr_bytes / 8 bits; NULL when ptr_bytes == 0 or not decodable */
};

struct hb_types {
	const struct hb_go *go;
	struct hb_type *list; /* list[0] is the unknown type, named "untyped" */
	uint32_t n;
	struct hb_field *fields;
	uint32_t nfields;
	/* address → id and name → id, open addressing, index_log2 each */
	uint32_t *index, *by_name;
	uint32_t index_log2;
	uint32_t cap, fields_cap;
	struct hb_arena arena;
};

/* Sweeps every module's type section; each candidate is verified structurally (facts-types.md). */
struct hb_error *hb_types_read(const struct hb_go *go, struct hb_types **ret) HB_MUST_CHECK;
void hb_types_destroy(struct hb_types *types);
void hb_types_destroyp(struct hb_types **types);
/* 0 when unknown. Not for heap-made types: hb_types_add. */
uint32_t hb_types_find(const struct hb_types *types, uint64_t addr);
/* Reads one descriptor wherever it is (reflect makes some in the heap); 0 when it is not a sane type. Not thread-safe.
 */
uint32_t hb_types_add(struct hb_types *types, uint64_t addr);
/* A type that the target has no descriptor of: appended as it is, under an address that no target has; 0 when out of
 * memory. name and mask are borrowed (types->arena). */
uint32_t hb_types_add_pseudo(struct hb_types *types, const struct hb_type *type);
/* By name and import path; 0 when absent or ambiguous. pkg_path NULL: any. */
uint32_t hb_types_by_name(const struct hb_types *types, const char *name, const char *pkg_path);
/* A struct's own field by its name; NULL when it has none such, or is no struct. */
const struct hb_field *hb_types_field(const struct hb_types *types, const struct hb_type *type, const char *name);
/* The same by offset: the one that covers it, which is the last that starts at or before it and is not empty. */
const struct hb_field *hb_types_field_at(const struct hb_types *types, const struct hb_type *type, uint64_t offset);
/* Where a field is; false when the type (0: none) has no such field with `room` bytes from its start on. */
bool hb_types_offset(const struct hb_types *types, uint32_t type, const char *name, uint64_t room, uint64_t *ret);

/* The mask of the descriptor at addr for marking, with no id: GC masks on demand (1.24+) that are still nil are built
 * by walking the type. Returns false when the descriptor is not sane. mask is allocated in arena. */
bool hb_go_type_mask(const struct hb_go *go, uint64_t addr, struct hb_arena *arena, uint64_t *size_words,
                     uint64_t *ptr_words, const uint64_t **mask);

/* "byID" or "conn.fd" or "[3].name": the field at a byte offset of a type, down to the word. "" when offset 0 of a
 * non-struct. Returns the id of the innermost type at that offset. */
uint32_t hb_type_path(const struct hb_types *types, uint32_t type, uint64_t offset, char *buf, size_t size);
