/* H101: maps that only grow. docs/detectors/growth.md.
 *
 * likely    every test of growth/judge.c passed, at three looks
 * estimate  it grew and nothing was removed, but one of the other tests failed: a question, which names that test
 */
#include "growth/places.h"
#include "leak/detectors.h"
#include "leak/growth.h"

/* Maps of maps are told of by their keys: growth_nested.c. */
static bool is_plain(const struct hb_growth *growth, const struct hb_population *population)
{
	return !hb_population_is_nested(growth, population);
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	static const struct hb_growth_wording wording = {
	        .rule = "H101",
	        .what = "entries",
	        .help = "bound it (an LRU of a fixed size), let entries expire, or delete them where their subject "
	                "ends, also on error paths",
	        .wants = is_plain,
	};
	return hb_growth_report(analysis, HB_POPULATION_MAP, &wording, findings);
}

const struct hb_detector hb_detector_growing_maps = {
        .rule = "H101",
        .name = "a map only grows",
        .run = run,
};
