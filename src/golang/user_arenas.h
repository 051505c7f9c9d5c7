/* User arenas: chunks of 8 MB in which a program allocates values of its own (runtime/arena.go, 1.20-1.27, with
 * GOEXPERIMENT=arenas). To the collector a chunk is one large object. Up to 1.21 heapArena describes its pointers, as those
 * of any other; from 1.22 on a bitmap at its end does, to which a type leads that stands right behind the object and has no
 * more than a size and a mask.
 */
#pragma once
#include "golang/runtime.h"
#include "heap/heap.h"

/* Adds the mask of a chunk (HB_SPAN_LARGE) to the heap's; what cannot be right leaves it unknown. */
struct hb_error *hb_go_user_arena_add_mask(const struct hb_go *go, struct hb_heap *heap,
                                           const struct hb_span *span) HB_MUST_CHECK;
