/* Notes: what heldby could not see or could not trust, said beside what it affects.
 *
 * A note is a sentence for the user ("3 MB of swapped-out pages were not read: …"). Notes are attached to a snapshot,
 * printed on stderr under the report and in JSON as capture.notes[].
 */
#pragma once
#include "base/memory.h"

struct hb_notes {
	HB_VEC(char *) texts; /* owned */
	bool partial;         /* true: the result is incomplete, exit status 5 */
};
/* Adds a note unless the same text is there already. Out of memory loses the note, sets partial. */
void hb_notes_add(struct hb_notes *notes, const char *fmt, ...) HB_PRINTF(2, 3);
/* The same, and marks the result as partial. */
void hb_notes_add_partial(struct hb_notes *notes, const char *fmt, ...) HB_PRINTF(2, 3);
void hb_notes_deinit(struct hb_notes *notes);
