/* The files that the process had mapped: finding them on this machine, and making sure that they are the same ones.
 *
 * The kernel and gcore leave file contents out of a core unless they were written to (core(5), coredump_filter). What
 * is missing is taken from the file itself, when it is here and is the same build, and only where the process could not
 * have changed it: a page of a writable or RELRO segment holds relocated pointers that the file does not.
 */
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MAX_IMAGES = 4096,       /* distinct mapped files that are opened */
	MAX_IMAGE_HEADERS = 256, /* program headers of one file; linkers write about 12 */
	MAX_IMAGE_NOTE = 4096,
	MAX_BUILD_ID = 256,
};

struct image_headers {
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_IMAGE_HEADERS];
	size_t n;
};

static bool read_image_headers(int fd, struct image_headers *ret)
{
	if (!hb_read_file_at(fd, 0, &ret->header, sizeof(ret->header)) ||
	    memcmp(ret->header.e_ident, ELFMAG, SELFMAG) || ret->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ret->header.e_machine != EM_X86_64 || ret->header.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	ret->n = hb_min((size_t)ret->header.e_phnum, (size_t)MAX_IMAGE_HEADERS);
	return hb_read_file_at(fd, ret->header.e_phoff, ret->segments, ret->n * sizeof(ret->segments[0]));
}

/* --- Is it the same build? -----------------------------------------------------------------------------------------
 */

/* A build id out of a block of notes: GNU's (owner "GNU", type 3) or Go's (owner "Go", type 4; cmd/internal/buildid).
 */
static struct hb_bytes find_build_id(struct hb_bytes notes)
{
	struct hb_bytes go = {0};
	uint32_t namesz, descsz, type;
	for (uint64_t at = 0; hb_get_u32(notes, at, &namesz) && hb_get_u32(notes, at + 4, &descsz) &&
	                      hb_get_u32(notes, at + 8, &type);) {
		uint64_t desc_at = at + 12 + (((uint64_t)namesz + 3) & ~UINT64_C(3));
		struct hb_bytes name = hb_bytes_slice(notes, at + 12, namesz),
		                desc = hb_bytes_slice(notes, desc_at, descsz);
		if (desc.len && descsz <= MAX_BUILD_ID && namesz == 4 && type == NT_GNU_BUILD_ID &&
		    !memcmp(name.data, "GNU", 4))
			return desc;
		if (desc.len && descsz <= MAX_BUILD_ID && namesz == 4 && type == 4 && !memcmp(name.data, "Go\0", 4))
			go = desc;
		at = desc_at + (((uint64_t)descsz + 3) & ~UINT64_C(3));
	}
	return go;
}

/* The first page of the file as the process had it mapped, when the core has it (the kernel writes it for this purpose:
 * coredump_filter bit 4). */
static bool mapped_head(const struct hb_core *core, const char *path, uint8_t ret[static HB_CORE_PAGE])
{
	for (size_t i = 0; i < core->file_maps.len; i++) {
		const struct hb_core_file_map *map = &core->file_maps.data[i];
		if (map->offset || strcmp(map->path, path))
			continue;
		for (size_t k = 0; k < core->segments.len; k++) {
			const struct hb_core_segment *segment = &core->segments.data[k];
			if (segment->start <= map->start && map->start < segment->end &&
			    segment->filesz >= map->start - segment->start + HB_CORE_PAGE)
				return hb_read_file_at(core->fd, segment->offset + (map->start - segment->start), ret,
				                       HB_CORE_PAGE);
		}
	}
	return false;
}

static bool page_build_id(const uint8_t page[static HB_CORE_PAGE], struct hb_bytes *ret)
{
	struct hb_bytes head = {page, HB_CORE_PAGE};
	Elf64_Ehdr header;
	memcpy(&header, page, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG))
		return false;
	for (unsigned i = 0; i < header.e_phnum && i < MAX_IMAGE_HEADERS; i++) {
		Elf64_Phdr segment;
		struct hb_bytes raw =
		        hb_bytes_slice(head, header.e_phoff + (uint64_t)i * sizeof(segment), sizeof(segment));
		if (header.e_phoff > HB_CORE_PAGE || !raw.data)
			return false;
		memcpy(&segment, raw.data, sizeof(segment));
		if (segment.p_type != PT_NOTE)
			continue;
		*ret = find_build_id(hb_bytes_slice(head, segment.p_offset, segment.p_filesz));
		if (ret->len)
			return true;
	}
	return false;
}

