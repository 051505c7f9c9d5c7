/* The object graph: reachability, depth-first numbers, dominators, retained sizes.
 *
 * Numbering: `number[slot]` is
 *   0                      not reached
 *   a depth-first number   for pointerful objects (1 is the virtual root, 2 … nroots+1 the root nodes in order)
 *   the number of its immediate dominator, for leaves (objects of NOSCAN spans: they have no number of their own)
 * The arrays below are indexed by depth-first number. idom[n] < n always, so streaming passes replace recursion.
 *
 * Algorithm (docs/dominators.md): depth-first search straight over the raw span bytes, non-tree edges bucketed by
 * target, semi-NCA in descending order with path compression, immediate dominators by jump pointers. No recursion on
 * data, linear in objects plus edges.
 */
#pragma once
#include "heap/heap.h"
#include "heap/roots.h"

struct hb_graph {
	const struct hb_heap *heap;   /* borrowed */
	const struct hb_roots *roots; /* borrowed */
	uint32_t *number;             /* by slot, nslots + 1 entries */
	uint32_t count;               /* highest depth-first number */
	uint32_t nroots;              /* root nodes: numbers 2 … nroots + 1; 1 is the virtual root */
	uint32_t *slot_of;            /* number → slot (0 for 1 … nroots + 1) */
	uint32_t *parent;             /* depth-first tree parent; a path from a root to the object */
	uint32_t *idom;               /* immediate dominator; idom[1] = 0 */
	uint64_t *retained;           /* bytes */
	uint32_t *retained_objects;   /* saturating */
	uint64_t reached_objects, reached_bytes;
	uint64_t leaves;          /* of reached_objects */
	uint64_t edges;           /* followed, roots included */
	uint64_t unknown_objects; /* reached objects whose pointers are unknown (no mask) */
	uint64_t peak_bytes;      /* of heldby's arrays while building */
	uint64_t cpu_ns_search, cpu_ns_dominators, cpu_ns_retained;
};

/* Root node i of roots has number i + 2. */
static inline uint32_t hb_graph_root_number(uint32_t node)
{
	return node + 2;
}
static inline bool hb_graph_is_root(const struct hb_graph *graph, uint32_t number)
{
	return number >= 2 && number < graph->nroots + 2;
}

struct hb_error *hb_graph_build(const struct hb_heap *heap, const struct hb_roots *roots,
                                struct hb_graph **ret) HB_MUST_CHECK;
void hb_graph_destroy(struct hb_graph *graph);
void hb_graph_destroyp(struct hb_graph **graph);
bool hb_graph_is_valid(const struct hb_graph *graph);

/* Immediate dominator of any reached object (leaf or not): a depth-first number, 0 when not reached. */
uint32_t hb_graph_dominator_of_slot(const struct hb_graph *graph, uint32_t slot);

/* Whether every path from the roots to an object goes through another one: both by number, and not the virtual root's. */
bool hb_graph_dominates(const struct hb_graph *graph, uint32_t above, uint32_t below);

/* Reachability alone (27 ns an object): sets a bit a slot. For oracles and later looks. `marked` has nslots + 1 bits.
 * Follows every edge (no phases, no cuts). */
struct hb_error *hb_graph_mark(const struct hb_heap *heap, const struct hb_roots *roots,
                               uint64_t *marked) HB_MUST_CHECK;

/* What would be reached without the objects whose bits are set in `blocked` (as marked has them; NULL: none). They are not
 * marked themselves. */
struct hb_error *hb_graph_mark_without(const struct hb_heap *heap, const struct hb_roots *roots,
                                       const uint64_t *blocked, uint64_t *marked) HB_MUST_CHECK;

/* Children in the dominator tree: first_child/next_sibling by number, plus leaves grouped per dominator. */
struct hb_dominator_tree {
	const struct hb_graph *graph;
	uint32_t *first_child, *next_sibling; /* by number */
	uint32_t *leaf_start;                 /* number → index in leaves; count + 2 entries */
	uint32_t *leaves;                     /* slots */
};
struct hb_error *hb_dominator_tree_build(const struct hb_graph *graph, struct hb_dominator_tree **ret) HB_MUST_CHECK;
void hb_dominator_tree_destroy(struct hb_dominator_tree *tree);

/* Sums per class (type): count, shallow bytes, retained bytes (objects dominated by another object of the same class
 * are counted once). class_of has nslots + 1 entries, classes are < nclasses; class 0 = unknown. */
struct hb_class_sums {
	uint64_t count, bytes, retained;
};
struct hb_error *hb_graph_class_sums(const struct hb_dominator_tree *tree, const uint32_t *class_of, uint32_t nclasses,
                                     struct hb_class_sums *ret) HB_MUST_CHECK;
