/* JUnit, workflow annotations and Markdown, by hostile reports. Their readers are asked in tests/e2e/formats.py. */
#include "cli/formats.h"
#include "leak/rules.h"
#include "report_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct hb_render_options in_source = {.source_root = "/src/acme"};

static void assert_has(const char *out, const char *words)
{
	assert_non_null(out);
	if (!strstr(out, words))
		fail_msg("'%s' is not in\n%s", words, out ? out : "");
}

static void assert_lacks(const char *out, const char *words)
{
	assert_non_null(out);
	if (strstr(out, words))
		fail_msg("'%s' is in\n%s", words, out ? out : "");
}

static size_t times(const char *out, const char *words)
{
	size_t n = 0;
	for (const char *at = out; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* Two findings, and one that tries to be more than text. */
static void create(struct report_model *model)
{
	report_model_create(model, true);
	report_model_inject(model);
}

static void junit_counts_and_escapes(void **state)
{
	(void)state;
	struct report_model model;
	create(&model);
	char *out = render(hb_render_junit, &model.report, &in_source), sums[128];
	/* H301 and H201 are found, and H999, which is described nowhere. As the result is partial, the other rules are skipped. */
	snprintf(sums, sizeof(sums), " tests=\"%zu\" failures=\"2\" errors=\"0\" skipped=\"%zu\" ", 3 + hb_nrules - 2,
	         1 + hb_nrules - 2);
	assert_has(out, sums);
	assert_int_equal(times(out, "<testcase "), 3 + hb_nrules - 2);
	assert_int_equal(times(out, "<failure "), 2);
	assert_int_equal(times(out, "<skipped "), 1 + hb_nrules - 2);
	assert_has(out, " file=\"main.go\" line=\"7\">");
	assert_has(out, " type=\"proven\">18,402 goroutines can never run again\n");
	assert_has(out, " name=\"SmallPartOfLargeArray global cache.headers []byte [");
	assert_lacks(out, "<script");
	assert_lacks(out, "<!-- ");
	assert_lacks(out, "]]>");
	assert_lacks(out, "\x1b");
	free(out);
	report_model_destroy(&model);
}

static size_t rules_that_need(uint8_t needs)
{
	size_t n = 0;
	for (size_t i = 0; i < hb_nrules; i++)
		n += hb_rules[i].needs == needs;
	return n;
}

static void junit_passes_where_nothing_is_found(void **state)
{
	(void)state;
	struct report_model model;
	char skipped[32];
	report_model_create(&model, false);
	char *out = render(hb_render_junit, &model.report, &in_source);
	assert_int_equal(times(out, "<testcase "), hb_nrules);
	/* One look: what takes more was not looked for. A core: nor were states of sockets. */
	snprintf(skipped, sizeof(skipped), " errors=\"0\" skipped=\"%zu\" ", rules_that_need(HB_RULE_NEEDS_LOOKS));
	assert_has(out, " failures=\"0\" ");
	assert_has(out, skipped);
	assert_has(out, "name=\"GrowingMap\" time=\"0\">\n   <skipped");
	assert_lacks(out, "<failure");
	free(out);
	model.snapshot.kind = HB_TARGET_CORE;
	out = render(hb_render_junit, &model.report, &in_source);
	snprintf(skipped, sizeof(skipped), " skipped=\"%zu\" ",
	         rules_that_need(HB_RULE_NEEDS_LOOKS) + rules_that_need(HB_RULE_NEEDS_LIVE));
	assert_has(out, skipped);
	assert_has(out, "name=\"PeersHungUp\" time=\"0\">\n   <skipped");
	free(out);
	report_model_destroy(&model);
}

static void what_is_suppressed_fails_nothing(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	report_model_suppress(&model);
	char *out = render(hb_render_junit, &model.report, &in_source);
	assert_int_equal(times(out, "<failure "), 1);
	char sums[64];
	snprintf(sums, sizeof(sums), " failures=\"1\" errors=\"0\" skipped=\"%zu\" ",
	         1 + rules_that_need(HB_RULE_NEEDS_LOOKS));
	assert_has(out, sums);
	assert_int_equal(times(out, "<testcase classname=\"heldby.H301\""), 1);
	assert_has(out, "<skipped message=\"suppressed: ```|&lt;script&gt;");
	free(out);
	out = render(hb_render_github, &model.report, &in_source);
	assert_has(out, "heldby: 1 finding (1 proven)\n");
	assert_lacks(out, "H301");
	free(out);
	out = render(hb_render_markdown, &model.report, &in_source);
	assert_has(out, "\n1 suppressed.\n");
	assert_lacks(out, "H301");
	free(out);
	report_model_destroy(&model);
}

static void annotations_are_one_line_each(void **state)
{
	(void)state;
	struct report_model model;
	create(&model);
	char *out = render(hb_render_github, &model.report, &in_source), *rest = out;
	static const char *const begin[] = {
	        "::error file=main.go,line=7,title=H201 proven::18,402 goroutines can never run again (311 MB)",
	        "::warning file=main.go,line=7,title=H301 likely::evil\\x1b]0;owned",
	        "::notice file=a b%2541<c>&`|%2C%3A\\xff\"'\\x1b.go,line=7,title=H999 estimate::```|<script>",
	        "heldby: 3 findings (1 proven, 1 likely, 1 estimate)",
	};
	for (size_t i = 0; i < hb_countof(begin); i++) {
		char *line = strsep(&rest, "\n");
		assert_non_null(line);
		if (strncmp(line, begin[i], strlen(begin[i])) != 0)
			fail_msg("not '%s' but\n%s", begin[i], line);
		assert_lacks(line, "%0A::");
	}
	assert_string_equal(rest, "");
	free(out);
	report_model_destroy(&model);
}

/* Only what has no text of the target in it stands outside of commands: the runner looks for ##[command] there. */
static void a_healthy_program_annotates_nothing(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	model.snapshot.name = (char *)"##[error]owned";
	char *out = render(hb_render_github, &model.report, &in_source);
	assert_string_equal(out, "heldby: nothing suspicious\n");
	free(out);
	report_model_destroy(&model);
}

/* Without its code spans, there is nothing in a line that Markdown or GitHub would look at twice. */
static void drop_code_spans(char *line)
{
	char *to = line;
	for (char *from = line; *from;) {
		size_t fence = strspn(from, "`");
		if (!fence) {
			*to++ = *from++;
			continue;
		}
		char *end = from + fence;
		while (*end && strspn(end, "`") != fence)
			end += strcspn(end, "`") ? strcspn(end, "`") : strspn(end, "`");
		if (!*end)
			fail_msg("a code span is not closed: %s", from);
		from = end + fence;
	}
	*to = 0;
}

static void markdown_is_only_text(void **state)
{
	(void)state;
	struct report_model model;
	create(&model);
	char *out = render(hb_render_markdown, &model.report, &in_source);
	assert_has(out, "### heldby: 3 findings (1 proven, 1 likely, 1 estimate)\n");
	assert_has(out, "#### H201 proven: 18,402 goroutines can never run again\n");
	assert_has(out, "- blocked: `main.main  /src/acme/main.go:7`\n");
	assert_has(out, "- 1.30 GB, 54 %: global `cache.sessions` `*cache.Store`\n");
	assert_has(out, "#### Notes: the result is partial\n");
	for (char *rest = out, *line; (line = strsep(&rest, "\n"));) {
		drop_code_spans(line);
		char *text = line + strspn(line, "#- ");
		if (text[strcspn(text, "<>[]&*_~|\\@#$!`")])
			fail_msg("markup: %s", text);
		assert_lacks(text, "www");
		assert_lacks(text, "://");
	}
	free(out);
	report_model_destroy(&model);
}

static void top_limits_holders(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	char *out = render(hb_render_markdown, &model.report, &(struct hb_render_options){.top = 1});
	assert_has(out, "- and 2 more\n");
	assert_lacks(out, "shared");
	free(out);
	report_model_destroy(&model);
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	struct report_model model;
	create(&model);
	for (size_t i = 0; i < hb_nformats; i++) {
		FILE *full = fopen("/dev/full", "w");
		assert_non_null(full);
		struct hb_error *err = hb_formats[i].render(&model.report, &in_source, full);
		if (!err || err->code != HB_ERR_IO)
			fail_msg("%s: no error", hb_formats[i].name);
		hb_error_destroy(err);
		fclose(full);
	}
	report_model_destroy(&model);
}

static void nothing_at_all(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	const struct hb_report empty = {.analysis = &model.analysis};
	model.snapshot.name = NULL;
	model.go.version.text[0] = 0;
	for (size_t i = 0; i < hb_nformats; i++) {
		char *out = render(hb_formats[i].render, &empty, &(struct hb_render_options){0});
		free(out);
	}
	report_model_destroy(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(junit_counts_and_escapes),
	        cmocka_unit_test(junit_passes_where_nothing_is_found),
	        cmocka_unit_test(annotations_are_one_line_each),
	        cmocka_unit_test(a_healthy_program_annotates_nothing),
	        cmocka_unit_test(markdown_is_only_text),
	        cmocka_unit_test(top_limits_holders),
	        cmocka_unit_test(what_is_suppressed_fails_nothing),
	        cmocka_unit_test(a_full_disk_is_an_error),
	        cmocka_unit_test(nothing_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
