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

static enum hb_error_code code_of(struct hb_error *err)
{
	enum hb_error_code code = err ? err->code : 0;
	hb_error_destroy(err);
	return code;
}

/* --- Masks ------------------------------------------------------------------------------------------------------ */

static void test_masks(void **state)
{
	struct hb_heap *heap = calloc(1, sizeof(*heap));
	static const uint64_t bits[2] = {5, 1};
	assert_null(hb_heap_mask(heap, 0x1000));
	for (uint64_t i = 1; i <= 3000; i++)
		assert_ok(hb_heap_add_mask(heap, i * 0x40, i, i % 3, bits));
	assert_ok(hb_heap_add_mask(heap, 7 * 0x40, 1000, 2, bits)); /* the first one stays */
	assert_int_equal(heap->nmasks, 3000);
	for (uint64_t i = 1; i <= 3000; i++) {
		const struct hb_type_mask *mask = hb_heap_mask(heap, i * 0x40);
		assert_non_null(mask);
		assert_int_equal(mask->type, i * 0x40);
		assert_int_equal(mask->size_words, i);
		assert_int_equal(mask->ptr_words, i % 3);
		assert_ptr_equal(mask->mask, i % 3 ? bits : NULL);
	}
	assert_null(hb_heap_mask(heap, 0));
	assert_null(hb_heap_mask(heap, 0x20));
	assert_null(hb_heap_mask(heap, 3001 * 0x40));
	assert_int_equal(code_of(hb_heap_add_mask(heap, 0, 1, 1, bits)), HB_ERR_CORRUPT);
	assert_int_equal(code_of(hb_heap_add_mask(heap, 0x10, 0, 0, NULL)), HB_ERR_CORRUPT);
	assert_int_equal(code_of(hb_heap_add_mask(heap, 0x10, 2, 3, bits)), HB_ERR_CORRUPT);
	assert_null(hb_heap_mask(heap, 0x10));
	hb_heap_destroy(heap);
}

/* --- Pointer words ---------------------------------------------------------------------------------------------- */

enum { MAX_WORDS = 6000 };

struct seen {
	bool pointer[MAX_WORDS];
	uint64_t last;
	bool any;
};

static void see(void *ctx, uint64_t word)
{
	struct seen *seen = ctx;
	assert_in_range(word, 0, MAX_WORDS - 1);
	assert_true(!seen->any || word > seen->last);
	seen->pointer[word] = seen->any = true;
	seen->last = word;
}

static void compare_words(const struct hb_heap *heap, const struct hb_span *span, uint32_t slot, const bool *truth)
{
	struct seen seen = {0};
	hb_heap_each_pointer_word(heap, span, slot, see, &seen);
	for (uint64_t word = 0; word < span->elem_size / 8; word++) {
		assert_int_equal(seen.pointer[word], truth[word]);
		assert_int_equal(hb_heap_is_pointer_word(heap, span, slot, word * 8), truth[word]);
	}
	assert_false(hb_heap_is_pointer_word(heap, span, slot, span->elem_size));
}

/* Every slot of a span with a bitmap of its own, whose neighbours have other bits. */
static void check_bitmap_span(enum hb_span_kind kind, uint32_t elem_size, bool inline_marks, bool bits_in_arenas,
                              uint64_t seed)
{
	struct synthetic_heap s;
	struct random_source random = {seed};
	uint32_t arena = 0;
	synthetic_create(&s, 0xc000000000, &arena, 1, 3000, inline_marks);
	s.heap->bits_in_arenas = bits_in_arenas;
	const struct hb_span *span = synthetic_span(&s, kind, elem_size, elem_size > 4096 ? 5 : 1, 0, NULL);
	uint64_t nwords = elem_size / 8;
	bool *truth = calloc(span->nelems * nwords, 1);
	if (inline_marks && elem_size >= 16 && kind == HB_SPAN_BITS)
		memset(s.heap->memory + 8192 - 128, 0xa5, 128);
	for (uint32_t i = 0; i < span->nelems; i++)
		for (uint64_t word = 0; word < nwords; word++) {
			truth[i * nwords + word] = random_chance(&random, 50);
			synthetic_set_bit(&s, span, span->first_slot + i, word, truth[i * nwords + word]);
		}
	synthetic_finish(&s);
	assert_true(hb_heap_is_valid(s.heap));
	for (uint32_t i = 0; i < span->nelems; i++)
		compare_words(s.heap, span, span->first_slot + i, truth + i * nwords);
	free(truth);
	synthetic_destroy(&s);
}

