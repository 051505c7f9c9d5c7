#include "heap/graph.h"
#include "naive_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/progress.h"
#include "heap/marker.h"

#include <signal.h>

static void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

/* --- Random heaps ----------------------------------------------------------------------------------------------- */

struct compared {
	const struct random_heap *r;
	const struct naive_graph *truth;
	const struct hb_graph *graph;
	uint64_t seed;
};

#define CHECK(c, condition)                                                         \
	do {                                                                        \
		if (!(condition))                                                   \
			fail_msg("seed %ju: %s", (uintmax_t)(c)->seed, #condition); \
	} while (0)

/* Number of a node that has one: 0 for leaves. */
static uint32_t number_of(const struct compared *c, uint32_t node)
{
	if (node <= c->r->nroots)
		return node + 1;
	return c->r->nodes[node].leaf ? 0 : c->graph->number[c->r->nodes[node].slot];
}

static uint32_t node_of_slot(const struct random_heap *r, uint32_t slot)
{
	for (uint32_t node = r->nroots + 1; node < r->nnodes; node++)
		if (r->nodes[node].slot == slot)
			return node;
	return 0;
}

static uint32_t node_of_number(const struct compared *c, uint32_t number)
{
	return number <= c->graph->nroots + 1 ? number - 1 : node_of_slot(c->r, c->graph->slot_of[number]);
}

static void check_object(const struct compared *c, uint32_t node)
{
	const struct true_node *object = &c->r->nodes[node];
	uint32_t dominator = hb_graph_dominator_of_slot(c->graph, object->slot);
	CHECK(c, !!c->graph->number[object->slot] == c->truth->reached[node]);
	if (!c->truth->reached[node]) {
		CHECK(c, dominator == 0);
		return;
	}
	CHECK(c, node_of_number(c, dominator) == c->truth->idom[node]);
	if (object->leaf)
		CHECK(c, c->graph->number[object->slot] == dominator);
}

static bool is_edge(const struct compared *c, uint32_t from, uint32_t to)
{
	if (to <= c->r->nroots)
		return c->r->nodes[to].parent == from;
	for (uint32_t i = 0; i < c->r->nedges; i++)
		if (c->r->edges[i].from == from && c->r->edges[i].to == to &&
		    naive_edge_counts(c->truth, c->r, c->r->edges[i]))
			return true;
	return false;
}

static void check_numbered(const struct compared *c, uint32_t node)
{
	uint32_t number = number_of(c, node);
	CHECK(c, c->graph->retained[number] == c->truth->retained[node]);
	CHECK(c, c->graph->retained_objects[number] == c->truth->retained_objects[node]);
	if (!node) {
		CHECK(c, c->graph->idom[number] == 0 && c->graph->parent[number] == 0);
		return;
	}
	CHECK(c, node_of_number(c, c->graph->idom[number]) == c->truth->idom[node]);
	CHECK(c, is_edge(c, node_of_number(c, c->graph->parent[number]), node));
}

static void check_totals(const struct compared *c)
{
	uint64_t objects = 0, bytes = 0, leaves = 0, unknown = 0;
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++) {
		if (!c->truth->reached[node])
			continue;
		objects++;
		bytes += c->r->nodes[node].size;
		leaves += c->r->nodes[node].leaf;
		unknown += c->r->nodes[node].unknown;
	}
	CHECK(c, c->graph->reached_objects == objects);
	CHECK(c, c->graph->reached_bytes == bytes);
	CHECK(c, c->graph->leaves == leaves);
	CHECK(c, c->graph->unknown_objects == unknown);
	CHECK(c, c->graph->edges == c->truth->edges);
	CHECK(c, c->graph->count == c->r->nroots + 1 + objects - leaves);
}

static void check_marks(const struct compared *c)
{
	const struct hb_heap *heap = c->graph->heap;
	uint64_t *marked = malloc(hb_heap_bitmap_bytes(heap));
	memset(marked, 0xaa, hb_heap_bitmap_bytes(heap));
	assert_ok(hb_graph_mark(heap, &c->r->roots, marked));
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++) {
		uint32_t slot = c->r->nodes[node].slot;
		CHECK(c, (marked[slot / 64] >> (slot & 63) & 1) == c->truth->marked[node]);
		marked[slot / 64] &= ~(1ull << (slot & 63));
	}
	for (size_t i = 0; i < hb_heap_bitmap_bytes(heap) / 8; i++)
		CHECK(c, marked[i] == 0);
	free(marked);
}

