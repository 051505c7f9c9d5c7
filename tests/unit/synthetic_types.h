/* Type descriptors made by hand, laid out as internal/abi/type.go says: one module whose types section is a buffer, and
 * a heap-like region for descriptors that reflect made.
 */
#pragma once
#include "golang/types.h"

enum {
	TYPES_START = 0x500000,
	TYPES_BYTES = 1 << 18,
	ELSEWHERE_START = 0x900000, /* no module's: what reflect made */
	ELSEWHERE_BYTES = 1 << 14,
};

struct types_fixture {
	struct hb_go go;
	struct hb_go_module module;
	struct hb_snapshot snapshot;
	struct hb_region regions[2];
	uint64_t next, next_elsewhere; /* free addresses */
};

void types_init(struct types_fixture *f, unsigned minor);
void types_deinit(struct types_fixture *f);

/* Local bytes of an address of either region. */
uint8_t *types_bytes(struct types_fixture *f, uint64_t addr);
void types_put(struct types_fixture *f, uint64_t addr, uint64_t value, unsigned bytes);
/* An encoded name; its address. */
uint64_t types_name(struct types_fixture *f, const char *name, bool embedded);

struct made_type {
	const char *name;
	uint64_t size, ptr_bytes, gcdata;
	uint8_t kind, tflag, align; /* align 0: 8 */
	uint8_t raw_kind_bits;      /* flags that older versions keep in the kind */
	uint64_t elem, key, group, len;
	struct made_field {
		const char *name;
		uint64_t type, offset;
		bool embedded;
	} fields[8];
	const char *package; /* of a named type */
	bool elsewhere;
};
/* Writes a descriptor, with an uncommon part when it has a package; its address. */
uint64_t types_make(struct types_fixture *f, const struct made_type *type);
/* A plain mask, byte by byte. */
uint64_t types_mask(struct types_fixture *f, const void *bits, size_t bytes);
