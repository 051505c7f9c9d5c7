/* What is said of growth, of whatever it is. */
#include "leak/growth.h"
#include "leak/wording.h"
#include "report/format.h"

#include <stdio.h>

static void format_rate(double rate, char *buf, size_t size)
{
	if (rate >= 10)
		snprintf(buf, size, "%.0f/s", rate);
	else if (rate >= 1)
		snprintf(buf, size, "%.1f/s", rate);
	else
		snprintf(buf, size, "%.1f/min", rate * 60);
}

struct hb_error *hb_growth_say_growth(const struct hb_judgement *judgement, const char *what,
                                      struct hb_finding *finding)
{
	char grew[32], rate[32], window[32], first[32], last[32];
	bool steady = judgement->failed != HB_TEST_STEADY;
	hb_format_count(judgement->last - judgement->first, grew, sizeof(grew));
	hb_format_count(judgement->first, first, sizeof(first));
	hb_format_count(judgement->last, last, sizeof(last));
	hb_format_duration((judgement->window_ns + 500000000) / 1000000000, window, sizeof(window));
	format_rate(judgement->rate, rate, sizeof(rate));
	return hb_finding_because(finding, hb_say("grew by %s in %s at %s%s, from %s to %s %s", grew, window,
	                                          steady ? "a steady " : "", rate, first, last, what));
}

struct hb_error *hb_growth_say_settled(const struct hb_judgement *judgement, const char *what,
                                       struct hb_finding *finding)
{
	char settled[32], gone[32];
	hb_format_count(judgement->settled, settled, sizeof(settled));
	hb_format_count(judgement->settled - judgement->kept, gone, sizeof(gone));
	if (judgement->kept == judgement->settled)
		return hb_finding_because(finding, hb_say("all %s sampled %s that were there at the first two looks "
		                                          "are still there at the last",
		                                          settled, what));
	return hb_finding_because(finding,
	                          hb_say("of %s sampled %s that were there at the first two looks, %s are gone "
	                                 "at the last",
	                                 settled, what, gone));
}

struct hb_error *hb_growth_say_age(const struct hb_judgement *judgement, struct hb_finding *finding)
{
	char age[32];
	hb_format_duration(judgement->uptime_ns / 1000000000, age, sizeof(age));
	if (judgement->age > 1.5 || judgement->age < 0.5)
		return NULL;
	return hb_finding_because(
	        finding, hb_say("at this rate it has never been emptied since the process started %s ago", age));
}

/* What keeps it from being likely. */
struct hb_error *hb_growth_say_doubt(const struct hb_judgement *judgement, struct hb_finding *finding)
{
	switch (judgement->failed) {
	case HB_TEST_STEADY:
		return hb_finding_because(
		        finding, hb_say("but it slows down: in the second half of the window it grew at %.0f %% of the "
		                        "rate of the first half; a cache that fills looks like that",
		                        judgement->late_rate * 100 / judgement->early_rate));
	case HB_TEST_NEVER_EMPTIED:
		if (judgement->age > 1)
			return hb_finding_because(
			        finding, hb_say("but at this rate it would need %.1f times as long as the process has "
			                        "run: most of it came faster, or at the start",
			                        judgement->age));
		return hb_finding_because(
		        finding,
		        hb_say("but it holds what came in %.0f %% of the time that the process has run: it has "
		               "been emptied, or began to grow later",
		               judgement->age * 100));
	case HB_TEST_OLD_ENOUGH:
		return hb_finding_because(finding,
		                          hb_say("but the process is young: what is still being filled for the "
		                                 "first time looks the same"));
	default:
		return NULL;
	}
}
