#include "golang/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 1024 };

/* cmd/link, main.go: " X:" and the experiments that differ from the release's own, with a space up to 1.25 and in versions
 * that have a "-" (1.18-1.27), else "-X:". */
static void parse_experiments(const char *text, struct hb_go_version *ret)
{
	const char *list = strstr(text, " X:");
	if (!list)
		list = strstr(text, "-X:");
	if (list)
		snprintf(ret->experiments, sizeof(ret->experiments), "%.*s", (int)strcspn(list + 3, " "), list + 3);
}

bool hb_go_version_parse(const char *text, struct hb_go_version *ret)
{
	const char *at = strstr(text, "go1.");
	if (!at || !isdigit((unsigned char)at[4]))
		return false;
	unsigned minor = 0, patch = 0;
	const char *p = at + 4;
	while (isdigit((unsigned char)*p) && minor < 10000)
		minor = minor * 10 + (unsigned)(*p++ - '0');
	if (*p == '.' && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p) && patch < 10000;)
			patch = patch * 10 + (unsigned)(*p++ - '0');
	*ret = (struct hb_go_version){.minor = minor, .patch = patch};
	snprintf(ret->text, sizeof(ret->text), "%.63s", text);
	parse_experiments(p, ret);
	return true;
}

static bool parse_bytes(const uint8_t *bytes, size_t len, struct hb_go_version *ret)
{
	char text[LONGEST];
	if (len < 5 || len >= sizeof(text))
		return false;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			return false;
	memcpy(text, bytes, len);
	text[len] = 0;
	return hb_go_version_parse(text, ret);
}

/* The version in build info: from 1.18 on (flag bit 1) a varint length and bytes at 32, before that a pointer at 16 to a
 * string header. debug/buildinfo/buildinfo.go. */
static struct hb_bytes buildinfo_text(const struct hb_snapshot *snapshot, uint64_t addr)
{
	const struct hb_bytes none = {0};
	struct hb_bytes blob = hb_snapshot_view(snapshot, addr, 32 + 2);
	uint64_t pos = 32, header;
	uint32_t len;
	uint8_t flags, pointer_size;
	if (!hb_get_u8(blob, 14, &pointer_size) || !hb_get_u8(blob, 15, &flags))
		return none;
	if (flags & 2)
		return hb_get_uvarint32(blob, &pos, &len) ? hb_snapshot_view(snapshot, addr + pos, len) : none;
	const uint8_t *string = NULL;
	if (pointer_size == 8 && !(flags & 1) && hb_get_u64(blob, 16, &header))
		string = hb_snapshot_at(snapshot, header, 16);
	return string ? hb_snapshot_view(snapshot, hb_load_u64(string), hb_load_u64(string + 8)) : none;
}

/* "\xff Go buildinf:", pointer size, flags. The linker aligns it to 16. */
bool hb_go_version_from_buildinfo(const struct hb_snapshot *snapshot, struct hb_go_version *ret)
{
	static const char magic[] = "\xff Go buildinf:";
	for (size_t i = 0; i < snapshot->nregions; i++) {
		const struct hb_region *region = &snapshot->regions[i];
		for (uint64_t page = 0; page < (region->end - region->start) >> HB_PAGE_SHIFT && !region->in_arenas;
		     page++) {
			if (region->pages[page] != HB_PAGE_READ ||
			    !hb_snapshot_in_program(snapshot, region->start + (page << HB_PAGE_SHIFT)))
				continue;
			for (unsigned at = 0; at < HB_PAGE_SIZE; at += 16) {
				uint64_t offset = (page << HB_PAGE_SHIFT) + at;
				if (region->bytes[offset] != 0xff || memcmp(region->bytes + offset, magic, 14) != 0)
					continue;
				struct hb_bytes text = buildinfo_text(snapshot, region->start + offset);
				if (text.data && parse_bytes(text.data, text.len, ret))
					return true;
			}
		}
	}
	return false;
}

