/* A Go executable's file as a snapshot: what a process that has just been loaded holds, without running it.
 *
 * Segments are at their link-time addresses, relative relocations of a position-independent executable are applied, and
 * hb_go is filled from the module table. There is no heap and no goroutine.
 */
#pragma once
#include "golang/runtime.h"

/* Both belong to the caller: hb_go_destroy, then hb_snapshot_destroy. An error says what the file lacks. */
struct hb_error *elf_snapshot_open(const char *path, struct hb_snapshot **ret_snapshot,
                                   struct hb_go **ret_go) HB_MUST_CHECK;
