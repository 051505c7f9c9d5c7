#include "golang/pclntab.h"

#include <limits.h>

/* x86-64: every byte may start an instruction (internal/goarch PCQuantum, cmd/internal/sys MinLC; 1.18-1.27). */
enum { PC_QUANTUM = 1 };

/* internal/abi/symtab.go, 1.18-1.27. */
enum { PCDATA_INL_TREE_INDEX = 2, FUNCDATA_INL_TREE = 3 };

/* The compiler inlines at most a few dozen levels deep; a longer chain is a loop in a broken tree. */
enum { MAX_INLINE_DEPTH = 256 };

/* A NUL-terminated string of a table, or NULL. */
static const char *string_at(struct hb_bytes table, uint64_t offset)
{
	if (offset >= table.len || !memchr(table.data + offset, 0, table.len - offset))
		return NULL;
	return (const char *)table.data + offset;
}

static bool ftab_entry(const struct hb_go_module *module, uint32_t index, uint32_t *entry, uint32_t *offset)
{
	return hb_get_u32(module->ftab, (uint64_t)index * 8, entry) &&
	       hb_get_u32(module->ftab, (uint64_t)index * 8 + 4, offset);
}

bool hb_go_func_by_index(const struct hb_go *go, const struct hb_go_module *module, uint32_t index,
                         struct hb_go_func *ret)
{
	uint32_t entry, next_entry, offset, next_offset, name, args, start_line = 0;
	if (index >= UINT32_MAX - 1 || index + 1 >= module->nftab || !ftab_entry(module, index, &entry, &offset) ||
	    !ftab_entry(module, index + 1, &next_entry, &next_offset) || next_entry < entry)
		return false;
	struct hb_bytes record = hb_bytes_slice(module->pclntable, offset, go->layout->func.size);
	struct hb_go_func func = {
	        .module = module,
	        .entry = module->text + entry,
	        .end = module->text + next_entry,
	        .index = index,
	        .offset = offset,
	};
	if (!hb_get_u32(record, go->layout->func.name_off, &name) ||
	    !hb_get_u32(record, go->layout->func.args, &args) ||
	    !hb_get_u32(record, go->layout->func.deferreturn, &func.deferreturn) ||
	    !hb_get_u32(record, go->layout->func.pcsp, &func.pcsp) ||
	    !hb_get_u32(record, go->layout->func.pcfile, &func.pcfile) ||
	    !hb_get_u32(record, go->layout->func.pcln, &func.pcln) ||
	    !hb_get_u32(record, go->layout->func.npcdata, &func.npcdata) ||
	    !hb_get_u32(record, go->layout->func.cu_offset, &func.cu_offset) ||
	    !hb_get_u8(record, go->layout->func.func_id, &func.func_id) ||
	    !hb_get_u8(record, go->layout->func.flag, &func.flag) ||
	    !hb_get_u8(record, go->layout->func.nfuncdata, &func.nfuncdata))
		return false;
	if (go->layout->func.start_line != HB_ABSENT)
		hb_get_u32(record, go->layout->func.start_line, &start_line);
	func.args = (int32_t)args;
	func.start_line = (int32_t)start_line;
	func.name = string_at(module->funcnametab, name);
	if (!func.name)
		return false;
	*ret = func;
	return true;
}

bool hb_go_func_at(const struct hb_go *go, uint64_t pc, struct hb_go_func *ret)
{
	const struct hb_go_module *module = hb_go_module_of_text(go, pc);
	if (!module || pc < module->text || pc - module->text > UINT32_MAX)
		return false;
	uint32_t target = (uint32_t)(pc - module->text);
	uint32_t n = (uint32_t)hb_min(module->nftab, module->ftab.len / 8);
	/* The last entry that starts at or before pc. */
	uint32_t low = hb_partition_point(n, i, hb_load_u32(module->ftab.data + (uint64_t)i * 8) <= target);
	return low > 0 && hb_go_func_by_index(go, module, low - 1, ret) && pc < ret->end;
}

