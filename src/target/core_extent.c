/* Who holds which address: the core's segments first, then the files that were mapped. From that, the mappings, the
 * state of each page, and the memory figures. */
#include "snapshot/snapshot.h"
#include "target/core.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

int hb_core_extent_fd(const struct hb_core *core, const struct hb_core_extent *extent)
{
	return extent->image < 0 ? core->fd : core->images.data[extent->image].fd;
}

/* --- Extents -------------------------------------------------------------------------------------------------------
 */

static int compare_extents(const void *a, const void *b)
{
	const struct hb_core_extent *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->image < y->image ? -1 : x->image > y->image;
}

/* A stretch of a segment, without the pages that heldby recorded as not read: in the file they are zeroes that nobody
 * saw in the process. *run: the first run that may matter, advanced. */
static struct hb_error *push_read_parts(struct hb_core *core, struct hb_core_extent extent, size_t *run)
{
	while (*run < core->runs.len && core->runs.data[*run].end <= extent.start)
		++*run;
	for (size_t i = *run; extent.start < extent.end; i++) {
		const struct hb_core_run *one = i < core->runs.len ? &core->runs.data[i] : NULL;
		if (one && one->start < extent.end && (one->state == HB_PAGE_READ || one->state == HB_PAGE_ZERO))
			continue;
		bool cut = one && one->start < extent.end;
		uint64_t stop = cut ? hb_max(one->start, extent.start) : extent.end;
		if (stop > extent.start)
			HB_VEC_PUSH(&core->extents, (struct hb_core_extent){extent.start, stop, extent.offset, -1});
		if (!cut)
			break;
		uint64_t skip = hb_min(one->end, extent.end) - extent.start;
		extent.start += skip;
		extent.offset += skip;
	}
	return NULL;
}

/* A last page that is not whole is left out: no writer makes one, and less than a page is lost. */
static struct hb_error *add_segment_extents(struct hb_core *core)
{
	size_t run = 0;
	for (size_t i = 0; i < core->segments.len; i++) {
		const struct hb_core_segment *segment = &core->segments.data[i];
		uint64_t len = hb_min(segment->filesz, segment->end - segment->start) & ~(uint64_t)(HB_CORE_PAGE - 1);
		if (len)
			TRY(push_read_parts(
			        core,
			        (struct hb_core_extent){segment->start, segment->start + len, segment->offset, -1},
			        &run));
	}
	return NULL;
}

static struct hb_error *add_image_extents(struct hb_core *core)
{
	for (size_t i = 0; i < core->file_maps.len; i++) {
		const struct hb_core_file_map *map = &core->file_maps.data[i];
		for (size_t k = 0; k < core->images.len; k++)
			if (core->images.data[k].fd >= 0 && !strcmp(core->images.data[k].path, map->path)) {
				TRY(hb_core_image_extents(core, map, (int)k));
				break;
			}
	}
	return NULL;
}

/* Appends the parts of extent that no extent of others[0..n) (sorted, disjoint) covers. */
static struct hb_error *push_uncovered(struct hb_core *core, struct hb_core_extent extent, size_t *next, size_t n)
{
	while (*next < n && core->extents.data[*next].end <= extent.start)
		++*next;
	for (size_t i = *next; extent.start < extent.end; i++) {
		bool covered = i < n && core->extents.data[i].start < extent.end;
		uint64_t stop = covered ? hb_max(core->extents.data[i].start, extent.start) : extent.end;
		if (stop > extent.start)
			HB_VEC_PUSH(&core->extents,
			            (struct hb_core_extent){extent.start, stop, extent.offset, extent.image});
		if (!covered)
			break;
		uint64_t skip = hb_min(core->extents.data[i].end, extent.end) - extent.start;
		extent.start += skip;
		extent.offset += skip;
	}
	return NULL;
}

static struct hb_error *build_extents(struct hb_core *core)
{
	TRY(add_segment_extents(core));
	if (core->writer == HB_CORE_HELDBY)
		return NULL;
	size_t held = core->extents.len;
	TRY(add_image_extents(core));
	size_t nimage = core->extents.len - held;
	if (!nimage)
		return NULL;
	struct hb_core_extent *from_images = malloc(nimage * sizeof(*from_images));
	if (!from_images)
		return hb_error_nomem();
	memcpy(from_images, core->extents.data + held, nimage * sizeof(*from_images));
	qsort(from_images, nimage, sizeof(*from_images), compare_extents);
	core->extents.len = held;
	struct hb_error *err = NULL;
	uint64_t taken = 0;
	size_t next = 0;
	for (size_t i = 0; i < nimage && !err; i++) {
		/* File maps of a damaged core may overlap: the first one counts. */
		if (from_images[i].start < taken)
			continue;
		taken = from_images[i].end;
		err = push_uncovered(core, from_images[i], &next, held);
	}
	free(from_images);
	if (!err)
		qsort(core->extents.data, core->extents.len, sizeof(*core->extents.data), compare_extents);
	return err;
}

