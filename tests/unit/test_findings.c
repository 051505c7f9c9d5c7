/* Rank and fingerprint: what counts, and what must not. */
#include "leak/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct words {
	const char *rule, *holder, *path[4], *allocated, *blocked;
};

static struct hb_finding make(const struct words *words)
{
	struct hb_finding finding = {.rule = words->rule, .holder = strdup(words->holder)};
	for (size_t i = 0; i < 4 && words->path[i]; i++)
		assert_true(hb_vec_push(&finding.path, strdup(words->path[i])));
	if (words->allocated)
		assert_true(hb_vec_push(&finding.allocated_at, strdup(words->allocated)));
	if (words->blocked)
		assert_true(hb_vec_push(&finding.blocked_at, strdup(words->blocked)));
	hb_finding_fingerprint(&finding);
	return finding;
}

static bool same(struct words a, struct words b)
{
	struct hb_finding x = make(&a), y = make(&b);
	assert_int_equal(strlen(x.fingerprint), 16);
	assert_int_equal(strspn(x.fingerprint, "0123456789abcdef"), 16);
	bool result = !strcmp(x.fingerprint, y.fingerprint);
	hb_finding_deinit(&x);
	hb_finding_deinit(&y);
	return result;
}

static const struct words base = {"H301",
                                  "global main.headers map[string][]byte",
                                  {"{value} []byte ×9,031", NULL},
                                  "main.read  /build/1/main.go:88"};

static void a_rebuild_or_another_pod_changes_nothing(void **state)
{
	(void)state;
	struct words other = base;
	other.path[0] = "{value} []byte ×12";
	other.allocated = "main.read  /home/ci/2/main.go:91";
	assert_true(same(base, other));
	other.path[1] = other.path[0]; /* a list that is longer today */
	assert_true(same(base, other));
	other.allocated = NULL; /* not among the samples today */
	assert_true(same(base, other));
}

/* What nobody is known to hold is told apart by where it was made. */
static void without_a_holder_sites_count(void **state)
{
	(void)state;
	struct words here = {"H301", "", {NULL}, "main.read  main.go:1", NULL}, there = here;
	there.allocated = "main.write  main.go:1";
	assert_false(same(here, there));
}

static void another_defect_has_another(void **state)
{
	(void)state;
	struct words other = base;
	other.rule = "H201";
	assert_false(same(base, other));
	other = base;
	other.holder = "global main.trailers map[string][]byte";
	assert_false(same(base, other));
	other = base;
	other.blocked = "main.wait  /build/1/main.go:90";
	assert_false(same(base, other));
	other = base;
	other.path[0] = "{key} string ×9,031";
	assert_false(same(base, other));
	/* Digits of a name are part of it. */
	other = base;
	other.holder = "global main.headers2 map[string][]byte";
	assert_false(same(base, other));
	/* What ends one word must not begin the next. */
	struct words left = {"H301", "ab", {"c", NULL}, NULL}, right = {"H301", "a", {"bc", NULL}, NULL};
	assert_false(same(left, right));
}

static void rank_is_verdict_then_bytes_then_count(void **state)
{
	(void)state;
	static const struct {
		enum hb_verdict verdict;
		uint64_t bytes, count;
	} in_order[] = {{HB_PROVEN, 10, 1},
	                {HB_PROVEN, 5, 9},
	                {HB_PROVEN, 5, 2},
	                {HB_LIKELY, 1000, 1},
	                {HB_ESTIMATE, 99999, 1}};
	static const size_t shuffled[] = {3, 4, 2, 0, 1};
	struct hb_findings findings = {0};
	hb_findings_rank(&findings);
	for (size_t i = 0; i < 5; i++) {
		struct hb_finding finding = {.rule = "H000",
		                             .verdict = in_order[shuffled[i]].verdict,
		                             .bytes = in_order[shuffled[i]].bytes,
		                             .count = in_order[shuffled[i]].count};
		assert_true(hb_vec_push(&findings.list, finding));
	}
	hb_findings_rank(&findings);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(findings.list.data[i].verdict, in_order[i].verdict);
		assert_int_equal(findings.list.data[i].bytes, in_order[i].bytes);
		assert_int_equal(findings.list.data[i].count, in_order[i].count);
	}
	hb_findings_deinit(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_rebuild_or_another_pod_changes_nothing),
	        cmocka_unit_test(without_a_holder_sites_count),
	        cmocka_unit_test(another_defect_has_another),
	        cmocka_unit_test(rank_is_verdict_then_bytes_then_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