bool hb_go_pcvalue(const struct hb_go_func *func, uint32_t table, uint64_t pc, int32_t *ret)
{
	if (table == 0) {
		*ret = -1;
		return true;
	}
	struct hb_bytes pctab = func->module->pctab;
	uint64_t offset = table, until = func->entry;
	uint32_t value = UINT32_MAX; /* −1; unsigned, for hostile deltas wrap around */
	/* runtime/symtab.go pcvalue and step: pairs of zigzag value delta and pc delta; a value delta of 0 ends the
	 * table, except at its start. */
	for (bool first = true;; first = false) {
		uint32_t value_delta, pc_delta;
		if (!hb_get_uvarint32(pctab, &offset, &value_delta) || (value_delta == 0 && !first) ||
		    !hb_get_uvarint32(pctab, &offset, &pc_delta))
			return false;
		value += -(value_delta & 1) ^ (value_delta >> 1);
		until += (uint64_t)pc_delta * PC_QUANTUM;
		if (pc < until) {
			*ret = (int32_t)value;
			return true;
		}
		if (until >= func->end)
			return false;
	}
}

/* The u32 at an index of the arrays that follow the _func record: first npcdata tables, then nfuncdata offsets. */
static bool trailing_u32(const struct hb_go *go, const struct hb_go_func *func, uint64_t index, uint32_t *ret)
{
	return hb_get_u32(func->module->pclntable, (uint64_t)func->offset + go->layout->func.size + index * 4, ret);
}

bool hb_go_pcdata(const struct hb_go *go, const struct hb_go_func *func, unsigned table, uint64_t pc, int32_t *ret)
{
	uint32_t offset;
	if (table >= func->npcdata) {
		*ret = -1;
		return true;
	}
	return trailing_u32(go, func, table, &offset) && hb_go_pcvalue(func, offset, pc, ret);
}

uint64_t hb_go_funcdata(const struct hb_go *go, const struct hb_go_func *func, unsigned i)
{
	uint32_t offset;
	if (i >= func->nfuncdata || !trailing_u32(go, func, (uint64_t)func->npcdata + i, &offset) ||
	    offset == UINT32_MAX)
		return 0;
	return func->module->gofunc + offset;
}

/* File and line at a pc, by physical position: for the innermost function that is where the instruction comes from, for
 * those around it where the inlined call stands (runtime/symtab.go funcline1). */
static void position(const struct hb_go_func *func, uint64_t pc, struct hb_go_line *ret)
{
	int32_t file, line;
	uint32_t offset;
	ret->file = "";
	ret->line = 0;
	if (!hb_go_pcvalue(func, func->pcfile, pc, &file) || !hb_go_pcvalue(func, func->pcln, pc, &line) || file < 0 ||
	    line < 0)
		return;
	if (!hb_get_u32(func->module->cutab, ((uint64_t)func->cu_offset + (uint32_t)file) * 4, &offset) ||
	    offset == UINT32_MAX)
		return;
	const char *name = string_at(func->module->filetab, offset);
	if (!name)
		return;
	ret->file = name;
	ret->line = line;
}

/* One record of the inlining tree (runtime/symtabinl.go inlinedCall; 1.20-1.27, and 1.18-1.19 with other fields). */
static bool inlined_call(const struct hb_go *go, const struct hb_go_func *func, uint64_t tree, int32_t index,
                         const char **name, uint64_t *parent_pc)
{
	uint64_t size = go->layout->inlined_call.size;
	struct hb_bytes record = hb_snapshot_view(go->snapshot, tree + (uint32_t)index * size, size);
	uint32_t name_offset, parent;
	if (!hb_get_u32(record, go->layout->inlined_call.name_off, &name_offset) ||
	    !hb_get_u32(record, go->layout->inlined_call.parent_pc, &parent))
		return false;
	*name = string_at(func->module->funcnametab, name_offset);
	*parent_pc = func->entry + parent;
	return *name && *parent_pc < func->end;
}

size_t hb_go_lines(const struct hb_go *go, uint64_t pc, struct hb_go_line *ret, size_t max)
{
	struct hb_go_func func;
	if (max == 0 || !hb_go_func_at(go, pc, &func))
		return 0;
	uint64_t tree = hb_go_funcdata(go, &func, FUNCDATA_INL_TREE);
	size_t n = 0;
	for (size_t depth = 0; tree && depth < MAX_INLINE_DEPTH && n < max; depth++) {
		int32_t index;
		uint64_t parent_pc;
		const char *name;
		if (!hb_go_pcdata(go, &func, PCDATA_INL_TREE_INDEX, pc, &index) || index < 0 ||
		    !inlined_call(go, &func, tree, index, &name, &parent_pc))
			break;
		ret[n] = (struct hb_go_line){.function = name, .inlined = true};
		position(&func, pc, &ret[n++]);
		pc = parent_pc;
	}
	if (n == max)
		return n;
	ret[n] = (struct hb_go_line){.function = func.name};
	position(&func, pc, &ret[n++]);
	return n;
}
