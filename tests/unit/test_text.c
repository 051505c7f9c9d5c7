/* The report as text: what a person must find in it, and what a terminal must never get. */
#include "report_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct hb_render_options plain = {0};

static void complain(const char *words, const char *why, const char *out)
{
	fprintf(stderr, "'%s' %s:\n", words ? words : "", why);
	fputs(out ? out : "", stderr);
	fail();
}

static void assert_has(const char *out, const char *words)
{
	if (!strstr(out, words))
		complain(words, "is not in", out);
}

static void assert_lacks(const char *out, const char *words)
{
	if (strstr(out, words))
		complain(words, "is in", out);
}

static void header_ledger_and_sections(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	char *out = render(hb_render_text, &model.report, &plain);
	assert_has(out, "heldby  api (pid 4121)  go1.26.2, stripped");
	assert_has(out, "paused 7 ms   examined 2.41 GB, 31.2 M objects, 98 % typed");
	assert_has(out,
	           "RSS 3.10 GB = live Go 2.41 + Go free 0.22 + stacks 0.09 + C heap 0.31 + files and runtime 0.07\n");
	assert_has(out, "H201  proven  18,402 goroutines can never run again");
	assert_has(out, "global cache.sessions *cache.Store");
	assert_has(out, "api.Server shared by main.srv, goroutines created by main.main, …");
	assert_has(out, "×3.1 M");
	assert_has(out, "Goroutines  18,403: 1 running, 18,402 waiting   bytes with their stacks\n");
	assert_has(out, "chan send, 17 min to 3 h");
	assert_has(out, "fanOut.func1  api/fanout.go:57");
	assert_has(out, "2 findings (1 proven, 1 likely)");
	assert_lacks(out, "nothing suspicious");
	assert_lacks(out, "github.com");
	assert_lacks(out, "/src/acme");
	assert_lacks(out, "0x");
	free(out);
	report_model_destroy(&model);
}

/* The site of a row is that of its child: it stands once. */
static void sites_are_said_once(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	char *out = render(hb_render_text, &model.report, &plain);
	char *first = strstr(out, "allocated cache.(*Store).Put  cache/store.go:88");
	assert_non_null(first);
	assert_null(strstr(first + 1, "allocated cache.(*Store).Put"));
	free(out);
	report_model_destroy(&model);
}

static void a_healthy_program_has_no_finding(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	char *out = render(hb_render_text, &model.report, &plain);
	assert_has(out, "\nnothing suspicious; the largest holders are global cache.sessions (1.30 GB)");
	assert_lacks(out, "finding");
	free(out);
	report_model_destroy(&model);
}

static void verbose_shortens_nothing(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	char *out = render(hb_render_text, &model.report, &(struct hb_render_options){.verbose = true, .width = 60});
	assert_has(out, "github.com/acme/cache.Session");
	assert_has(out, "/src/acme/api/fanout.go:57");
	assert_has(out, "cache.sessions *cache.Store at 0x5c1f30");
	free(out);
	report_model_destroy(&model);
}

/* A core pauses nobody; where RSS is not known there is no ledger; without profiling that is said. */
static void what_is_not_known_is_not_said(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	model.snapshot.kind = HB_TARGET_CORE;
	model.snapshot.pid = 0;
	model.report.ledger = (struct hb_ledger){0};
	model.sites.samples.len = 0;
	char *out = render(hb_render_text, &model.report, &plain);
	assert_has(out, "api (core)");
	assert_lacks(out, "paused");
	assert_lacks(out, "RSS");
	assert_has(out, "the program has no memory profiling");
	free(out);
	report_model_destroy(&model);
}

static void nothing_at_all(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	struct hb_report empty = {.analysis = &model.analysis};
	char *out = render(hb_render_text, &empty, &plain);
	assert_has(out, "nothing suspicious\n");
	assert_lacks(out, "nan");
	free(out);
	report_model_destroy(&model);
}

