/* The truth about a random heap's graph, by the definitions: what is reachable, what is not when one node is taken
 * away. Nodes as in random_heap.h. */
#pragma once
#include "random_heap.h"

struct naive_graph {
	bool reached[MAX_NODES];              /* phases and cuts apply */
	bool marked[MAX_NODES];               /* by any edge */
	uint8_t phase[MAX_NODES];             /* that reached it */
	bool dominates[MAX_NODES][MAX_NODES]; /* [a][b]: b is not reached without a; a dominates itself */
	uint32_t idom[MAX_NODES];
	uint64_t retained[MAX_NODES];
	uint32_t retained_objects[MAX_NODES];
	uint64_t edges;
};

void naive_graph_of(struct naive_graph *g, const struct random_heap *r);
/* An edge that counts: not cut, not into an earlier phase, between reached nodes. */
bool naive_edge_counts(const struct naive_graph *g, const struct random_heap *r, struct true_edge edge);
