/* The types that a program's own allocator noted (shadow.py) against those that heldby gives its objects. */
#pragma once
#include "golang/typing.h"
#include "target/target.h"

enum note_outcome {
	NOTE_SAME,
	NOTE_SAME_SHAPE, /* the same but for the name: a go.shape type, or the runtime's box of a value */
	NOTE_PART,       /* the one begins with the other */
	NOTE_MISSING,    /* nothing is noted */
	NOTE_UNTYPED,
	NOTE_WRONG,
	NOTE_OUTCOMES
};
extern const char *const note_outcome_names[NOTE_OUTCOMES];

struct note_difference {
	enum note_outcome outcome;
	bool pointerful;
	uint64_t addr, size; /* of the slot */
	const char *what, *noted;
};
struct note_sums {
	uint64_t counts[2][NOTE_OUTCOMES], bytes[2][NOTE_OUTCOMES]; /* pointer-free ones first */
};
/* Looks at the objects of which `reached` has the bit (by slot). The notes are read from the target as it is now: it must
 * not have gone on since the snapshot, or be at rest. report may be NULL. */
struct hb_error *notes_compare(struct hb_target *target, const struct hb_typing *typing, const uint64_t *reached,
                               void (*report)(const struct note_difference *difference, void *ctx), void *ctx,
                               struct note_sums *ret) HB_MUST_CHECK;