static void hostile_names_are_escaped(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	for (int verbose = 0; verbose < 2; verbose++) {
		char *out = render(hb_render_text, &model.report,
		                   &(struct hb_render_options){.verbose = verbose, .width = 200});
		assert_has(out, "evil\\x1b]0;owned\\x07\\u{202e}txt.\\xff\"\\\\x0a缓存");
		const char *end = out + strlen(out);
		for (const char *p = out; p < end;) {
			int32_t code = hb_utf8_next(&p, end);
			if (code != '\n' &&
			    (code < 0x20 || code == 0x7f || (code >= 0x80 && code < 0xa0) || code == 0x202e))
				fail_msg("U+%04x is in the output", (unsigned)code);
		}
		free(out);
	}
	report_model_destroy(&model);
}

static unsigned widest_line(char *out)
{
	unsigned widest = 0;
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned width = hb_display_width(line);
		widest = width > widest ? width : widest;
	}
	return widest;
}

static void terminals_are_filled_not_overrun(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	for (unsigned width = 80; width < 240; width += 7) {
		char *out = render(hb_render_text, &model.report, &(struct hb_render_options){.width = width});
		unsigned widest = widest_line(out);
		if (widest > width)
			fail_msg("a line of %u columns on a terminal of %u", widest, width);
		free(out);
	}
	report_model_destroy(&model);
}

static void lines_end_with_something(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	char *out = render(hb_render_text, &model.report, &(struct hb_render_options){.width = 110});
	assert_lacks(out, " \n");
	assert_lacks(out, "\n\n\n");
	free(out);
	report_model_destroy(&model);
}

/* Names with wide characters do not push the column behind them away. */
static void columns_are_aligned(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	model.goroutines[0].blocked_at = (char *)"缓存.等待  a/b.go:1";
	model.goroutines[0].created_by = (char *)"main.f  c/d.go:2";
	model.report.ngoroutines = 1;
	char *out = render(hb_render_text, &model.report, &plain);
	unsigned columns[2] = {0};
	const char *const files[] = {"a/b.go:1", "c/d.go:2"};
	for (int i = 0; i < 2; i++) {
		char *at = strstr(out, files[i]), *start = at;
		assert_non_null(at);
		while (start > out && start[-1] != '\n')
			start--;
		char before[512];
		snprintf(before, sizeof(before), "%.*s", (int)(at - start), start);
		columns[i] = hb_display_width(before);
	}
	assert_int_equal(columns[0], columns[1]);
	free(out);
	report_model_destroy(&model);
}

/* Colour adds to the text and changes nothing in it; each is switched off again on its line. */
static void colour_changes_no_text(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	char *without = render(hb_render_text, &model.report, &plain);
	char *with = render(hb_render_text, &model.report, &(struct hb_render_options){.color = true});
	assert_lacks(without, "\x1b");
	assert_has(with, "\x1b[");
	char *out = with;
	bool on = false;
	for (const char *p = with; *p;) {
		if (*p == '\x1b') {
			size_t len = strcspn(p, "m") + 1;
			on = strncmp(p, "\x1b[0m", 4) != 0;
			p += len;
			continue;
		}
		assert_false(on && *p == '\n');
		*out++ = *p++;
	}
	*out = 0;
	assert_string_equal(with, without);
	free(with);
	free(without);
	report_model_destroy(&model);
}

static void top_says_how_many_rows(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	char *out = render(hb_render_text, &model.report, &(struct hb_render_options){.top = 1});
	assert_has(out, "and 2 more: --top 3 shows them");
	assert_lacks(out, "running\n");
	free(out);
	report_model_destroy(&model);
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	FILE *full = fopen("/dev/full", "w");
	assert_non_null(full);
	struct hb_error *err = hb_render_text(&model.report, &plain, full);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_IO);
	assert_has(err->message, "No space left");
	hb_error_destroy(err);
	fclose(full);
	report_model_destroy(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(header_ledger_and_sections),       cmocka_unit_test(sites_are_said_once),
	        cmocka_unit_test(a_healthy_program_has_no_finding), cmocka_unit_test(verbose_shortens_nothing),
	        cmocka_unit_test(what_is_not_known_is_not_said),    cmocka_unit_test(nothing_at_all),
	        cmocka_unit_test(hostile_names_are_escaped),        cmocka_unit_test(terminals_are_filled_not_overrun),
	        cmocka_unit_test(lines_end_with_something),         cmocka_unit_test(columns_are_aligned),
	        cmocka_unit_test(colour_changes_no_text),           cmocka_unit_test(top_says_how_many_rows),
	        cmocka_unit_test(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
