/* Findings and the detectors that make them: one leak class a file, one small interface.
 *
 * A detector gets everything that is known (const) and appends findings. It never says more than the memory shows:
 *   proven    no continuation of the program can free or use it
 *   likely    evidence of two or more moments, or of a structure that says it by itself
 *   estimate  one moment, a heuristic; worded as a question
 */
#pragma once
#include "golang/goroutines.h"
#include "golang/profile.h"
#include "golang/typing.h"
#include "heap/graph.h"

enum { HB_FINDING_FDS = 1000 };

enum hb_verdict { HB_ESTIMATE, HB_LIKELY, HB_PROVEN };

struct hb_finding {
	const char *rule; /* "H301"; static */
	enum hb_verdict verdict;
	char *title; /* one line, names first */
	uint64_t count, bytes;
	char *holder;                                        /* "global main.headers", "goroutine main.worker" */
	HB_VEC(char *) path;                                 /* down from the holder, one step a line */
	HB_VEC(char *) allocated_at, created_at, blocked_at; /* "func  file:line", innermost first */
	HB_VEC(char *) evidence;
	HB_VEC(uint64_t) goroutines;                /* ids */
	HB_VEC(uint64_t) fds;                       /* file descriptors, the first HB_FINDING_FDS of them */
	char *help;                                 /* "copy what you keep: heldby explain H301" */
	const struct hb_suppression *suppressed_by; /* leak/suppressions.h; NULL: not suppressed */
	char fingerprint[17];                       /* 16 hex digits; stable across rebuilds, pods and addresses */
};
struct hb_findings {
	HB_VEC(struct hb_finding) list;
};
void hb_finding_deinit(struct hb_finding *finding);
void hb_findings_deinit(struct hb_findings *findings);
/* proven first, then likely, then estimate; by bytes, then count. */
void hb_findings_rank(struct hb_findings *findings);
/* Hashes rule, holder name, collapsed path and functions of sites (of allocation only where there is no holder, as they
 * are samples): nothing that an address, line number or count changes. */
void hb_finding_fingerprint(struct hb_finding *finding);

struct hb_analysis; /* report/analysis.h: all stages of one report */

struct hb_detector {
	const char *rule;
	const char *name; /* "a small slice or string keeps a large array alive" */
	struct hb_error *(*run)(const struct hb_analysis *analysis, struct hb_findings *findings);
};
extern const struct hb_detector *const hb_detectors[];
extern const size_t hb_ndetectors;
