/* Capture by copy: plan while the target runs, then stop, read, resume.
 *
 * Before the stop: maps, page presence, the runtime's location, a rehearsal of the whole walk to learn which pages the
 * runtime's metadata and the scannable spans are on, and prefaulted destination buffers. In the stop: registers, the
 * planned pages, whatever the walk over frozen metadata still misses. Never the contents of pointer-free objects, never
 * a page that is not present. docs/capture.md.
 */
#pragma once
#include "snapshot/snapshot.h"

struct hb_capture_options {
	uint64_t max_pause_ns;  /* refuse (HB_ERR_ATTACH, nothing stopped) when the prediction is above; 0 = no limit */
	bool everything;        /* also pointer-free contents: for `heldby snapshot` */
	bool keep_stopped;      /* the target is not resumed: by the caller, or with hb_target_destroy */
	const char *debug_file; /* separate debug information, NULL none; HB_ERR_USAGE when it cannot be opened */
};
struct hb_error *hb_capture(struct hb_target *target, const struct hb_capture_options *options,
                            struct hb_snapshot **ret) HB_MUST_CHECK;

/* What a capture of a live target would do. */
struct hb_capture_prediction {
	uint64_t scan_bytes;  /* of the heap, in objects that may hold pointers */
	uint64_t table_bytes; /* of the runtime's tables and the program's data */
	uint64_t pause_ns;    /* at most, as max_pause_ns is compared with */
	char go_version[64];  /* "go1.26.8" */
	bool newer_go;        /* no table has it: hb_go_open may refuse what the capture takes */
};
/* Rehearses a capture and stops nothing. */
struct hb_error *hb_capture_predict(struct hb_target *target, const struct hb_capture_options *options,
                                    struct hb_capture_prediction *ret) HB_MUST_CHECK;

/* Reads a few more ranges of a target that still runs (strings for names): torn reads are the caller's problem. */
