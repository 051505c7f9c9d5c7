/* Finding the Go runtime in a process or core, with no symbols: docs/finding-the-runtime.md.
 *
 *   pclntab     its header's magic in the program's own mappings
 *   moduledata  the word that points at the pclntab, at the head of a plausible moduledata of some known layout
 *   version     build info; else the runtime's own version string
 *   layout      the table of that version; golang/newer.h for one that is newer than any
 *   mheap       the slice of pointers to plausible mspans in bss, minus the offset of allspans
 *   allgs       the slice of pointers to plausible g structs, the first of which is goroutine 1
 *   allp        the slice of p structs numbered 0, 1, 2, …
 *
 * Used twice: on a running process to plan the capture (so what is read may be torn: everything is validated) and on
 * the frozen snapshot.
 */
#pragma once
#include "golang/runtime.h"

/* Memory to search: what the snapshot holds, and behind it the target while there is one. */
struct hb_go_memory {
	const struct hb_snapshot *snapshot;
	struct hb_target *target; /* NULL: the snapshot only */
};
bool hb_go_memory_read(const struct hb_go_memory *memory, uint64_t addr, void *to, size_t len);
bool hb_go_memory_u64(const struct hb_go_memory *memory, uint64_t addr, uint64_t *ret);

enum { HB_GO_MAX_MODULES = 64 };

struct hb_go_location {
	const struct hb_go_layout *layout;
	struct hb_go_version version;
	uint64_t moduledata[HB_GO_MAX_MODULES]; /* the main program first, then as the list has them */
	size_t nmodules;
	bool modules_end_early; /* the list goes on, to what is no module or not there */
	uint64_t mheap, allgs, allp;
	struct hb_go_newer *newer; /* golang/newer.h; NULL: the version has a table */
};

/* HB_ERR_UNSUPPORTED: not Go (what it looks like instead), or a version heldby does not know. The layout of a version that
 * has no table lives in arena. */
struct hb_error *hb_go_locate(const struct hb_go_memory *memory, struct hb_arena *arena,
                              struct hb_go_location *ret) HB_MUST_CHECK;
