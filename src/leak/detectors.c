#include "leak/detectors.h"

/* clang-format off */
const struct hb_detector *const hb_detectors[] = {
        &hb_detector_blocked,
        &hb_detector_sub_slices,
        &hb_detector_timers,
        &hb_detector_contexts,
        &hb_detector_files,
        &hb_detector_finalizer_cycles,
        &hb_detector_pools,
        &hb_detector_map_slack,
        &hb_detector_growing_maps,
        &hb_detector_nested_maps,
        &hb_detector_growing_slices,
        &hb_detector_growing_others,
        &hb_detector_bodies,
        &hb_detector_close_wait,
        &hb_detector_requests,
        &hb_detector_piles, /* last: leaves out what the others have found */
};
/* clang-format on */
const size_t hb_ndetectors = hb_countof(hb_detectors);
