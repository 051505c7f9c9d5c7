/* All GC roots of a Go process as holders: globals, goroutines grouped by creation site, timers, specials, the runtime.
 */
#pragma once
#include "golang/goroutines.h"
#include "golang/names.h"
#include "golang/timers.h"
#include "golang/types.h"
#include "heap/heap.h"
#include "heap/roots.h"

#include <string.h>

/* Root nodes that say what the collector keeps, and not what the program can use. */
#define HB_ROOT_TINY_BLOCKS   "tiny allocation blocks"
#define HB_ROOT_WEAK_POINTERS "weak pointers"
#define HB_ROOT_FINALIZERS    "finalizers" /* what they will need; not those that are due */
#define HB_ROOT_CLEANUPS      "cleanups"
/* The group of the first goroutine: no statement of the program creates it. */
#define HB_ROOT_MAIN "main goroutine"
static inline bool hb_root_is_main(const struct hb_root_node *node)
{
	return !strcmp(node->name, HB_ROOT_MAIN);
}

struct hb_error *hb_go_roots(const struct hb_go *go, const struct hb_heap *heap, const struct hb_goroutines *goroutines,
                             const struct hb_globals *globals, const struct hb_go_timers *timers,
                             struct hb_roots *ret) HB_MUST_CHECK;
