/* What the detectors of growth share: which populations they tell of, and how. */
#pragma once
#include "growth/growth.h"
#include "leak/finding.h"

/* Appends a finding on every population of a kind that grew and passed. `what`: "entries", "elements". describe adds what is
 * particular to the kind; may be NULL. */
struct hb_growth_wording {
	const char *rule;
	const char *what;
	const char *help;
	bool (*wants)(const struct hb_growth *growth,
	              const struct hb_population *population); /* NULL: all of the kind */
	struct hb_error *(*describe)(const struct hb_analysis *analysis, const struct hb_population *population,
	                             struct hb_finding *finding);
};
struct hb_error *hb_growth_report(const struct hb_analysis *analysis, enum hb_population_kind kind,
                                  const struct hb_growth_wording *wording, struct hb_findings *findings) HB_MUST_CHECK;

/* Holder and path of a population, for any analysis that has a growth. */
struct hb_error *hb_growth_place(const struct hb_analysis *analysis, const struct hb_population *population,
                                 struct hb_finding *finding) HB_MUST_CHECK;

/* Evidence, one sentence each or none. `what`: "entries". */
struct hb_error *hb_growth_say_growth(const struct hb_judgement *judgement, const char *what,
                                      struct hb_finding *finding) HB_MUST_CHECK;
struct hb_error *hb_growth_say_settled(const struct hb_judgement *judgement, const char *what,
                                       struct hb_finding *finding) HB_MUST_CHECK;
struct hb_error *hb_growth_say_age(const struct hb_judgement *judgement, struct hb_finding *finding) HB_MUST_CHECK;
/* What keeps it from being likely. */
struct hb_error *hb_growth_say_doubt(const struct hb_judgement *judgement, struct hb_finding *finding) HB_MUST_CHECK;
