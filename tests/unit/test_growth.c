/* The rule that tells growth from a leak, on counts and samples made by hand. */
#include "growth/growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

struct looks { /* three, ten seconds apart */
	uint64_t counts[3], capacity;
	uint64_t first_id[3]; /* of the sample: ids rise by one from there to the count */
	uint64_t late_s[3];   /* behind the look, when it was counted */
	uint64_t uptime_s;    /* at the last look */
};

static struct hb_analysis analysis;
static struct hb_types types;
static struct hb_type type = {.name = "map[string]int"};

static void add(struct hb_growth *growth, struct hb_population *population, const struct looks *looks, unsigned k)
{
	struct hb_look look = {.at_ns = k * 10 * SECOND, .uptime_ns = (looks->uptime_s - 20 + k * 10) * SECOND};
	struct hb_counted counted = {.count = looks->counts[k],
	                             .capacity = looks->capacity,
	                             .at_ns = look.at_ns + looks->late_s[k] * SECOND,
	                             .known = true,
	                             .sampled = true};
	counted.nids = (uint32_t)looks->counts[k];
	counted.ids = calloc(counted.nids + 1u, sizeof(uint64_t));
	assert_non_null(counted.ids);
	for (uint32_t i = 0; i < counted.nids; i++)
		counted.ids[i] = looks->first_id[k] + i;
	assert_true(hb_vec_push(&growth->looks, look));
	assert_true(hb_vec_push(&population->looks, counted));
}

static struct hb_judgement judge(const struct looks *looks)
{
	types = (struct hb_types){.list = &type, .n = 1};
	analysis = (struct hb_analysis){.types = &types};
	struct hb_growth *growth = calloc(1, sizeof(*growth));
	struct hb_population population = {0};
	assert_non_null(growth);
	growth->analysis = &analysis;
	for (unsigned k = 0; k < 3; k++)
		add(growth, &population, looks, k);
	assert_true(hb_vec_push(&growth->populations, population));
	hb_growth_judge(growth);
	struct hb_judgement judgement = growth->populations.data[0].judgement;
	hb_growth_destroy(growth);
	return judgement;
}

static void a_leak_passes_all_tests(void **state)
{
	(void)state;
	struct hb_judgement judgement = judge(&(struct looks){.counts = {1000, 2000, 3000}, .uptime_s = 30});
	assert_int_equal(judgement.verdict, HB_GROWTH_LIKELY);
	assert_int_equal(judgement.failed, HB_TESTS);
	assert_int_equal(judgement.settled, 1000);
	assert_int_equal(judgement.kept, 1000);
	assert_true(judgement.rate > 99 && judgement.rate < 101);
}

static void a_rate_is_that_of_the_moments_of_counting(void **state)
{
	(void)state;
	struct hb_judgement judgement =
	        judge(&(struct looks){.counts = {1000, 2400, 3000}, .late_s = {0, 4, 0}, .uptime_s = 30});
	assert_int_equal(judgement.verdict, HB_GROWTH_LIKELY);
	assert_true(judgement.early_rate > 99 && judgement.early_rate < 101);
	assert_true(judgement.late_rate > 99 && judgement.late_rate < 101);
}

