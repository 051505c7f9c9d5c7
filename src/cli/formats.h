/* The formats of a report: a name on the command line, and who writes it. The first one is the default. */
#pragma once
#include "report/report.h"

enum { HB_MOST_FORMATS = 16 };

struct hb_format {
	const char *name;
	struct hb_error *(*render)(const struct hb_report *report, const struct hb_render_options *options, FILE *out);
	bool is_binary; /* nothing for a terminal */
};
extern const struct hb_format hb_formats[];
extern const size_t hb_nformats;
