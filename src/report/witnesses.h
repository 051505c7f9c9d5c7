/* Who is known to reach an object: some of the holders of what no single one holds. */
#pragma once
#include "report/build.h"

enum { HB_MAX_WITNESSES = 6, HB_NAMED_WITNESSES = 3 /* in a report: the first ones */ };

struct hb_witnesses {
	uint32_t slot;
	uint32_t nodes[HB_MAX_WITNESSES]; /* outermost root nodes that read differently, certain names first */
	uint32_t n;
	uint32_t looked_at; /* referrers so far */
};

/* Fills the witnesses of each slot: holders that point at it, and those that its first few referrers were reached from, none of a
 * later phase than that of the first one that reaches it (heap/roots.h). Sorts list by slot. One pass over all pointers. */
struct hb_error *hb_find_witnesses(const struct hb_analysis *analysis, struct hb_witnesses *list,
                                   size_t n) HB_MUST_CHECK;
/* Then, where fewer are known than are named, and none is a goroutine: the first goroutine that leads there, main before the others,
 * as the last one. At most one pass over what goroutines lead to. */
struct hb_error *hb_find_goroutine_witnesses(const struct hb_analysis *analysis, struct hb_witnesses *list,
                                             size_t n) HB_MUST_CHECK;