enum match { MATCH_NO, MATCH_UNKNOWN, MATCH_YES };

static enum match compare_heads(const uint8_t core_page[static HB_CORE_PAGE], int fd)
{
	uint8_t file_page[HB_CORE_PAGE] = {0};
	struct stat status;
	if (fstat(fd, &status) ||
	    !hb_read_file_at(fd, 0, file_page, (size_t)hb_min(status.st_size, (off_t)HB_CORE_PAGE)))
		return MATCH_NO;
	struct hb_bytes in_core, in_file;
	if (page_build_id(core_page, &in_core) && page_build_id(file_page, &in_file))
		return in_core.len == in_file.len && !memcmp(in_core.data, in_file.data, in_core.len) ? MATCH_YES
		                                                                                      : MATCH_NO;
	/* Without a build id in the first page: the headers say sizes and addresses of everything in the file. */
	Elf64_Ehdr header;
	memcpy(&header, core_page, sizeof(header));
	size_t len = header.e_phoff < HB_CORE_PAGE / 2 ? (size_t)header.e_phoff : sizeof(header);
	len = hb_min(len + header.e_phnum * sizeof(Elf64_Phdr), (size_t)HB_CORE_PAGE);
	return memcmp(core_page, file_page, len) ? MATCH_NO : MATCH_UNKNOWN;
}

/* --- Where is it? --------------------------------------------------------------------------------------------------
 */

