/* The part of the heap that only goroutines reach which can never run again, as a graph: its nodes are those goroutines and
 * the objects that nothing else refers to.
 *
 * Nodes 0 … ngoroutines - 1 are the goroutines, the objects follow. g structs and sudogs are left out, as in the proof: they hang
 * together through the runtime.
 */
#pragma once
#include "proof/fixpoint.h"

struct hb_dark {
	const struct hb_heap *heap;   /* borrowed */
	const struct hb_proof *proof; /* borrowed */
	uint32_t ngoroutines, nobjects;
	uint32_t *goroutine;    /* node → index in hb_goroutines.list */
	HB_VEC(uint32_t) slots; /* node - ngoroutines → slot */
	uint32_t *object;       /* slot → node - ngoroutines + 1, 0: not dark; nslots + 1 */
	HB_VEC(uint32_t) to;    /* heads of edges, by tail */
	uint64_t *first_to;     /* node → index in to; nodes + 1 */
	uint32_t *from;         /* tails of edges, by head */
	uint64_t *first_from;   /* node → index in from; nodes + 1 */
};

static inline uint32_t hb_dark_nodes(const struct hb_dark *dark)
{
	return dark->ngoroutines + dark->nobjects;
}
/* The node of the object at an address; UINT32_MAX when it is not dark. */
uint32_t hb_dark_node_at(const struct hb_dark *dark, uint64_t addr);

struct hb_error *hb_dark_build(const struct hb_heap *heap, const struct hb_goroutines *goroutines,
                               const struct hb_roots *roots, const struct hb_proof *proof,
                               struct hb_dark *ret) HB_MUST_CHECK;
void hb_dark_deinit(struct hb_dark *dark);

/* Bytes that would be free if the goroutines of one group had ended, for each of ngroups groups: objects that no other
 * group reaches. group: by goroutine node. */
struct hb_error *hb_dark_shares(const struct hb_dark *dark, const uint32_t *group, uint32_t ngroups,
                                uint64_t *ret_bytes) HB_MUST_CHECK;
