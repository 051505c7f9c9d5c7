/* Strongly connected components, against "each reaches the other" by trying. */
#include "base/components.h"
#include "random_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_NODES = 14, MOST_EDGES = 60, TRIES = 3000 };

struct graph {
	uint32_t n, nedges, tail[MOST_EDGES], head[MOST_EDGES];
	uint64_t first[MOST_NODES + 1];
	uint32_t to[MOST_EDGES];
};

static void make(struct random_source *random, struct graph *graph)
{
	graph->n = 1 + (uint32_t)(random_u64(random) % MOST_NODES);
	graph->nedges = (uint32_t)(random_u64(random) % (2 * graph->n + 1));
	for (uint32_t i = 0; i < graph->nedges; i++) {
		graph->tail[i] = (uint32_t)(random_u64(random) % graph->n);
		graph->head[i] = (uint32_t)(random_u64(random) % graph->n);
	}
	uint64_t at = 0;
	for (uint32_t node = 0; node < graph->n; node++) {
		graph->first[node] = at;
		for (uint32_t i = 0; i < graph->nedges; i++)
			if (graph->tail[i] == node)
				graph->to[at++] = graph->head[i];
	}
	graph->first[graph->n] = at;
}

static void reach(const struct graph *graph, bool reaches[MOST_NODES][MOST_NODES])
{
	memset(reaches, 0, sizeof(bool[MOST_NODES][MOST_NODES]));
	for (uint32_t i = 0; i < graph->n; i++)
		reaches[i][i] = true;
	for (uint32_t i = 0; i < graph->nedges; i++)
		reaches[graph->tail[i]][graph->head[i]] = true;
	for (uint32_t k = 0; k < graph->n; k++)
		for (uint32_t i = 0; i < graph->n; i++)
			for (uint32_t j = 0; j < graph->n; j++)
				reaches[i][j] |= reaches[i][k] && reaches[k][j];
}

static void those_that_reach_each_other(void **state)
{
	(void)state;
	struct random_source random = {.state = 1};
	bool reaches[MOST_NODES][MOST_NODES];
	uint32_t component[MOST_NODES + 1];
	struct graph graph;
	for (unsigned try = 0; try < TRIES; try++) {
		make(&random, &graph);
		reach(&graph, reaches);
		assert_null(hb_components_find(graph.n, graph.first, graph.to, component));
		for (uint32_t i = 0; i < graph.n; i++) {
			assert_true(component[i] >= 1 && component[i] <= graph.n);
			for (uint32_t j = 0; j < graph.n; j++)
				assert_int_equal(component[i] == component[j], reaches[i][j] && reaches[j][i]);
		}
	}
}

static void a_long_chain_needs_no_stack(void **state)
{
	(void)state;
	enum { LONG = 2000000 };
	uint64_t *first = calloc(LONG + 1, sizeof(*first));
	uint32_t *to = calloc(LONG, sizeof(*to)), *component = calloc(LONG, sizeof(*component));
	assert_true(first && to && component);
	for (uint32_t i = 0; i < LONG; i++) { /* and back to the beginning */
		first[i + 1] = i + 1;
		to[i] = (i + 1) % LONG;
	}
	assert_null(hb_components_find(LONG, first, to, component));
	for (uint32_t i = 0; i < LONG; i++)
		assert_int_equal(component[i], 1);
	free(first);
	free(to);
	free(component);
}

static void nothing(void **state)
{
	(void)state;
	uint64_t first = 0;
	uint32_t component = 0;
	assert_null(hb_components_find(0, &first, NULL, &component));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(those_that_reach_each_other),
	        cmocka_unit_test(a_long_chain_needs_no_stack),
	        cmocka_unit_test(nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
