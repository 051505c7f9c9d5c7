/* The function table, and what hangs off it: positions, inlining, stack maps. The linker wrote all of it, and it is the
 * same in every process of the program: there is no excuse for anything that does not fit. */
#include "golang/confirm_internal.h"
#include "golang/frame_code.h"

#include "base/progress.h"

#include <inttypes.h>
#include <string.h>

/* Large programs have hundreds of thousands of functions: so many of them, all over the table. */
enum { SAMPLE = 4096, MAX_PCS = 24 };

/* internal/abi/symtab.go, 1.18-1.27; those of newer versions are looked up in newer.c. */
enum { PCDATA_STACK_MAP = 1, PCDATA_INL_TREE = 2 };
enum { FUNCDATA_ARGS = 0, FUNCDATA_LOCALS = 1, FUNCDATA_OBJECTS = 2, FUNCDATA_INL_TREE = 3 };

static uint32_t nfunctions(const struct hb_confirm *confirm)
{
	return confirm->module->nftab ? confirm->module->nftab - 1 : 0;
}

/* Calls check for a sample of the functions until one fails. */
static struct hb_error *each_function(const struct hb_confirm *confirm,
                                      struct hb_error *(*check)(const struct hb_confirm *confirm,
                                                                const struct hb_go_func *func, void *ctx),
                                      void *ctx)
{
	uint32_t n = nfunctions(confirm), step = n / SAMPLE + 1;
	for (uint32_t i = 0; i < n; i += step) {
		struct hb_go_func func;
		if (!hb_go_func_by_index(confirm->go, confirm->module, i, &func))
			return hb_disagrees("function %u of its function table cannot be read", i);
		if (func.end > func.entry)
			TRY(check(confirm, &func, ctx));
	}
	return NULL;
}

/* A text of the table of names begins behind another one's end. */
static bool is_name(const struct hb_go_module *module, const char *name)
{
	const uint8_t *at = (const uint8_t *)name;
	if (at != module->funcnametab.data && at[-1])
		return false;
	for (; *at; at++)
		if (*at < 0x20 || *at == 0x7f)
			return false;
	return true;
}

/* --- Functions ------------------------------------------------------------------------------------------------------- */

static struct hb_error *check_record(const struct hb_confirm *confirm, const struct hb_go_func *func, void *ctx)
{
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t size = func->end - func->entry;
	uint32_t entry;
	if (layout->func.entry_off != HB_ABSENT &&
	    (!hb_get_u32(confirm->module->pclntable, (uint64_t)func->offset + layout->func.entry_off, &entry) ||
	     confirm->module->text + entry != func->entry))
		return hb_disagrees("record %u of its function table is of another function", func->index);
	if (!is_name(confirm->module, func->name))
		return hb_disagrees("function %u has no name", func->index);
	/* Unknown sizes of arguments are 1 << 31 (assembly). A function has a handful of tables. */
	if ((func->args != INT32_MIN && (func->args < 0 || func->args > 1 << 24)) || func->deferreturn >= size ||
	    func->npcdata > 32 || func->nfuncdata > 32)
		return hb_disagrees("the record of function %s makes no sense", func->name);
	return NULL;
}

/* Functions of the runtime that every program has, and how they may be unwound: runtime/asm_amd64.s, runtime/proc.go. */
static const struct {
	const char *name;
	uint8_t flag; /* has these */
} known_functions[] = {
        {"runtime.goexit", HB_FUNC_TOPFRAME},
        {"runtime.mstart", HB_FUNC_TOPFRAME},
        {"runtime.mcall", HB_FUNC_SPWRITE},
        {"runtime.mallocgc", 0},
        {"runtime.gopark", 0},
        {"runtime.main", 0},
};

struct hb_error *hb_confirm_functions(const struct hb_confirm *confirm)
{
	bool found[hb_countof(known_functions)] = {false};
	uint32_t n = nfunctions(confirm);
	struct hb_go_func func;
	for (uint32_t i = 0; i < n; i++) {
		if (!hb_go_func_by_index(confirm->go, confirm->module, i, &func))
			return hb_disagrees("function %u of its function table cannot be read", i);
		if (strncmp(func.name, "runtime.", 8) != 0)
			continue;
		for (size_t k = 0; k < hb_countof(known_functions); k++)
			found[k] |= !strcmp(func.name, known_functions[k].name) &&
			            (func.flag & known_functions[k].flag) == known_functions[k].flag;
	}
	for (size_t k = 0; k < hb_countof(known_functions); k++)
		if (!found[k])
			return hb_disagrees("its function table does not have %s as it was", known_functions[k].name);
	return each_function(confirm, check_record, NULL);
}

