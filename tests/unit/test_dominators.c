/* Shapes on which dominator algorithms go wrong or go slow. What is expected follows from the shape. */
#include "base/progress.h"
#include "heap/build.h"
#include "synthetic_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

/* --- Heaps of one-page spans, all slots allocated --------------------------------------------------------------- */

struct builder {
	struct synthetic_heap synthetic;
	struct hb_roots roots;
	uint32_t nroots;
};

static void builder_create(struct builder *b, uint32_t nslots_max, uint32_t narenas)
{
	uint32_t indexes[64];
	memset(b, 0, sizeof(*b));
	for (uint32_t i = 0; i < narenas; i++)
		indexes[i] = i;
	synthetic_create(&b->synthetic, 0xc000000000, indexes, narenas, nslots_max, true);
}

static void builder_destroy(struct builder *b)
{
	synthetic_destroy(&b->synthetic);
	hb_roots_deinit(&b->roots);
}

/* n objects of a size in consecutive slots, from the returned one on. */
static uint32_t make_objects(struct builder *b, enum hb_span_kind kind, uint32_t elem_size, uint32_t n)
{
	uint32_t first = b->synthetic.heap->nslots + 1;
	while (n) {
		const struct hb_span *span = synthetic_span(&b->synthetic, kind, elem_size, 1, n, NULL);
		assert_non_null(span);
		for (uint32_t i = 0; i < span->nelems; i++)
			synthetic_alloc(&b->synthetic, span, span->first_slot + i);
		n -= span->nelems;
	}
	return first;
}

/* One large object of pointers to n slots from `first` on. */
static uint32_t make_array(struct builder *b, uint32_t first, uint32_t n)
{
	uint64_t mask = 1;
	const struct synthetic_type *type = synthetic_type(&b->synthetic, 1, 1, &mask, true);
	uint32_t npages = (n + 1023) / 1024;
	const struct hb_span *span =
	        synthetic_span(&b->synthetic, HB_SPAN_LARGE, (uint64_t)npages << HB_HEAP_PAGE_SHIFT, npages, 1, type);
	assert_non_null(span);
	synthetic_alloc(&b->synthetic, span, span->first_slot);
	for (uint32_t i = 0; i < n; i++)
		synthetic_store(&b->synthetic, span, span->first_slot, i, synthetic_addr(&b->synthetic, first + i));
	return span->first_slot;
}

static void point(struct builder *b, uint32_t from, uint64_t word, uint32_t to)
{
	const struct hb_span *span = &b->synthetic.heap->spans[hb_heap_span_of_slot(b->synthetic.heap, from)];
	synthetic_set_bit(&b->synthetic, span, from, word, true);
	synthetic_store(&b->synthetic, span, from, word, synthetic_addr(&b->synthetic, to));
}

static uint32_t root(struct builder *b, uint32_t slot)
{
	synthetic_root(&b->roots, 0, HB_ROOT_NONE);
	synthetic_root_edge(&b->roots, b->nroots, synthetic_addr(&b->synthetic, slot));
	return hb_graph_root_number(b->nroots++);
}

static struct hb_graph *build(struct builder *b)
{
	struct hb_graph *graph;
	synthetic_finish(&b->synthetic);
	assert_true(hb_heap_is_valid(b->synthetic.heap));
	assert_ok(hb_graph_build(b->synthetic.heap, &b->roots, &graph));
	assert_true(hb_graph_is_valid(graph));
	return graph;
}

static uint64_t retained(const struct hb_graph *graph, uint32_t slot)
{
	return graph->retained[graph->number[slot]];
}

static uint32_t dominator_slot(const struct hb_graph *graph, uint32_t slot)
{
	return graph->slot_of[hb_graph_dominator_of_slot(graph, slot)];
}

/* --- Deep ------------------------------------------------------------------------------------------------------- */

