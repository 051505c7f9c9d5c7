/* ELF cores behind struct hb_target_ops. */
#include "target/core.h"
#include "snapshot/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void core_destroy(struct hb_target *target)
{
	struct hb_core *core = hb_core_of(target);
	for (size_t i = 0; i < core->images.len; i++)
		if (core->images.data[i].fd >= 0)
			close(core->images.data[i].fd);
	if (core->fd >= 0)
		close(core->fd);
	hb_vec_deinit(&core->segments);
	hb_vec_deinit(&core->file_maps);
	hb_vec_deinit(&core->images);
	hb_vec_deinit(&core->extents);
	hb_vec_deinit(&core->holes);
	hb_vec_deinit(&core->runs);
	hb_vec_deinit(&core->threads);
	hb_vec_deinit(&core->recorded);
	hb_arena_deinit(&core->arena);
	hb_notes_deinit(&target->notes);
	free(target->name);
	free(target->exe_path);
	free(target->mappings);
	free(core);
}

/* A core does not change: mappings and threads were read when it was opened, and nothing runs that could be stopped. */
static struct hb_error *core_refresh_mappings(struct hb_target *target)
{
	(void)target;
	return NULL;
}

static struct hb_error *core_stop(struct hb_target *target, uint64_t max_wait_ns)
{
	(void)max_wait_ns;
	target->stopped = true;
	return NULL;
}

static struct hb_error *core_resume(struct hb_target *target)
{
	target->stopped = false;
	return NULL;
}

/* --- Reading -------------------------------------------------------------------------------------------------------
 */

static const struct hb_core_extent *extent_at_or_after(const struct hb_core *core, uint64_t addr)
{
	size_t low = hb_core_first_extent(core, addr);
	return low < core->extents.len ? &core->extents.data[low] : NULL;
}

/* Bytes that no file holds are zero if the process never touched them, unread otherwise. */
static void read_nothing(const struct hb_core *core, uint64_t addr, uint8_t *to, uint64_t len, uint64_t *unread)
{
	memset(to, 0, len);
	while (len) {
		uint64_t piece = hb_min(len, HB_CORE_PAGE - addr % HB_CORE_PAGE);
		uint8_t state;
		hb_core_page_states(core, addr & ~(uint64_t)(HB_CORE_PAGE - 1), 1, &state);
		if (state != HB_PAGE_ZERO)
			*unread += piece;
		addr += piece;
		len -= piece;
	}
}

/* The end of a file counts as zeroes up to the end of its page, as in a mapping; anything else that cannot be read is
 * unread (the file shrank, or the disk fails). */
