#include "synthetic_types.h"

#include <string.h>

/* abi.Type and what follows it; see src/golang/type_descriptor.c for the versions. */
enum { COMMON = 48, FIELD = 24, PLENTY = 256 };

void types_init(struct types_fixture *f, unsigned minor)
{
	const uint64_t starts[] = {TYPES_START, ELSEWHERE_START}, sizes[] = {TYPES_BYTES, ELSEWHERE_BYTES};
	memset(f, 0, sizeof(*f));
	for (int i = 0; i < 2; i++) {
		f->regions[i] = (struct hb_region){.start = starts[i], .end = starts[i] + sizes[i]};
		f->regions[i].bytes = hb_pages_map(sizes[i]);
		f->regions[i].pages = malloc(sizes[i] / HB_PAGE_SIZE);
		memset(f->regions[i].pages, HB_PAGE_READ, sizes[i] / HB_PAGE_SIZE);
	}
	f->snapshot.regions = f->regions;
	f->snapshot.nregions = 2;
	f->module.types = TYPES_START;
	f->module.etypes = TYPES_START + TYPES_BYTES;
	f->go.snapshot = &f->snapshot;
	f->go.layout = hb_go_layout(minor);
	f->go.version.minor = minor;
	f->go.modules = &f->module;
	f->go.nmodules = 1;
	f->next = TYPES_START + 64;
	f->next_elsewhere = ELSEWHERE_START + 64;
}

void types_deinit(struct types_fixture *f)
{
	for (int i = 0; i < 2; i++) {
		hb_pages_unmap(f->regions[i].bytes, f->regions[i].end - f->regions[i].start);
		free(f->regions[i].pages);
	}
}

uint8_t *types_bytes(struct types_fixture *f, uint64_t addr)
{
	struct hb_region *region = &f->regions[addr >= ELSEWHERE_START];
	return region->bytes + (addr - region->start);
}

void types_put(struct types_fixture *f, uint64_t addr, uint64_t value, unsigned bytes)
{
	memcpy(types_bytes(f, addr), &value, bytes);
}

static uint64_t take(uint64_t *next, uint64_t bytes)
{
	uint64_t addr = *next;
	*next += (bytes + 15) & ~15ull;
	return addr;
}

uint64_t types_name(struct types_fixture *f, const char *name, bool embedded)
{
	size_t len = strlen(name), head = len < 128 ? 2 : 3;
	uint64_t addr = take(&f->next, head + len);
	uint8_t *bytes = types_bytes(f, addr);
	bytes[0] = embedded ? 8 : 0;
	bytes[1] = (uint8_t)(len < 128 ? len : (len & 127) | 128);
	if (len >= 128)
		bytes[2] = (uint8_t)(len >> 7);
	/* A name of the runtime has a length, not a terminator. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(bytes + head, name, len);
	return addr;
}

uint64_t types_mask(struct types_fixture *f, const void *bits, size_t bytes)
{
	uint64_t addr = take(&f->next, bytes);
	memcpy(types_bytes(f, addr), bits, bytes);
	return addr;
}

static uint64_t make_fields(struct types_fixture *f, const struct made_type *type, uint64_t *ret_n)
{
	uint64_t n = 0;
	while (n < hb_countof(type->fields) && type->fields[n].type)
		n++;
	uint64_t *next = type->elsewhere ? &f->next_elsewhere : &f->next;
	uint64_t addr = take(next, n * FIELD);
	for (uint64_t i = 0; i < n; i++) {
		const struct made_field *field = &type->fields[i];
		types_put(f, addr + i * FIELD, field->name ? types_name(f, field->name, field->embedded) : 0, 8);
		types_put(f, addr + i * FIELD + 8, field->type, 8);
		types_put(f, addr + i * FIELD + 16, field->offset, 8);
	}
	*ret_n = n;
	return addr;
}

static uint64_t make_rest(struct types_fixture *f, const struct made_type *type, uint64_t addr)
{
	uint64_t n, fields;
	switch (type->kind) {
	case HB_KIND_ARRAY:
		types_put(f, addr + 48, type->elem, 8);
		types_put(f, addr + 64, type->len, 8);
		return addr + 72;
	case HB_KIND_MAP:
		types_put(f, addr + 48, type->key, 8);
		types_put(f, addr + 56, type->elem, 8);
		types_put(f, addr + 64, type->group, 8);
		return addr + (f->go.version.minor >= 27 ? 136 : 112);
	case HB_KIND_STRUCT:
		fields = make_fields(f, type, &n);
		types_put(f, addr + 56, fields, 8);
		types_put(f, addr + 64, n, 8);
		types_put(f, addr + 72, n, 8);
		return addr + 80;
	case HB_KIND_POINTER:
	case HB_KIND_SLICE:
		types_put(f, addr + 48, type->elem, 8);
		return addr + 56;
	case HB_KIND_CHAN:
		types_put(f, addr + 48, type->elem, 8);
		return addr + 64;
	case HB_KIND_INTERFACE:
		return addr + 80;
	default:
		return addr + (type->kind == HB_KIND_FUNC ? 56 : 48);
	}
}

uint64_t types_make(struct types_fixture *f, const struct made_type *type)
{
	uint64_t addr = take(type->elsewhere ? &f->next_elsewhere : &f->next, PLENTY);
	uint8_t align = type->align ? type->align : 8;
	uint8_t tflag = type->tflag | (type->package ? 1 | 4 : 0); /* TFlagUncommon, TFlagNamed */
	uint64_t uncommon = make_rest(f, type, addr);
	types_put(f, addr, type->size, 8);
	types_put(f, addr + 8, type->ptr_bytes, 8);
	types_put(f, addr + 16, (uint32_t)(addr * 2654435761u), 4);
	types_put(f, addr + 20, tflag, 1);
	types_put(f, addr + 21, align, 1);
	types_put(f, addr + 22, align, 1);
	types_put(f, addr + 23, type->kind | type->raw_kind_bits, 1);
	types_put(f, addr + 32, type->gcdata, 8);
	if (type->name)
		types_put(f, addr + 40, types_name(f, type->name, false) - TYPES_START, 4);
	if (type->package)
		types_put(f, uncommon, types_name(f, type->package, false) - TYPES_START, 4);
	return addr;
}
