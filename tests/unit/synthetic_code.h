/* A program made by hand: functions with their tables, as the linker would write them (cmd/link/internal/ld/pcln.go),
 * and a stack to put frames on.
 *
 *   code_init → code_table(), code_map(), … → code_function() … → code_finish → &code->go
 */
#pragma once
#include "golang/pclntab.h"

enum {
	CODE_TEXT = 0x400000,
	CODE_RODATA = 0x500000, /* also gofunc: function data and pointer masks */
	CODE_DATA = 0x600000,   /* anything else: g structs, defers */
	CODE_STACK = 0x700000,
	CODE_REGION = 0x10000, /* bytes of each of the last three */
};

/* A run of a pc-value table: the value holds for so many bytes of code. */
struct code_run {
	int32_t value;
	uint32_t bytes;
};

struct code_function {
	const char *name;
	uint32_t bytes;
	int32_t args;
	uint32_t deferreturn;
	uint8_t flag;
	uint32_t pcsp, pcfile, pcln; /* tables */
	uint32_t pcdata[3];          /* tables: unsafe points, stack map index, inlining index */
	uint32_t funcdata[4];        /* offsets in rodata, 0 = none: args, locals, objects, inlining tree */
};

struct code_buffer {
	uint8_t *bytes;
	size_t len, cap;
};

struct code {
	struct hb_snapshot snapshot;
	struct hb_region regions[3];
	struct hb_go go;
	struct hb_go_module module;
	struct code_buffer names, pctab, cutab, filetab, pclntable, ftab;
	uint32_t rodata_len, text_len;
};

void code_init(struct code *code, unsigned minor);
void code_deinit(struct code *code);
/* The table of runs; they end with bytes == 0. */
uint32_t code_table(struct code *code, const struct code_run *runs);
/* The number of a file for pcfile tables. */
int32_t code_file(struct code *code, const char *path);
/* Bytes in rodata, by offset from its start. */
uint32_t code_rodata(struct code *code, const void *bytes, size_t len);
/* A runtime.stackmap: n bitmaps of nbit bits, one in each element of bitmaps. */
uint32_t code_map(struct code *code, uint32_t n, uint32_t nbit, const uint64_t *bitmaps);
/* A table with one value for all of a function. */
uint32_t code_constant(struct code *code, int32_t value, uint32_t bytes);
uint32_t code_name(struct code *code, const char *name);
/* The address of the function; they follow each other without gaps. */
uint64_t code_function(struct code *code, const struct code_function *function);
void code_finish(struct code *code);

/* Writes a word of the stack or of data. */
void code_store(struct code *code, uint64_t addr, uint64_t value);