/* By the definition: from the root nodes, over objects that are not blocked. */
static void reach_without(const struct random_heap *r, const bool *blocked, bool *reached)
{
	for (uint32_t i = 1; i <= r->nroots; i++)
		reached[i] = true;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < r->nedges; i++)
			if (reached[r->edges[i].from] && !reached[r->edges[i].to] && !blocked[r->edges[i].to])
				reached[r->edges[i].to] = changed = true;
	}
}

static void check_marks_without(const struct compared *c, uint64_t seed)
{
	const struct hb_heap *heap = c->graph->heap;
	struct random_source random = {seed};
	bool blocked[MAX_NODES] = {0}, reached[MAX_NODES] = {0};
	uint64_t *marked = malloc(hb_heap_bitmap_bytes(heap)), *bits = calloc(1, hb_heap_bitmap_bytes(heap));
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++)
		if ((blocked[node] = random_chance(&random, 10)))
			bits[c->r->nodes[node].slot / 64] |= 1ull << (c->r->nodes[node].slot & 63);
	reach_without(c->r, blocked, reached);
	assert_ok(hb_graph_mark_without(heap, &c->r->roots, bits, marked));
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++) {
		uint32_t slot = c->r->nodes[node].slot;
		CHECK(c, (marked[slot / 64] >> (slot & 63) & 1) == reached[node]);
	}
	free(marked);
	free(bits);
}

static bool is_set(const uint64_t *bits, uint32_t slot)
{
	return bits[slot / 64] >> (slot & 63) & 1;
}

/* First without what some objects lead to, then with it: everything that is marked is told of once, and it is all. */
static void check_marks_in_steps(const struct compared *c, uint64_t seed)
{
	const struct hb_heap *heap = c->graph->heap;
	size_t bytes = hb_heap_bitmap_bytes(heap);
	struct random_source random = {seed};
	uint64_t *marked = calloc(1, bytes), *held = calloc(1, bytes), *watched = malloc(bytes),
	         *told = calloc(1, bytes);
	struct hb_marker *marker;
	memset(watched, 0xff, bytes);
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++)
		if (random_chance(&random, 30))
			held[c->r->nodes[node].slot / 64] |= 1ull << (c->r->nodes[node].slot & 63);
	const struct hb_marker_options options = {.held = held, .watched = watched};
	assert_ok(hb_marker_create(heap, &options, marked, &marker));
	for (size_t i = 0; i < c->r->roots.edges.len; i++)
		assert_ok(hb_marker_add(marker, c->r->roots.edges.data[i].value));
	for (uint32_t slot = 1; slot;) {
		assert_ok(hb_marker_run(marker));
		while ((slot = hb_marker_hit(marker))) {
			CHECK(c, !is_set(told, slot) && hb_marker_has(marker, slot));
			told[slot / 64] |= 1ull << (slot & 63);
			if (is_set(held, slot))
				break;
		}
		assert_ok(hb_marker_open(marker, slot));
	}
	hb_marker_finish(marker);
	hb_marker_destroy(marker);
	CHECK(c, !memcmp(marked, told, bytes));
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++)
		CHECK(c, is_set(marked, c->r->nodes[node].slot) == c->truth->marked[node]);
	free(marked);
	free(held);
	free(watched);
	free(told);
}

static void check_tree(const struct compared *c)
{
	struct hb_dominator_tree *tree;
	const struct hb_graph *graph = c->graph;
	assert_ok(hb_dominator_tree_build(graph, &tree));
	uint64_t children = 0;
	for (uint32_t number = 1; number <= graph->count; number++) {
		for (uint32_t child = tree->first_child[number]; child; child = tree->next_sibling[child]) {
			CHECK(c, graph->idom[child] == number);
			CHECK(c, !tree->next_sibling[child] || tree->next_sibling[child] > child);
			children++;
		}
		for (uint32_t i = tree->leaf_start[number]; i < tree->leaf_start[number + 1]; i++) {
			CHECK(c, c->r->nodes[node_of_slot(c->r, tree->leaves[i])].leaf);
			CHECK(c, graph->number[tree->leaves[i]] == number);
			CHECK(c, i == tree->leaf_start[number] || tree->leaves[i] > tree->leaves[i - 1]);
		}
	}
	CHECK(c, children == graph->count - 1);
	CHECK(c, tree->leaf_start[1] == 0 && tree->leaf_start[graph->count + 1] == graph->leaves);
	hb_dominator_tree_destroy(tree);
}

