/* Every allocation that a graph needs fails once: an error comes back, nothing is lost (run it with a leak checker) and
 * nothing crashes. The allocators are replaced by the linker (--wrap). */
#include "heap/graph.h"
#include "random_heap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

static uint64_t allocations, fail_at; /* fail_at 0: never */
static bool checking;                 /* inside an invariant of a test build: not what is tested here */

static bool fails(void)
{
	return !checking && ++allocations == fail_at;
}

/* The names are those that the linker's --wrap asks for. NOLINTBEGIN(cert-dcl37-c) */
bool __real_hb_heap_is_valid(const struct hb_heap *heap);
bool __wrap_hb_heap_is_valid(const struct hb_heap *heap);

bool __wrap_hb_heap_is_valid(const struct hb_heap *heap)
{
	checking = true;
	bool valid = __real_hb_heap_is_valid(heap);
	checking = false;
	return valid;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_hb_pages_map(size_t bytes);
void *__real_mremap(void *old, size_t old_size, size_t new_size, int flags, ...);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_hb_pages_map(size_t bytes);
void *__wrap_mremap(void *old, size_t old_size, size_t new_size, int flags, ...);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_hb_pages_map(size_t bytes)
{
	return fails() ? NULL : __real_hb_pages_map(bytes);
}

void *__wrap_mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
	if (fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mremap(old, old_size, new_size, flags);
}
/* NOLINTEND(cert-dcl37-c) */

/* A list whose nodes each leave a value on the search's stack, so that it grows; values are reached a second time from
 * an array, so that both logs grow. */
static void make_heap(struct synthetic_heap *s, struct hb_roots *roots)
{
	enum { N = 40000 };
	uint32_t arena = 0, nodes = 1, values, leaves;
	synthetic_create(s, 0xc000000000, &arena, 1, 4 * N, false);
	struct hb_heap *heap = s->heap;
	while (heap->nslots < N)
		synthetic_span(s, HB_SPAN_BITS, 32, 1, 0, NULL);
	values = heap->nslots + 1;
	while (heap->nslots < values + N)
		synthetic_span(s, HB_SPAN_BITS, 8, 1, 0, NULL);
	leaves = heap->nslots + 1;
	while (heap->nslots < leaves + N)
		synthetic_span(s, HB_SPAN_NOSCAN, 8, 1, 0, NULL);
	uint64_t mask = 1;
	const struct synthetic_type *type = synthetic_type(s, 1, 1, &mask, true);
	const struct hb_span *array = synthetic_span(s, HB_SPAN_LARGE, 80 << 13, 80, 0, type);
	for (uint32_t slot = 1; slot <= heap->nslots; slot++)
		synthetic_alloc(s, NULL, slot);
	for (uint32_t i = 0; i < N; i++) {
		const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, nodes + i)];
		uint32_t targets[3] = {values + i, leaves + i, nodes + i + 1};
		for (int k = 0; k < 3; k++) {
			synthetic_set_bit(s, span, nodes + i, k, true);
			synthetic_store(s, span, nodes + i, k, synthetic_addr(s, targets[k]));
		}
		synthetic_store(s, array, array->first_slot, 2 * i, synthetic_addr(s, values + i));
		synthetic_store(s, array, array->first_slot, 2 * i + 1, synthetic_addr(s, leaves + i));
	}
	synthetic_root(roots, 0, HB_ROOT_NONE);
	synthetic_root_edge(roots, 0, synthetic_addr(s, nodes));
	synthetic_root_edge(roots, 0, synthetic_addr(s, array->first_slot));
	synthetic_finish(s);
}

static struct hb_error *use(const struct hb_heap *heap, const struct hb_roots *roots, uint64_t *marked,
                            const uint32_t *class_of)
{
	hb_cleanup(hb_graph_destroyp) struct hb_graph *graph = NULL;
	struct hb_dominator_tree *tree;
	struct hb_class_sums sums[2];
	TRY(hb_graph_mark(heap, roots, marked));
	TRY(hb_graph_build(heap, roots, &graph));
	TRY(hb_dominator_tree_build(graph, &tree));
	struct hb_error *err = hb_graph_class_sums(tree, class_of, 2, sums);
	hb_dominator_tree_destroy(tree);
	return err;
}

static void test_every_allocation(void **state)
{
	struct synthetic_heap s;
	struct hb_roots roots = {0};
	make_heap(&s, &roots);
	uint64_t *marked = calloc(1, hb_heap_bitmap_bytes(s.heap));
	uint32_t *class_of = calloc(s.heap->nslots + 1, sizeof(*class_of));
	allocations = 0;
	assert_null(use(s.heap, &roots, marked, class_of));
	uint64_t n = allocations;
	assert_in_range(n, 20, 1000);
	for (uint64_t i = 1; i <= n; i++) {
		allocations = 0;
		fail_at = i;
		struct hb_error *err = use(s.heap, &roots, marked, class_of);
		fail_at = 0;
		if (!err || err->code != HB_ERR_NOMEM)
			fail_msg("allocation %ju of %ju: no error", (uintmax_t)i, (uintmax_t)n);
		hb_error_destroy(err);
	}
	free(class_of);
	free(marked);
	hb_roots_deinit(&roots);
	synthetic_destroy(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
