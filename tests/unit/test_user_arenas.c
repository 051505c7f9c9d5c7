/* Chunks of user arenas that describe their pointers themselves, as Go 1.22 and later lay them out; right ones and broken
 * ones. */
#include "golang/user_arenas.h"
#include "synthetic_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* runtime/arena.go: userArenaChunkBytes, userArenaChunkReserveBytes; a bit a word, and an abi.Type of 48 bytes. */
enum { CHUNK = 8 << 20, BITMAP = CHUNK / 64, TYPE = 48, OBJECT = CHUNK - BITMAP - TYPE };
#define BASE UINT64_C(0x40c000000000)

struct fixture {
	struct synthetic_heap heap;
	struct hb_span *span;
	struct hb_go go;
};

static uint8_t *at(struct fixture *f, uint64_t offset)
{
	return hb_heap_bytes(f->heap.heap, f->span->base) + offset;
}

static void put(struct fixture *f, uint64_t offset, uint64_t value)
{
	memcpy(at(f, offset), &value, sizeof(value));
}

/* A chunk whose first `ptr_words` words may be pointers; every third is one. */
static void setup(struct fixture *f, uint64_t ptr_words)
{
	const uint32_t arena = 0;
	*f = (struct fixture){.go = {.layout = hb_go_layout(26)}};
	synthetic_create(&f->heap, BASE, &arena, 1, 16, true);
	synthetic_skip(&f->heap, 1024);
	f->span = synthetic_span(&f->heap, HB_SPAN_LARGE, OBJECT, CHUNK >> HB_HEAP_PAGE_SHIFT, 1, NULL);
	assert_non_null(f->span);
	assert_int_equal(f->go.layout->type.size, TYPE);
	f->span->large_type = f->span->base + OBJECT;
	put(f, OBJECT + f->go.layout->type.ptr_bytes, ptr_words * 8);
	put(f, OBJECT + f->go.layout->type.gcdata, f->span->base + OBJECT + TYPE);
	for (uint64_t word = 0; word < ptr_words; word += 3)
		at(f, OBJECT + TYPE)[word / 8] |= (uint8_t)(1u << word % 8);
	synthetic_alloc(&f->heap, f->span, f->span->first_slot);
	synthetic_finish(&f->heap);
}

static void read_chunk(struct fixture *f)
{
	assert_null(hb_go_user_arena_add_mask(&f->go, f->heap.heap, &f->heap.heap->spans[0]));
	assert_true(hb_heap_is_valid(f->heap.heap));
}

static void count_word(void *ctx, uint64_t word)
{
	uint64_t *next = ctx;
	assert_int_equal(word, *next);
	*next += 3;
}

static void test_pointers(void **state)
{
	static const uint64_t sizes[] = {0, 1, 63, 64, 65, 1000, OBJECT / 8};
	for (size_t i = 0; i < hb_countof(sizes); i++) {
		struct fixture f;
		uint64_t next = 0;
		setup(&f, sizes[i]);
		read_chunk(&f);
		const struct hb_span *span = &f.heap.heap->spans[0];
		assert_non_null(hb_heap_mask(f.heap.heap, span->large_type));
		hb_heap_each_pointer_word(f.heap.heap, span, span->first_slot, count_word, &next);
		assert_int_equal(next, (sizes[i] + 2) / 3 * 3);
		synthetic_destroy(&f.heap);
	}
	(void)state;
}

/* What cannot be right is unknown, and nothing outside the chunk is read. */
static void test_broken(void **state)
{
	const uint64_t end = BASE + 2 * (uint64_t)CHUNK;
	const struct {
		uint64_t type, ptr_bytes, gcdata;
	} broken[] = {
	        {0, 800, end - BITMAP},                                /* no type */
	        {BASE + CHUNK, 800, end - BITMAP},                     /* a type inside the object */
	        {end - TYPE + 8, 800, end - BITMAP},                   /* a type that is cut off */
	        {UINT64_MAX - 8, 800, end - BITMAP},                   /* */
	        {BASE + CHUNK + OBJECT, 800, end - 8},                 /* a mask that is cut off */
	        {BASE + CHUNK + OBJECT, 800, BASE},                    /* another chunk's */
	        {BASE + CHUNK + OBJECT, 800, UINT64_MAX - 4},          /* */
	        {BASE + CHUNK + OBJECT, OBJECT + 8, end - BITMAP - 8}, /* longer than the object */
	        {BASE + CHUNK + OBJECT, UINT64_MAX, end - BITMAP},     /* */
	};
	for (size_t i = 0; i < hb_countof(broken); i++) {
		struct fixture f;
		setup(&f, 100);
		for (uint64_t type = 0; type <= OBJECT; type += OBJECT) {
			put(&f, type + f.go.layout->type.ptr_bytes, broken[i].ptr_bytes);
			put(&f, type + f.go.layout->type.gcdata, broken[i].gcdata);
		}
		f.heap.heap->spans[0].large_type = broken[i].type;
		read_chunk(&f);
		assert_null(hb_heap_mask(f.heap.heap, broken[i].type));
		synthetic_destroy(&f.heap);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_pointers),
	        cmocka_unit_test(test_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
