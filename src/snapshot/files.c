/* Which files of a process hold Go code: the executable of most programs; plugins and libraries that Go's linker made, of
 * which a program may have several, or a C program one (-buildmode=plugin, c-shared, shared).
 */
#include "snapshot/capture_internal.h"
#include "target/elf_image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = HB_GO_MAX_MODULES };

/* --- Which files ------------------------------------------------------------------------------------------------- */

struct mapped_file {
	struct hb_target *target;
	const struct hb_mapping *mapping; /* of its first page */
	int fd;                           /* -1: only what is mapped */
};

/* Of a process only its file is read: pages of it may not be in memory. Of a core the file may not be here. */
static bool read_mapped_file(void *ctx, uint64_t offset, void *to, size_t len)
{
	const struct mapped_file *file = ctx;
	if (file->fd >= 0)
		return pread(file->fd, to, len, (off_t)offset) == (ssize_t)len;
	uint64_t size = file->mapping->end - file->mapping->start;
	if (file->target->kind != HB_TARGET_CORE || offset > size || len > size - offset)
		return false;
	struct hb_error *err = hb_target_read(file->target, file->mapping->start + offset, to, len);
	hb_error_destroy(err);
	return !err;
}

/* By name first. The kernel tells the name that a file has now, which is another one once a new version has its place ("app.old",
 * "app (deleted)"); and a file system may have inodes of its own that its mappings do not show (overlayfs). */
static const struct hb_snapshot_file *find_file(const struct hb_snapshot *snapshot, const struct hb_mapping *mapping)
{
	for (size_t i = 0; i < snapshot->nfiles; i++)
		if (*mapping->path && !strcmp(snapshot->files[i].path, mapping->path))
			return &snapshot->files[i];
	for (size_t i = 0; mapping->device && mapping->inode && i < snapshot->nfiles; i++)
		if (snapshot->files[i].device == mapping->device && snapshot->files[i].inode == mapping->inode)
			return &snapshot->files[i];
	return NULL;
}

const struct hb_snapshot_file *capture_file_of(const struct capture *capture, size_t index)
{
	const struct hb_mapping *mapping = &capture->target->mappings[index], *before = mapping - 1;
	if (mapping->inode || mapping->path[0])
		return find_file(capture->snapshot, mapping);
	/* bss: the anonymous mapping right behind the data. */
	if (!index || !mapping->writable || before->end != mapping->start || !before->inode)
		return NULL;
	return find_file(capture->snapshot, before);
}

static struct hb_error *add_file(struct capture *capture, const char *path, int fd)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	const char *copy = hb_arena_strdup(&snapshot->arena, path);
	if (!copy) {
		if (fd >= 0)
			close(fd);
		return hb_error_nomem();
	}
	struct hb_snapshot_file *file = &snapshot->files[snapshot->nfiles++];
	*file = (struct hb_snapshot_file){.path = copy, .start = UINT64_MAX, .fd = fd};
	struct stat status;
	if (capture->target->kind == HB_TARGET_LIVE && fd >= 0 && !fstat(fd, &status)) {
		file->device = status.st_dev;
		file->inode = status.st_ino;
	}
	return NULL;
}

/* A library or plugin is mapped from its first page on, and some of it can be executed: of what is not in a core nothing says
 * whether it could. */
static bool may_be_library(const struct capture *capture, size_t index)
{
	const struct hb_target *target = capture->target;
	const struct hb_mapping *mapping = &target->mappings[index];
	if (mapping->file_offset || !mapping->inode || mapping->path[0] != '/' || find_file(capture->snapshot, mapping))
		return false;
	if (target->kind == HB_TARGET_CORE)
		return true;
	for (size_t i = index; i < target->nmappings && !strcmp(target->mappings[i].path, mapping->path); i++)
		if (target->mappings[i].executable)
			return true;
	return false;
}

static struct hb_error *add_library(struct capture *capture, size_t index)
{
	const struct hb_mapping *mapping = &capture->target->mappings[index];
	int fd = capture->target->ops->open_mapped(capture->target, mapping);
	if (hb_elf_is_made_by_go(read_mapped_file, &(struct mapped_file){capture->target, mapping, fd}))
		return add_file(capture, mapping->path, fd);
	if (fd >= 0)
		close(fd);
	return NULL;
}

