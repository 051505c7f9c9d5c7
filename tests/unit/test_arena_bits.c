/* The pointer bitmaps of Go 1.18 to 1.21: written here as the runtime writes them, bit by bit and with what it leaves behind
 * the last pointer of an object, and read by heldby. */
#include "golang/arena_bits.h"
#include "random_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { NARENAS = 2, MAX_SPANS = 64 };
#define BASE            UINT64_C(0xc000000000)
#define MHEAP           UINT64_C(0x600000)
#define TABLE           UINT64_C(0x7f0000000000) /* mheap.arenas[0] */
#define HEAP_ARENAS     UINT64_C(0x7f1000000000)
#define HEAP_ARENA_STEP UINT64_C(0x1000000)

struct fixture {
	struct synthetic_heap heap;
	struct hb_snapshot snapshot;
	struct hb_region regions[2 + NARENAS];
	struct hb_go go;
	const struct hb_go_layout *layout;
	bool *truth[MAX_SPANS]; /* by span: a word a place */
};

static void *must(void *memory)
{
	assert_non_null(memory);
	return memory;
}

/* --- The target's memory ---------------------------------------------------------------------------------------- */

static void add_region(struct fixture *f, uint64_t start, uint64_t size)
{
	size = (size + HB_PAGE_SIZE - 1) & ~(uint64_t)(HB_PAGE_SIZE - 1);
	struct hb_region *region = &f->regions[f->snapshot.nregions++];
	*region = (struct hb_region){.start = start, .end = start + size, .bytes = must(calloc(1, size))};
	region->pages = must(malloc(size / HB_PAGE_SIZE));
	memset(region->pages, HB_PAGE_READ, size / HB_PAGE_SIZE);
}

static uint8_t *at(struct fixture *f, uint64_t addr)
{
	const struct hb_region *region = hb_snapshot_region(&f->snapshot, addr);
	assert_non_null(region);
	return region ? region->bytes + (addr - region->start) : NULL;
}

static void put(struct fixture *f, uint64_t addr, uint64_t value)
{
	memcpy(at(f, addr), &value, sizeof(value));
}

static uint64_t entry_of(unsigned arena)
{
	return hb_go_heap_arena_entry(TABLE, BASE + ((uint64_t)arena << HB_ARENA_SHIFT));
}

static void setup(struct fixture *f, unsigned minor)
{
	static const uint32_t arenas[NARENAS] = {0, 1};
	*f = (struct fixture){.layout = hb_go_layout(minor)};
	synthetic_create(&f->heap, BASE, arenas, NARENAS, 1 << 16, false);
	f->heap.heap->bits_in_arenas = true;
	f->snapshot.regions = f->regions;
	add_region(f, MHEAP, f->layout->mheap.size);
	add_region(f, entry_of(0) & ~(uint64_t)(HB_PAGE_SIZE - 1), HB_PAGE_SIZE);
	put(f, MHEAP + f->layout->mheap.arenas, TABLE);
	for (unsigned i = 0; i < NARENAS; i++) {
		add_region(f, HEAP_ARENAS + i * HEAP_ARENA_STEP, f->layout->heap_arena.size);
		put(f, entry_of(i), HEAP_ARENAS + i * HEAP_ARENA_STEP);
	}
	f->go = (struct hb_go){
	        .snapshot = &f->snapshot, .layout = f->layout, .mheap = MHEAP, .notes = &f->snapshot.notes};
}

static void teardown(struct fixture *f)
{
	for (size_t i = 0; i < f->snapshot.nregions; i++) {
		free(f->regions[i].bytes);
		free(f->regions[i].pages);
	}
	for (size_t i = 0; i < MAX_SPANS; i++)
		free(f->truth[i]);
	hb_notes_deinit(&f->snapshot.notes);
	synthetic_destroy(&f->heap);
}

/* --- What the runtime writes ------------------------------------------------------------------------------------ */