static void read_extent(const struct hb_core *core, const struct hb_core_extent *extent, uint64_t addr, uint8_t *to,
                        uint64_t len, uint64_t *unread)
{
	int fd = hb_core_extent_fd(core, extent);
	uint64_t offset = extent->offset + (addr - extent->start);
	while (len) {
		ssize_t n = pread(fd, to, hb_min(len, (uint64_t)1 << 30), (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			memset(to, 0, len);
			if (n < 0 || extent->image < 0 || len >= HB_CORE_PAGE)
				*unread += len;
			return;
		}
		to += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
}

static void read_range(const struct hb_core *core, uint64_t addr, uint8_t *to, uint64_t len, uint64_t *unread)
{
	uint64_t end;
	if (hb_add_overflows(addr, len, &end)) {
		memset(to, 0, len);
		*unread += len;
		return;
	}
	while (addr < end) {
		const struct hb_core_extent *extent = extent_at_or_after(core, addr);
		uint64_t stop;
		if (extent && extent->start <= addr) {
			stop = hb_min(end, extent->end);
			read_extent(core, extent, addr, to, stop - addr, unread);
		} else {
			stop = extent ? hb_min(end, extent->start) : end;
			read_nothing(core, addr, to, stop - addr, unread);
		}
		to += stop - addr;
		addr = stop;
	}
}

static struct hb_error *core_read(struct hb_target *target, const struct hb_range *ranges, size_t n, uint64_t *unread)
{
	for (size_t i = 0; i < n; i++)
		read_range(hb_core_of(target), ranges[i].addr, ranges[i].to, ranges[i].len, unread);
	return NULL;
}

static struct hb_error *core_pages(struct hb_target *target, uint64_t start, size_t npages, uint8_t *ret)
{
	hb_core_page_states(hb_core_of(target), start, npages, ret);
	for (size_t i = 0; i < npages; i++)
		switch (ret[i]) {
		case HB_PAGE_READ:
			ret[i] = HB_PAGE_PRESENT;
			break;
		case HB_PAGE_ZERO:
			ret[i] = HB_PAGE_ABSENT;
			break;
		case HB_PAGE_UNREAD:
			ret[i] = HB_PAGE_UNCAPTURED;
			break;
		default: /* contents unknown, like a page that was swapped out */
			ret[i] = HB_PAGE_SWAPPED;
		}
	return NULL;
}

static struct hb_error *core_open_exe(struct hb_target *target, int *ret)
{
	const struct hb_core *core = hb_core_of(target);
	int fd = core->images.len ? core->images.data[0].fd : -1;
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return hb_error_create(HB_ERR_ATTACH,
		                       "the executable of '%s' is not here: put it next to the core, or name it "
		                       "in HELDBY_EXE",
		                       core->path);
	*ret = fd;
	return NULL;
}

static int core_open_mapped(struct hb_target *target, const struct hb_mapping *mapping)
{
	return hb_core_open_file(hb_core_of(target), mapping->path);
}

static const struct hb_target_ops core_ops = {
        .destroy = core_destroy,
        .refresh_mappings = core_refresh_mappings,
        .stop = core_stop,
        .resume = core_resume,
        .read = core_read,
        .pages = core_pages,
        .open_exe = core_open_exe,
        .open_mapped = core_open_mapped,
};

struct hb_error *hb_core_describe(struct hb_target *target, struct hb_snapshot *snapshot)
{
	const struct hb_core_record *record = &hb_core_of(target)->record;
	const char *method = hb_arena_strdup(&snapshot->arena, record->method);
	if (!method)
		return hb_error_nomem();
	snapshot->method = method;
	snapshot->pause_ns = record->pause_ns;
	snapshot->bytes_copied = record->bytes_copied;
	snapshot->taken_ns = record->taken_ns;
	return NULL;
}

enum { MAX_REASONS = 3 };

struct hb_error *hb_core_explain(const struct hb_target *target, struct hb_error *err)
{
	if (target->kind != HB_TARGET_CORE || !err || !target->notes.texts.len)
		return err;
	hb_autofree char *reasons = NULL;
	for (size_t i = 0; i < target->notes.texts.len && i < MAX_REASONS; i++) {
		char *longer = NULL;
		if (asprintf(&longer, "%s; %s", reasons ? reasons : err->message, target->notes.texts.data[i]) < 0)
			return err;
		free(reasons);
		reasons = longer;
	}
	struct hb_error *explained = hb_error_create(err->code, "%s", reasons);
	hb_error_destroy(err);
	return explained;
}

/* --- Opening -------------------------------------------------------------------------------------------------------
 */

static struct hb_error *name_target(struct hb_core *core)
{
	struct hb_target *target = &core->target;
	if (target->name && *target->name)
		return NULL;
	const char *slash = strrchr(target->exe_path, '/');
	free(target->name);
	target->name = strdup(slash ? slash + 1 : target->exe_path);
	return target->name ? NULL : hb_error_nomem();
}

static struct hb_error *open_steps(struct hb_core *core)
{
	struct stat status;
	/* When it was taken, unless its notes know better. */
	if (!fstat(core->fd, &status))
		core->record.taken_ns =
		        (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
	TRY(hb_core_unpack(&core->fd, core->path, &core->target.notes));
	if (fstat(core->fd, &status))
		return hb_error_create(HB_ERR_ATTACH, "cannot read '%s': %s", core->path, strerror(errno));
	core->size = (uint64_t)status.st_size;
	TRY(hb_core_find_holes(core));
	TRY(hb_core_read_headers(core));
	core->target.threads = core->threads.data;
	core->target.nthreads = core->threads.len;
	if (!core->threads.len)
		hb_notes_add_partial(&core->target.notes,
		                     "the core records no threads: what registers held is not seen");
	TRY(hb_core_find_images(core));
	TRY(name_target(core));
	return hb_core_lay_out(core);
}

struct hb_error *hb_core_open_fd(int fd, const char *path, struct hb_target **ret)
{
	struct hb_core *core = calloc(1, sizeof(*core));
	if (!core) {
		close(fd);
		return hb_error_nomem();
	}
	core->target.ops = &core_ops;
	core->target.kind = HB_TARGET_CORE;
	core->fd = fd;
	core->record.method = "core";
	core->path = hb_arena_strdup(&core->arena, path);
	struct hb_error *err = core->path ? open_steps(core) : hb_error_nomem();
	if (err) {
		core_destroy(&core->target);
		return err;
	}
	*ret = &core->target;
	return NULL;
}

struct hb_error *hb_core_open(const char *path, struct hb_target **ret)
{
	struct stat status;
	/* Not blocking: opening a pipe would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return hb_error_create(HB_ERR_ATTACH, "cannot open '%s': %s", path, strerror(errno));
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		close(fd);
		return hb_error_create(HB_ERR_ATTACH, "'%s' is not a file: give a pid, a process name, or an ELF core",
		                       path);
	}
	return hb_core_open_fd(fd, path, ret);
}