size_t hb_core_first_extent(const struct hb_core *core, uint64_t addr)
{
	return hb_partition_point(core->extents.len, i, core->extents.data[i].end <= addr);
}

/* --- Page states ---------------------------------------------------------------------------------------------------
 */

/* Pages that are in no file: zero if the process never touched them, unknown otherwise. The kernel leaves out private
 * anonymous memory only when nothing was ever written to it (fs/coredump.c, vma_dump_size: no anon_vma) or when the
 * program asked for it with MADV_DONTDUMP, which Go's runtime does not use. */
static bool is_untouched(const struct hb_core *core, const struct hb_core_segment *segment)
{
	if (segment->flags == 0)
		return true; /* not accessible: reserved address space */
	if (core->writer != HB_CORE_KERNEL || segment->filesz || core->missing)
		return false;
	for (size_t low = 0, high = core->file_maps.len; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct hb_core_file_map *map = &core->file_maps.data[middle];
		if (map->end <= segment->start)
			low = middle + 1;
		else if (map->start >= segment->end)
			high = middle;
		else
			return false;
	}
	return true;
}

static void mark(uint8_t *states, uint64_t base, uint64_t limit, uint64_t start, uint64_t end, uint8_t state)
{
	start = hb_max(start, base);
	end = hb_min(end, limit);
	if (start < end)
		memset(states + (start - base) / HB_CORE_PAGE, state, (end - start) / HB_CORE_PAGE);
}

static void mark_segments(const struct hb_core *core, uint64_t start, uint64_t end, uint8_t *ret)
{
	size_t low = hb_partition_point(core->segments.len, i, core->segments.data[i].end <= start);
	for (size_t i = low; i < core->segments.len && core->segments.data[i].start < end; i++)
		if (is_untouched(core, &core->segments.data[i]))
			mark(ret, start, end, core->segments.data[i].start, core->segments.data[i].end, HB_PAGE_ZERO);
}

enum { MAX_HOLES = 1 << 22 }; /* what is behind them counts as data */

/* Once for the whole file: each question to the file system may cost it a walk to the next hole. */
struct hb_error *hb_core_find_holes(struct hb_core *core)
{
	uint64_t at = 0;
	while (at < core->size && core->holes.len < MAX_HOLES) {
		off_t start = lseek(core->fd, (off_t)at, SEEK_HOLE);
		if (start < 0 || (uint64_t)start >= core->size)
			break;
		off_t data = lseek(core->fd, start, SEEK_DATA);
		uint64_t end = data < 0 ? core->size : (uint64_t)data;
		if (end <= (uint64_t)start)
			break;
		HB_VEC_PUSH(&core->holes, (struct hb_core_hole){(uint64_t)start, end});
		at = end;
	}
	return NULL;
}

static void mark_holes(const struct hb_core *core, uint64_t delta, uint64_t from, uint64_t to, uint64_t base,
                       uint8_t *ret)
{
	size_t low = hb_partition_point(core->holes.len, i, core->holes.data[i].end <= from - delta);
	for (size_t i = low; i < core->holes.len && core->holes.data[i].start < to - delta; i++) {
		/* Only whole pages of the process: in gdb's cores they are not aligned in the file. */
		uint64_t start = hb_max(core->holes.data[i].start, from - delta) + delta;
		uint64_t end = (hb_min(core->holes.data[i].end, to - delta) + delta) & ~(uint64_t)(HB_CORE_PAGE - 1);
		mark(ret, base, to, (start + HB_CORE_PAGE - 1) & ~(uint64_t)(HB_CORE_PAGE - 1), end, HB_PAGE_ZERO);
	}
}

