/* The labels of goroutines: what runtime/pprof.Do and SetGoroutineLabels say they work for; whoever is started inherits them.
 *
 * g.labels is a *runtime/pprof.labelMap: up to 1.23 a map[string]string, from 1.24 on a slice of {key, value} (runtime/pprof/label.go).
 */
#pragma once
#include "report/analysis.h"

enum { HB_LABEL_KEY = 64, HB_LABEL_VALUE = 128 };

/* Cut off where they are longer; not escaped. */
struct hb_label {
	char key[HB_LABEL_KEY], value[HB_LABEL_VALUE];
};

/* At most `most` labels; returns how many. Those whose contents are not to be had are left out. */
size_t hb_labels_of(const struct hb_analysis *analysis, const struct hb_goroutine *goroutine, struct hb_label *ret,
                    size_t most);
