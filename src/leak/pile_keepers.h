/* Who still leads to what a pile of goroutines waits for. */
#pragma once
#include "leak/finding.h"
#include "report/analysis.h"

/* As evidence, when one holder leads to half or more of the channels that some of n goroutines of one place wait for. One pass over all
 * pointers. */
struct hb_error *hb_say_who_keeps_channels(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                           struct hb_finding *finding) HB_MUST_CHECK;