/* A list of n nodes with a value each; the values are pushed before `next` and so wait on the stack. */
static void test_deep_list(void **state)
{
	const uint32_t n = 5000000;
	struct builder b;
	builder_create(&b, 2 * n + 100, 6);
	uint32_t nodes = make_objects(&b, HB_SPAN_BITS, 16, n), values = make_objects(&b, HB_SPAN_BITS, 8, n);
	for (uint32_t i = 0; i < n; i++) {
		point(&b, nodes + i, 0, values + i);
		if (i + 1 < n)
			point(&b, nodes + i, 1, nodes + i + 1);
	}
	uint32_t top = root(&b, nodes);
	struct hb_graph *graph = build(&b);
	assert_int_equal(graph->reached_objects, 2 * n);
	assert_int_equal(graph->idom[graph->number[nodes]], top);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t left = n - i;
		assert_int_equal(retained(graph, nodes + i), left * 24);
		assert_int_equal(graph->retained_objects[graph->number[nodes + i]], left * 2);
		assert_int_equal(dominator_slot(graph, values + i), nodes + i);
		if (i)
			assert_int_equal(dominator_slot(graph, nodes + i), nodes + i - 1);
	}
	/* The tree is as deep: its walks may not recurse. */
	struct hb_dominator_tree *tree;
	struct hb_class_sums sums[2];
	uint32_t *class_of = calloc(b.synthetic.heap->nslots + 1, sizeof(*class_of));
	for (uint32_t i = 0; i < n; i++)
		class_of[nodes + i] = 1;
	assert_ok(hb_dominator_tree_build(graph, &tree));
	assert_ok(hb_graph_class_sums(tree, class_of, 2, sums));
	assert_int_equal(sums[1].count, n);
	assert_int_equal(sums[1].bytes, 16ull * n);
	assert_int_equal(sums[1].retained, 24ull * n);
	assert_int_equal(sums[0].retained, 8ull * n);
	free(class_of);
	hb_dominator_tree_destroy(tree);
	hb_graph_destroy(graph);
	builder_destroy(&b);
}

/* A queue of n jobs, each with a string, and an array (a set) of the same strings: every string is held by both, so
 * that its dominator is the root, n levels above the job. An upward walk a string would take n * n / 2 steps. leaves:
 * the strings' memory holds no pointers. */
static void check_shared_strings(bool leaves)
{
	const uint32_t n = 1000000;
	struct builder b;
	builder_create(&b, 2 * n + 100, 3);
	uint32_t jobs = make_objects(&b, HB_SPAN_BITS, 32, n);
	uint32_t strings = make_objects(&b, leaves ? HB_SPAN_NOSCAN : HB_SPAN_BITS, 16, n);
	for (uint32_t i = 0; i < n; i++) {
		point(&b, jobs + i, 1, strings + i);
		if (i + 1 < n)
			point(&b, jobs + i, 0, jobs + i + 1);
	}
	uint32_t set = make_array(&b, strings, n);
	uint32_t queue_root = root(&b, jobs), set_root = root(&b, set);
	uint64_t start = hb_thread_cpu_ns();
	struct hb_graph *graph = build(&b);
	uint64_t ns = hb_thread_cpu_ns() - start;
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(hb_graph_dominator_of_slot(graph, strings + i), 1);
		assert_int_equal(retained(graph, jobs + i), 32ull * (n - i));
	}
	assert_int_equal(graph->retained[queue_root], 32ull * n);
	assert_int_equal(graph->retained[set_root], (uint64_t)((n + 1023) / 1024) << HB_HEAP_PAGE_SHIFT);
	assert_int_equal(graph->retained[1], graph->reached_bytes);
	/* The quadratic walk takes minutes, the whole test some tenths of a second. */
	assert_in_range(ns, 1, 20000000000);
	hb_graph_destroy(graph);
	builder_destroy(&b);
}

static void test_shared_strings(void **state)
{
	check_shared_strings(false);
}

static void test_shared_leaves(void **state)
{
	check_shared_strings(true);
}

/* The same the other way round: a list whose every node points back to all nodes before it would be quadratic in edges;
 * one pointing back to its predecessor and to the head (container/list) is not. */
static void test_double_list(void **state)
{
	const uint32_t n = 300000;
	struct builder b;
	builder_create(&b, n + 100, 1);
	uint32_t nodes = make_objects(&b, HB_SPAN_BITS, 48, n);
	for (uint32_t i = 0; i < n; i++) {
		point(&b, nodes + i, 0, nodes + (i + 1) % n);
		point(&b, nodes + i, 1, nodes + (i + n - 1) % n);
		point(&b, nodes + i, 2, nodes);
	}
	root(&b, nodes);
	struct hb_graph *graph = build(&b);
	/* A ring: every node but the head is reached from both sides. */
	for (uint32_t i = 1; i < n; i++) {
		assert_int_equal(dominator_slot(graph, nodes + i), nodes);
		assert_int_equal(retained(graph, nodes + i), 48);
	}
	assert_int_equal(retained(graph, nodes), 48ull * n);
	assert_int_equal(graph->edges, 3ull * n + 1);
	hb_graph_destroy(graph);
	builder_destroy(&b);
}

/* --- Wide ------------------------------------------------------------------------------------------------------- */

