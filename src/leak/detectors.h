/* The detectors there are, one a file; detectors.c puts them in order. */
#pragma once
#include "leak/finding.h"

extern const struct hb_detector hb_detector_sub_slices; /* H301 */
