/* One type descriptor as it lies in memory: the raw fields, checked for sanity by themselves, without ids.
 *
 * internal/abi/type.go (1.21+), runtime/type.go (1.18-1.20). The layout of the common part and of every kind but maps
 * is the same from 1.18 to 1.27; where the flags live is not, see hb_descriptor_read.
 */
#pragma once
#include "golang/types.h"

enum {
	HB_TYPE_BYTES = 48,       /* abi.Type */
	HB_TYPE_FIELD_BYTES = 24, /* abi.StructField: name, type, offset */
	HB_TYPE_MAX_NAME = 1 << 16,
	HB_TYPE_MAX_FIELDS = 1 << 16,
};

enum { /* abi.TFlag; on demand: 1.24+, direct: 1.26+ */
       HB_TFLAG_UNCOMMON = 1,
       HB_TFLAG_EXTRA_STAR = 2,
       HB_TFLAG_NAMED = 4,
       HB_TFLAG_MASK_ON_DEMAND = 16,
       HB_TFLAG_DIRECT = 32,
};

/* The compiler allows arrays of the whole address space: unsafe casts use *[1<<48 - 1]byte. */
#define HB_TYPE_MAX_SIZE (1ull << 50)

struct hb_descriptor {
	uint64_t addr;
	uint64_t size, ptr_bytes;
	uint64_t gcdata;
	uint32_t hash;
	uint8_t kind, tflag, align;
	bool direct_iface;
	bool mask_is_built;  /* gcdata points at a plain mask: neither on demand (1.24+) nor a GC program (≤ 1.23) */
	int32_t name_offset; /* from the module's types */
	uint64_t elem, key, group, len;
	uint64_t fields; /* struct: address of the first abi.StructField */
	uint32_t nfields;
	uint64_t pkg_name; /* struct: address of the name of its package, 0 none */
};

/* False when the bytes at addr are not there or are not a descriptor: kinds, sizes, alignments and counts out of range.
 * The types that it refers to are not looked at. */
bool hb_descriptor_read(const struct hb_go *go, uint64_t addr, struct hb_descriptor *ret);

/* The bytes of a descriptor alone: where its mask is, when it has one that is written out, and how many bytes that has.
 * For types that reflect makes for itself, which are no whole descriptors. False when there is none, or the sizes
 * contradict each other. */
bool hb_descriptor_mask(unsigned minor, const uint8_t *descriptor, uint64_t *ret_mask, uint64_t *ret_len);

struct hb_field_descriptor {
	uint64_t name; /* address of the encoded name */
	uint64_t type, offset;
	bool embedded;
};
/* Field i; false when it is not there. */
bool hb_descriptor_field(const struct hb_go *go, const struct hb_descriptor *descriptor, uint32_t i,
                         struct hb_field_descriptor *ret);

/* An encoded abi.Name: flags, varint length, bytes. The view borrows the snapshot; empty when not there or not
 * printable. */
struct hb_bytes hb_descriptor_name_at(const struct hb_go *go, uint64_t addr);

/* The type's string ("main.T", without the extra star); empty when it is not to be had, as for types that reflect made.
 */
struct hb_bytes hb_descriptor_name(const struct hb_go *go, const struct hb_descriptor *descriptor);

/* The import path of a named type or of an unnamed struct; empty when it has none. old_map: the map type is of the kind
 * before swiss maps (its descriptor is shorter). */
struct hb_bytes hb_descriptor_package(const struct hb_go *go, const struct hb_descriptor *descriptor, bool old_map);
