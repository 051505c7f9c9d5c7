#include "base/progress.h"
#include "heap/graph.h"

static struct hb_error *link_children(struct hb_dominator_tree *tree)
{
	const struct hb_graph *graph = tree->graph;
	size_t bytes = ((size_t)graph->count + 1) * sizeof(uint32_t);
	tree->first_child = hb_pages_map(bytes);
	tree->next_sibling = hb_pages_map(bytes);
	if (!tree->first_child || !tree->next_sibling)
		return hb_error_nomem();
	for (uint32_t i = graph->count; i > 1; i--) {
		tree->next_sibling[i] = tree->first_child[graph->idom[i]];
		tree->first_child[graph->idom[i]] = i;
	}
	return hb_interrupted() ? hb_interrupted_error() : NULL;
}

/* Calls for every reached leaf, in address order. */
#define FOR_EACH_LEAF(graph, span, slot)                                                                             \
	for (const struct hb_span *span = (graph)->heap->spans; span < (graph)->heap->spans + (graph)->heap->nspans; \
	     span++)                                                                                                 \
		if (span->kind == HB_SPAN_NOSCAN)                                                                    \
			for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)       \
				if ((graph)->number[slot])

static size_t leaf_start_bytes(const struct hb_graph *graph)
{
	return ((size_t)graph->count + 3) * sizeof(uint32_t);
}

/* A counting sort by dominator. While it places leaves, entry d + 1 is where the next leaf of d goes; afterwards that
 * is where the leaves of d + 1 start. */
static struct hb_error *group_leaves(struct hb_dominator_tree *tree)
{
	const struct hb_graph *graph = tree->graph;
	tree->leaf_start = hb_pages_map(leaf_start_bytes(graph));
	tree->leaves = hb_pages_map((graph->leaves + 1) * sizeof(uint32_t));
	if (!tree->leaf_start || !tree->leaves)
		return hb_error_nomem();
	uint32_t *start = tree->leaf_start;
	FOR_EACH_LEAF(graph, span, slot)
	start[(size_t)graph->number[slot] + 2]++;
	for (size_t i = 2; i < (size_t)graph->count + 3; i++)
		start[i] += start[i - 1];
	if (hb_interrupted())
		return hb_interrupted_error();
	FOR_EACH_LEAF(graph, span, slot)
	tree->leaves[start[(size_t)graph->number[slot] + 1]++] = slot;
	return NULL;
}

struct hb_error *hb_dominator_tree_build(const struct hb_graph *graph, struct hb_dominator_tree **ret)
{
	struct hb_dominator_tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return hb_error_nomem();
	tree->graph = graph;
	struct hb_error *err = link_children(tree);
	if (!err)
		err = group_leaves(tree);
	if (err) {
		hb_dominator_tree_destroy(tree);
		return err;
	}
	*ret = tree;
	return NULL;
}

void hb_dominator_tree_destroy(struct hb_dominator_tree *tree)
{
	if (!tree)
		return;
	size_t bytes = ((size_t)tree->graph->count + 1) * sizeof(uint32_t);
	hb_pages_unmap(tree->first_child, bytes);
	hb_pages_unmap(tree->next_sibling, bytes);
	hb_pages_unmap(tree->leaf_start, leaf_start_bytes(tree->graph));
	hb_pages_unmap(tree->leaves, (tree->graph->leaves + 1) * sizeof(uint32_t));
	free(tree);
}
