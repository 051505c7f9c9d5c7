/* One leak moves several populations: the map and the list of a cache, and what each entry has. The outermost one stands for all. */
#include "growth/places.h"

struct grown {
	struct hb_population *population;
	uint32_t head, root;
};

/* Likely before estimates, then in the order of kinds: a map says more than the list beside it. */
static bool comes_before(const struct grown *a, const struct grown *b)
{
	if (a->population->judgement.verdict != b->population->judgement.verdict)
		return a->population->judgement.verdict > b->population->judgement.verdict;
	if (a->population->kind != b->population->kind)
		return a->population->kind < b->population->kind;
	return a->population->addr < b->population->addr;
}

static uint64_t growth_of(const struct grown *grown)
{
	return grown->population->judgement.last - grown->population->judgement.first;
}

/* By as much, to as many, below the same root: the same elements in two structures. */
static bool is_twin(const struct grown *a, const struct grown *b)
{
	uint64_t x = growth_of(a), y = growth_of(b), slack = hb_max(hb_max(x, y) / 50, UINT64_C(2));
	uint64_t last_x = a->population->judgement.last, last_y = b->population->judgement.last;
	return a->root == b->root && a->root != HB_ROOT_NONE && a->population->kind != b->population->kind &&
	       hb_max(x, y) - hb_min(x, y) <= slack && hb_max(last_x, last_y) - hb_min(last_x, last_y) <= slack * 2;
}

/* Whether what a holds dominates b. */
static bool is_inside(const struct hb_graph *graph, const struct grown *a, const struct grown *b)
{
	uint32_t wanted = a->head ? graph->number[a->head] : 0;
	if (!wanted || graph->slot_of[wanted] != a->head || !b->head || a->head == b->head)
		return false;
	return hb_graph_dominates(graph, wanted, hb_graph_dominator_of_slot(graph, b->head));
}

static size_t collect(struct hb_growth *growth, struct grown *list, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < growth->populations.len && n < max; i++) {
		struct hb_population *population = &growth->populations.data[i];
		population->merged = false;
		if (population->judgement.verdict != HB_GROWTH_NONE)
			list[n++] = (struct grown){population, hb_population_head(growth, population),
			                           hb_population_root(growth, population)};
	}
	return n;
}

struct hb_error *hb_growth_merge(struct hb_growth *growth)
{
	enum { MAX_GROWN = 2048 };
	hb_autofree struct grown *list = calloc(MAX_GROWN, sizeof(*list));
	if (!list)
		return hb_error_nomem();
	size_t n = collect(growth, list, MAX_GROWN);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n && !list[i].population->merged; k++) {
			if (i == k || list[k].population->merged)
				continue;
			bool as_certain =
			        list[k].population->judgement.verdict >= list[i].population->judgement.verdict;
			list[i].population->merged =
			        (is_twin(&list[k], &list[i]) && comes_before(&list[k], &list[i])) ||
			        (as_certain && is_inside(growth->analysis->graph, &list[k], &list[i]));
		}
	return NULL;
}
