/* A Go program whose type descriptors lie. */
#include "base.h"
#include "golang/types.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void look_at(struct hb_types *types, uint32_t id, uint64_t offset)
{
	const struct hb_type *type = &types->list[id];
	char path[200];
	require(type->name && type->pkg_path && strlen(type->name) < 1 << 20);
	require(type->elem < types->n && type->key < types->n && type->group < types->n && type->ptr_to < types->n);
	require(type->nfields <= types->nfields && type->first_field <= types->nfields - type->nfields);
	for (uint32_t i = 0; i < type->nfields; i++) {
		const struct hb_field *field = &types->fields[type->first_field + i];
		require(field->type < types->n && field->name);
	}
	require(hb_type_path(types, id, offset, path, sizeof(path)) < types->n);
	require(memchr(path, 0, sizeof(path)) != NULL);
	struct hb_arena arena = {0};
	const uint64_t *mask;
	uint64_t size_words, ptr_words, bits = 0;
	if (hb_go_type_mask(types->go, type->addr, &arena, &size_words, &ptr_words, &mask))
		for (uint64_t i = 0; i < (ptr_words + 63) / 64; i++)
			bits |= mask[i];
	(void)*(volatile uint64_t *)&bits;
	hb_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hb_go *go = fuzz_base()->go;
	const struct hb_go_module *module = &go->modules[0];
	struct hb_bytes section = hb_snapshot_view(go->snapshot, module->types, module->etypes - module->types);
	if (size < 12 || !section.data)
		return 0;
	struct fuzz_stretch stretch = {(uint8_t *)(uintptr_t)section.data, section.len};
	struct fuzz_undo undo;
	fuzz_change(&stretch, 1, data + 12, size - 12, &undo);
	struct hb_types *types = NULL;
	struct hb_error *err = hb_types_read(go, &types);
	if (!err) {
		uint32_t first = hb_load_u32(data) % types->n;
		for (uint32_t i = 0; i < 64; i++)
			look_at(types, (first + i) % types->n, hb_load_u64(data + 4) % 4096);
		for (size_t i = 0; i < undo.n; i++)
			for (unsigned back = 0; back < 16; back++) {
				uint64_t addr = module->types + (uint64_t)(undo.at[i] - section.data) - 8 * back;
				uint32_t id = hb_types_find(types, addr);
				look_at(types, id, 8);
				look_at(types, hb_types_add(types, addr), 8);
			}
		hb_types_destroy(types);
	}
	hb_error_destroy(err);
	fuzz_undo(&undo);
	return 0;
}
