/* Sums per class. A class's retained bytes count an object only when no object above it in the dominator tree is of the
 * same class: the tree is walked with a counter per class of how many of its objects are on the way up. */
#include "base/progress.h"
#include "heap/graph.h"

enum { STEP_SHIFT = 8, POLL_MASK = 0xffff, AHEAD = 16 };

struct walk {
	const struct hb_dominator_tree *tree;
	const struct hb_graph *graph;
	const uint32_t *class_of;
	struct hb_class_sums *sums;
	uint32_t nclasses;
	uint32_t *above;   /* objects of each class on the way from the root */
	uint32_t *span_at; /* (slot >> STEP_SHIFT) → the span of the first slot of that step */
};

static struct hb_error *index_spans(struct walk *walk)
{
	const struct hb_heap *heap = walk->graph->heap;
	uint32_t nsteps = (heap->nslots >> STEP_SHIFT) + 2, span = 0;
	walk->span_at = malloc(nsteps * sizeof(*walk->span_at));
	if (!walk->span_at)
		return hb_error_nomem();
	for (uint32_t i = 0; i < nsteps; i++) {
		uint64_t slot = (uint64_t)i << STEP_SHIFT;
		while (span + 1 < heap->nspans && heap->spans[span + 1].first_slot <= slot)
			span++;
		walk->span_at[i] = span;
	}
	return NULL;
}

static uint64_t size_of_slot(const struct walk *walk, uint32_t slot)
{
	const struct hb_span *spans = walk->graph->heap->spans;
	uint32_t low = walk->span_at[slot >> STEP_SHIFT], high = walk->span_at[(slot >> STEP_SHIFT) + 1] + 1;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (spans[middle].first_slot <= slot)
			low = middle;
		else
			high = middle;
	}
	return spans[low].elem_size;
}

/* Counts and own bytes need no tree. Marks the classes that have both leaves and other objects: only their leaves can
 * have an object of their class above. */
static void count_objects(struct walk *walk, uint8_t *seen)
{
	const struct hb_heap *heap = walk->graph->heap;
	for (const struct hb_span *span = heap->spans; span < heap->spans + heap->nspans; span++) {
		uint8_t sort = span->kind == HB_SPAN_NOSCAN ? 1 : 2;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (!walk->graph->number[slot])
				continue;
			struct hb_class_sums *sums = &walk->sums[walk->class_of[slot]];
			sums->count++;
			sums->bytes += span->elem_size;
			seen[walk->class_of[slot]] |= sort;
		}
	}
}

static void enter(struct walk *walk, uint32_t number, const uint8_t *seen)
{
	uint32_t slot = walk->graph->slot_of[number];
	/* Dominators mostly follow the order of the search, objects' addresses do not. */
	if (number + AHEAD <= walk->graph->count)
		__builtin_prefetch(&walk->class_of[walk->graph->slot_of[number + AHEAD]]);
	if (slot) {
		uint32_t class = walk->class_of[slot];
		if (!walk->above[class]++)
			walk->sums[class].retained += walk->graph->retained[number];
	}
	const uint32_t *start = &walk->tree->leaf_start[number];
	for (uint32_t i = start[0]; i < start[1]; i++) {
		uint32_t leaf = walk->tree->leaves[i], class = walk->class_of[leaf];
		if (seen[class] == 3 && !walk->above[class])
			walk->sums[class].retained += size_of_slot(walk, leaf);
	}
}

static void leave(struct walk *walk, uint32_t number)
{
	uint32_t slot = walk->graph->slot_of[number];
	if (slot)
		walk->above[walk->class_of[slot]]--;
}

/* The way down is first_child and next_sibling, the way up is idom: no stack, the tree may be millions deep. */
static struct hb_error *walk_tree(struct walk *walk, const uint8_t *seen)
{
	const struct hb_dominator_tree *tree = walk->tree;
	uint32_t number = 1;
	for (uint64_t steps = 1;; steps++) {
		if (!(steps & POLL_MASK) && hb_interrupted())
			return hb_interrupted_error();
		enter(walk, number, seen);
		if (tree->first_child[number]) {
			number = tree->first_child[number];
			continue;
		}
		for (leave(walk, number); number != 1 && !tree->next_sibling[number]; leave(walk, number))
			number = walk->graph->idom[number];
		if (number == 1)
			return NULL;
		number = tree->next_sibling[number];
	}
}

static struct hb_error *run(struct walk *walk)
{
	hb_autofree uint8_t *seen = calloc(walk->nclasses, 1);
	if (!seen)
		return hb_error_nomem();
	count_objects(walk, seen);
	TRY(index_spans(walk));
	TRY(walk_tree(walk, seen));
	for (uint32_t class = 0; class < walk->nclasses; class ++)
		if (seen[class] == 1)
			walk->sums[class].retained = walk->sums[class].bytes;
	return NULL;
}

struct hb_error *hb_graph_class_sums(const struct hb_dominator_tree *tree, const uint32_t *class_of, uint32_t nclasses,
                                     struct hb_class_sums *ret)
{
	if (!nclasses)
		return NULL; /* every object has a class: there are none */
	struct walk walk = {
	        .tree = tree,
	        .graph = tree->graph,
	        .class_of = class_of,
	        .sums = ret,
	        .nclasses = nclasses,
	        .above = calloc(nclasses, sizeof(uint32_t)),
	};
	memset(ret, 0, nclasses * sizeof(*ret));
	struct hb_error *err = walk.above ? run(&walk) : hb_error_nomem();
	free(walk.above);
	free(walk.span_at);
	return err;
}
