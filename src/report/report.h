/* The report model: everything that the contract's text and JSON show, computed once from an analysis, ready to print.
 *
 * Renderers (text.c, json.c) take a const report and a stream, and know nothing of heaps. Strings are plain UTF-8 as
 * the target has them; each renderer escapes for its medium.
 */
#pragma once
#include "report/analysis.h"
#include "report/format.h"

#include <stdio.h>

enum { HB_REPORT_DEPTH = 12 }; /* levels of children below a holder */

struct hb_report_holder {
	char *name;       /* "cache.sessions", "created by api.(*Server).fanOut"; "" below the top */
	const char *kind; /* global goroutine timer finalizer runtime c shared; static; "" below the top */
	char *type;       /* "" unknown */
	char *label;      /* edge from the parent: ".byID", "[*]"; "" at the top */
	uint64_t retained_bytes, retained_objects;
	uint64_t fan_out;   /* number of objects this line stands for (×3.1 M); 1 = a single object */
	char *allocated_at; /* "cache.(*Store).Put  cache/store.go:88", "" unknown */
	uint64_t address;   /* of a global, 0: none */
	struct hb_report_holder *children;
	size_t nchildren;
};
struct hb_report_package {
	char *name; /* import path; "C"; "unknown" */
	uint64_t retained_bytes, globals;
};
struct hb_report_type {
	char *name;
	uint64_t count, bytes, retained_bytes;
};
struct hb_report_goroutines {
	uint64_t count;
	const char *state;                 /* "waiting", "running" … */
	char *wait_reason;                 /* "chan receive", "" */
	char *created_by;                  /* "main.main  main.go:57" */
	char *blocked_at;                  /* first frame outside the runtime */
	uint64_t since_s_min, since_s_max; /* 0, 0: unknown */
	char **stack;
	size_t nstack;
	uint64_t *ids; /* a few */
	size_t nids;
	uint64_t retained_bytes; /* heap */
	uint64_t stack_bytes;    /* their stacks, which are not part of the heap */
};
struct hb_report_fds { /* what is open */
	bool known;    /* not of cores */
	uint64_t open, limit;
	uint64_t by_kind[HB_FD_KINDS];
	uint64_t listening, established, close_wait, other_tcp;
	uint64_t of_go;    /* an os.File or a connection of package net stands for them */
	uint64_t internal; /* the network poller's, and pipes of the process to itself */
	uint64_t unknown;  /* opened by C code or through package syscall */
};
struct hb_ledger { /* bytes; the parts sum to rss */
	uint64_t rss, live_heap, free_heap, stacks, c_heap, runtime, files, other;
};
struct hb_report {
	const struct hb_analysis *analysis; /* borrowed: header, notes, findings */
	struct hb_ledger ledger;
	uint64_t live_objects, live_bytes; /* reached */
	uint64_t unreached_objects, unreached_bytes;
	uint64_t typed_bytes, pointerful_bytes,
	        named_bytes; /* of reached ones; named: retained by roots with a certain name */
	struct hb_report_holder *holders;
	size_t nholders;
	struct hb_report_package *packages; /* whose globals hold something, largest first */
	size_t npackages;
	struct hb_report_type *types;
	size_t ntypes;
	struct hb_report_goroutines *goroutines;
	size_t ngoroutines;
	uint64_t goroutines_total; /* without the runtime's own: equals runtime.NumGoroutine() */
	uint64_t by_status[16];
	struct hb_report_fds fds;
	struct hb_arena arena; /* all strings and arrays above */
};
struct hb_error *hb_report_build(const struct hb_analysis *analysis, struct hb_report **ret) HB_MUST_CHECK;
void hb_report_destroy(struct hb_report *report);

struct hb_render_options {
	bool color, verbose, show_data;
	bool findings_only; /* text: no holders, types and goroutines */
	unsigned width;     /* columns; 0: not a terminal, so 100 and nothing is shortened */
	unsigned top;
	const char *source_root; /* absolute: files below it are named relative to it where that helps; NULL none */
};
/* HB_ERR_IO when the stream breaks (full disk, closed pipe). */
struct hb_error *hb_render_text(const struct hb_report *report, const struct hb_render_options *options,
                                FILE *out) HB_MUST_CHECK;
/* One finding, as the text report has it. */
struct hb_error *hb_render_finding(const struct hb_report *report, const struct hb_finding *one,
                                   const struct hb_render_options *options, FILE *out) HB_MUST_CHECK;
struct hb_error *hb_render_json(const struct hb_report *report, const struct hb_render_options *options,
                                FILE *out) HB_MUST_CHECK;
struct hb_error *hb_render_sarif(const struct hb_report *report, const struct hb_render_options *options,
                                 FILE *out) HB_MUST_CHECK;
struct hb_error *hb_render_junit(const struct hb_report *report, const struct hb_render_options *options,
                                 FILE *out) HB_MUST_CHECK;
struct hb_error *hb_render_github(const struct hb_report *report, const struct hb_render_options *options,
                                  FILE *out) HB_MUST_CHECK;
struct hb_error *hb_render_pprof(const struct hb_report *report, const struct hb_render_options *options,
                                 FILE *out) HB_MUST_CHECK;
struct hb_error *hb_render_markdown(const struct hb_report *report, const struct hb_render_options *options,
                                    FILE *out) HB_MUST_CHECK;
