/* Random small heaps together with what is true of them: which object points to which, as the generator drew it and not
 * as any code reads it back.
 *
 * Nodes of the truth: 0 is the virtual root, 1 … nroots are the root nodes, the others are objects.
 */
#pragma once
#include "synthetic_heap.h"

struct random_source {
	uint64_t state;
};
uint64_t random_u64(struct random_source *random);
uint32_t random_below(struct random_source *random, uint32_t n); /* 0 … n - 1 */
bool random_chance(struct random_source *random, uint32_t percent);

enum { MAX_NODES = 320, MAX_EDGES = 8192 };

struct true_node {
	uint32_t slot; /* 0: virtual root, root node */
	uint64_t size;
	uint8_t phase;   /* root nodes */
	uint32_t parent; /* root nodes */
	bool leaf, unknown, cut;
	uint32_t span; /* index */
};

struct true_edge {
	uint32_t from, to;
};

struct random_heap {
	struct synthetic_heap synthetic;
	struct hb_roots roots;
	struct true_node nodes[MAX_NODES];
	uint32_t nnodes, nroots;
	struct true_edge edges[MAX_EDGES]; /* of objects and root nodes; not those among root nodes */
	uint32_t nedges;
};

void random_heap_create(struct random_heap *r, uint64_t seed);
void random_heap_destroy(struct random_heap *r);
