#include "snapshot/save.h"
#include "base/progress.h"
#include "snapshot/save_internal.h"
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	FIRST_GAP = 16,       /* unread pages in a row that end a segment's contents */
	MAX_SEGMENTS = 60000, /* below PN_XNUM, which not every reader knows */
	COPY = 1 << 20,
};
static const uint64_t MAX_EXE = UINT64_C(1) << 30;

struct save_segment {
	const struct hb_region *region;
	uint64_t start, end; /* page-aligned addresses */
	uint64_t stored_end; /* [start, stored_end) is in the file, with holes */
	uint64_t offset;
	uint32_t flags;
};

struct save {
	const struct hb_snapshot *snapshot;
	const struct hb_save_options *options;
	HB_VEC(struct save_segment) segments;
	struct save_bytes notes;
	uint64_t exe_offset, exe_size;
	uint64_t data_bytes; /* pages to write */
};

static void save_deinit(struct save *save)
{
	hb_vec_deinit(&save->segments);
	free(save->notes.data);
}

static uint64_t page_up(uint64_t value)
{
	return (value + HB_PAGE_SIZE - 1) & ~(uint64_t)(HB_PAGE_SIZE - 1);
}

/* --- Segments ------------------------------------------------------------------------------------------------------
 */

static bool is_known(const struct hb_region *region, uint64_t page)
{
	return region->pages[page] == HB_PAGE_READ || region->pages[page] == HB_PAGE_ZERO;
}

/* Segments of [start, end) of a region, all of one mapping. A run of at least `gap` unread pages is left out of the
 * file, so that debuggers say "not there" instead of showing zeroes. */
static struct hb_error *add_segments(struct save *save, const struct hb_region *region, uint64_t start, uint64_t end,
                                     uint32_t flags, uint64_t gap)
{
	uint64_t page = (start - region->start) >> HB_PAGE_SHIFT, limit = (end - region->start) >> HB_PAGE_SHIFT;
	while (page < limit) {
		uint64_t first = page, stored = page, unread = 0;
		for (; page < limit; page++) {
			if (!is_known(region, page)) {
				unread++;
				continue;
			}
			if (unread >= gap && page > first)
				break;
			unread = 0;
			stored = page + 1;
		}
		HB_VEC_PUSH(&save->segments,
		            (struct save_segment){.region = region,
		                                  .start = region->start + (first << HB_PAGE_SHIFT),
		                                  .end = region->start + (page << HB_PAGE_SHIFT),
		                                  .stored_end = region->start + (stored << HB_PAGE_SHIFT),
		                                  .flags = flags});
	}
	return NULL;
}

static uint32_t mapping_flags(const struct hb_mapping *mapping)
{
	return (mapping->readable ? PF_R : 0) | (mapping->writable ? PF_W : 0) | (mapping->executable ? PF_X : 0);
}

/* Regions may go across mappings and, where Go reserves more than it maps, beyond them. */
static struct hb_error *add_region_segments(struct save *save, const struct hb_region *region, uint64_t gap)
{
	const struct hb_snapshot *snapshot = save->snapshot;
	size_t low = hb_partition_point(snapshot->nmappings, i, snapshot->mappings[i].end <= region->start);
	for (uint64_t at = region->start; at < region->end;) {
		while (low < snapshot->nmappings && snapshot->mappings[low].end <= at)
			low++;
		const struct hb_mapping *mapping = low < snapshot->nmappings ? &snapshot->mappings[low] : NULL;
		bool inside = mapping && mapping->start <= at;
		uint64_t end = hb_min(region->end, inside ? mapping->end : mapping ? mapping->start : region->end);
		TRY(add_segments(save, region, at, end, inside ? mapping_flags(mapping) : 0, gap));
		at = end;
	}
	return NULL;
}

static struct hb_error *plan_segments(struct save *save)
{
	for (uint64_t gap = FIRST_GAP;; gap *= 4) {
		save->segments.len = 0;
		for (size_t i = 0; i < save->snapshot->nregions; i++)
			TRY(add_region_segments(save, &save->snapshot->regions[i], gap));
		if (save->segments.len <= MAX_SEGMENTS || gap > UINT64_MAX / 8)
			break;
	}
	if (save->segments.len > MAX_SEGMENTS)
		return hb_error_create(HB_ERR_UNSUPPORTED,
		                       "the target has %zu mappings: more than an ELF core can list for every debugger",
		                       save->segments.len);
	if (!save->segments.len)
		return hb_error_create(HB_ERR_UNSUPPORTED, "nothing of the target was read: there is nothing to save");
	return NULL;
}

static void count_data(struct save *save)
{
	for (size_t i = 0; i < save->snapshot->nregions; i++) {
		const struct hb_region *region = &save->snapshot->regions[i];
		uint64_t npages = (region->end - region->start) >> HB_PAGE_SHIFT;
		for (uint64_t page = 0; page < npages; page++)
			save->data_bytes += region->pages[page] == HB_PAGE_READ ? HB_PAGE_SIZE : 0;
	}
}