static void test_bitmaps(void **state)
{
	static const uint32_t sizes[] = {8, 16, 24, 32, 48, 64, 80, 112, 208, 288, 416, 480, 512};
	for (size_t i = 0; i < hb_countof(sizes); i++)
		for (int inline_marks = 0; inline_marks < 2; inline_marks++) {
			check_bitmap_span(HB_SPAN_BITS, sizes[i], inline_marks, false, i);
			check_bitmap_span(HB_SPAN_BITS, sizes[i], false, true, i);
			check_bitmap_span(HB_SPAN_ARENA_BITS, sizes[i], inline_marks, false, i);
		}
	check_bitmap_span(HB_SPAN_ARENA_BITS, 1152, false, true, 1);
	check_bitmap_span(HB_SPAN_ARENA_BITS, 40960, false, true, 1);
}

/* Element sizes around the width of a window, and slots that cut the last element off. */
static void check_typed_span(enum hb_span_kind kind, uint32_t elem_size, uint32_t npages, uint64_t size_words,
                             uint64_t ptr_words, uint64_t seed)
{
	struct synthetic_heap s;
	struct random_source random = {seed};
	uint32_t arena = 0;
	uint64_t mask[80], nwords = elem_size / 8;
	bool truth[MAX_WORDS] = {0};
	for (int i = 0; i < 80; i++)
		mask[i] = random_u64(&random);
	synthetic_create(&s, 0xc000000000, &arena, 1, 3000, false);
	const struct synthetic_type *type = synthetic_type(&s, size_words, ptr_words, mask, true);
	const struct hb_span *span = synthetic_span(&s, kind, elem_size, npages, 0, type);
	uint32_t slot = span->first_slot + span->nelems - 1;
	uint64_t first = kind == HB_SPAN_HEADER;
	if (first)
		synthetic_set_header(&s, span, slot, type->addr);
	for (uint64_t word = first; word < nwords; word++) {
		uint64_t at = (word - first) % size_words;
		truth[word] = at < ptr_words && mask[at / 64] >> (at % 64) & 1;
	}
	synthetic_finish(&s);
	compare_words(s.heap, span, slot, truth);
	synthetic_destroy(&s);
}

static void test_types(void **state)
{
	static const uint64_t sizes[] = {1, 2, 3, 5, 8, 21, 31, 32, 33, 34, 63, 64, 65, 100, 127, 128, 129, 500, 4000};
	for (size_t i = 0; i < hb_countof(sizes); i++)
		for (uint64_t k = 0; k < 3; k++) {
			uint64_t ptrs = k == 0 ? sizes[i] : k == 1 ? (sizes[i] + 1) / 2 : 1;
			check_typed_span(HB_SPAN_HEADER, 576, 1, sizes[i], ptrs, i);
			check_typed_span(HB_SPAN_HEADER, 9472, 7, sizes[i], ptrs, i);
			check_typed_span(HB_SPAN_LARGE, 40960, 5, sizes[i], ptrs, i);
		}
}

/* --- Tables that contradict themselves -------------------------------------------------------------------------- */

/* Makes the tables wrong in one way; false: there is no such way. */
static bool spoil(struct hb_heap *heap, unsigned way)
{
	struct hb_span *span = &heap->spans[heap->nspans / 2];
	switch (way) {
	case 0:
		span->base += 4096;
		return true;
	case 1:
		span->base = 0x10000;
		return true;
	case 2:
		span->npages = 0;
		return true;
	case 3:
		span->npages += 1u << 20;
		return true;
	case 4:
		span->nelems = 0;
		return true;
	case 5:
		span->nelems += 100000;
		return true;
	case 6:
		span->elem_size = 12;
		return true;
	case 7:
		span->elem_size = 1ull << 61;
		return true;
	case 8:
		span->first_slot += 1u << 31;
		return true;
	case 9:
		span->first_slot = 0;
		return true;
	case 10:
		span->kind = 7;
		return true;
	case 11:
		span->kind = HB_SPAN_NONE;
		return true;
	case 12:
		heap->nslots = 3;
		return true;
	case 13:
		heap->arena_map[0] = 77;
		return true;
	case 14:
		heap->arena_map[0] = 0;
		return true;
	case 15: /* two spans in one place */
		heap->spans[1] = heap->spans[0];
		heap->spans[1].first_slot += heap->spans[0].nelems;
		return true;
	case 16: { /* a bitmap that overlaps the slots */
		struct hb_span *small = heap->spans;
		while (small->kind != HB_SPAN_BITS)
			small++;
		small->nelems = (uint32_t)(8192 / small->elem_size);
		return true;
	}
	case 17: /* over a hole */
		heap->spans[heap->nspans - 1].npages = 2 << (HB_ARENA_SHIFT - HB_HEAP_PAGE_SHIFT);
		return true;
	case 18: { /* a bitmap of several pages */
		struct hb_span *last = &heap->spans[heap->nspans - 1];
		last->kind = HB_SPAN_BITS;
		last->elem_size = 64;
		return true;
	}
	case 19: /* two large objects in a span */
		heap->spans[heap->nspans - 1].nelems = 2;
		heap->spans[heap->nspans - 1].elem_size /= 2;
		heap->nslots++;
		return true;
	case 20:
		free(heap->arena_map);
		heap->arena_map = calloc(3, sizeof(uint32_t)); /* no arena has a place */
		return true;
	default:
		return false;
	}
}

