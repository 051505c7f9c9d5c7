/* Cores compressed with zstd (zstd core, coredumpctl, heldby snapshot -o x.zst): unpacked to an unlinked temporary
 * file.
 *
 * Stretches of zeroes become holes, so that the disk holds about what the process had in memory. What a hostile file
 * can cost is bounded: data by the space that is free, zeroes by MAX_HOLES, memory by zstd's window limit (128 MB). */
#include "base/progress.h"
#include "target/core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

enum { BLOCK = 1 << 20, INPUT = 1 << 18 };
static const uint64_t MAX_HOLES = UINT64_C(1) << 40;   /* 1 TB of zeroes */
static const uint64_t KEEP_FREE = UINT64_C(256) << 20; /* the machine goes on working */
static const uint64_t CHECK_EVERY = UINT64_C(32) << 20;

struct unpacking {
	const char *path;   /* of the core */
	const char *folder; /* of the temporary file */
	int in, out;
	ZSTD_DStream *stream;
	uint8_t *input, *block;
	size_t filled;       /* bytes of block */
	uint64_t size;       /* of the output so far */
	uint64_t data;       /* of that, bytes written */
	uint64_t next_check; /* when data gets here, look at the disk */
};

static const char *temporary_folder(void)
{
	const char *folder = getenv("TMPDIR");
	return folder && *folder ? folder : "/tmp";
}

static struct hb_error *open_temporary(const char *folder, int *ret)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) { /* not every file system has O_TMPFILE */
		hb_autofree char *name = NULL;
		if (asprintf(&name, "%s/heldby-core.XXXXXX", folder) < 0) {
			name = NULL;
			return hb_error_nomem();
		}
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0)
			return hb_error_create(HB_ERR_IO,
			                       "cannot make a temporary file in '%s': %s: set TMPDIR to a folder with "
			                       "room for the unpacked core",
			                       folder, strerror(errno));
		unlink(name);
	}
	*ret = fd;
	return NULL;
}

/* --- Output --------------------------------------------------------------------------------------------------------
 */

static struct hb_error *no_room(const struct unpacking *u)
{
	return hb_error_create(HB_ERR_IO,
	                       "'%s' unpacks to more than the %" PRIu64
	                       " MB that fit in '%s': set TMPDIR to a folder with more "
	                       "room, or unpack it yourself (zstd -d)",
	                       u->path, u->data >> 20, u->folder);
}

