/* The detectors there are, one a file; detectors.c puts them in order. */
#pragma once
#include "leak/finding.h"

extern const struct hb_detector hb_detector_blocked;          /* H201 */
extern const struct hb_detector hb_detector_sub_slices;       /* H301 */
extern const struct hb_detector hb_detector_timers;           /* H401 H402 H403 */
extern const struct hb_detector hb_detector_contexts;         /* H701 */
extern const struct hb_detector hb_detector_files;            /* H501, H502 */
extern const struct hb_detector hb_detector_finalizer_cycles; /* H702 */
extern const struct hb_detector hb_detector_pools;            /* H703 */
extern const struct hb_detector hb_detector_growing_maps;     /* H101 */
extern const struct hb_detector hb_detector_growing_slices;   /* H102 */
extern const struct hb_detector hb_detector_growing_others;   /* H103 */
extern const struct hb_detector hb_detector_map_slack;        /* H104 */
extern const struct hb_detector hb_detector_nested_maps;      /* H105 */
extern const struct hb_detector hb_detector_bodies;           /* H502 */
extern const struct hb_detector hb_detector_close_wait;       /* H503 */
extern const struct hb_detector hb_detector_requests;         /* H203 */
extern const struct hb_detector hb_detector_piles; /* H202: after those that prove goroutines blocked for ever */
