/* What a Go program's own type descriptors say of its runtime's structs. The runtime allocates most of them by type
 * (new(g), new(hchan)), and those refer to others: so their descriptors, with names and offsets of fields, are in every
 * program, stripped or not. What it keeps outside the heap (mheap, special records) has none.
 */
#pragma once
#include "golang/layout_describe.h"
#include "golang/runtime.h"

struct hb_layout_types;

/* Whether a type section may begin at `start`: names are offsets from there, so that hardly any descriptor has one
 * otherwise. Looks at its first part only. */
bool hb_layout_types_may_begin(const struct hb_snapshot *snapshot, const struct hb_go_version *version, uint64_t start,
                               uint64_t end);

/* Sweeps the type section [start, end) of the main program. *ret is NULL when not one struct of the runtime is there.
 * The snapshot is borrowed. */
struct hb_error *hb_layout_types_read(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                      uint64_t start, uint64_t end, struct hb_layout_types **ret) HB_MUST_CHECK;
void hb_layout_types_destroy(struct hb_layout_types *types);
void hb_layout_types_destroyp(struct hb_layout_types **types);

struct hb_layout_source hb_layout_types_source(struct hb_layout_types *types);
