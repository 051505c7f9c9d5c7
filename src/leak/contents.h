/* Contents that no capture takes: pointer-free objects, most of them strings. They are secrets of the target; detectors show them
 * with show_data only, or where they are known to be something that the program's file says as well.
 */
#pragma once
#include "report/analysis.h"

/* len bytes at addr: as they were captured or, while detectors run, as a live target or a core has them now, when it may have
 * gone on. False when they are not to be had; pages that are not present are not touched. */
bool hb_contents_read(const struct hb_analysis *analysis, uint64_t addr, uint64_t len, void *to);
