/* H301: what the scan (sub_slices_scan.c, sub_slices_behind.c) hands to the detector (sub_slices.c). docs/detectors/H301.md. */
#pragma once
#include "leak/headers.h"
#include "report/analysis.h"

enum { HB_SUB_SLICE_CELLS = 64, HB_SUB_SLICE_PART = 8 /* little: an eighth */ };

struct hb_large_array {
	uint64_t start, size;
	uint64_t used, usable;         /* bit a sixty-fourth of the array: touched by data[:len], by data[:cap] */
	uint64_t used_sum, usable_sum; /* of all headers; saturating */
	uint64_t lowest,
	        highest; /* bytes from the start: where the first header begins, where the last one's capacity ends */
	uint64_t behind; /* bytes of other objects that only the elements outside of these keep alive */
	uint64_t smallest_len, cap; /* elements: of the shortest header, and its capacity */
	uint32_t slot;
	uint32_t referrers;
	uint32_t referrer;        /* slot of an object with a header of it; 0: a global's */
	uint32_t node;            /* the root node of a global's header, HB_ROOT_NONE */
	uint64_t referrer_offset; /* of the header in that object; address in a global */
	struct hb_header header;  /* of that one */
	bool known;               /* nothing but slices and strings is known to point into it */
	bool library;             /* a header of it belongs to a type of the standard library */
	bool has_slices, has_strings;
	bool reaches_end; /* some header's capacity does: it could be filled again */
	bool pointer_free;
};
struct hb_large_arrays {
	HB_VEC(struct hb_large_array) list; /* by slot */
};

/* Every reached object of at least `least` bytes that could be an array, with the headers that refer to it. */
struct hb_error *hb_large_arrays_scan(const struct hb_analysis *analysis, uint64_t least,
                                      struct hb_large_arrays *ret) HB_MUST_CHECK;

/* Sets `behind` of the arrays of which little is used. */
struct hb_error *hb_large_arrays_behind(const struct hb_analysis *analysis,
                                        struct hb_large_arrays *arrays) HB_MUST_CHECK;

/* At most so many bytes of the array are covered; two bounds, the lower of which counts. */
uint64_t hb_large_array_used(const struct hb_large_array *array);
uint64_t hb_large_array_usable(const struct hb_large_array *array);