/* Objects of a class that no other object of the class dominates. */
static void check_class_sums(const struct compared *c, uint32_t nclasses)
{
	struct hb_class_sums truth[8] = {0}, sums[8];
	struct random_source random = {c->seed};
	uint32_t *class_of = calloc(c->graph->heap->nslots + 1, sizeof(*class_of));
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++)
		class_of[c->r->nodes[node].slot] = random_below(&random, nclasses);
	for (uint32_t node = c->r->nroots + 1; node < c->r->nnodes; node++) {
		if (!c->truth->reached[node])
			continue;
		uint32_t class = class_of[c->r->nodes[node].slot];
		bool below = false;
		for (uint32_t above = c->r->nroots + 1; above < c->r->nnodes; above++)
			below |= above != node && c->truth->dominates[above][node] &&
			         class_of[c->r->nodes[above].slot] == class;
		truth[class].count++;
		truth[class].bytes += c->r->nodes[node].size;
		truth[class].retained += below ? 0 : c->truth->retained[node];
	}
	struct hb_dominator_tree *tree;
	assert_ok(hb_dominator_tree_build(c->graph, &tree));
	memset(sums, 0x55, sizeof(sums));
	assert_ok(hb_graph_class_sums(tree, class_of, nclasses, sums));
	for (uint32_t class = 0; class < nclasses; class ++) {
		CHECK(c, sums[class].count == truth[class].count);
		CHECK(c, sums[class].bytes == truth[class].bytes);
		CHECK(c, sums[class].retained == truth[class].retained);
	}
	hb_dominator_tree_destroy(tree);
	free(class_of);
}

static void check_seed(uint64_t seed)
{
	static struct random_heap r;
	static struct naive_graph truth;
	struct hb_graph *graph;
	random_heap_create(&r, seed);
	naive_graph_of(&truth, &r);
	struct compared c = {&r, &truth, NULL, seed};
	CHECK(&c, hb_heap_is_valid(r.synthetic.heap));
	CHECK(&c, hb_roots_are_valid(&r.roots));
	assert_ok(hb_graph_build(r.synthetic.heap, &r.roots, &graph));
	c.graph = graph;
	check_totals(&c);
	for (uint32_t node = r.nroots + 1; node < r.nnodes; node++)
		check_object(&c, node);
	for (uint32_t node = 0; node < r.nnodes; node++)
		if (truth.reached[node] && !r.nodes[node].leaf)
			check_numbered(&c, node);
	CHECK(&c, hb_graph_is_valid(graph));
	check_marks(&c);
	check_tree(&c);
	check_class_sums(&c, 1 + seed % 5);
	check_marks_without(&c, seed);
	check_marks_in_steps(&c, seed);
	hb_graph_destroy(graph);
	random_heap_destroy(&r);
}

static void test_random_heaps(void **state)
{
	/* Some seconds' worth; HELDBY_TEST_SEEDS=first:n looks further. */
	uint64_t first = 1, n = 2000;
	const char *seeds = getenv("HELDBY_TEST_SEEDS");
	if (seeds)
		assert_int_equal(sscanf(seeds, "%ju:%ju", &first, &n), 2);
	for (uint64_t seed = first; seed < first + n; seed++)
		check_seed(seed);
}

/* Last: the flag stays. */
static void test_interrupt(void **state)
{
	static struct random_heap r;
	struct hb_graph *graph = NULL;
	random_heap_create(&r, 1);
	hb_progress_init(HB_QUIET);
	raise(SIGINT);
	struct hb_error *err = hb_graph_build(r.synthetic.heap, &r.roots, &graph);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_INTERRUPTED);
	assert_null(graph);
	hb_error_destroy(err);
	random_heap_destroy(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_heaps),
	        cmocka_unit_test(test_interrupt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
