/* Runs of bytes that were read, against every byte looked at by itself. */
#include "random_heap.h"
#include "snapshot/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { REGIONS = 3, MOST_PAGES = 6, ROUNDS = 2000 };
#define BASE UINT64_C(0x400000)

struct fixture {
	struct hb_snapshot snapshot;
	struct hb_region regions[REGIONS];
	uint8_t pages[REGIONS][MOST_PAGES];
	uint8_t bytes[REGIONS][(MOST_PAGES + 1) << HB_PAGE_SHIFT]; /* what follows one is not the next one */
	uint64_t end;
};

/* Regions with and without a gap between them, of pages in every state. */
static void make(struct fixture *f, struct random_source *random)
{
	static const uint8_t states[] = {HB_PAGE_READ, HB_PAGE_READ, HB_PAGE_ZERO, HB_PAGE_UNREAD};
	uint64_t at = BASE;
	f->snapshot = (struct hb_snapshot){.regions = f->regions, .nregions = REGIONS};
	for (unsigned i = 0; i < REGIONS; i++) {
		uint64_t npages = random_below(random, MOST_PAGES) + 1;
		at += (uint64_t)random_below(random, 2) << HB_PAGE_SHIFT;
		f->regions[i] = (struct hb_region){at, at + (npages << HB_PAGE_SHIFT), f->bytes[i], f->pages[i], false};
		for (uint64_t page = 0; page < npages; page++)
			f->pages[i][page] = states[random_below(random, hb_countof(states))];
		at = f->regions[i].end;
	}
	f->end = at;
}

static const uint8_t *naive(const struct fixture *f, uint64_t addr)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		const struct hb_region *region = &f->regions[i];
		if (addr >= region->start && addr < region->end &&
		    region->pages[(addr - region->start) >> HB_PAGE_SHIFT] == HB_PAGE_READ)
			return region->bytes + (addr - region->start);
	}
	return NULL;
}

/* Whatever lies between two runs, and behind the last one, was not read; a run ends where it must. */
static void runs_are_all_that_was_read(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct random_source random = {1};
	assert_non_null(f);
	for (unsigned round = 0; round < ROUNDS; round++) {
		make(f, &random);
		uint64_t start = BASE - 100 + random_below(&random, 3 << HB_PAGE_SHIFT);
		uint64_t end = f->end + 100 - random_below(&random, 3 << HB_PAGE_SHIFT), at = start, next = start, len;
		const uint8_t *run;
		for (; (run = hb_snapshot_next_run(&f->snapshot, &next, end, &len)); at = next += len) {
			assert_true(next >= at && len && next + len <= end);
			for (; at < next; at++)
				assert_null(naive(f, at));
			assert_ptr_equal(run, naive(f, next));
			assert_ptr_equal(run + len - 1, naive(f, next + len - 1));
			for (uint64_t i = 0; i < len; i += 64)
				assert_ptr_equal(run + i, naive(f, next + i));
			const uint8_t *behind = next + len < end ? naive(f, next + len) : NULL;
			assert_true(!behind || behind != run + len); /* the next region's bytes lie elsewhere */
		}
		for (; at < end; at++)
			assert_null(naive(f, at));
	}
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(runs_are_all_that_was_read)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