bool hb_go_version_from_data(const struct hb_go_memory *memory, const struct hb_go_layout *layout, uint64_t moduledata,
                             struct hb_go_version *ret)
{
	uint64_t start, end;
	if (!hb_go_memory_u64(memory, moduledata + layout->moduledata.data, &start) ||
	    !hb_go_memory_u64(memory, moduledata + layout->moduledata.edata, &end))
		return false;
	for (uint64_t addr = (start + 7) & ~UINT64_C(7); addr + 16 <= end; addr += 8) {
		const uint8_t *header = hb_snapshot_at(memory->snapshot, addr, 16);
		if (!header)
			continue;
		uint64_t len = hb_load_u64(header + 8);
		if (len < 6 || len >= LONGEST)
			continue;
		const uint8_t *text = hb_snapshot_at(memory->snapshot, hb_load_u64(header), len);
		if (text && !memcmp(text, "go1.", 4) && isdigit(text[4]) && parse_bytes(text, len, ret))
			return true;
	}
	return false;
}

static bool maps_file_named(const struct hb_snapshot *snapshot, const char *part)
{
	for (size_t i = 0; i < snapshot->nmappings; i++) {
		const char *base = strrchr(snapshot->mappings[i].path, '/');
		if (base && strstr(base + 1, part))
			return true;
	}
	return false;
}

/* Whether one of the pages that were read passes a test. */
static bool has_page(const struct hb_snapshot *snapshot, bool (*test)(const uint8_t *page, const void *ctx),
                     const void *ctx)
{
	for (size_t i = 0; i < snapshot->nregions; i++) {
		const struct hb_region *region = &snapshot->regions[i];
		for (uint64_t page = 0; page < (region->end - region->start) >> HB_PAGE_SHIFT; page++)
			if (region->pages[page] == HB_PAGE_READ && test(region->bytes + (page << HB_PAGE_SHIFT), ctx))
				return true;
	}
	return false;
}

static bool page_has_text(const uint8_t *page, const void *text)
{
	return memmem(page, HB_PAGE_SIZE, text, strlen(text));
}

/* Whether a table of functions begins there: magic number, two zeros, instruction quantum, pointer size, number of functions
 * (debug/gosym/pclntab.go). The magic number alone is in whatever reads such tables, too. */
static bool page_has_function_table(const uint8_t *page, const void *magic)
{
	enum { MANY = 1 << 24 };
	const uint8_t start[8] = {*(const uint8_t *)magic, 0xff, 0xff, 0xff, 0, 0, 1, 8};
	for (size_t at = 0; at + 16 <= HB_PAGE_SIZE; at += 8)
		if (!memcmp(page + at, start, sizeof(start)) && hb_load_u64(page + at + 8) - 1 < MANY)
			return true;
	return false;
}

const char *hb_go_too_old(const struct hb_snapshot *snapshot)
{
	static const uint8_t go_116_magic = 0xfa, go_12_magic = 0xfb; /* their last bytes: 0xfffffffa, 0xfffffffb */
	if (has_page(snapshot, page_has_function_table, &go_116_magic))
		return "Go 1.16 or 1.17";
	if (has_page(snapshot, page_has_function_table, &go_12_magic))
		return "Go 1.2 to 1.15";
	return NULL;
}

const char *hb_go_looks_like(const struct hb_snapshot *snapshot)
{
	static const struct {
		const char *file, *says;
	} signs[] = {
	        {"libjvm.so", "a Java virtual machine"},   {"libcoreclr.so", "a .NET program"},
	        {"python", "a Python interpreter"},        {"libruby", "a Ruby interpreter"},
	        {"libperl", "a Perl interpreter"},         {"libnode", "Node.js"},
	        {"beam.smp", "an Erlang virtual machine"}, {"libphp", "a PHP interpreter"},
	};
	const char *base = snapshot->exe_path ? strrchr(snapshot->exe_path, '/') : NULL;
	if (base && !strncmp(base + 1, "node", 4))
		return "Node.js";
	for (size_t i = 0; i < hb_countof(signs); i++)
		if (maps_file_named(snapshot, signs[i].file))
			return signs[i].says;
	if (has_page(snapshot, page_has_text, "/rustc/"))
		return "a Rust program";
	if (maps_file_named(snapshot, "libstdc++.so"))
		return "a C++ program";
	return "a C or C++ program, or another native one";
}
