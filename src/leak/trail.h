/* How an object hangs on its holder, for the path of a finding. */
#pragma once
#include "leak/finding.h"
#include "report/analysis.h"

/* "global main.headers []byte", "goroutines created by main.serve"; the outermost node above `node`. */
void hb_trail_holder(const struct hb_analysis *analysis, uint32_t node, char *buf, size_t size);

/* The outermost root node that an object was first reached from, HB_ROOT_NONE when it was not. slot 0: NONE. Pointer-free objects
 * are not in the search tree: ask for one that points at them. */
uint32_t hb_trail_root(const struct hb_analysis *analysis, uint32_t slot);
/* The same, of the goroutine instead of its group. */
uint32_t hb_trail_innermost_root(const struct hb_analysis *analysis, uint32_t slot);

/* Appends the steps from the root to a pointerful object, and the edge at `offset` of it that leads on (to what `last`
 * describes): ".byID map[string]*cache.Session", "{value} *cache.Session". What repeats (a list) stands once. */
struct hb_error *hb_trail_path(const struct hb_analysis *analysis, uint32_t slot, uint64_t offset, const char *last,
                               struct hb_finding *finding) HB_MUST_CHECK;

/* ".buf []byte": the word at `addr` of a global's memory. */
void hb_trail_global_step(const struct hb_analysis *analysis, uint32_t node, uint64_t addr, char *buf, size_t size);

/* Appends the step from one object to another that it points to. */
struct hb_error *hb_trail_step(const struct hb_analysis *analysis, uint32_t from, uint32_t to,
                               struct hb_finding *finding) HB_MUST_CHECK;

/* Appends the steps from the root to a pointerful object, the one that leads to it included. */
struct hb_error *hb_trail_object(const struct hb_analysis *analysis, uint32_t slot,
                                 struct hb_finding *finding) HB_MUST_CHECK;
