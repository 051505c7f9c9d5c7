/* H103: lists, trees, sync.Maps and channels that only grow. docs/detectors/growth.md. */
#include "leak/detectors.h"
#include "leak/growth.h"

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	static const struct {
		enum hb_population_kind kind;
		struct hb_growth_wording wording;
	} kinds[] = {
	        {HB_POPULATION_LIST,
	         {.rule = "H103",
	          .what = "elements",
	          .help = "remove what is done with on every path, or bound it: list.Remove(list.Back())"}},
	        {HB_POPULATION_LINKED,
	         {.rule = "H103",
	          .what = "nodes",
	          .help = "unlink what is done with on every path, or bound the number of nodes"}},
	        {HB_POPULATION_SYNC_MAP,
	         {.rule = "H103",
	          .what = "entries",
	          .help = "Delete entries where their subject ends, also on error paths, or bound it"}},
	        {HB_POPULATION_TRIE,
	         {.rule = "H103",
	          .what = "entries",
	          .help = "Delete entries where their subject ends, also on error paths, or bound it"}},
	        {HB_POPULATION_CHANNEL,
	         {.rule = "H103",
	          .what = "elements",
	          .help = "nobody receives: let the receiver end last, or drop what cannot be sent (select with "
	                  "default)"}},
	};
	for (size_t i = 0; i < hb_countof(kinds); i++)
		TRY(hb_growth_report(analysis, kinds[i].kind, &kinds[i].wording, findings));
	return NULL;
}

const struct hb_detector hb_detector_growing_others = {
        .rule = "H103",
        .name = "a list, tree, sync.Map or channel only grows",
        .run = run,
};
