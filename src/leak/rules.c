#include "leak/rules.h"
#include "base/memory.h"

#include <string.h>

const struct hb_rule hb_rules[] = {
        {"H101", "GrowingMap", HB_RULE_NEEDS_LOOKS},
        {"H102", "GrowingSlice", HB_RULE_NEEDS_LOOKS},
        {"H103", "GrowingContainer", HB_RULE_NEEDS_LOOKS},
        {"H104", "MapKeepsRoom", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H105", "GrowingNestedMap", HB_RULE_NEEDS_LOOKS},
        {"H201", "BlockedForEver", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H202", "GoroutinesAtOnePlace", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H203", "RequestsWithoutLimit", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H301", "SmallPartOfLargeArray", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H401", "ForgottenAfterFuncTimers", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H402", "ForgottenTickers", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H403", "ForgottenTimers", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H501", "FilesNotClosed", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H502", "ConnectionsNotClosed", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H503", "PeersHungUp", HB_RULE_NEEDS_LIVE},
        {"H701", "ForgottenContexts", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H702", "FinalizerCycles", HB_RULE_NEEDS_NOTHING_ELSE},
        {"H703", "LargeObjectsInPool", HB_RULE_NEEDS_NOTHING_ELSE},
};
const size_t hb_nrules = hb_countof(hb_rules);

const struct hb_rule *hb_rule_find(const char *id)
{
	for (size_t i = 0; i < hb_nrules; i++)
		if (!strcmp(hb_rules[i].id, id))
			return &hb_rules[i];
	return NULL;
}