/* Holes of a sparse core are pages that were zero. */
static void mark_extent(const struct hb_core *core, const struct hb_core_extent *extent, uint64_t start, uint64_t end,
                        uint8_t *ret)
{
	uint64_t from = hb_max(start, extent->start), to = hb_min(end, extent->end);
	mark(ret, start, end, from, to, HB_PAGE_READ);
	if (extent->image < 0)
		mark_holes(core, extent->start - extent->offset, from, to, start, ret);
}

static void mark_runs(const struct hb_core *core, uint64_t start, uint64_t end, uint8_t *ret)
{
	size_t low = hb_partition_point(core->runs.len, i, core->runs.data[i].end <= start);
	for (size_t i = low; i < core->runs.len && core->runs.data[i].start < end; i++) {
		const struct hb_core_run *run = &core->runs.data[i];
		uint64_t from = hb_max(run->start, start), to = hb_min(run->end, end);
		if (run->state != HB_PAGE_READ) {
			mark(ret, start, end, from, to, run->state);
			continue;
		}
		/* A read page that is missing (a copy cut short) is lost; what the segments hold stays as it is. */
		for (uint64_t page = from; page < to; page += HB_CORE_PAGE) {
			uint8_t *state = &ret[(page - start) / HB_CORE_PAGE];
			*state = *state == HB_PAGE_LOST ? HB_PAGE_LOST : HB_PAGE_READ;
		}
	}
}

void hb_core_page_states(const struct hb_core *core, uint64_t start, size_t npages, uint8_t *ret)
{
	uint64_t end = start + (uint64_t)npages * HB_CORE_PAGE;
	memset(ret, HB_PAGE_LOST, npages);
	mark_segments(core, start, end, ret);
	for (size_t i = hb_core_first_extent(core, start); i < core->extents.len && core->extents.data[i].start < end;
	     i++)
		mark_extent(core, &core->extents.data[i], start, end, ret);
	mark_runs(core, start, end, ret);
}

/* --- Mappings ------------------------------------------------------------------------------------------------------
 */

static struct hb_error *push_mapping(struct hb_core *core, struct hb_mapping mapping)
{
	size_t n = core->target.nmappings;
	if (!(n & (n - 1))) {
		struct hb_mapping *grown = reallocarray(core->target.mappings, n ? 2 * n : 1, sizeof(*grown));
		if (!grown)
			return hb_error_nomem();
		core->target.mappings = grown;
	}
	core->target.mappings[core->target.nmappings++] = mapping;
	return NULL;
}

static bool in_segment(const struct hb_core_segment *segment, uint64_t addr)
{
	return segment->start <= addr && addr < segment->end;
}

/* The kernel's names for what has no file. The main thread's stack holds the 16 random bytes of AT_RANDOM; where its
 * stack pointer is says nothing, since Go runs on stacks of its own. */
static const char *segment_name(const struct hb_core *core, const struct hb_core_segment *segment)
{
	uint64_t addr;
	if (hb_core_auxv(core, AT_RANDOM, &addr) && in_segment(segment, addr))
		return "[stack]";
	if (hb_core_auxv(core, AT_SYSINFO_EHDR, &addr) && in_segment(segment, addr))
		return "[vdso]";
	return "";
}

static struct hb_mapping segment_mapping(const struct hb_core *core, const struct hb_core_segment *segment,
                                         uint64_t start, uint64_t end)
{
	return (struct hb_mapping){
	        .start = start,
	        .end = end,
	        .readable = segment->flags & PF_R,
	        .writable = segment->flags & PF_W,
	        .executable = segment->flags & PF_X,
	        .path = segment_name(core, segment),
	};
}

static struct hb_mapping file_mapping(const struct hb_core_file_map *map, uint64_t start, uint64_t end)
{
	return (struct hb_mapping){
	        .start = start,
	        .end = end,
	        .file_offset = map->offset + (start - map->start),
	        .inode = 1, /* some file: the core does not say which inode */
	        .readable = true,
	        .path = map->path,
	};
}

/* The union of segments and file maps. gdb leaves out segments that it does not dump, the kernel never does; a mapping
 * that only NT_FILE knows is taken as read-only, which is why gdb did not dump it. */