static uint64_t exe_size(const struct save *save)
{
	struct stat status;
	int fd = save->snapshot->exe_fd;
	if (fd < 0 || save->options->without_exe || fstat(fd, &status) || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size > MAX_EXE)
		return 0;
	return (uint64_t)status.st_size;
}

/* Offsets of everything; notes are built twice, because where the executable goes depends on how long they are. */
static struct hb_error *lay_out(struct save *save)
{
	TRY(plan_segments(save));
	count_data(save);
	save->exe_size = exe_size(save);
	TRY(save_build_notes(save->snapshot, save->options->auxv, 0, save->exe_size, &save->notes));
	uint64_t at = page_up(sizeof(Elf64_Ehdr) + (save->segments.len + 1) * sizeof(Elf64_Phdr) + save->notes.len);
	for (size_t i = 0; i < save->segments.len; i++) {
		save->segments.data[i].offset = at;
		at += save->segments.data[i].stored_end - save->segments.data[i].start;
	}
	save->exe_offset = at;
	if (!save->exe_size)
		return NULL;
	save->notes.len = 0;
	return save_build_notes(save->snapshot, save->options->auxv, save->exe_offset, save->exe_size, &save->notes);
}

/* --- Writing -------------------------------------------------------------------------------------------------------
 */

static struct hb_error *write_headers(const struct save *save, struct save_sink *sink)
{
	uint64_t notes_at = sizeof(Elf64_Ehdr) + (save->segments.len + 1) * sizeof(Elf64_Phdr);
	const Elf64_Ehdr header = {
	        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	        .e_type = ET_CORE,
	        .e_machine = EM_X86_64,
	        .e_version = EV_CURRENT,
	        .e_phoff = sizeof(header),
	        .e_ehsize = sizeof(header),
	        .e_phentsize = sizeof(Elf64_Phdr),
	        .e_phnum = (uint16_t)(save->segments.len + 1),
	};
	const Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = save->notes.len, .p_align = 4};
	TRY(save_write(sink, &header, sizeof(header)));
	TRY(save_write(sink, &note, sizeof(note)));
	for (size_t i = 0; i < save->segments.len; i++) {
		const struct save_segment *segment = &save->segments.data[i];
		const Elf64_Phdr load = {
		        .p_type = PT_LOAD,
		        .p_flags = segment->flags,
		        .p_offset = segment->offset,
		        .p_vaddr = segment->start,
		        .p_filesz = segment->stored_end - segment->start,
		        .p_memsz = segment->end - segment->start,
		        .p_align = HB_PAGE_SIZE,
		};
		TRY(save_write(sink, &load, sizeof(load)));
	}
	TRY(save_write(sink, save->notes.data, save->notes.len));
	return save_hole(sink, page_up(sink->at) - sink->at);
}

static bool is_zero_page(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, HB_PAGE_SIZE - 1);
}

/* A page with contents: read, and not all zero. Only what was read is looked at: the rest may not be backed. */
static bool has_contents(const struct hb_region *region, uint64_t page)
{
	return region->pages[page] == HB_PAGE_READ && !is_zero_page(region->bytes + (page << HB_PAGE_SHIFT));
}