/* 1.18-1.19 (bitPointer, bitScan, heapBitsShift): word w has bits w % 4 and w % 4 + 4 of byte w / 4. */
static void write_nibble(struct fixture *f, uint64_t word, bool pointer, bool scan)
{
	uint64_t in_arena = word * 8 % (UINT64_C(1) << HB_ARENA_SHIFT) / 8, arena = (word * 8 - BASE) >> HB_ARENA_SHIFT;
	uint8_t *byte = at(f, HEAP_ARENAS + arena * HEAP_ARENA_STEP + f->layout->heap_arena.bitmap + in_arena / 4);
	unsigned shift = in_arena % 4;
	*byte = (uint8_t)((*byte & ~(0x11u << shift)) | (unsigned)pointer << shift | (unsigned)scan << (shift + 4));
}

/* 1.20-1.21: word w has bit w % 64 of word w / 64, and that one a bit of noMorePtrs. */
static void write_bit(struct fixture *f, uint64_t word, bool pointer, bool no_more)
{
	uint64_t in_arena = word * 8 % (UINT64_C(1) << HB_ARENA_SHIFT) / 8, arena = (word * 8 - BASE) >> HB_ARENA_SHIFT;
	uint64_t heap_arena = HEAP_ARENAS + arena * HEAP_ARENA_STEP;
	uint8_t *byte = at(f, heap_arena + f->layout->heap_arena.bitmap + in_arena / 8);
	*byte = (uint8_t)((*byte & ~(1u << in_arena % 8)) | (unsigned)pointer << in_arena % 8);
	uint8_t *end = at(f, heap_arena + f->layout->heap_arena.no_more_ptrs + in_arena / 64 / 8);
	unsigned shift = in_arena / 64 % 8;
	if (in_arena % 64 == 63) /* what counts is said for the object that has the last of the 64 words */
		*end = (uint8_t)((*end & ~(1u << shift)) | (unsigned)no_more << shift);
}

static void write_object(struct fixture *f, const struct hb_span *span, uint32_t i, const bool *truth,
                         struct random_source *random)
{
	uint64_t nwords = span->elem_size / 8, first = (span->base + i * span->elem_size) / 8, end = nwords;
	while (end > 0 && !truth[end - 1])
		end--;
	bool nibbles = f->layout->heap_arena.no_more_ptrs == HB_ABSENT;
	for (uint64_t word = 0; word < nwords; word++) {
		bool left_over = word >= end && random_chance(random, 50);
		if (nibbles)
			write_nibble(f, first + word, truth[word] || left_over,
			             word < end || (word > end && left_over));
		/* Whatever is left in the 64 words of the last pointer is zero, and further words only if they say so. */
		else
			write_bit(f, first + word,
			          truth[word] || (left_over && end && (first + word) / 64 > (first + end - 1) / 64 &&
			                          nwords > 64 && first % 64 == 0),
			          (first + word) / 64 >= (first + (end ? end - 1 : 0)) / 64);
	}
}

/* --- Tests ------------------------------------------------------------------------------------------------------ */

static void fill_span(struct fixture *f, uint32_t index, struct random_source *random)
{
	const struct hb_span *span = &f->heap.heap->spans[index];
	uint64_t nwords = span->elem_size / 8;
	f->truth[index] = must(calloc(span->nelems * nwords, 1));
	for (uint32_t i = 0; i < span->nelems; i++) {
		bool *truth = f->truth[index] + i * nwords;
		uint64_t end = 1 + random_below(random, (uint32_t)nwords);
		uint32_t density = 1 + random_below(random, 100);
		for (uint64_t word = 0; word < end; word++)
			truth[word] = random_chance(random, density);
		if (random_chance(random, 80))
			synthetic_alloc(&f->heap, span, span->first_slot + i);
		write_object(f, span, i, truth, random);
	}
}

static void compare_span(const struct fixture *f, uint32_t index)
{
	const struct hb_heap *heap = f->heap.heap;
	const struct hb_span *span = &heap->spans[index];
	uint64_t nwords = span->elem_size / 8;
	for (uint32_t i = 0; i < span->nelems; i++)
		for (uint64_t word = 0; word < nwords && hb_heap_allocated(heap, span->first_slot + i); word++)
			if (hb_heap_is_pointer_word(heap, span, span->first_slot + i, word * 8) !=
			    f->truth[index][i * nwords + word])
				fail_msg("go1.%u: slot %u of %ju bytes, word %ju is %sa pointer", f->layout->minor, i,
				         (uintmax_t)span->elem_size, (uintmax_t)word,
				         f->truth[index][i * nwords + word] ? "" : "not ");
}