static void each_test_is_named_when_it_fails(void **state)
{
	(void)state;
	static const struct {
		struct looks looks;
		enum hb_growth_test failed;
		enum hb_growth_verdict verdict;
	} cases[] = {
	        {{.counts = {1000, 1003, 1007}, .uptime_s = 30}, HB_TEST_GREW, HB_GROWTH_NONE},
	        {{.counts = {3000, 2000, 1000}, .uptime_s = 30}, HB_TEST_GREW, HB_GROWTH_NONE},
	        /* everything is new each time */
	        {{.counts = {1000, 2000, 3000}, .first_id = {0, 5000, 10000}, .uptime_s = 30},
	         HB_TEST_SETTLED,
	         HB_GROWTH_NONE},
	        /* a hundredth of the settled ones is gone */
	        {{.counts = {1000, 2000, 3000}, .first_id = {0, 0, 10}, .uptime_s = 30},
	         HB_TEST_SETTLED,
	         HB_GROWTH_NONE},
	        {{.counts = {1000, 2000, 2600}, .uptime_s = 33}, HB_TEST_STEADY, HB_GROWTH_ESTIMATE},
	        {{.counts = {1000, 2000, 2100}, .uptime_s = 38}, HB_TEST_STEADY, HB_GROWTH_NONE},
	        {{.counts = {1000, 2000, 3000}, .capacity = 100000, .uptime_s = 30},
	         HB_TEST_NOT_PRESIZED,
	         HB_GROWTH_NONE},
	        {{.counts = {1000, 2000, 3000}, .uptime_s = 300}, HB_TEST_NEVER_EMPTIED, HB_GROWTH_NONE},
	        {{.counts = {1000, 2000, 3000}, .uptime_s = 100}, HB_TEST_NEVER_EMPTIED, HB_GROWTH_ESTIMATE},
	        {{.counts = {10, 1010, 2010}, .uptime_s = 20}, HB_TEST_OLD_ENOUGH, HB_GROWTH_ESTIMATE},
	};
	for (size_t i = 0; i < hb_countof(cases); i++) {
		struct hb_judgement judgement = judge(&cases[i].looks);
		if (judgement.failed != cases[i].failed || judgement.verdict != cases[i].verdict)
			fail_msg("case %zu: failed %d, verdict %d", i, judgement.failed, judgement.verdict);
	}
}

static void few_are_gone(void **state)
{
	(void)state;
	struct hb_judgement judgement =
	        judge(&(struct looks){.counts = {1000, 2000, 3000}, .first_id = {0, 0, 5}, .uptime_s = 30});
	assert_int_equal(judgement.verdict, HB_GROWTH_LIKELY);
	assert_int_equal(judgement.settled - judgement.kept, 5);
}

static void two_looks_say_nothing(void **state)
{
	(void)state;
	struct hb_growth growth = {0};
	struct hb_population population = {0};
	assert_true(hb_vec_push(&growth.populations, population));
	hb_growth_judge(&growth);
	assert_int_equal(growth.populations.data[0].judgement.verdict, HB_GROWTH_NONE);
	hb_vec_deinit(&growth.populations);
}

static void many_looks_are_thinned(void **state)
{
	(void)state;
	struct hb_growth *growth = calloc(1, sizeof(*growth));
	struct hb_population population = {0};
	assert_non_null(growth);
	for (unsigned i = 0; i < 64; i++) {
		struct hb_counted counted = {.count = i, .ids = calloc(1, 8)};
		assert_true(hb_vec_push(&growth->looks, (struct hb_look){.at_ns = i}));
		assert_true(hb_vec_push(&population.looks, counted));
	}
	assert_true(hb_vec_push(&growth->populations, population));
	hb_growth_thin(growth);
	const struct hb_population *thinned = &growth->populations.data[0];
	assert_int_equal(growth->looks.len, 33);
	assert_int_equal(thinned->looks.len, 33);
	assert_int_equal(thinned->looks.data[0].count, 0);
	assert_int_equal(thinned->looks.data[32].count, 63);
	for (size_t i = 0; i < thinned->looks.len; i++)
		assert_int_equal(thinned->looks.data[i].count, growth->looks.data[i].at_ns);
	hb_growth_destroy(growth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_leak_passes_all_tests),
	        cmocka_unit_test(a_rate_is_that_of_the_moments_of_counting),
	        cmocka_unit_test(each_test_is_named_when_it_fails),
	        cmocka_unit_test(few_are_gone),
	        cmocka_unit_test(two_looks_say_nothing),
	        cmocka_unit_test(many_looks_are_thinned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
