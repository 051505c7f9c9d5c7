/* Lists of special records: long ones, circles, and lists that lead nowhere. */
#include "golang/specials.h"
#include "heap/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PAGES = 64, RECORD = 32, RECORDS = PAGES * HB_PAGE_SIZE / RECORD };
#define BASE UINT64_C(0x7f0000000000)

static uint8_t bytes[PAGES * HB_PAGE_SIZE], states[PAGES];
static struct hb_region region = {.start = BASE, .end = BASE + sizeof(bytes), .bytes = bytes, .pages = states};
static struct hb_snapshot snapshot = {.regions = &region, .nregions = 1};

static uint64_t record(unsigned i)
{
	return BASE + (uint64_t)i * RECORD;
}

/* Records 0 to n - 1, the last of which leads to `last`. */
static struct hb_go make_list(unsigned minor, unsigned n, uint64_t last)
{
	const struct hb_go_layout *layout = hb_go_layout(minor);
	memset(bytes, 0, sizeof(bytes));
	memset(states, HB_PAGE_READ, sizeof(states));
	for (unsigned i = 0; i < n; i++) {
		const uint64_t next = i + 1 < n ? record(i + 1) : last;
		const uint16_t offset = (uint16_t)(i * 7);
		uint8_t *at = bytes + (size_t)i * RECORD;
		memcpy(at + layout->special.next, &next, 8);
		memcpy(at + layout->special.offset, &offset, 2);
		at[layout->special.kind] = (uint8_t)(i % 3 + 1);
	}
	return (struct hb_go){.snapshot = &snapshot, .layout = layout};
}

static unsigned walk(struct hb_specials *specials, uint64_t first)
{
	const struct hb_span span = {.specials = first, .nelems = 1};
	unsigned n = 0;
	for (hb_specials_start(specials, &span); hb_specials_next(specials); n++)
		assert_true(n < 3 * RECORDS);
	return n;
}

/* An object may have as many records as memory holds. */
static void test_right(void **state)
{
	static const unsigned minors[] = {18, 23, 24, 27}, lengths[] = {0, 1, 2, 100, RECORDS};
	for (size_t i = 0; i < hb_countof(minors) * hb_countof(lengths); i++) {
		const unsigned n = lengths[i % hb_countof(lengths)];
		struct hb_go go = make_list(minors[i / hb_countof(lengths)], n, 0);
		struct hb_specials specials = hb_specials(&go);
		const struct hb_span span = {.specials = n ? BASE : 0, .nelems = 1};
		unsigned found = 0;
		for (hb_specials_start(&specials, &span); hb_specials_next(&specials); found++) {
			assert_int_equal(specials.addr, record(found));
			assert_int_equal(specials.offset, (uint16_t)(found * 7));
			assert_int_equal(specials.kind, found % 3 + 1);
		}
		assert_int_equal(found, n);
		assert_false(specials.broken);
		assert_false(hb_specials_next(&specials));
	}
	(void)state;
}

/* Any circle, at the end of any beginning, is left soon, and what other spans have is still found. */
static void test_circles(void **state)
{
	for (unsigned n = 1; n < 40; n++)
		for (unsigned back = 0; back < n; back++) {
			struct hb_go go = make_list(27, n, record(back));
			struct hb_specials specials = hb_specials(&go);
			assert_in_range(walk(&specials, BASE), n, 4 * n);
			assert_true(specials.broken);
			assert_int_equal(walk(&specials, 0), 0);
			assert_false(specials.broken);
		}
	(void)state;
}

static void test_unreadable(void **state)
{
	static const uint64_t lies[] = {1, BASE - 8, BASE + sizeof(bytes) - 4, BASE + sizeof(bytes), UINT64_MAX};
	for (size_t i = 0; i < hb_countof(lies); i++) {
		struct hb_go go = make_list(24, 5, lies[i]);
		struct hb_specials specials = hb_specials(&go);
		assert_int_equal(walk(&specials, BASE), 5);
		assert_true(specials.broken);
	}
	struct hb_go go = make_list(24, RECORDS, 0);
	struct hb_specials specials = hb_specials(&go);
	states[1] = HB_PAGE_LOST;
	assert_int_equal(walk(&specials, BASE), HB_PAGE_SIZE / RECORD);
	assert_true(specials.broken);
	(void)state;
}

/* As many spans as one likes may lead to the same long list: together they have no more records than memory holds. */
static void test_shared(void **state)
{
	struct hb_go go = make_list(27, RECORDS, 0);
	struct hb_specials specials = hb_specials(&go);
	uint64_t n = 0;
	for (unsigned span = 0; span < 1000; span++)
		n += walk(&specials, BASE);
	assert_in_range(n, RECORDS, 3 * RECORDS);
	assert_true(specials.broken);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_right),
	        cmocka_unit_test(test_circles),
	        cmocka_unit_test(test_unreadable),
	        cmocka_unit_test(test_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
