/* A Go that is newer than every table: where its runtime keeps things is read from the program itself. Its DWARF says all
 * of it; without that, its type descriptors say most, and the newest table is taken for the rest. What cannot be read
 * that way is refused. Afterwards what was read is checked against itself (confirm.h). docs/finding-the-runtime.md.
 */
#pragma once
#include "golang/layout_describe.h"
#include "golang/locate.h"

struct hb_go_newer {
	struct hb_go_layout layout;
	struct hb_layout_described described;
	bool has_dwarf;                                            /* described by it; else by type descriptors */
	uint64_t wait_reasons, wait_reasons_size, firstmoduledata; /* link-time addresses; 0: DWARF does not say */
};

/* Begins with the newest table, and DWARF if there is any: of the executable, or the snapshot's separate debug file. What
 * it makes lives in arena. HB_ERR_USAGE: the debug file is none, or of another build. */
struct hb_error *hb_go_newer_create(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                    struct hb_arena *arena, struct hb_go_newer **ret) HB_MUST_CHECK;

/* Without DWARF: by the program's type descriptors. moduledata: the main program's, found by the layout so far, or 0;
 * heads: where one may begin. Afterwards modules must be looked for again. */
struct hb_error *hb_go_newer_read_types(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                        const struct hb_go_version *version, uint64_t moduledata, const uint64_t *heads,
                                        size_t nheads) HB_MUST_CHECK;

/* Wait reasons, from the main program's data. Those of the newest table stay when they are not found. */
struct hb_error *hb_go_newer_read_wait_reasons(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                               uint64_t moduledata, struct hb_arena *arena) HB_MUST_CHECK;

/* What an error means here: HB_ERR_UNSUPPORTED with the version and what would help, if it is about what was read. */
struct hb_error *hb_go_newer_explain(const struct hb_go_newer *newer, const struct hb_go_version *version,
                                     struct hb_error *err) HB_MUST_CHECK HB_NEVER_NULL;