struct hb_error *capture_find_files(struct capture *capture)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	const struct hb_target *target = capture->target;
	snapshot->files = calloc(MAX_FILES, sizeof(*snapshot->files));
	if (!snapshot->files)
		return hb_error_nomem();
	TRY(add_file(capture, snapshot->exe_path,
	             snapshot->exe_fd < 0 ? -1 : fcntl(snapshot->exe_fd, F_DUPFD_CLOEXEC, 3)));
	for (size_t i = 0; i < target->nmappings && snapshot->nfiles < MAX_FILES; i++)
		if (may_be_library(capture, i))
			TRY(add_library(capture, i));
	for (size_t i = 0; i < target->nmappings; i++) {
		struct hb_snapshot_file *file = (struct hb_snapshot_file *)capture_file_of(capture, i);
		if (!file)
			continue;
		file->start = hb_min(file->start, target->mappings[i].start);
		file->end = hb_max(file->end, target->mappings[i].end);
	}
	return NULL;
}

/* --- Which one is the program ------------------------------------------------------------------------------------ */

static bool has_module(const struct hb_snapshot_file *file, const struct hb_go_location *location)
{
	for (size_t i = 0; i < location->nmodules; i++)
		if (location->moduledata[i] >= file->start && location->moduledata[i] < file->end)
			return true;
	return false;
}

static void set_program(struct hb_snapshot *snapshot, const struct hb_snapshot_file *file)
{
	if (snapshot->exe_fd >= 0)
		close(snapshot->exe_fd);
	snapshot->exe_fd = file->fd < 0 ? -1 : fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
	snapshot->exe_path = file->path;
}

/* Each library of the kind c-shared has a runtime of its own. */
static void note_others(struct capture *capture)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	for (size_t i = 1; i < snapshot->nfiles; i++)
		if (!has_module(&snapshot->files[i], &capture->go))
			hb_notes_add(&snapshot->notes,
			             "'%s' has a Go runtime of its own: its heap and its goroutines are not examined",
			             snapshot->files[i].path);
}

/* What a library says is of interest only where the executable is no Go program. */
static struct hb_error *better_error(struct hb_error *before, struct hb_error *err, bool *is_go,
                                     const struct hb_go_location *location)
{
	bool take = !before || (!*is_go && location->version.minor);
	*is_go |= location->version.minor != 0;
	hb_error_destroy(take ? before : err);
	return take ? err : before;
}

/* How many spans its heap has. */
static uint64_t size_of(const struct hb_go_memory *memory, const struct hb_go_location *location)
{
	uint64_t n;
	return hb_go_memory_u64(memory, location->mheap + location->layout->mheap.allspans + 8, &n) ? n : 0;
}

/* Among libraries the runtime with the largest heap; the executable's own comes before them. */
static struct hb_error *locate_best(struct capture *capture, const struct hb_snapshot_file **ret)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	const struct hb_go_memory memory = {snapshot, capture->target};
	struct hb_error *failed = NULL;
	bool is_go = false;
	*ret = NULL;
	for (size_t i = 0; i < snapshot->nfiles && !(*ret == &snapshot->files[0]); i++) {
		struct hb_go_location location = {0};
		snapshot->program = snapshot->nfiles > 1 ? &snapshot->files[i] : NULL;
		set_program(snapshot, &snapshot->files[i]);
		struct hb_error *err = hb_go_locate(&memory, &snapshot->arena, &location);
		if (err) {
			failed = better_error(failed, err, &is_go, &location);
		} else if (!*ret || size_of(&memory, &location) > size_of(&memory, &capture->go)) {
			*ret = &snapshot->files[i];
			capture->go = location;
		}
	}
	if (*ret)
		hb_error_destroy(failed);
	else if (!failed)
		failed = hb_error_create(HB_ERR_CORRUPT, "the target has no executable");
	return *ret ? NULL : failed;
}

struct hb_error *capture_locate(struct capture *capture)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	const struct hb_snapshot_file *program;
	TRY(locate_best(capture, &program));
	snapshot->program = snapshot->nfiles > 1 ? program : NULL;
	note_others(capture);
	/* A program whose runtime is in a library of its own (-linkshared) has its name all the same. */
	set_program(snapshot, has_module(&snapshot->files[0], &capture->go) ? &snapshot->files[0] : program);
	return NULL;
}
