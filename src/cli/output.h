/* Where a result goes: standard output, or a file that appears whole or not at all. */
#pragma once
#include "cli/cli.h"

struct hb_output {
	FILE *stream;
	char *path;      /* NULL: standard output */
	char *temporary; /* beside path until it is committed; NULL: written in place (a device, a pipe) */
	bool color;
	unsigned width; /* of the terminal; 0: not a terminal */
};

/* secret: a new file is readable by its owner only. */
struct hb_error *hb_output_open(const char *path, bool secret, enum hb_color color,
                                struct hb_output *ret) HB_MUST_CHECK;
/* Standard error, for what may not mix with the output of another program. */
void hb_output_to_stderr(enum hb_color color, struct hb_output *ret);
/* Everything is written and has its name now. */
struct hb_error *hb_output_commit(struct hb_output *output) HB_MUST_CHECK;
/* Removes what was not committed; safe afterwards. */
void hb_output_close(struct hb_output *output);