/* Two arrays of 100,000 objects each, every other one of which the second array has too. */
static void test_wide(void **state)
{
	const uint32_t n = 100000;
	struct builder b;
	builder_create(&b, 4 * n, 2);
	uint32_t objects = make_objects(&b, HB_SPAN_BITS, 16, n), more = make_objects(&b, HB_SPAN_NOSCAN, 32, n);
	uint32_t all = make_array(&b, objects, n), leaves = make_array(&b, more, n),
	         both = make_array(&b, objects, 2 * n);
	const struct hb_span *span = &b.synthetic.heap->spans[hb_heap_span_of_slot(b.synthetic.heap, both)];
	for (uint32_t i = 0; i < 2 * n; i++) { /* even ones only, objects first */
		uint32_t slot = i < n ? objects + i : more + i - n;
		synthetic_store(&b.synthetic, span, both, i, i % 2 ? 0 : synthetic_addr(&b.synthetic, slot));
	}
	root(&b, all);
	root(&b, leaves);
	root(&b, both);
	struct hb_graph *graph = build(&b);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(dominator_slot(graph, objects + i), i % 2 ? all : 0);
		assert_int_equal(dominator_slot(graph, more + i), i % 2 ? leaves : 0);
	}
	assert_int_equal(graph->retained_objects[graph->number[all]], n / 2 + 1);
	assert_int_equal(graph->retained_objects[graph->number[leaves]], n / 2 + 1);
	assert_int_equal(graph->retained_objects[graph->number[both]], 1);
	assert_int_equal(graph->edges, 3 * n + 3);
	hb_graph_destroy(graph);
	builder_destroy(&b);
}

/* An object of 150 MB in three arenas, with pointers at its start, at its end and on both sides of each border. */
static void test_object_over_arenas(void **state)
{
	static const uint32_t indexes[] = {3, 7, 8, 9, 40};
	const uint32_t npages = 19200;
	struct synthetic_heap s;
	struct hb_roots roots = {0};
	struct hb_graph *graph;
	uint64_t mask = 5;
	synthetic_create(&s, 0xc000000000, indexes, 5, 10000, false);
	/* Two pointers in every three words. */
	const struct synthetic_type *type = synthetic_type(&s, 3, 3, &mask, true);
	uint32_t first = synthetic_span(&s, HB_SPAN_BITS, 64, 1, 8, NULL)->first_slot;
	uint64_t targets[8];
	for (int i = 0; i < 8; i++) {
		synthetic_alloc(&s, &s.heap->spans[0], first + i);
		targets[i] = synthetic_addr(&s, first + i);
	}
	struct hb_span *huge =
	        synthetic_span(&s, HB_SPAN_LARGE, (uint64_t)npages << HB_HEAP_PAGE_SHIFT, npages, 1, type);
	assert_non_null(huge);
	assert_int_equal(huge->base, 0xc000000000 + (7ull << HB_ARENA_SHIFT));
	uint32_t slot = huge->first_slot;
	const uint64_t border = 1u << (HB_ARENA_SHIFT - 3), end = huge->elem_size / 8;
	/* Word 3i + 1 is none. 8388608 = 3 * 2796202 + 2; 16777216 = 3 * 5592405 + 1. */
	const uint64_t words[8] = {0, border - 2, border, 2 * border - 1, 2 * border + 1, end - 1, 4, border - 1};
	const bool pointer[8] = {true, true, true, true, true, (end - 1) % 3 != 1, false, false};
	for (int i = 0; i < 8; i++)
		synthetic_store(&s, huge, slot, words[i], targets[i]);
	synthetic_alloc(&s, huge, slot);
	synthetic_root(&roots, 0, HB_ROOT_NONE);
	synthetic_root_edge(&roots, 0, huge->base + huge->elem_size - 1); /* interior, in the last arena */
	synthetic_finish(&s);
	assert_true(hb_heap_is_valid(s.heap));
	assert_ok(hb_graph_build(s.heap, &roots, &graph));
	uint32_t reached = 1;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(words[i] % 3 != 1, pointer[i]);
		assert_int_equal(graph->number[first + i] != 0, pointer[i]);
		reached += pointer[i];
	}
	assert_int_equal(graph->retained_objects[1], reached);
	assert_int_equal(graph->retained[graph->number[slot]], huge->elem_size + (reached - 1) * 64);
	hb_graph_destroy(graph);
	hb_roots_deinit(&roots);
	synthetic_destroy(&s);
}

/* --- Roots ------------------------------------------------------------------------------------------------------ */

/* Goroutines of two groups: what two goroutines of a group share belongs to the group, what both groups share to
 * nobody; nodes of the groups alternate. */
