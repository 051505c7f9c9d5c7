/* Heaps whose every byte is chosen by an enemy: random words, pointers to anywhere, lying type words and bitmaps.
 * Nothing may lead out of bounds (run it with sanitizers), and three readers must agree on what is reachable. */
#include "heap/graph.h"
#include "random_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

static uint64_t hostile_word(const struct hb_heap *heap, struct random_source *random)
{
	const struct hb_span *span = &heap->spans[random_below(random, heap->nspans)];
	uint64_t size = (uint64_t)span->npages << HB_HEAP_PAGE_SHIFT;
	switch (random_below(random, 8)) {
	case 0:
		return 0;
	case 1:
		return random_u64(random);
	case 2:
		return heap->low + (random_u64(random) % (heap->arena_span + 2) << HB_ARENA_SHIFT) - 1;
	case 3: /* a type, perhaps */
		return 0x4c0000 + (uint64_t)random_below(random, 16) * 64;
	case 4:
		return span->base + size - random_below(random, 300);
	default:
		return span->base + random_u64(random) % size;
	}
}

static void count_objects(struct hb_heap *heap)
{
	heap->nobjects = heap->object_bytes = heap->free_slot_bytes = 0;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint64_t used = 0;
		for (uint32_t k = 0; k < span->nelems; k++)
			used += hb_heap_allocated(heap, span->first_slot + k);
		heap->nobjects += used;
		heap->object_bytes += used * span->elem_size;
		heap->free_slot_bytes += (span->nelems - used) * span->elem_size;
	}
}

static void fill(struct random_heap *r, struct random_source *random)
{
	struct hb_heap *heap = r->synthetic.heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint8_t *bytes = hb_heap_bytes(heap, span->base);
		uint64_t size = (uint64_t)span->npages << HB_HEAP_PAGE_SHIFT;
		/* Slots of large spans need not all be full. */
		uint64_t step = size > 65536 ? 8 + 8ull * random_below(random, 100) : 8;
		for (uint64_t at = 0; at < size; at += step) {
			uint64_t word = hostile_word(heap, random);
			memcpy(bytes + at, &word, sizeof(word));
		}
		for (uint64_t at = 0; span->kind == HB_SPAN_ARENA_BITS && at < size / 64; at += 8)
			heap->arena_bits[(uint64_t)(bytes - heap->memory) / 512 + at / 8] = random_u64(random);
	}
	for (size_t i = 0; i < heap->nslots / 64; i++)
		heap->allocated[i] |= random_u64(random) & ~(i ? 0ull : 1ull);
	count_objects(heap);
}

struct reader {
	const struct hb_heap *heap;
	const uint8_t *bytes;
	uint32_t *queue;
	uint32_t queued;
	uint64_t *reached;
};

static void reach(struct reader *reader, uint64_t value)
{
	uint32_t slot = hb_heap_slot(reader->heap, value);
	if (!slot || !hb_heap_allocated(reader->heap, slot) || reader->reached[slot / 64] >> (slot & 63) & 1)
		return;
	reader->reached[slot / 64] |= 1ull << (slot & 63);
	reader->queue[reader->queued++] = slot;
}

static void reach_word(void *ctx, uint64_t word)
{
	struct reader *reader = ctx;
	reach(reader, hb_load_u64(reader->bytes + word * 8));
}

/* Breadth first, by the functions that are not for hot loops. */
static uint64_t *reach_slowly(const struct random_heap *r)
{
	const struct hb_heap *heap = r->synthetic.heap;
	struct reader reader = {.heap = heap,
	                        .queue = malloc(((size_t)heap->nslots + 1) * sizeof(uint32_t)),
	                        .reached = calloc(1, hb_heap_bitmap_bytes(heap))};
	for (size_t i = 0; i < r->roots.edges.len; i++)
		reach(&reader, r->roots.edges.data[i].value);
	for (uint32_t i = 0; i < reader.queued; i++) {
		uint32_t slot = reader.queue[i];
		const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
		reader.bytes = hb_heap_bytes(heap, hb_heap_slot_addr(span, slot));
		hb_heap_each_pointer_word(heap, span, slot, reach_word, &reader);
	}
	free(reader.queue);
	return reader.reached;
}

