/* H101: maps that only grow. docs/detectors/growth.md.
 *
 * likely    every test of growth/judge.c passed, at three looks
 * estimate  it grew and nothing was removed, but one of the other tests failed: a question, which names that test
 */
#include "leak/detectors.h"
#include "leak/growth.h"

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	static const struct hb_growth_wording wording = {
	        .rule = "H101",
	        .what = "entries",
	        .help = "bound it (an LRU of a fixed size), let entries expire, or delete them where their subject "
	                "ends, also on error paths",
	};
	return hb_growth_report(analysis, HB_POPULATION_MAP, &wording, findings);
}

const struct hb_detector hb_detector_growing_maps = {
        .rule = "H101",
        .name = "a map only grows",
        .run = run,
};
