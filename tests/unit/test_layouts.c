/* Which table a version string leads to: its minor, and the experiments that lay the runtime out otherwise. */
#include "golang/layout.h"
#include "golang/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_version(const char *text, unsigned minor, unsigned patch, const char *experiments)
{
	struct hb_go_version version;
	assert_true(hb_go_version_parse(text, &version));
	assert_int_equal(version.minor, minor);
	assert_int_equal(version.patch, patch);
	assert_string_equal(version.experiments, experiments);
}

static void test_experiments_of_a_version(void **state)
{
	assert_version("go1.26.8", 26, 8, "");
	assert_version("go1.18", 18, 0, "");
	assert_version("go1.24.10 X:noswissmap", 24, 10, "noswissmap");
	assert_version("go1.26.8-X:arenas,nogreenteagc", 26, 8, "arenas,nogreenteagc");
	assert_version("go1.27rc1 X:nogreenteagc", 27, 0, "nogreenteagc");
	assert_version("devel go1.28-5c2f8a7 Tue Jan 6 X:nosimd", 28, 0, "nosimd");
	assert_version("go1.25.5 X:greenteagc linux/amd64", 25, 5, "greenteagc");
	assert_version("go1.25.5-custom", 25, 5, "");
	(void)state;
}

static void assert_layout(unsigned minor, const char *experiments, const char *expected)
{
	const struct hb_go_layout *layout = hb_go_layout_with(minor, experiments);
	assert_non_null(layout);
	assert_int_equal(layout->minor, minor);
	assert_string_equal(layout->experiments, expected);
}

static void test_tables(void **state)
{
	assert_layout(26, "", "");
	assert_layout(26, "nogreenteagc", "nogreenteagc");
	assert_layout(26, "arenas,nogreenteagc,simd", "nogreenteagc");
	assert_layout(26, "nogreenteagcs,greenteagc", "");
	assert_layout(25, "noswissmap", "noswissmap");
	assert_layout(25, "noswissmap,greenteagc", "greenteagc,noswissmap");
	assert_layout(24, "greenteagc,noswissmap", "noswissmap");
	assert_layout(23, "noswissmap", "");
	assert_layout(22, "noexectracer2,arenas,noallocheaders", "noallocheaders,noexectracer2");
	assert_null(hb_go_layout_with(17, ""));
	(void)state;
}

/* What the experiments are known to do, as their sources say. */
static void test_what_tables_say(void **state)
{
	assert_int_equal(hb_go_layout_with(24, "")->hmap.size, HB_ABSENT);
	assert_int_not_equal(hb_go_layout_with(24, "noswissmap")->hmap.size, HB_ABSENT);
	assert_int_equal(hb_go_layout_with(24, "noswissmap")->map.size, HB_ABSENT);
	assert_int_equal(hb_go_layout_with(22, "")->heap_arena.bitmap, HB_ABSENT);
	assert_int_not_equal(hb_go_layout_with(22, "noallocheaders")->heap_arena.bitmap, HB_ABSENT);
	assert_int_not_equal(hb_go_layout_with(22, "noallocheaders")->heap_arena.no_more_ptrs, HB_ABSENT);
	assert_int_not_equal(hb_go_layout_with(27, "")->p.timers, hb_go_layout_with(27, "nogreenteagc")->p.timers);
	(void)state;
}

static void assert_unknown(const char *experiments, const char *expected)
{
	size_t len;
	const char *name = hb_go_unknown_experiment(experiments, &len);
	if (!expected) {
		assert_null(name);
		return;
	}
	assert_non_null(name);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(name, expected, len);
}

static void test_unread_and_unknown(void **state)
{
	assert_null(hb_go_unread_experiment(""));
	assert_null(hb_go_unread_experiment("arenas,nostaticlockranking"));
	assert_string_equal(hb_go_unread_experiment("arenas,staticlockranking"), "staticlockranking");
	assert_unknown("", NULL);
	assert_unknown("arenas,nogreenteagc,nounified,loopvar,noswissmap,staticlockranking", NULL);
	assert_unknown("arenas,systemcrypto,other", "systemcrypto");
	assert_unknown("nosystemcrypto", "nosystemcrypto");
	assert_unknown("no", "no");
	assert_unknown(",,arena", "arena");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_experiments_of_a_version),
	        cmocka_unit_test(test_tables),
	        cmocka_unit_test(test_what_tables_say),
	        cmocka_unit_test(test_unread_and_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
