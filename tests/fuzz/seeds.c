/* Writes the seeds of the fuzz targets: seeds FOLDER. */
#include "core_writer.h"
#include "snapshot/save.h"
#include "snapshot/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

static const char *root;

static const char *in_folder(const char *target, const char *name)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/%s", root, target);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
	return path;
}

static void write_bytes(const char *target, const char *name, const void *bytes, size_t len)
{
	struct core_writer writer = {.image = (uint8_t *)bytes, .len = len};
	core_writer_save(&writer, SIZE_MAX, in_folder(target, name));
}

static void kernel_like(struct core_writer *writer)
{
	static uint8_t page[2 * CORE_PAGE] = "contents";
	const uint64_t auxv[] = {AT_PHDR, 0x400040, AT_ENTRY, 0x401000, AT_RANDOM, 0x7ff010, AT_NULL, 0};
	core_writer_thread(writer, 41, 0x1000, 202);
	core_writer_process(writer, 41, "server");
	core_writer_auxv(writer, auxv, 8);
	core_writer_thread(writer, 43, 0x2000, UINT64_MAX);
	core_writer_file(writer, 0x400000, 0x402000, 0, "/bin/true");
	core_writer_file(writer, 0x500000, 0x502000, 0x2000, "/bin/true (deleted)");
	core_writer_load(writer, 0x400000, 0x2000, PF_R | PF_X, page, CORE_PAGE);
	core_writer_load(writer, 0x500000, 0x2000, PF_R | PF_W, page, 2 * CORE_PAGE);
	core_writer_load(writer, 0x502000, 0x4000, PF_R | PF_W, NULL, 0);
	core_writer_load(writer, 0x7ff000, 0x1000, PF_R | PF_W, page, CORE_PAGE);
	core_writer_build(writer);
}

static void write_packed(const char *name, const struct core_writer *writer)
{
	size_t room = ZSTD_compressBound(writer->len);
	uint8_t *packed = malloc(room);
	size_t n = packed ? ZSTD_compress(packed, room, writer->image, writer->len, 3) : 0;
	write_bytes("core", name, packed, n);
	free(packed);
}

static void write_cores(void)
{
	struct core_writer writer = {0};
	kernel_like(&writer);
	core_writer_save(&writer, SIZE_MAX, in_folder("core", "kernel"));
	write_packed("packed", &writer);
	core_writer_deinit(&writer);
	writer = (struct core_writer){.xnum = true};
	kernel_like(&writer);
	core_writer_save(&writer, SIZE_MAX, in_folder("core", "xnum"));
	core_writer_deinit(&writer);
}

/* One of heldby's own: small, but with a note of each kind. */
static int write_saved(void)
{
	enum { NPAGES = 12 };
	static uint8_t bytes[NPAGES * HB_PAGE_SIZE] = "saved";
	uint8_t states[NPAGES] = {1, 1, 2, 0, 0, 3, 1, 2, 1, 0, 1, 1};
	struct hb_region region = {
	        .start = 0x10000000, .end = 0x10000000 + sizeof(bytes), .bytes = bytes, .pages = states};
	struct hb_thread thread = {.tid = 5, .has_registers = true, .registers = {.pc = 1, .sp = 2, .ngeneral = 47}};
	struct hb_mapping mapping = {
	        .start = region.start, .end = region.end, .readable = true, .writable = true, .path = "[heap]"};
	struct hb_snapshot snapshot = {.regions = &region,
	                               .nregions = 1,
	                               .threads = &thread,
	                               .nthreads = 1,
	                               .mappings = &mapping,
	                               .nmappings = 1,
	                               .pid = 5,
	                               .name = (char *)"saved",
	                               .exe_path = (char *)"/bin/saved",
	                               .exe_fd = -1,
	                               .method = "copy"};
	hb_notes_add_partial(&snapshot.notes, "a note");
	struct hb_error *err = hb_snapshot_save(&snapshot, in_folder("core", "saved"), NULL);
	if (!err)
		err = hb_snapshot_save(&snapshot, in_folder("core", "saved-packed.zst"), NULL);
	hb_notes_deinit(&snapshot.notes);
	if (err)
		fprintf(stderr, "seeds: %s\n", err->message);
	hb_error_destroy(err);
	return err != NULL;
}

/* Lists of changes (base.h) for the targets that start from a program. */
static void write_changes(const char *target)
{
	uint32_t random = 7;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t bytes[200];
		char name[16];
		for (unsigned k = 0; k < sizeof(bytes); k++) {
			random = random * 1664525 + 1013904223;
			bytes[k] = (uint8_t)(random >> 24);
		}
		snprintf(name, sizeof(name), "changes%u", i);
		write_bytes(target, name, bytes, 12 + 12 * (1 + 2 * i) % 180);
	}
}

static void write_texts(void)
{
	static const char *const texts[] = {"plain text",
	                                    "\x1b[31mred\x07\r\n\t",
	                                    "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80",
	                                    "\xe2\x80\xae right to left \xe2\x81\xa6",
	                                    "\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80\xff\xfe",
	                                    "\"quoted\\ </script> & 'x'"};
	for (size_t i = 0; i < hb_countof(texts); i++) {
		char name[16];
		snprintf(name, sizeof(name), "text%zu", i);
		write_bytes("escape", name, texts[i], strlen(texts[i]));
	}
	static const uint8_t varints[] = {0x7f, 0x80, 0x01, 0xff, 0xff, 0xff, 0xff,
	                                  0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	write_bytes("bytes", "varints", varints, sizeof(varints));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds FOLDER\n");
		return 2;
	}
	root = argv[1];
	mkdir(root, 0755);
	write_cores();
	write_texts();
	write_changes("pclntab");
	write_changes("types");
	write_changes("analysis");
	return write_saved();
}