/* --- Frame sizes, files, lines --------------------------------------------------------------------------------------- */

/* Tables end where the code does; the function reaches to the next one, up to 31 bytes behind that. */
static uint64_t middle_of(const struct hb_go_func *func)
{
	return func->end - func->entry < 64 ? func->entry : func->entry + (func->end - func->entry) / 2;
}

/* At its entry a function has no frame, and it is on the line where it is declared (unless that is not known, or its first
 * instruction comes from another one). */
static struct hb_error *check_position(const struct hb_confirm *confirm, const struct hb_go_func *func, void *ctx)
{
	int32_t delta;
	struct hb_go_line line;
	/* What is written by hand may do anything behind its entry (syscall.rawVforkSyscall takes its return address away). */
	uint64_t middle = func->flag & HB_FUNC_ASM ? func->entry : middle_of(func);
	if (func->pcsp && (!hb_go_pcvalue(func, func->pcsp, func->entry, &delta) || delta != 0 ||
	                   !hb_go_pcvalue(func, func->pcsp, middle, &delta) || delta < 0 || delta % 8))
		return hb_disagrees("the frame sizes of function %s make no sense", func->name);
	if (!func->pcfile || !func->pcln)
		return NULL;
	if (!hb_go_lines(confirm->go, func->entry, &line, 1) || !*line.file || line.line < 1)
		return hb_disagrees("the position of function %s is not known", func->name);
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);
	return len >= n && !strcmp(text + len - n, end);
}

struct hb_error *hb_confirm_positions(const struct hb_confirm *confirm)
{
	uint32_t n = nfunctions(confirm), step = n / SAMPLE + 1, known = 0, at_start = 0, source = 0;
	TRY(each_function(confirm, check_position, NULL));
	for (uint32_t i = 0; i < n; i += step) {
		struct hb_go_func func;
		struct hb_go_line line;
		if (!hb_go_func_by_index(confirm->go, confirm->module, i, &func) || !func.pcfile || !func.pcln ||
		    func.start_line <= 0 || func.end == func.entry || !hb_go_lines(confirm->go, func.entry, &line, 1) ||
		    line.inlined)
			continue;
		known++;
		at_start += line.line >= func.start_line && line.line < func.start_line + 64;
		source += ends_with(line.file, ".go") || ends_with(line.file, ".s") || ends_with(line.file, ">");
	}
	/* All but one in a thousand are, unless //line says otherwise. */
	if (at_start < known - known / 4 || source < known - known / 4)
		return hb_disagrees("%u of %u functions do not begin where they are declared",
		                    known - hb_min(at_start, source), known);
	return NULL;
}

/* --- Inlining --------------------------------------------------------------------------------------------------------- */

/* Calls check for pcs all over a function, until one fails. */
static struct hb_error *each_pc(const struct hb_confirm *confirm, const struct hb_go_func *func,
                                struct hb_error *(*check)(const struct hb_confirm *confirm,
                                                          const struct hb_go_func *func, uint64_t pc, void *ctx),
                                void *ctx)
{
	uint64_t end = func->end - func->entry < 64 ? func->entry + 1 : func->end - 32;
	uint64_t step = (end - func->entry) / MAX_PCS + 1;
	for (uint64_t pc = func->entry; pc < end; pc += step)
		TRY(check(confirm, func, pc, ctx));
	return NULL;
}

struct calls {
	uint64_t n, placeless;
};

/* cmd/link/internal/ld/pcln.go genInlTreeSym: a call is in its caller, whose number is smaller; parentPc is an instruction of
 * the caller's, or 0 where no instruction was left of it (so it is in a few functions that initialise packages). */
