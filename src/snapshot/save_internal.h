/* What the parts of saving share: save.c (order, the file), save_notes.c (PT_NOTE), save_sink.c (bytes out). */
#pragma once
#include "snapshot/save.h"

#include <stdio.h>

typedef struct ZSTD_CCtx_s ZSTD_CCtx;

/* --- save_sink.c: a stream of bytes and holes, plain or compressed ---------------------------------------------- */
struct save_sink {
	const char *path; /* for messages */
	int fd;
	bool seekable;   /* holes are left out of the file */
	ZSTD_CCtx *zstd; /* NULL: plain */
	uint8_t *packed; /* zstd's output buffer */
	size_t packed_size;
	uint64_t at;      /* bytes and holes so far, before compression */
	uint64_t written; /* to fd */
};
struct hb_error *save_sink_init(struct save_sink *sink, int fd, const char *path, bool compress) HB_MUST_CHECK;
struct hb_error *save_write(struct save_sink *sink, const void *bytes, uint64_t len) HB_MUST_CHECK;
struct hb_error *save_hole(struct save_sink *sink, uint64_t len) HB_MUST_CHECK;
/* Flushes; the file has its full size and is on the disk afterwards. */
struct hb_error *save_sink_finish(struct save_sink *sink) HB_MUST_CHECK;
void save_sink_deinit(struct save_sink *sink);

/* --- save_notes.c ----------------------------------------------------------------------------------------------- */
struct save_bytes {
	uint8_t *data;
	size_t len, cap;
};
/* Everything in PT_NOTE. exe_offset and exe_size: where the embedded executable will be, size 0 = nowhere. */
struct hb_error *save_build_notes(const struct hb_snapshot *snapshot, struct hb_bytes auxv, uint64_t exe_offset,
                                  uint64_t exe_size, struct save_bytes *ret) HB_MUST_CHECK;
