/* Functions by address: names, files, lines, inlining, frame data. Works on stripped binaries.
 *
 * Format: runtime/symtab.go, internal/abi/symtab.go, cmd/internal/obj/pcln.go (1.18: 40-byte _func without startLine;
 * 1.20+: 44). Tables: pcsp (frame size at a pc), pcfile, pcln, pcdata[0] unsafe points, pcdata[1] stack map index,
 * pcdata[2] inlining index; funcdata[0] argument pointer maps, [1] local pointer maps, [2] stack objects,
 * [3] inlining tree.
 */
#pragma once
#include "golang/runtime.h"

struct hb_go_func {
	const struct hb_go_module *module;
	uint64_t entry, end;
	uint32_t index;   /* in ftab */
	uint32_t offset;  /* of the _func record in pclntable */
	const char *name; /* points into funcnametab of the snapshot; NUL-terminated, unescaped bytes */
	int32_t args;     /* bytes of arguments, INT32_MIN = unknown (assembly) */
	uint32_t deferreturn, pcsp, pcfile, pcln, npcdata, cu_offset;
	int32_t start_line; /* 0 unknown */
	uint8_t func_id, flag, nfuncdata;
};
enum { HB_FUNC_TOPFRAME = 1, HB_FUNC_SPWRITE = 2, HB_FUNC_ASM = 4 };

/* The function that holds pc; false when none does or the table is not sane. */
bool hb_go_func_at(const struct hb_go *go, uint64_t pc, struct hb_go_func *ret);
/* By ftab index of a module. */
bool hb_go_func_by_index(const struct hb_go *go, const struct hb_go_module *module, uint32_t index,
                         struct hb_go_func *ret);

/* Value of a pc-value table (an offset in pctab) at pc; false when the table is broken. Tables at offset 0 give -1. */
bool hb_go_pcvalue(const struct hb_go_func *func, uint32_t table, uint64_t pc, int32_t *ret);
bool hb_go_pcdata(const struct hb_go *go, const struct hb_go_func *func, unsigned table, uint64_t pc, int32_t *ret);
/* Address of funcdata i, 0 when there is none. */
uint64_t hb_go_funcdata(const struct hb_go *go, const struct hb_go_func *func, unsigned i);

/* One source-level frame. Inlined calls give several a pc. */
struct hb_go_line {
	const char *function; /* "api.(*Server).fanOut" */
	const char *file;     /* full path as compiled, "" unknown */
	int line;             /* 0 unknown */
	bool inlined;
};
/* The source frames at pc, innermost first, at most max; returns how many (0: not a Go function). pc is the address of
 * the instruction itself: pass return address − 1 for callers. Strings live as long as the snapshot. */
size_t hb_go_lines(const struct hb_go *go, uint64_t pc, struct hb_go_line *ret, size_t max);
