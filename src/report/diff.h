/* Two moments compared: what became more from one report to another one. docs/growth.md.
 *
 * It is a comparison, no verdict: two moments do not tell a leak from a cache that fills.
 */
#pragma once
#include "report/report.h"

struct hb_change {
	const char *kind;                   /* "map", "slice", …; "" for types, holders and goroutines */
	const char *name;                   /* what it is, for people; the identity in both reports */
	uint64_t before, after;             /* entries, objects, goroutines */
	uint64_t bytes_before, bytes_after; /* retained */
};

struct hb_changes {
	HB_VEC(struct hb_change) list; /* what grew, by bytes, then by count */
};

struct hb_diff {
	const struct hb_report *before, *after; /* borrowed */
	bool same_process;                      /* addresses mean the same in both */
	struct hb_changes containers, types, holders, goroutines;
	struct hb_arena arena;
};

/* The analyses of both reports have a growth (hb_growth_create), of no looks. */
struct hb_error *hb_diff_build(const struct hb_report *before, const struct hb_report *after,
                               struct hb_diff **ret) HB_MUST_CHECK;
void hb_diff_destroy(struct hb_diff *diff);

struct hb_error *hb_diff_render_text(const struct hb_diff *diff, const struct hb_render_options *options,
                                     FILE *out) HB_MUST_CHECK;
struct hb_error *hb_diff_render_json(const struct hb_diff *diff, const struct hb_render_options *options,
                                     FILE *out) HB_MUST_CHECK;
