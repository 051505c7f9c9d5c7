/* H201: what the detector (blocked.c) hands to its wording (blocked_wording.c, blocked_origin.c). docs/detectors/H201.md. */
#pragma once
#include "leak/finding.h"
#include "proof/reasons.h"
#include "report/analysis.h"

struct hb_blocked_goroutine {
	const struct hb_goroutine *goroutine;
	const char *place; /* "api.(*Server).fanOut  /src/api/fanout.go:57"; "" unknown; equal ones are one pointer */
};

struct hb_blocked {
	const struct hb_analysis *analysis;
	struct hb_proof proof;
	struct hb_dark dark;
	struct hb_reasons reasons;
	struct hb_blocked_goroutine *list; /* by node of dark */
	struct hb_arena arena;
};

/* Of n goroutines (nodes, by id) that one statement created and that wait at one place for one reason. bytes: what would
 * be free without them. */
struct hb_error *hb_blocked_describe(struct hb_blocked *blocked, const uint32_t *nodes, size_t n, uint64_t bytes,
                                     struct hb_finding *finding) HB_MUST_CHECK;

/* --- blocked_origin.c --- */

/* For whom they work: the tests that started them, as far as somebody knows; with show_data, their labels. */
struct hb_error *hb_blocked_say_origin(const struct hb_blocked *blocked, const uint32_t *nodes, size_t n,
                                       struct hb_finding *finding) HB_MUST_CHECK;
