/* Saving a snapshot as an ELF core, for heldby, gdb, delve and others: docs/cores.md.
 *
 * The file needs nothing else to be read again: text, read-only data and (unless left out) the executable's file are in
 * it. Pages that were not read are holes; heldby's own notes say which, so that a report on the file equals the live
 * one.
 */
#pragma once
#include "snapshot/snapshot.h"

struct hb_save_options {
	bool compress;    /* zstd, whatever the name says; a name that ends in .zst is compressed anyway */
	bool without_exe; /* do not embed the executable's file (names of globals then need it on the other machine) */
	const char *debug_file; /* of hb_target_save: separate debug information, NULL none */
	struct hb_bytes auxv;   /* the target's auxiliary vector; empty: the parts that debuggers need are worked out */
};

/* Writes to a temporary file beside path and renames it at the end: path is whole, old, or not there, never half
 * written. What is no regular file (/dev/stdout, a pipe) is written to directly. options may be NULL. */
struct hb_error *hb_snapshot_save(const struct hb_snapshot *snapshot, const char *path,
                                  const struct hb_save_options *options) HB_MUST_CHECK;

/* `heldby snapshot TARGET -o path`: captures everything, contents of pointer-free objects too, and saves it.
 * *partial: something is missing in it, as its notes say. */
struct hb_error *hb_target_save(struct hb_target *target, const char *path, const struct hb_save_options *options,
                                uint64_t max_pause_ns, bool *partial) HB_MUST_CHECK;