static void read_bits(struct fixture *f)
{
	struct hb_heap *heap = f->heap.heap;
	hb_pages_unmap(heap->arena_bits, hb_heap_arena_bits_bytes(heap));
	heap->arena_bits = NULL;
	assert_null(hb_go_arena_bits_read(&f->go, heap));
}

static void check(unsigned minor, uint64_t seed)
{
	static const struct {
		enum hb_span_kind kind;
		uint32_t elem_size, npages;
	} shapes[] = {{HB_SPAN_BITS, 8, 1},          {HB_SPAN_BITS, 16, 1},           {HB_SPAN_BITS, 24, 1},
	              {HB_SPAN_BITS, 48, 1},         {HB_SPAN_BITS, 208, 1},          {HB_SPAN_BITS, 416, 1},
	              {HB_SPAN_BITS, 512, 1},        {HB_SPAN_ARENA_BITS, 576, 1},    {HB_SPAN_ARENA_BITS, 1408, 2},
	              {HB_SPAN_ARENA_BITS, 4864, 2}, {HB_SPAN_ARENA_BITS, 27264, 10}, {HB_SPAN_ARENA_BITS, 81920, 10}};
	struct fixture f;
	struct random_source random = {seed};
	setup(&f, minor);
	synthetic_skip(&f.heap, 8192 - 17); /* the span of ten pages lies across both arenas */
	for (uint32_t i = 0; i < hb_countof(shapes); i++) {
		assert_non_null(
		        synthetic_span(&f.heap, shapes[i].kind, shapes[i].elem_size, shapes[i].npages, 0, NULL));
		fill_span(&f, i, &random);
	}
	synthetic_finish(&f.heap);
	read_bits(&f);
	assert_true(hb_heap_is_valid(f.heap.heap));
	assert_int_equal(f.snapshot.notes.texts.len, 0);
	for (uint32_t i = 0; i < hb_countof(shapes); i++)
		compare_span(&f, i);
	teardown(&f);
}

static void test_nibbles(void **state)
{
	for (uint64_t seed = 0; seed < 30; seed++)
		check(18 + seed % 2, seed);
}

static void test_bits(void **state)
{
	for (uint64_t seed = 0; seed < 30; seed++)
		check(20 + seed % 2, seed);
}

/* A span whose bitmap was not captured has no pointers, and the report says so. */
static void check_lost(unsigned minor, uint64_t lose)
{
	struct fixture f;
	struct random_source random = {1};
	setup(&f, minor);
	const struct hb_span *span = synthetic_span(&f.heap, HB_SPAN_BITS, 48, 1, 0, NULL);
	fill_span(&f, 0, &random);
	synthetic_finish(&f.heap);
	memset(f.regions[lose].pages, HB_PAGE_LOST, (f.regions[lose].end - f.regions[lose].start) / HB_PAGE_SIZE);
	read_bits(&f);
	assert_true(hb_heap_is_valid(f.heap.heap));
	assert_true(f.snapshot.notes.partial);
	memset(f.truth[0], 0, span->nelems * span->elem_size / 8);
	compare_span(&f, 0);
	teardown(&f);
}

static void test_lost(void **state)
{
	for (unsigned minor = 18; minor <= 21; minor++)
		for (uint64_t region = 0; region < 3; region++)
			check_lost(minor, region);
}

/* Nothing of 1.22 and later is taken for such a bitmap. */
static void test_versions(void **state)
{
	for (unsigned minor = hb_go_oldest_minor(); minor <= hb_go_newest_minor(); minor++)
		assert_int_equal(hb_go_has_arena_bits(hb_go_layout(minor)), minor <= 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_nibbles),
	        cmocka_unit_test(test_bits),
	        cmocka_unit_test(test_lost),
	        cmocka_unit_test(test_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
