/* What the steps of hb_graph_build hand to each other: search → dominators → retained.
 *
 * Numbers 1 … last_root are the virtual root and the root nodes, higher ones are objects in depth-first order. Root
 * nodes have the numbers that graph.h promises, which are not their places in that order: before_root says where each
 * belongs.
 */
#pragma once
#include "base/progress.h"
#include "heap/graph.h"
#include "heap/log.h"
#include "heap/scan.h"

struct hb_build {
	struct hb_graph *graph;
	const struct hb_heap *heap;
	const struct hb_roots *roots;
	struct hb_scan scan;
	uint32_t last_root;    /* nroots + 1 */
	uint32_t capacity;     /* no number is higher */
	uint32_t *before_root; /* by root node: the highest number given out before it; its objects have higher ones */
	struct hb_log edges;   /* edges beside the search tree: target << 32 | source, by target */
	struct hb_log leaf_edges; /* to leaves, after the first: slot << 32 | source, by the first one's source */
	uint64_t stack_bytes, sort_bytes; /* what the search's stack and the sorting of buckets took at most */
};

/* Fills number, slot_of, parent and the counts; sizes of objects in words go to retained_objects for now (0: larger
 * than 65,535 words). Leaves have the number of their first referrer. */
struct hb_error *hb_search_run(struct hb_build *build) HB_MUST_CHECK;

/* Fills idom and corrects the leaves' numbers. Uses the memory of `retained`. */
struct hb_error *hb_dominators_run(struct hb_build *build) HB_MUST_CHECK;

/* Fills retained and retained_objects. */
struct hb_error *hb_retained_run(struct hb_build *build) HB_MUST_CHECK;

/* CPU time of the calling thread: other stages run beside this one. */
uint64_t hb_thread_cpu_ns(void);

/* Once every 65,536 steps: reports `done` of heap->nobjects and returns HB_ERR_INTERRUPTED when it is time to stop. */
static inline struct hb_error *hb_build_poll(uint64_t done)
{
	hb_progress_set(done);
	return hb_interrupted() ? hb_interrupted_error() : NULL;
}
