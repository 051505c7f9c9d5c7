/* Where a finding is, for those who annotate source: a site "func  file:line", taken apart. */
#pragma once
#include "leak/finding.h"

struct hb_place {
	const char *function; /* not terminated, as all of these: parts of the site */
	size_t function_len;
	const char *
	        file; /* below the root of the source if in_source; 0 long: unknown, or no file that anybody could open */
	size_t file_len;
	uint32_t line;  /* 0 unknown */
	bool in_source; /* the file is below the root */
};
/* source_root: absolute path of the folder whose files are named relative to it; NULL none. */
struct hb_place hb_place_of(const char *site, const char *source_root);

/* The one place that stands for the finding: where it is blocked, else allocated, else created; the first of those that are
 * in the source, else the first that is no plumbing, else the first with a file. NULL: none has a file. */
const char *hb_finding_site(const struct hb_finding *finding, const char *source_root);
