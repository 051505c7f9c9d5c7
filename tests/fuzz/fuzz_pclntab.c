/* A Go program whose function table lies. */
#include "base.h"
#include "golang/pclntab.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void look_at_pc(const struct hb_go *go, uint64_t pc)
{
	struct hb_go_func func;
	struct hb_go_line lines[16];
	int32_t value;
	if (!hb_go_func_at(go, pc, &func))
		return;
	require(func.entry <= pc && strlen(func.name) < 1 << 20);
	(void)hb_go_pcvalue(&func, func.pcsp, pc, &value);
	(void)hb_go_pcvalue(&func, func.pcln, pc, &value);
	for (unsigned table = 0; table < 5; table++) {
		(void)hb_go_pcdata(go, &func, table, pc, &value);
		(void)hb_go_funcdata(go, &func, table);
	}
	size_t n = hb_go_lines(go, pc, lines, hb_countof(lines));
	require(n <= hb_countof(lines));
	for (size_t i = 0; i < n; i++)
		require(strlen(lines[i].function) < 1 << 20 && strlen(lines[i].file) < 1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hb_go *go = fuzz_base()->go;
	const struct hb_go_module *module = &go->modules[0];
	const struct hb_bytes parts[] = {module->ftab,  module->pclntable, module->pctab,
	                                 module->cutab, module->filetab,   module->funcnametab};
	struct fuzz_stretch stretches[hb_countof(parts)];
	for (size_t i = 0; i < hb_countof(parts); i++)
		stretches[i] = (struct fuzz_stretch){(uint8_t *)(uintptr_t)parts[i].data, parts[i].len};
	if (size < 8)
		return 0;
	struct fuzz_undo undo;
	fuzz_change(stretches, hb_countof(stretches), data + 8, size - 8, &undo);
	uint32_t first = hb_load_u32(data) % module->nftab;
	for (uint32_t i = 0; i < 8; i++) {
		struct hb_go_func func;
		if (hb_go_func_by_index(go, module, first + i, &func))
			look_at_pc(go, func.entry + hb_load_u32(data + 4) % 64);
		look_at_pc(go, module->text + hb_load_u32(data) % (module->etext - module->text + 16));
	}
	/* The functions that were changed, wherever that is. */
	for (size_t i = 0; i < undo.n; i++)
		if (undo.at[i] >= module->ftab.data && undo.at[i] < module->ftab.data + module->ftab.len)
			look_at_pc(go, module->text + hb_load_u32(module->ftab.data +
			                                          (undo.at[i] - module->ftab.data) / 8 * 8));
	fuzz_undo(&undo);
	return 0;
}
