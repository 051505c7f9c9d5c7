/* Reachability in steps: what is reached so far, more roots, on from there.
 *
 *   held      objects that are marked when something points to them, but whose own pointers are not followed until
 *             hb_marker_open() says so
 *   watched   objects whose marking is to be told: they are appended to `hits`
 * Both are bits a slot, as hb_graph_mark() has them; NULL: none.
 */
#pragma once
#include "heap/graph.h"

struct hb_marker;

struct hb_marker_options {
	const uint64_t *blocked; /* objects that are neither marked nor followed */
	const uint64_t *held, *watched;
	bool thorough; /* takes every word of an object for a pointer whose pointers are unknown; they are left out otherwise */
};

/* Sets bits in `marked` (nslots + 1 of them, zero at first), which mean something only after hb_marker_finish(). */
struct hb_error *hb_marker_create(const struct hb_heap *heap, const struct hb_marker_options *options, uint64_t *marked,
                                  struct hb_marker **ret) HB_MUST_CHECK;
void hb_marker_destroy(struct hb_marker *marker); /* accepts NULL */

/* Takes a value that something points with; any word may be one. */
struct hb_error *hb_marker_add(struct hb_marker *marker, uint64_t value) HB_MUST_CHECK;
/* Follows the pointers of an object, marked or not. */
struct hb_error *hb_marker_open(struct hb_marker *marker, uint32_t slot) HB_MUST_CHECK;
/* Until there is nothing left to follow. */
struct hb_error *hb_marker_run(struct hb_marker *marker) HB_MUST_CHECK;
/* Whether an allocated slot is marked: true after a run. */
bool hb_marker_has(const struct hb_marker *marker, uint32_t slot);
/* Takes one watched slot that was marked since; 0: none left. */
uint32_t hb_marker_hit(struct hb_marker *marker);
/* Leaves the bits of what was reached in `marked`, and nothing else. */
void hb_marker_finish(struct hb_marker *marker);