static struct hb_error *unite_mappings(struct hb_core *core)
{
	size_t nmaps = core->file_maps.len, map = 0;
	uint64_t at = 0;
	for (size_t i = 0; i <= core->segments.len; i++) {
		const struct hb_core_segment *segment = i < core->segments.len ? &core->segments.data[i] : NULL;
		uint64_t limit = segment ? segment->start : UINT64_MAX;
		for (; map < nmaps && core->file_maps.data[map].start < limit; map++) { /* before the segment */
			const struct hb_core_file_map *one = &core->file_maps.data[map];
			uint64_t start = hb_max(one->start, at), end = hb_min(one->end, limit);
			if (start < end)
				TRY(push_mapping(core, file_mapping(one, start, end)));
			at = hb_max(at, end);
			if (one->end > limit)
				break; /* goes on inside the segment */
		}
		for (at = segment ? hb_max(at, segment->start) : at; segment && at < segment->end;) {
			while (map < nmaps && core->file_maps.data[map].end <= at)
				map++;
			const struct hb_core_file_map *one = map < nmaps ? &core->file_maps.data[map] : NULL;
			bool inside = one && one->start <= at;
			uint64_t end = hb_min(segment->end, inside ? one->end : one ? one->start : UINT64_MAX);
			struct hb_mapping mapping = segment_mapping(core, segment, at, end);
			if (inside) {
				mapping.path = one->path;
				mapping.inode = 1;
				mapping.file_offset = one->offset + (at - one->start);
			}
			TRY(push_mapping(core, mapping));
			at = end;
		}
	}
	return NULL;
}

/* brk's heap starts at most 32 MB behind the program (arch_randomize_brk, x86-64) and is the first thing there. */
static void name_heap(struct hb_core *core)
{
	struct hb_mapping *mappings = core->target.mappings;
	size_t last = SIZE_MAX;
	for (size_t i = 0; i < core->target.nmappings; i++)
		if (*mappings[i].path && !strcmp(mappings[i].path, core->target.exe_path))
			last = i;
	for (size_t i = last; i < core->target.nmappings - 1; i++) {
		struct hb_mapping *next = &mappings[i + 1];
		if (next->start == mappings[i].end)
			continue; /* bss */
		if (!*next->path && next->writable && next->start - mappings[i].end <= (32 << 20))
			next->path = "[heap]";
		return;
	}
}

/* Bytes of the mapping that the core holds and that are not holes. */
static uint64_t held_bytes(const struct hb_core *core, const struct hb_mapping *mapping)
{
	uint64_t held = 0;
	enum { AT_ONCE = 4096 };
	uint8_t states[AT_ONCE];
	for (size_t i = hb_core_first_extent(core, mapping->start);
	     i < core->extents.len && core->extents.data[i].start < mapping->end; i++) {
		const struct hb_core_extent *extent = &core->extents.data[i];
		if (extent->image >= 0)
			continue;
		uint64_t start = hb_max(extent->start, mapping->start), end = hb_min(extent->end, mapping->end);
		while (start < end) {
			size_t n = (size_t)hb_min((end - start) / HB_CORE_PAGE, (uint64_t)AT_ONCE);
			memset(states, HB_PAGE_LOST, n);
			mark_extent(core, extent, start, start + (uint64_t)n * HB_CORE_PAGE, states);
			for (size_t k = 0; k < n; k++)
				held += states[k] == HB_PAGE_READ ? HB_CORE_PAGE : 0;
			start += (uint64_t)n * HB_CORE_PAGE;
		}
	}
	return held;
}

static void count_memory(struct hb_core *core)
{
	struct hb_target_memory *memory = &core->target.memory;
	for (size_t i = 0; i < core->target.nmappings; i++) {
		struct hb_mapping *mapping = &core->target.mappings[i];
		/* gdb writes reserved, inaccessible address space as if it were read-only zeroes. */
		if (core->writer == HB_CORE_GCORE && !*mapping->path && !mapping->writable && !mapping->executable)
			continue;
		mapping->rss = held_bytes(core, mapping);
		memory->rss += mapping->rss;
		*(*mapping->path && *mapping->path != '[' ? &memory->rss_file : &memory->rss_anon) += mapping->rss;
	}
}

struct hb_error *hb_core_lay_out(struct hb_core *core)
{
	TRY(build_extents(core));
	if (core->recorded.len) {
		for (size_t i = 0; i < core->recorded.len; i++)
			TRY(push_mapping(core, core->recorded.data[i]));
		return NULL; /* memory figures are recorded too */
	}
	TRY(unite_mappings(core));
	name_heap(core);
	count_memory(core);
	if (core->writer == HB_CORE_GCORE)
		hb_notes_add(&core->target.notes,
		             "gcore does not record which pages were in memory: RSS is an upper bound");
	return NULL;
}
