/* Which goroutines can never run again.
 *
 * A blocked goroutine can only be woken by somebody who has the channel or lock that it waits for. So: mark from everything but
 * the candidates (proof/waits.h); when what a candidate waits for is marked, it may run, and what it refers to is marked,
 * too; and so on, until nothing changes. Whoever is left waits for what only such as they can reach: none of them ever
 * runs again. One worklist over the frozen graph, linear in its edges. docs/proof.md.
 */
#pragma once
#include "golang/go_roots.h"
#include "heap/graph.h"
#include "proof/waits.h"

struct hb_proof {
	struct hb_waits waits;
	bool *can_run;  /* by goroutine */
	uint32_t *node; /* by goroutine: its root node, HB_ROOT_NONE */
	uint64_t
	        *reached; /* a bit a slot: what can still be used by something that runs; as hb_graph_mark() has them */
	uint64_t *held;   /* bits of all g structs, and of the candidates' sudogs: what the runtime has of goroutines */
	size_t nproven;   /* goroutines that cannot */
};

struct hb_error *hb_proof_run(const struct hb_go *go, const struct hb_heap *heap,
                              const struct hb_goroutines *goroutines, const struct hb_roots *roots,
                              struct hb_proof *ret) HB_MUST_CHECK;
void hb_proof_deinit(struct hb_proof *proof, const struct hb_heap *heap);