static struct hb_error *write_segment(const struct save_segment *segment, struct save_sink *sink)
{
	const struct hb_region *region = segment->region;
	uint64_t page = (segment->start - region->start) >> HB_PAGE_SHIFT;
	uint64_t limit = (segment->stored_end - region->start) >> HB_PAGE_SHIFT;
	const uint64_t longest = COPY >> HB_PAGE_SHIFT;
	while (page < limit) {
		bool contents = has_contents(region, page);
		uint64_t run = page + 1;
		while (run < limit && run - page < longest && has_contents(region, run) == contents)
			run++;
		uint64_t len = (run - page) << HB_PAGE_SHIFT;
		TRY(contents ? save_write(sink, region->bytes + (page << HB_PAGE_SHIFT), len) : save_hole(sink, len));
		page = run;
		if (hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

static struct hb_error *write_exe(const struct save *save, struct save_sink *sink)
{
	hb_autofree uint8_t *piece = malloc(COPY);
	if (!piece)
		return hb_error_nomem();
	for (uint64_t at = 0; at < save->exe_size;) {
		size_t len = (size_t)hb_min(save->exe_size - at, (uint64_t)COPY);
		if (!hb_read_file_at(save->snapshot->exe_fd, at, piece, len))
			return hb_error_create(HB_ERR_IO, "cannot read the target's executable '%s'",
			                       save->snapshot->exe_path);
		TRY(save_write(sink, piece, len));
		at += len;
	}
	return NULL;
}

static struct hb_error *write_all(const struct save *save, struct save_sink *sink)
{
	hb_progress_stage("saving", save->exe_offset);
	TRY(write_headers(save, sink));
	for (size_t i = 0; i < save->segments.len; i++) {
		TRY(write_segment(&save->segments.data[i], sink));
		hb_progress_set(sink->at);
	}
	TRY(write_exe(save, sink));
	return save_sink_finish(sink);
}

static struct hb_error *write_to(const struct save *save, int fd, const char *path, bool compress)
{
	struct save_sink sink;
	struct hb_error *err = save_sink_init(&sink, fd, path, compress);
	if (!err)
		err = write_all(save, &sink);
	save_sink_deinit(&sink);
	hb_progress_done();
	return err;
}

/* --- The file ------------------------------------------------------------------------------------------------------
 */

static struct hb_error *check_room(const struct save *save, int fd, const char *path, bool compress)
{
	struct statvfs room;
	uint64_t need = save->data_bytes + save->exe_size + save->notes.len;
	if (compress || fstatvfs(fd, &room))
		return NULL;
	uint64_t there = (uint64_t)room.f_bavail * room.f_frsize;
	if (there >= need)
		return NULL;
	return hb_error_create(HB_ERR_IO,
	                       "'%s' needs up to %" PRIu64 " MB and %" PRIu64
	                       " MB are free: choose another place, or a name that "
	                       "ends in .zst to compress",
	                       path, (need >> 20) + 1, there >> 20);
}

/* A file without a name in path's folder where the file system can, else one with a name that is removed on failure. */
static struct hb_error *create_temporary(const char *path, char **name, int *ret)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0;
	hb_autofree char *folder = NULL;
	*name = NULL;
	if (asprintf(&folder, "%.*s", dir ? dir : 1, dir ? path : ".") < 0) {
		folder = NULL;
		return hb_error_nomem();
	}
	*ret = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (asprintf(name, "%.*s.%s.XXXXXX", dir, path, path + dir) < 0) {
		*name = NULL;
		if (*ret >= 0)
			close(*ret);
		return hb_error_nomem();
	}
	if (*ret >= 0)
		return NULL;
	*ret = mkostemp(*name, O_CLOEXEC);
	if (*ret >= 0)
		return NULL;
	struct hb_error *err = hb_error_create(HB_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	free(*name);
	*name = NULL;
	return err;
}

/* linkat cannot replace a file, so the nameless file gets its temporary name first. */
static struct hb_error *give_name(int fd, char *name, const char *path)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size_t suffix = strlen(name) - 6;
	for (unsigned tries = 0; !strcmp(name + suffix, "XXXXXX") && tries < 100; tries++) {
		snprintf(name + suffix, 7, "%06x", (unsigned)(hb_now_ns() ^ (uint64_t)getpid() << 8) & 0xffffff);
		if (linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
			break;
		if (errno != EEXIST)
			return hb_error_create(HB_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
		memcpy(name + suffix, "XXXXXX", 6);
	}
	if (rename(name, path)) {
		struct hb_error *err = hb_error_create(HB_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
		unlink(name);
		return err;
	}
	return NULL;
}

static struct hb_error *save_atomically(const struct save *save, const char *path, bool compress)
{
	hb_autofree char *name = NULL;
	int fd = -1;
	TRY(create_temporary(path, &name, &fd));
	bool named = strcmp(name + strlen(name) - 6, "XXXXXX") != 0;
	struct hb_error *err = check_room(save, fd, path, compress);
	if (!err)
		err = write_to(save, fd, path, compress);
	if (!err)
		err = give_name(fd, name, path);
	else if (named)
		unlink(name);
	if (close(fd) && !err)
		err = hb_error_create(HB_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	return err;
}

static bool wants_zstd(const char *path)
{
	size_t len = strlen(path);
	return len > 4 && !strcmp(path + len - 4, ".zst");
}

static struct hb_error *save_directly(const struct save *save, const char *path, bool compress)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return hb_error_create(HB_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	struct hb_error *err = write_to(save, fd, path, compress);
	close(fd);
	return err;
}

struct hb_error *hb_snapshot_save(const struct hb_snapshot *snapshot, const char *path,
                                  const struct hb_save_options *options)
{
	static const struct hb_save_options defaults = {0};
	struct save save = {.snapshot = snapshot, .options = options ? options : &defaults};
	if (snapshot->npieces)
		return hb_error_create(HB_ERR_USAGE, "'%s' cannot be written: the snapshot holds only parts of stacks",
		                       path);
	struct hb_error *err = lay_out(&save);
	struct stat status;
	bool compress = save.options->compress || wants_zstd(path);
	if (!err && stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		err = S_ISDIR(status.st_mode) ? hb_error_create(HB_ERR_USAGE, "'%s' is a folder: name a file", path)
		                              : save_directly(&save, path, compress);
	} else if (!err) {
		/* Through a symbolic link, its target is replaced and not the link. */
		hb_autofree char *real = realpath(path, NULL);
		err = save_atomically(&save, real ? real : path, compress);
	}
	save_deinit(&save);
	return err;
}
