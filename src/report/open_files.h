/* File descriptors in a report: counts and what they are called. */
#pragma once
#include "report/report.h"

enum { HB_FD_COUNTS = HB_FD_KINDS };

struct hb_fd_count {
	uint64_t count;
	const char *key;        /* of JSON */
	const char *one, *many; /* "file", "files" */
};
/* The rows of a table, all of them, in a fixed order; returns how many. */
size_t hb_fd_counts_by_kind(const struct hb_report_fds *fds, struct hb_fd_count ret[static HB_FD_COUNTS]);
size_t hb_fd_counts_by_state(const struct hb_report_fds *fds, struct hb_fd_count ret[static HB_FD_COUNTS]);
