/* What detectors say their findings with: sentences made to measure, holders, allocation sites. */
#pragma once
#include "leak/finding.h"
#include "report/analysis.h"

/* Like asprintf; NULL when out of memory, which the functions below pass on. */
char *hb_say(const char *fmt, ...) HB_PRINTF(1, 2);

/* Whether all of the target was read, by a table of its release: what is missing may be what speaks against a proof. */
bool hb_finding_may_be_proven(const struct hb_analysis *analysis);

/* Take the text over, whatever happens. */
struct hb_error *hb_finding_title(struct hb_finding *finding, char *text) HB_MUST_CHECK;
struct hb_error *hb_finding_because(struct hb_finding *finding, char *text) HB_MUST_CHECK;
struct hb_error *hb_finding_step(struct hb_finding *finding, char *text) HB_MUST_CHECK;

/* Where goroutines were created and are blocked: copies the site. "" adds nothing; NULL: there was no memory for it. */
struct hb_error *hb_finding_created(struct hb_finding *finding, const char *site) HB_MUST_CHECK;
struct hb_error *hb_finding_blocked(struct hb_finding *finding, const char *site) HB_MUST_CHECK;

/* Copies what to do. */
struct hb_error *hb_finding_help(struct hb_finding *finding, const char *text) HB_MUST_CHECK;

/* The holder by its root node; HB_ROOT_NONE: "". */
struct hb_error *hb_finding_holder(const struct hb_analysis *analysis, uint32_t node,
                                   struct hb_finding *finding) HB_MUST_CHECK;

/* The allocation stack that most bytes come from, of n slots in rising order that count `bytes` each (NULL: one each); nothing
 * when none of them was sampled. */
struct hb_error *hb_finding_sites(const struct hb_analysis *analysis, const uint32_t *slots, const uint64_t *bytes,
                                  size_t n, struct hb_finding *finding) HB_MUST_CHECK;

/* The same, where a library's frames (functions that begin with its prefix) are of no interest either. */
struct hb_error *hb_finding_sites_beyond(const struct hb_analysis *analysis, const char *library, const uint32_t *slots,
                                         size_t n, struct hb_finding *finding) HB_MUST_CHECK;

/* Appends a finding, or ends it when there was an error. */
struct hb_error *hb_findings_add(struct hb_findings *findings, struct hb_finding *finding,
                                 struct hb_error *err) HB_MUST_CHECK;