static struct hb_error *check_inlined(const struct hb_confirm *confirm, const struct hb_go_func *func, uint64_t pc,
                                      void *ctx)
{
	struct calls *calls = ctx;
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t tree = hb_go_funcdata(confirm->go, func, FUNCDATA_INL_TREE), size = layout->inlined_call.size;
	int32_t index, parent = -1;
	uint32_t name, offset;
	if (!hb_go_pcdata(confirm->go, func, PCDATA_INL_TREE, pc, &index) || index < -1)
		return hb_disagrees("what is inlined in function %s cannot be read", func->name);
	if (index < 0)
		return NULL;
	struct hb_bytes record = tree ? hb_snapshot_view(confirm->go->snapshot, tree + (uint32_t)index * size, size)
	                              : (struct hb_bytes){0};
	if (!hb_get_u32(record, layout->inlined_call.name_off, &name) ||
	    !hb_get_u32(record, layout->inlined_call.parent_pc, &offset) || offset >= func->end - func->entry ||
	    name >= confirm->module->funcnametab.len ||
	    !is_name(confirm->module, (const char *)confirm->module->funcnametab.data + name) ||
	    !hb_go_pcdata(confirm->go, func, PCDATA_INL_TREE, func->entry + offset, &parent) ||
	    (offset && parent >= index))
		return hb_disagrees("call %d that is inlined in function %s makes no sense", index, func->name);
	calls->n++;
	calls->placeless += !offset;
	return NULL;
}

static struct hb_error *check_inlining(const struct hb_confirm *confirm, const struct hb_go_func *func, void *ctx)
{
	return each_pc(confirm, func, check_inlined, ctx);
}

struct hb_error *hb_confirm_inlining(const struct hb_confirm *confirm)
{
	struct calls calls = {0};
	TRY(each_function(confirm, check_inlining, &calls));
	return calls.placeless <= calls.n / 16
	               ? NULL
	               : hb_disagrees("%" PRIu64 " of %" PRIu64 " inlined calls are nowhere", calls.placeless, calls.n);
}

/* --- Stack maps ------------------------------------------------------------------------------------------------------- */

/* Bits behind the last word of a map are not set. */
static bool padding_is_clear(const uint8_t *bits, uint32_t nbits)
{
	return !(nbits % 8) || !(bits[nbits / 8] >> nbits % 8);
}

/* runtime/stack.go stackmap: how many maps there are, and for how many words. Maps of a function's arguments and of its
 * locals have the same numbers. */
struct maps {
	uint32_t n, words;
};

static struct hb_error *check_maps(const struct hb_confirm *confirm, const struct hb_go_func *func, unsigned which,
                                   uint64_t bytes, struct maps *ret)
{
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t addr = hb_go_funcdata(confirm->go, func, which);
	*ret = (struct maps){0};
	if (!addr)
		return NULL;
	if (!hb_snapshot_u32(confirm->go->snapshot, addr + layout->stackmap.n, &ret->n) ||
	    !hb_snapshot_u32(confirm->go->snapshot, addr + layout->stackmap.nbit, &ret->words) || ret->n > UINT16_MAX ||
	    (uint64_t)ret->words * 8 > bytes)
		return hb_disagrees("the stack maps of function %s make no sense", func->name);
	uint64_t each = ((uint64_t)ret->words + 7) / 8;
	const uint8_t *bits = hb_snapshot_at(confirm->go->snapshot, addr + layout->stackmap.bytedata, ret->n * each);
	for (uint32_t i = 0; i < ret->n && each; i++)
		if (!bits || !padding_is_clear(bits + i * each, ret->words))
			return hb_disagrees("stack map %u of function %s makes no sense", i, func->name);
	return NULL;
}

static struct hb_error *check_map_number(const struct hb_confirm *confirm, const struct hb_go_func *func, uint64_t pc,
                                         void *ctx)
{
	struct maps locals;
	int32_t index;
	uint64_t addr = hb_go_funcdata(confirm->go, func, FUNCDATA_LOCALS);
	if (!addr || !hb_snapshot_u32(confirm->go->snapshot, addr + confirm->layout->stackmap.n, &locals.n))
		return NULL;
	if (!hb_go_pcdata(confirm->go, func, PCDATA_STACK_MAP, pc, &index) || index < -2 ||
	    (index >= 0 && (uint32_t)index >= locals.n))
		return hb_disagrees("function %s has no stack map %d", func->name, index);
	return NULL;
}