static void make_spans(struct synthetic_heap *s)
{
	static const uint32_t indexes[] = {0, 2};
	synthetic_create(s, 0xc000000000, indexes, 2, 3000, false);
	for (int i = 0; i < 3; i++) {
		synthetic_span(s, HB_SPAN_BITS, 8, 1, 0, NULL);
		synthetic_span(s, HB_SPAN_NOSCAN, 48, 1, 10, NULL);
		synthetic_span(s, HB_SPAN_HEADER, 9472, 7, 0, NULL);
		synthetic_span(s, HB_SPAN_LARGE, 80 << 13, 80, 0, NULL);
	}
	for (uint32_t slot = 1; slot < s->heap->nslots; slot += 3)
		synthetic_alloc(s, NULL, slot);
	synthetic_finish(s);
}

static void test_wrong_tables(void **state)
{
	struct synthetic_heap s;
	struct hb_roots roots = {0};
	struct hb_graph *graph = NULL;
	bool spoilt = true;
	for (unsigned way = 0; spoilt; way++) {
		make_spans(&s);
		assert_true(hb_heap_is_valid(s.heap));
		uint32_t nslots = s.heap->nslots;
		spoilt = spoil(s.heap, way);
		if (spoilt) {
			enum hb_error_code code = code_of(hb_graph_build(s.heap, &roots, &graph));
			if (code != HB_ERR_CORRUPT || hb_heap_is_valid(s.heap))
				fail_msg("way %u is accepted", way);
		}
		s.heap->nslots = nslots;
		synthetic_destroy(&s);
	}
}

/* What only hb_heap_is_valid looks at: nothing of it leads out of bounds. */
static void test_inaccurate_tables(void **state)
{
	for (int way = 0; way < 9; way++) {
		struct synthetic_heap s;
		make_spans(&s);
		struct hb_heap *heap = s.heap;
		struct hb_page *page = &heap->pages[1];
		switch (way) {
		case 0:
			heap->nobjects++;
			break;
		case 1:
			heap->tail_bytes -= 8;
			break;
		case 2:
			page->first_slot++;
			break;
		case 3:
			page->div_mul -= 1000;
			break;
		case 4:
			page->where ^= 1;
			break;
		case 5:
			page->span++;
			break;
		case 6:
			heap->allocated[0] |= 1;
			break;
		case 7:
			heap->arena_addr[1] += 64;
			break;
		case 8:
			heap->low += 4096;
			break;
		}
		if (hb_heap_is_valid(heap))
			fail_msg("way %d is accepted", way);
		synthetic_destroy(&s);
	}
}

static void test_wrong_roots(void **state)
{
	for (int way = 0; way < 8; way++) {
		struct synthetic_heap s;
		struct hb_roots roots = {0};
		struct hb_graph *graph = NULL;
		make_spans(&s);
		for (uint32_t i = 0; i < 3; i++) {
			synthetic_root(&roots, (uint8_t)(i / 2), i ? 0 : HB_ROOT_NONE);
			synthetic_root_edge(&roots, i, synthetic_addr(&s, 1));
		}
		for (uint32_t slot = 2; slot < 5; slot++)
			assert_true(hb_vec_push(&roots.cut_targets, slot));
		switch (way) {
		case 0: /* nothing is wrong */
			break;
		case 1:
			roots.nodes.data[1].parent = 1;
			break;
		case 2:
			roots.nodes.data[1].parent = 2;
			break;
		case 3:
			roots.nodes.data[0].phase = 1;
			break;
		case 4:
			roots.nodes.data[2].phase = HB_ROOT_PHASES;
			break;
		case 5:
			roots.edges.data[0].node = 2;
			break;
		case 6:
			roots.edges.data[2].node = 3;
			break;
		case 7:
			roots.cut_targets.data[0] = 9;
			break;
		}
		assert_int_equal(hb_roots_are_valid(&roots), way == 0);
		assert_int_equal(code_of(hb_graph_build(s.heap, &roots, &graph)), way ? HB_ERR_CORRUPT : 0);
		hb_graph_destroy(graph);
		hb_roots_deinit(&roots);
		synthetic_destroy(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_masks),       cmocka_unit_test(test_bitmaps),
	        cmocka_unit_test(test_types),       cmocka_unit_test(test_wrong_tables),
	        cmocka_unit_test(test_wrong_roots), cmocka_unit_test(test_inaccurate_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
