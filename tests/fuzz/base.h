/* What the fuzz targets that need a whole Go program start from: a snapshot made by tests/fuzz/run.sh, named in
 * FUZZ_BASE.
 *
 * An input is a list of changes to words of it, so a small input reaches any structure of a large program; libFuzzer's
 * own mutations then move, copy and vary the changes. Each is undone before the next input.
 */
#pragma once
#include "golang/runtime.h"

/* The file's name; ends the program with a message when there is none. */
const char *fuzz_base_path(void);

/* The program, captured and recognised; never freed. */
struct fuzz_base {
	struct hb_snapshot *snapshot;
	struct hb_go *go;
};
const struct fuzz_base *fuzz_base(void);

/* A stretch of memory that may be changed. */
struct fuzz_stretch {
	uint8_t *bytes;
	size_t len;
};

enum { FUZZ_MAX_CHANGES = 16, FUZZ_CHANGE_SIZE = 12 };

/* What was there before. */
struct fuzz_undo {
	uint8_t *at[FUZZ_MAX_CHANGES];
	uint64_t was[FUZZ_MAX_CHANGES];
	size_t n;
};

/* Reads changes of FUZZ_CHANGE_SIZE bytes {u32 where, u8 how, u8 …, u48 value} from data and makes them. */
void fuzz_change(const struct fuzz_stretch *stretches, size_t n, const uint8_t *data, size_t size,
                 struct fuzz_undo *undo);
void fuzz_undo(struct fuzz_undo *undo);