static struct hb_error *check_stack_maps(const struct hb_confirm *confirm, const struct hb_go_func *func, void *ctx)
{
	struct maps locals, args;
	int32_t most = 0, delta;
	if (func->flag & HB_FUNC_ASM) /* their maps are written by hand, or made for another function's arguments */
		return NULL;
	/* The largest frame is the one of most instructions: somewhere behind the entry. */
	for (unsigned i = 1; i < MAX_PCS && func->pcsp; i++)
		if (hb_go_pcvalue(func, func->pcsp, func->entry + (func->end - func->entry) * i / MAX_PCS, &delta))
			most = hb_max(most, delta);
	TRY(check_maps(confirm, func, FUNCDATA_LOCALS, func->pcsp ? (uint64_t)most : UINT64_MAX, &locals));
	TRY(check_maps(confirm, func, FUNCDATA_ARGS, func->args < 0 ? UINT64_MAX : (uint64_t)(uint32_t)func->args,
	               &args));
	if (locals.n && args.n && locals.n != args.n)
		return hb_disagrees("function %s has %u stack maps for its locals and %u for its arguments", func->name,
		                    locals.n, args.n);
	return each_pc(confirm, func, check_map_number, NULL);
}

struct hb_error *hb_confirm_stack_maps(const struct hb_confirm *confirm)
{
	return each_function(confirm, check_stack_maps, NULL);
}

/* --- Stack objects ---------------------------------------------------------------------------------------------------- */

/* runtime/stack.go stackObjectRecord, in order of their places; the part with pointers ends with one. */
static struct hb_error *check_object(const struct hb_confirm *confirm, const struct hb_go_func *func,
                                     const uint8_t *record, int32_t *end)
{
	const struct hb_go_layout *layout = confirm->layout;
	int32_t offset = (int32_t)hb_load_u32(record + layout->stack_object.off);
	int32_t size = (int32_t)hb_load_u32(record + layout->stack_object.bytes);
	int32_t pointers = (int32_t)hb_load_u32(record + layout->stack_object.ptr_bytes);
	uint32_t words = (uint32_t)pointers / 8;
	if (offset < *end || size <= 0 || size > 1 << 28 || offset > 1 << 28 || (offset < 0 && size > -offset) ||
	    pointers <= 0 || pointers > size || pointers % 8)
		return hb_disagrees("the variables on the stack of function %s make no sense", func->name);
	*end = offset + size;
	const uint8_t *mask = hb_snapshot_at(
	        confirm->go->snapshot, confirm->module->rodata + hb_load_u32(record + layout->stack_object.gcdataoff),
	        ((uint64_t)words + 7) / 8);
	if (!mask || !(mask[(words - 1) / 8] >> (words - 1) % 8 & 1) || !padding_is_clear(mask, words))
		return hb_disagrees("the pointers of a variable on the stack of function %s make no sense", func->name);
	return NULL;
}

static struct hb_error *check_objects(const struct hb_confirm *confirm, const struct hb_go_func *func, void *ctx)
{
	uint64_t addr = hb_go_funcdata(confirm->go, func, FUNCDATA_OBJECTS), n, bytes;
	uint32_t each = confirm->layout->stack_object.size;
	int32_t end = INT32_MIN;
	if (!addr)
		return NULL;
	if (!hb_snapshot_u64(confirm->go->snapshot, addr, &n) || !n || n > 1 << 20 || hb_mul_overflows(n, each, &bytes))
		return hb_disagrees("the number of variables on the stack of function %s makes no sense", func->name);
	struct hb_bytes records = hb_snapshot_view(confirm->go->snapshot, addr + 8, bytes);
	if (!records.data)
		return hb_disagrees("the variables on the stack of function %s cannot be read", func->name);
	for (uint64_t i = 0; i < n; i++)
		TRY(check_object(confirm, func, records.data + i * each, &end));
	return NULL;
}

struct hb_error *hb_confirm_stack_objects(const struct hb_confirm *confirm)
{
	return each_function(confirm, check_objects, NULL);
}
