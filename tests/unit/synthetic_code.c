#include "synthetic_code.h"

#include <stdio.h>
#include <string.h>

static void *must(void *pointer)
{
	if (!pointer) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return pointer;
}

static uint32_t append(struct code_buffer *buffer, const void *bytes, size_t len)
{
	size_t at = buffer->len;
	if (buffer->cap < at + len) {
		buffer->cap = (at + len) * 2;
		buffer->bytes = must(realloc(buffer->bytes, buffer->cap));
	}
	memcpy(buffer->bytes + at, bytes, len);
	buffer->len += len;
	return (uint32_t)at;
}

static void append_u32(struct code_buffer *buffer, uint32_t value)
{
	append(buffer, &value, sizeof(value));
}

static void append_varint(struct code_buffer *buffer, uint32_t value)
{
	do {
		uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		append(buffer, &byte, 1);
		value >>= 7;
	} while (value);
}

void code_init(struct code *code, unsigned minor)
{
	*code = (struct code){.go = {.snapshot = &code->snapshot,
	                             .layout = hb_go_layout(minor),
	                             .modules = &code->module,
	                             .nmodules = 1,
	                             .notes = &code->snapshot.notes}};
	const uint64_t starts[] = {CODE_RODATA, CODE_DATA, CODE_STACK};
	for (size_t i = 0; i < hb_countof(starts); i++) {
		code->regions[i] = (struct hb_region){.start = starts[i], .end = starts[i] + CODE_REGION};
		code->regions[i].bytes = must(calloc(1, CODE_REGION));
		code->regions[i].pages = must(malloc(CODE_REGION / HB_PAGE_SIZE));
		memset(code->regions[i].pages, HB_PAGE_READ, CODE_REGION / HB_PAGE_SIZE);
	}
	code->snapshot.regions = code->regions;
	code->snapshot.nregions = hb_countof(starts);
	/* Offset 0 is no table, no name and no data. */
	append(&code->pctab, "", 1);
	append(&code->names, "", 1);
	code->rodata_len = 8;
}

void code_deinit(struct code *code)
{
	for (size_t i = 0; i < hb_countof(code->regions); i++) {
		free(code->regions[i].bytes);
		free(code->regions[i].pages);
	}
	free(code->names.bytes);
	free(code->pctab.bytes);
	free(code->cutab.bytes);
	free(code->filetab.bytes);
	free(code->pclntable.bytes);
	free(code->ftab.bytes);
	hb_notes_deinit(&code->snapshot.notes);
}

uint32_t code_table(struct code *code, const struct code_run *runs)
{
	uint32_t start = (uint32_t)code->pctab.len;
	int32_t value = -1;
	for (; runs->bytes; runs++) {
		int64_t delta = (int64_t)runs->value - value;
		append_varint(&code->pctab, (uint32_t)(delta < 0 ? ~(delta * 2) : delta * 2));
		append_varint(&code->pctab, runs->bytes);
		value = runs->value;
	}
	append(&code->pctab, "", 1);
	return start;
}

uint32_t code_constant(struct code *code, int32_t value, uint32_t bytes)
{
	return code_table(code, (struct code_run[]){{value, bytes}, {0}});
}

int32_t code_file(struct code *code, const char *path)
{
	append_u32(&code->cutab, append(&code->filetab, path, strlen(path) + 1));
	return (int32_t)(code->cutab.len / 4 - 1);
}

uint32_t code_rodata(struct code *code, const void *bytes, size_t len)
{
	uint32_t at = code->rodata_len;
	if (at + len > CODE_REGION)
		abort();
	memcpy(code->regions[0].bytes + at, bytes, len);
	code->rodata_len = (at + (uint32_t)len + 7) & ~7u;
	return at;
}

uint32_t code_map(struct code *code, uint32_t n, uint32_t nbit, const uint64_t *bitmaps)
{
	uint8_t bytes[256];
	size_t len = 8, each = (nbit + 7) / 8;
	memcpy(bytes, &n, 4);
	memcpy(bytes + 4, &nbit, 4);
	for (uint32_t i = 0; i < n; i++, len += each)
		memcpy(bytes + len, &bitmaps[i], each);
	return code_rodata(code, bytes, len);
}

uint32_t code_name(struct code *code, const char *name)
{
	return append(&code->names, name, strlen(name) + 1);
}

uint64_t code_function(struct code *code, const struct code_function *function)
{
	const struct hb_go_layout *layout = code->go.layout;
	uint8_t record[64] = {0};
	uint64_t entry = CODE_TEXT + code->text_len;
	const struct {
		uint32_t offset, value;
	} fields[] = {
	        {layout->func.entry_off, code->text_len},
	        {layout->func.name_off, code_name(code, function->name)},
	        {layout->func.args, (uint32_t)function->args},
	        {layout->func.deferreturn, function->deferreturn},
	        {layout->func.pcsp, function->pcsp},
	        {layout->func.pcfile, function->pcfile},
	        {layout->func.pcln, function->pcln},
	        {layout->func.npcdata, (uint32_t)hb_countof(function->pcdata)},
	};
	for (size_t i = 0; i < hb_countof(fields); i++)
		memcpy(record + fields[i].offset, &fields[i].value, 4);
	record[layout->func.flag] = function->flag;
	record[layout->func.nfuncdata] = (uint8_t)hb_countof(function->funcdata);
	append_u32(&code->ftab, code->text_len);
	append_u32(&code->ftab, append(&code->pclntable, record, layout->func.size));
	for (size_t i = 0; i < hb_countof(function->pcdata); i++)
		append_u32(&code->pclntable, function->pcdata[i]);
	for (size_t i = 0; i < hb_countof(function->funcdata); i++)
		append_u32(&code->pclntable, function->funcdata[i] ? function->funcdata[i] : UINT32_MAX);
	code->text_len += function->bytes;
	return entry;
}

static struct hb_bytes view(const struct code_buffer *buffer)
{
	return (struct hb_bytes){buffer->bytes, buffer->len};
}

void code_finish(struct code *code)
{
	append_u32(&code->ftab, code->text_len);
	append_u32(&code->ftab, 0);
	code->module = (struct hb_go_module){
	        .text = CODE_TEXT,
	        .etext = CODE_TEXT + code->text_len,
	        .rodata = CODE_RODATA,
	        .gofunc = CODE_RODATA,
	        .pclntable = view(&code->pclntable),
	        .funcnametab = view(&code->names),
	        .cutab = view(&code->cutab),
	        .filetab = view(&code->filetab),
	        .pctab = view(&code->pctab),
	        .ftab = view(&code->ftab),
	        .nftab = (uint32_t)(code->ftab.len / 8),
	};
}

void code_store(struct code *code, uint64_t addr, uint64_t value)
{
	for (size_t i = 0; i < hb_countof(code->regions); i++)
		if (addr >= code->regions[i].start && addr + 8 <= code->regions[i].end)
			memcpy(code->regions[i].bytes + (addr - code->regions[i].start), &value, 8);
}