static void check_seed(uint64_t seed)
{
	static struct random_heap r;
	struct random_source random = {seed};
	struct hb_graph *graph;
	struct hb_dominator_tree *tree;
	random_heap_create(&r, seed);
	fill(&r, &random);
	const struct hb_heap *heap = r.synthetic.heap;
	for (size_t i = 0; i < r.roots.edges.len; i++)
		r.roots.edges.data[i].value = hostile_word(heap, &random);
	r.roots.cut_targets.len = 0;
	assert_ok(hb_graph_build(heap, &r.roots, &graph));
	assert_true(hb_graph_is_valid(graph));
	assert_ok(hb_dominator_tree_build(graph, &tree));
	struct hb_class_sums sums[3];
	uint32_t *class_of = malloc(((size_t)heap->nslots + 1) * sizeof(*class_of));
	for (uint32_t slot = 0; slot <= heap->nslots; slot++)
		class_of[slot] = random_below(&random, 3);
	assert_ok(hb_graph_class_sums(tree, class_of, 3, sums));
	assert_int_equal(sums[0].count + sums[1].count + sums[2].count, graph->reached_objects);
	assert_int_equal(sums[0].bytes + sums[1].bytes + sums[2].bytes, graph->reached_bytes);
	uint64_t *marked = malloc(hb_heap_bitmap_bytes(heap)), *reached = reach_slowly(&r);
	assert_ok(hb_graph_mark(heap, &r.roots, marked));
	for (uint32_t slot = 0; slot <= heap->nslots; slot++) {
		bool truth = reached[slot / 64] >> (slot & 63) & 1;
		if ((marked[slot / 64] >> (slot & 63) & 1) != truth || (graph->number[slot] != 0) != truth)
			fail_msg("seed %ju: slot %u", (uintmax_t)seed, slot);
	}
	free(reached);
	free(marked);
	free(class_of);
	hb_dominator_tree_destroy(tree);
	hb_graph_destroy(graph);
	random_heap_destroy(&r);
}

static void test_hostile_bytes(void **state)
{
	for (uint64_t seed = 1; seed <= 120; seed++)
		check_seed(seed);
}

/* Tables with random bits flipped: an error or a graph, no crash. (The filler checks them; nobody is trusted.) */
static void test_hostile_tables(void **state)
{
	unsigned accepted = 0, refused = 0;
	for (uint64_t seed = 1; seed <= 1500; seed++) {
		static struct random_heap r;
		struct random_source random = {seed};
		struct hb_graph *graph = NULL;
		random_heap_create(&r, seed);
		struct hb_heap *heap = r.synthetic.heap, copy = *heap;
		for (uint32_t flips = 1 + random_below(&random, 3); flips > 0; flips--) {
			size_t bit = random_u64(&random) % (heap->nspans * sizeof(*heap->spans) * 8);
			((uint8_t *)heap->spans)[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (random_chance(&random, 10))
				heap->arena_map[random_u64(&random) % heap->arena_span] ^= 1u
				                                                           << random_below(&random, 32);
		}
		struct hb_error *err = hb_graph_build(heap, &r.roots, &graph);
		if (err) {
			assert_int_equal(err->code, HB_ERR_CORRUPT);
			refused++;
		} else {
			accepted++;
		}
		hb_error_destroy(err);
		hb_graph_destroy(graph);
		(void)hb_heap_is_valid(heap);
		*heap = copy;
		random_heap_destroy(&r);
	}
	assert_in_range(accepted, 100, 1400);
	assert_in_range(refused, 100, 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_hostile_bytes),
	        cmocka_unit_test(test_hostile_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
