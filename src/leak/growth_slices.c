/* H102: slices that only grow. docs/detectors/growth.md.
 *
 * A history that is appended to. Its elements are told by where they are, with what they point to: a slice that is cut at
 * its front, or a ring that is written over, has other elements in the same places.
 */
#include "leak/detectors.h"
#include "leak/growth.h"

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	static const struct hb_growth_wording wording = {
	        .rule = "H102",
	        .what = "elements",
	        .help = "keep the last so many (a ring buffer), or write them out and start again; copy what remains, "
	                "as history[1:] keeps the array",
	};
	return hb_growth_report(analysis, HB_POPULATION_SLICE, &wording, findings);
}

const struct hb_detector hb_detector_growing_slices = {
        .rule = "H102",
        .name = "a slice only grows",
        .run = run,
};
