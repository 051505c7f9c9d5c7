/* Special records: what the runtime knows of one object beyond its bytes (finalizer, cleanup, weak handle, profile sample).
 * They hang off the span in a list, by offset and kind; an object may have any number of cleanups. runtime/mheap.go special;
 * 1.18-1.27.
 */
#pragma once
#include "golang/runtime.h"

struct hb_span; /* heap/heap.h */

/* Ends the walk along a list that does not end: one that comes back to itself, or goes on with other spans' records. */
struct hb_special_guard {
	uint64_t left;  /* records that there may be in this and all later lists */
	uint64_t mark;  /* one that the walk was at: */
	uint64_t steps; /* that many ago, */
	uint64_t most;  /* until it is that many */
};
/* For the lists of all spans: each record has memory of its own outside the heap. */
struct hb_special_guard hb_special_guard(const struct hb_snapshot *snapshot);
/* At the head of a list. */
void hb_special_guard_start(struct hb_special_guard *guard);
/* At each record: false when this list does not end. */
bool hb_special_guard_passes(struct hb_special_guard *guard, uint64_t record);

/* A walk over the records of one span after the other:
 *
 *	struct hb_specials specials = hb_specials(go);
 *	for each span
 *		for (hb_specials_start(&specials, span); hb_specials_next(&specials);)
 *			... specials.addr, .kind, .offset ...
 */
struct hb_specials {
	/* The record that the walk is at. */
	uint64_t addr;
	uint64_t offset; /* in the span, of the object that it is about; it may be any number */
	uint8_t kind;
	bool broken; /* this span's list ended where it cannot be read, or does not end; the capture has said so */

	const struct hb_go *go;
	uint64_t next;
	struct hb_special_guard guard;
};
struct hb_specials hb_specials(const struct hb_go *go);
void hb_specials_start(struct hb_specials *specials, const struct hb_span *span);
bool hb_specials_next(struct hb_specials *specials);
/* The words of the record that the collector takes for roots: the function of a finalizer or cleanup, and since 1.26 the latter's
 * argument; the handle of weak pointers (runtime/mgcmark.go markrootSpans, scanSpecial). Returns how many from *ret on; 0: none. */
uint32_t hb_specials_roots(const struct hb_specials *specials, uint64_t *ret);
/* The slot of the object that the record is about, one of that span; 0: there is no such object. */
uint32_t hb_specials_slot(const struct hb_specials *specials, const struct hb_span *span);