static void test_groups(void **state)
{
	struct builder b;
	builder_create(&b, 1000, 1);
	uint32_t objects = make_objects(&b, HB_SPAN_BITS, 64, 10);
	uint32_t one = synthetic_root(&b.roots, 0, HB_ROOT_NONE), other = synthetic_root(&b.roots, 0, HB_ROOT_NONE);
	uint32_t nodes[4];
	for (int i = 0; i < 4; i++)
		nodes[i] = synthetic_root(&b.roots, 0, i % 2 ? other : one);
	/* object 0…3: a goroutine's own; 4, 5: a group's; 6: everyone's; 7: reached from 4 and from a goroutine of its
	 * group; 8: from 4 and 5; 9: from object 0 and goroutine 2 */
	for (uint32_t i = 0; i < 4; i++) {
		synthetic_root_edge(&b.roots, nodes[i], synthetic_addr(&b.synthetic, objects + i));
		synthetic_root_edge(&b.roots, nodes[i], synthetic_addr(&b.synthetic, objects + 4 + i % 2));
		synthetic_root_edge(&b.roots, nodes[i], synthetic_addr(&b.synthetic, objects + 6));
		if (i == 2) {
			synthetic_root_edge(&b.roots, nodes[i], synthetic_addr(&b.synthetic, objects + 7));
			synthetic_root_edge(&b.roots, nodes[i], synthetic_addr(&b.synthetic, objects + 9));
		}
	}
	point(&b, objects + 4, 0, objects + 7);
	point(&b, objects + 4, 1, objects + 8);
	point(&b, objects + 5, 1, objects + 8);
	point(&b, objects, 3, objects + 9);
	struct hb_graph *graph = build(&b);
	uint32_t dominators[10] = {
	        nodes[0] + 2, nodes[1] + 2, nodes[2] + 2, nodes[3] + 2, one + 2, other + 2, 1, one + 2, 1, one + 2};
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(hb_graph_dominator_of_slot(graph, objects + i), dominators[i]);
	assert_int_equal(graph->retained[one + 2], 64 * 5);
	assert_int_equal(graph->retained[other + 2], 64 * 3);
	assert_int_equal(graph->retained[1], 64 * 10);
	hb_graph_destroy(graph);
	builder_destroy(&b);
}

/* More root nodes than a bucket of the logs has keys, all of which hold one object and one leaf. */
static void test_many_roots(void **state)
{
	const uint32_t n = 200000;
	struct builder b;
	builder_create(&b, 2 * n + 1000, 2);
	uint32_t own = make_objects(&b, HB_SPAN_BITS, 16, n), leaves = make_objects(&b, HB_SPAN_NOSCAN, 16, n);
	uint32_t shared = make_objects(&b, HB_SPAN_BITS, 32, 1), shared_leaf = make_objects(&b, HB_SPAN_NOSCAN, 32, 1);
	uint32_t group = synthetic_root(&b.roots, 0, HB_ROOT_NONE);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t node = synthetic_root(&b.roots, 0, group);
		synthetic_root_edge(&b.roots, node, synthetic_addr(&b.synthetic, own + i));
		synthetic_root_edge(&b.roots, node, synthetic_addr(&b.synthetic, leaves + (i + 7) % n));
		if (i % 100 == 50) {
			synthetic_root_edge(&b.roots, node, synthetic_addr(&b.synthetic, shared));
			synthetic_root_edge(&b.roots, node, synthetic_addr(&b.synthetic, shared_leaf));
		}
		point(&b, own + i, 0, leaves + (i + 7) % n);
	}
	struct hb_graph *graph = build(&b);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(hb_graph_dominator_of_slot(graph, own + i), i + 3);
		assert_int_equal(hb_graph_dominator_of_slot(graph, leaves + (i + 7) % n), i + 3);
		assert_int_equal(graph->retained[i + 3], 32);
	}
	assert_int_equal(hb_graph_dominator_of_slot(graph, shared), 2);
	assert_int_equal(hb_graph_dominator_of_slot(graph, shared_leaf), 2);
	assert_int_equal(graph->retained[2], 32ull * n + 64);
	hb_graph_destroy(graph);
	builder_destroy(&b);
}

static void test_nothing(void **state)
{
	struct hb_heap heap = {0};
	struct hb_roots roots = {0};
	struct hb_graph *graph;
	uint64_t allocated = 0, marked = 1;
	heap.allocated = &allocated;
	assert_ok(hb_graph_build(&heap, &roots, &graph));
	assert_int_equal(graph->count, 1);
	assert_int_equal(graph->reached_objects, 0);
	assert_int_equal(hb_graph_dominator_of_slot(graph, 1), 0);
	assert_true(hb_graph_is_valid(graph));
	struct hb_dominator_tree *tree;
	assert_ok(hb_dominator_tree_build(graph, &tree));
	assert_int_equal(tree->first_child[1], 0);
	hb_dominator_tree_destroy(tree);
	hb_graph_destroy(graph);
	assert_ok(hb_graph_mark(&heap, &roots, &marked));
	assert_int_equal(marked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_nothing),
	        cmocka_unit_test(test_groups),
	        cmocka_unit_test(test_many_roots),
	        cmocka_unit_test(test_wide),
	        cmocka_unit_test(test_object_over_arenas),
	        cmocka_unit_test(test_double_list),
	        cmocka_unit_test(test_shared_strings),
	        cmocka_unit_test(test_shared_leaves),
	        cmocka_unit_test(test_deep_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
