#include "leak/detectors.h"

const struct hb_detector *const hb_detectors[] = {
        &hb_detector_blocked,  &hb_detector_sub_slices, &hb_detector_timers,
        &hb_detector_contexts, &hb_detector_files,      &hb_detector_growing_maps,
};
const size_t hb_ndetectors = hb_countof(hb_detectors);