static struct hb_error *check_room(struct unpacking *u)
{
	struct statvfs room;
	if (u->data < u->next_check)
		return NULL;
	u->next_check = u->data + CHECK_EVERY;
	if (fstatvfs(u->out, &room) == 0 && (uint64_t)room.f_bavail * room.f_frsize < KEEP_FREE + CHECK_EVERY)
		return no_room(u);
	return NULL;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

static struct hb_error *write_page(struct unpacking *u, const uint8_t *page, size_t len)
{
	if (is_zero(page, len)) {
		u->size += len;
		if (u->size - u->data > MAX_HOLES)
			return hb_error_create(HB_ERR_CORRUPT,
			                       "'%s' unpacks to more than %" PRIu64 " GB of zeroes: it is no core",
			                       u->path, MAX_HOLES >> 30);
		return NULL;
	}
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(u->out, page + done, len - done, (off_t)(u->size + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno == ENOSPC
			               ? no_room(u)
			               : hb_error_create(HB_ERR_IO, "cannot write the unpacked core to '%s': %s",
			                                 u->folder, strerror(errno));
		done += (size_t)n;
	}
	u->size += len;
	u->data += len;
	return NULL;
}

/* Whole zero blocks are the common case in a sparse core. */
static struct hb_error *flush_block(struct unpacking *u)
{
	TRY(check_room(u));
	if (is_zero(u->block, u->filled)) {
		TRY(write_page(u, u->block, u->filled));
	} else {
		for (size_t at = 0; at < u->filled; at += HB_CORE_PAGE)
			TRY(write_page(u, u->block + at, hb_min(u->filled - at, (size_t)HB_CORE_PAGE)));
	}
	u->filled = 0;
	return hb_interrupted() ? hb_interrupted_error() : NULL;
}

/* --- Input ---------------------------------------------------------------------------------------------------------
 */

/* Something that does not begin like an ELF file is not worth unpacking. */
static struct hb_error *check_start(const struct unpacking *u)
{
	if (u->size || u->filled < 4 || !memcmp(u->block, "\177ELF", 4))
		return NULL;
	return hb_error_create(HB_ERR_UNSUPPORTED, "'%s' is a zstd file, but not of a core (no ELF header inside)",
	                       u->path);
}

static struct hb_error *zstd_error(const struct unpacking *u, size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
		return hb_error_create(
		        HB_ERR_UNSUPPORTED,
		        "'%s' was compressed with a larger window than heldby allows: unpack it yourself (zstd -d "
		        "--long=31)",
		        u->path);
	return hb_error_create(HB_ERR_CORRUPT, "'%s' is damaged behind its first %" PRIu64 " MB (zstd: %s)", u->path,
	                       u->size >> 20, ZSTD_getErrorName(code));
}

/* *frame_open: the last frame is not complete yet. */
static struct hb_error *unpack_input(struct unpacking *u, size_t len, bool *frame_open)
{
	ZSTD_inBuffer in = {u->input, len, 0};
	bool full = false; /* there may be more output of the same input */
	while (in.pos < in.size || full) {
		ZSTD_outBuffer out = {u->block, BLOCK, u->filled};
		size_t left = ZSTD_decompressStream(u->stream, &out, &in);
		if (ZSTD_isError(left))
			return zstd_error(u, left);
		u->filled = out.pos;
		*frame_open = left != 0;
		full = out.pos == out.size && left;
		TRY(check_start(u));
		if (out.pos == out.size)
			TRY(flush_block(u));
	}
	return NULL;
}

static struct hb_error *unpack_all(struct unpacking *u, struct hb_notes *notes)
{
	struct stat status;
	uint64_t done = 0;
	bool frame_open = true;
	hb_progress_stage("unpacking the core", fstat(u->in, &status) ? 0 : (uint64_t)status.st_size);
	for (;;) {
		ssize_t n = pread(u->in, u->input, INPUT, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hb_error_create(HB_ERR_ATTACH, "cannot read '%s': %s", u->path, strerror(errno));
		if (n == 0)
			break;
		TRY(unpack_input(u, (size_t)n, &frame_open));
		done += (uint64_t)n;
		hb_progress_set(done);
	}
	TRY(flush_block(u));
	if (ftruncate(u->out, (off_t)u->size)) /* a hole at the end */
		return hb_error_create(HB_ERR_IO, "cannot size the unpacked core in '%s': %s", u->folder,
		                       strerror(errno));
	if (frame_open)
		hb_notes_add_partial(notes, "the compressed core is cut short: what is there is examined");
	hb_verbose("unpacked the core: %" PRIu64 " MB, of which %" PRIu64 " MB on disk in %s (removed at the end)",
	           u->size >> 20, u->data >> 20, u->folder);
	return NULL;
}

struct hb_error *hb_core_unpack(int *fd, const char *path, struct hb_notes *notes)
{
	uint8_t magic[sizeof(zstd_magic)];
	if (!hb_read_file_at(*fd, 0, magic, sizeof(magic)) || memcmp(magic, zstd_magic, sizeof(magic)))
		return NULL;
	struct unpacking u = {.path = path, .folder = temporary_folder(), .in = *fd, .out = -1};
	TRY(open_temporary(u.folder, &u.out));
	u.stream = ZSTD_createDStream();
	u.input = malloc(INPUT);
	u.block = malloc(BLOCK);
	struct hb_error *err = u.stream && u.input && u.block ? unpack_all(&u, notes) : hb_error_nomem();
	hb_progress_done();
	ZSTD_freeDStream(u.stream);
	free(u.input);
	free(u.block);
	if (err) {
		close(u.out);
		return err;
	}
	close(*fd);
	*fd = u.out;
	return NULL;
}