/* An x86-64 ELF file at path, or -1. Devices, pipes and the like are never opened: a hostile core may name any path. */
static int open_elf(const char *path)
{
	struct stat before, after;
	if (stat(path, &before) || !S_ISREG(before.st_mode))
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -1;
	Elf64_Ehdr header;
	if (fstat(fd, &after) || !S_ISREG(after.st_mode) || !hb_read_file_at(fd, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_machine != EM_X86_64 ||
	    (header.e_type != ET_EXEC && header.e_type != ET_DYN)) {
		close(fd);
		return -1;
	}
	return fd;
}

struct search {
	const struct hb_core *core;
	uint8_t head[HB_CORE_PAGE];
	bool has_head;
	bool wrong_build; /* a file of that name was there */
	bool unchecked;   /* the one taken could not be compared */
};

static int try_path(struct search *search, const char *path)
{
	int fd = open_elf(path);
	if (fd < 0)
		return -1;
	enum match match = search->has_head ? compare_heads(search->head, fd) : MATCH_UNKNOWN;
	if (match == MATCH_NO) {
		search->wrong_build = true;
		close(fd);
		return -1;
	}
	search->unchecked = match == MATCH_UNKNOWN;
	return fd;
}

static int try_next_to_core(struct search *search, const char *path)
{
	const char *base = strrchr(path, '/'), *slash = strrchr(search->core->path, '/');
	base = base ? base + 1 : path;
	if (!*base)
		return -1;
	hb_autofree char *beside = NULL;
	int dir = slash ? (int)(slash - search->core->path) + 1 : 0;
	if (asprintf(&beside, "%.*s%s", dir, search->core->path, base) < 0) {
		beside = NULL;
		return -1;
	}
	return try_path(search, beside);
}

/* The executable that heldby put into its snapshot, as a file of its own. */
static int open_embedded(const struct hb_core *core)
{
	uint64_t offset = core->record.exe_offset, left = core->record.exe_size;
	if (!left || offset > core->size || left > core->size - offset)
		return -1;
	int fd = memfd_create("exe", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	static _Thread_local uint8_t piece[1 << 16];
	while (left) {
		size_t n = (size_t)hb_min(left, (uint64_t)sizeof(piece));
		if (!hb_read_file_at(core->fd, offset, piece, n) || write(fd, piece, n) != (ssize_t)n) {
			close(fd);
			return -1;
		}
		offset += n;
		left -= n;
	}
	return fd;
}

static void tell_executable(struct hb_core *core, const struct search *search, int fd)
{
	struct hb_notes *notes = &core->target.notes;
	const char *path = core->target.exe_path;
	if (fd >= 0 && search->unchecked)
		hb_notes_add(
		        notes,
		        "nothing in the core says whether '%s' is the build that ran: names are wrong if it is not",
		        path);
	if (fd < 0 && search->wrong_build)
		hb_notes_add(
		        notes,
		        "the executable '%s' on this machine is another build than the one in the core: put the right "
		        "one next to the core, or name it in HELDBY_EXE",
		        path);
	else if (fd < 0)
		hb_notes_add(
		        notes,
		        "the executable '%s' is not on this machine: put it next to the core, or name it in HELDBY_EXE",
		        path);
}

static struct hb_error *find_executable(struct hb_core *core, int *ret)
{
	const char *path = core->target.exe_path, *override = getenv("HELDBY_EXE");
	struct search search = {.core = core};
	search.has_head = mapped_head(core, path, search.head);
	*ret = open_embedded(core);
	if (*ret >= 0)
		return NULL;
	if (override && *override) {
		*ret = try_path(&search, override);
		if (*ret < 0)
			return hb_error_create(HB_ERR_ATTACH,
			                       search.wrong_build
			                               ? "HELDBY_EXE: '%s' is another build than the one in the core"
			                               : "HELDBY_EXE: '%s' is not a readable x86-64 ELF file",
			                       override);
		return NULL;
	}
	if (*path == '/')
		*ret = try_path(&search, path);
	if (*ret < 0)
		*ret = try_next_to_core(&search, path);
	if (*path)
		tell_executable(core, &search, *ret);
	return NULL;
}

/* The executable is the file that holds the program headers the kernel told the process about; its name as exec saw it
 * (AT_EXECFN) may be a link, a script or relative. */
static const char *executable_path(const struct hb_core *core)
{
	uint64_t at;
	if (!hb_core_auxv(core, AT_PHDR, &at) && !hb_core_auxv(core, AT_ENTRY, &at))
		return core->file_maps.len ? core->file_maps.data[0].path : "";
	for (size_t i = 0; i < core->file_maps.len; i++)
		if (core->file_maps.data[i].start <= at && at < core->file_maps.data[i].end)
			return core->file_maps.data[i].path;
	return "";
}

static int image_of_path(const struct hb_core *core, const char *path)
{
	for (size_t i = core->images.len; i--;)
		if (core->images.data[i].path == path || !strcmp(core->images.data[i].path, path))
			return (int)i;
	return -1;
}

struct hb_error *hb_core_find_images(struct hb_core *core)
{
	if (!core->target.exe_path) {
		core->target.exe_path = strdup(executable_path(core));
		if (!core->target.exe_path)
			return hb_error_nomem();
	}
	int fd = -1;
	TRY(find_executable(core, &fd));
	if (!hb_vec_push(&core->images, (struct hb_core_image){core->target.exe_path, fd})) {
		if (fd >= 0)
			close(fd);
		return hb_error_nomem();
	}
	/* heldby's snapshots hold all that is needed; other cores may lack the text of libraries and plugins. */
	if (core->writer == HB_CORE_HELDBY)
		return NULL;
	for (size_t i = 0; i < core->file_maps.len && core->images.len < MAX_IMAGES; i++) {
		const struct hb_core_file_map *map = &core->file_maps.data[i];
		/* A program or library is mapped from its first page on; data files mostly too, but are not ELF. */
		if (map->offset || *map->path != '/' || image_of_path(core, map->path) >= 0)
			continue;
		struct search search = {.core = core};
		search.has_head = mapped_head(core, map->path, search.head);
		fd = search.has_head ? try_path(&search, map->path) : -1;
		if (!hb_vec_push(&core->images, (struct hb_core_image){map->path, fd})) {
			if (fd >= 0)
				close(fd);
			return hb_error_nomem();
		}
	}
	return NULL;
}

int hb_core_open_file(const struct hb_core *core, const char *path)
{
	int image = image_of_path(core, path);
	struct search search = {.core = core};
	if (image >= 0)
		return core->images.data[image].fd < 0 ? -1 : fcntl(core->images.data[image].fd, F_DUPFD_CLOEXEC, 3);
	search.has_head = *path == '/' && mapped_head(core, path, search.head);
	return search.has_head ? try_path(&search, path) : -1;
}

/* --- What it may stand in for --------------------------------------------------------------------------------------
 */

static uint64_t page_down(uint64_t value)
{
	return value & ~(uint64_t)(HB_CORE_PAGE - 1);
}

static uint64_t page_up(uint64_t value)
{
	return value > UINT64_MAX - HB_CORE_PAGE ? page_down(value) : page_down(value + HB_CORE_PAGE - 1);
}

/* Address minus file offset of the process's copy of each segment is p_vaddr - p_offset + bias. */
static bool load_bias(const struct hb_core *core, const char *path, const struct image_headers *headers, uint64_t *ret)
{
	for (size_t i = 0; i < core->file_maps.len; i++) {
		const struct hb_core_file_map *map = &core->file_maps.data[i];
		if (map->offset || strcmp(map->path, path))
			continue;
		for (size_t k = 0; k < headers->n; k++)
			if (headers->segments[k].p_type == PT_LOAD && !page_down(headers->segments[k].p_offset)) {
				*ret = map->start - page_down(headers->segments[k].p_vaddr);
				return true;
			}
	}
	return false;
}

struct piece { /* of file offsets, whole pages */
	uint64_t start, end;
};

/* The pages that a segment has in the file, within `whole`, if the map with this displacement is one of it. */
static bool segment_pages(const Elf64_Phdr *segment, uint64_t displacement, struct piece whole, struct piece *ret)
{
	uint64_t end;
	if (segment->p_type != PT_LOAD || segment->p_vaddr - segment->p_offset != displacement ||
	    hb_add_overflows(segment->p_offset, segment->p_filesz, &end))
		return false;
	ret->start = hb_max(page_down(segment->p_offset), whole.start);
	ret->end = hb_min(page_up(end), whole.end);
	return ret->start < ret->end;
}

/* The first piece of `whole` that lies in segments which the process could not write. RELRO data is part of a writable
 * segment, so it is left out as well. */
static bool first_constant_piece(const struct image_headers *headers, uint64_t displacement, struct piece whole,
                                 struct piece *ret)
{
	*ret = (struct piece){UINT64_MAX, UINT64_MAX};
	for (size_t i = 0; i < headers->n; i++) {
		struct piece one;
		if (!(headers->segments[i].p_flags & PF_W) &&
		    segment_pages(&headers->segments[i], displacement, whole, &one) && one.start < ret->start)
			*ret = one;
	}
	if (ret->start == UINT64_MAX)
		return false;
	/* A page that a writable segment shares belongs to that one: it is mapped later. */
	for (size_t i = 0; i < headers->n; i++) {
		struct piece one;
		if (!(headers->segments[i].p_flags & PF_W) ||
		    !segment_pages(&headers->segments[i], displacement, *ret, &one))
			continue;
		if (one.start == ret->start)
			ret->start = one.end;
		else
			ret->end = one.start;
		if (ret->start == ret->end)
			break;
	}
	return true;
}

struct hb_error *hb_core_image_extents(struct hb_core *core, const struct hb_core_file_map *map, int image)
{
	int fd = core->images.data[image].fd;
	static _Thread_local struct image_headers headers;
	struct stat status;
	uint64_t bias;
	if (fd < 0 || fstat(fd, &status) || !read_image_headers(fd, &headers) ||
	    !load_bias(core, map->path, &headers, &bias))
		return NULL;
	/* The rest of the file's last page reads as zero in a mapping too. */
	struct piece whole = {map->offset,
	                      hb_min(map->offset + (map->end - map->start), page_up((uint64_t)status.st_size))};
	uint64_t displacement = map->start - map->offset;
	while (whole.start < whole.end) {
		struct piece piece;
		if (!first_constant_piece(&headers, displacement - bias, whole, &piece))
			break;
		if (piece.start < piece.end)
			HB_VEC_PUSH(&core->extents,
			            (struct hb_core_extent){displacement + piece.start, displacement + piece.end,
			                                    piece.start, image});
		whole.start = hb_max(piece.end, whole.start + HB_CORE_PAGE);
	}
	return NULL;
}
