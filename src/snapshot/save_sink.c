#include "base/progress.h"
#include "snapshot/save_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { ZEROES = 1 << 16, LEVEL = 3 };

struct hb_error *save_sink_init(struct save_sink *sink, int fd, const char *path, bool compress)
{
	struct stat status;
	*sink = (struct save_sink){.path = path, .fd = fd, .seekable = !fstat(fd, &status) && S_ISREG(status.st_mode)};
	if (!compress)
		return NULL;
	sink->packed_size = ZSTD_CStreamOutSize();
	sink->packed = malloc(sink->packed_size);
	sink->zstd = ZSTD_createCCtx();
	if (!sink->packed || !sink->zstd)
		return hb_error_nomem();
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_checksumFlag, 1);
	/* A second thread, where the library was built for it: otherwise the setting is refused, which is fine. */
	ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_nbWorkers, 2);
	return NULL;
}

void save_sink_deinit(struct save_sink *sink)
{
	ZSTD_freeCCtx(sink->zstd);
	free(sink->packed);
	sink->zstd = NULL;
	sink->packed = NULL;
}

static struct hb_error *write_error(const struct save_sink *sink)
{
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return hb_error_create(HB_ERR_IO,
		                       "'%s': %s after %" PRIu64
		                       " MB: nothing was kept; choose another place, or a name that "
		                       "ends in .zst to compress",
		                       sink->path,
		                       errno == ENOSPC   ? "the disk is full"
		                       : errno == EDQUOT ? "the disk quota is used up"
		                                         : "the file size limit is reached",
		                       sink->written >> 20);
	return hb_error_create(HB_ERR_IO, "cannot write '%s': %s", sink->path, strerror(errno));
}

static struct hb_error *write_fd(struct save_sink *sink, const uint8_t *bytes, uint64_t len, uint64_t offset)
{
	while (len) {
		size_t piece = (size_t)hb_min(len, (uint64_t)1 << 24);
		ssize_t n =
		        sink->seekable ? pwrite(sink->fd, bytes, piece, (off_t)offset) : write(sink->fd, bytes, piece);
		if (n < 0 && errno == EINTR && !hb_interrupted())
			continue;
		if (hb_interrupted())
			return hb_interrupted_error();
		if (n <= 0)
			return write_error(sink);
		bytes += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
		sink->written += (uint64_t)n;
	}
	return NULL;
}

static struct hb_error *compress(struct save_sink *sink, const void *bytes, uint64_t len, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = {bytes, (size_t)len, 0};
	for (;;) {
		ZSTD_outBuffer out = {sink->packed, sink->packed_size, 0};
		size_t left = ZSTD_compressStream2(sink->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return hb_error_create(HB_ERR_IO, "cannot compress '%s': %s", sink->path,
			                       ZSTD_getErrorName(left));
		TRY(write_fd(sink, sink->packed, out.pos, sink->written));
		if (end == ZSTD_e_end ? !left : in.pos == in.size)
			return NULL;
	}
}

struct hb_error *save_write(struct save_sink *sink, const void *bytes, uint64_t len)
{
	TRY(sink->zstd ? compress(sink, bytes, len, ZSTD_e_continue) : write_fd(sink, bytes, len, sink->at));
	sink->at += len;
	return NULL;
}

struct hb_error *save_hole(struct save_sink *sink, uint64_t len)
{
	static const uint8_t zeroes[ZEROES];
	if (!sink->zstd && sink->seekable) {
		sink->at += len;
		return NULL;
	}
	while (len) {
		uint64_t piece = hb_min(len, (uint64_t)ZEROES);
		TRY(save_write(sink, zeroes, piece));
		len -= piece;
	}
	return NULL;
}

struct hb_error *save_sink_finish(struct save_sink *sink)
{
	if (sink->zstd)
		TRY(compress(sink, NULL, 0, ZSTD_e_end));
	else if (sink->seekable && ftruncate(sink->fd, (off_t)sink->at))
		return write_error(sink);
	/* A network disk may say only now that it is full. */
	if (sink->seekable && fsync(sink->fd) && errno != EINVAL && errno != EROFS)
		return write_error(sink);
	return NULL;
}
