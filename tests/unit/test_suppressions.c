/* Files of suppressions: what they may contain, what is wrong with others, and which findings they cover. */
#include "leak/suppressions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_wrong(const char *text, const char *where, const char *why)
{
	struct hb_suppressions suppressions;
	struct hb_error *err = hb_suppressions_parse("list", text, &suppressions);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_USAGE);
	if (strncmp(err->message, where, strlen(where)) != 0 || !strstr(err->message, why))
		fail_msg("'%s' does not say '%s … %s'", err->message, where, why);
	hb_error_destroy(err);
}

static void mistakes_have_their_line(void **state)
{
	(void)state;
	assert_wrong("rule = \"H301\"\n", "list:1:", "before the first [[suppress]]");
	assert_wrong("# ok\n\n[[suppress]]\nrule = H301\n", "list:4:", "in quotes");
	assert_wrong("[[suppress]]\nrule = \"H301\nreason = \"x\"\n", "list:2:", "no closing");
	assert_wrong("[[suppress]]\nrule = \"H301\" x\n", "list:2:", "'x' does");
	assert_wrong("[[suppress]]\nrule = \"301\"\n", "list:2:", "no rule");
	assert_wrong("[[suppress]]\nfingerprint = \"xyz\"\n", "list:2:", "16 digits");
	assert_wrong("[[suppress]]\nrules = \"H301\"\n", "list:2:", "unknown key 'rules'");
	assert_wrong("[[suppress]]\nrule = \"H301\"\nrule = \"H401\"\n", "list:3:", "twice");
	assert_wrong("[[suppress]]\nrule = \"H301\"\n", "list:1:", "no reason");
	assert_wrong("\n[[suppress]]\nreason = \"x\"\n[[suppress]]\n", "list:2:", "suppresses everything");
	assert_wrong("[[suppress]]\nholder = \"\"\n", "list:2:", "empty");
	assert_wrong("[[suppress]]\nholder = \"a\\n\"\n", "list:2:", "escaped");
	assert_wrong("[suppress]\n", "list:1:", "neither");
	assert_wrong("[[suppress]] [[suppress]]\n", "list:1:", "comment");
	assert_wrong("[[suppress]]\nexpires = soon\n", "list:2:", "'soon'");
	assert_wrong("[[suppress]]\nexpires = 2027-02-29\n", "list:2:", "2027-02-29");
	assert_wrong("[[suppress]]\nexpires = 2027-01-31T00:00:00Z\n", "list:2:", "expires is a day");
	assert_wrong("[[suppress]]\nexpires = 2027-01-31\nexpires = 2027-01-31\n", "list:3:", "twice");
}

static void a_long_text_is_a_mistake(void **state)
{
	(void)state;
	char text[8192] = "[[suppress]]\nreason = \"";
	size_t start = strlen(text);
	memset(text + start, 'x', 6000);
	memcpy(text + start + 6000, "\"\n", 3);
	assert_wrong(text, "list:2:", "longer");
}

static struct hb_suppressions parsed(const char *text)
{
	struct hb_suppressions suppressions;
	struct hb_error *err = hb_suppressions_parse("list", text, &suppressions);
	if (err)
		fail_msg("%s", err->message);
	return suppressions;
}

static void add(struct hb_findings *findings, const char *rule, const char *holder, const char *step, const char *site)
{
	struct hb_finding finding = {.rule = rule, .holder = strdup(holder), .fingerprint = "0123456789abcdef"};
	assert_true(hb_vec_push(&finding.path, strdup(step)));
	assert_true(hb_vec_push(&finding.created_at, strdup(site)));
	assert_true(hb_vec_push(&findings->list, finding));
}

/* How many of one finding are suppressed by an entry: 0 or 1. */
static size_t covered(const char *entry, const char *today)
{
	char text[1024];
	snprintf(text, sizeof(text), "[[suppress]]\n%s\nreason = 'known'\n", entry);
	struct hb_suppressions suppressions = parsed(text);
	struct hb_findings findings = {0}, suppressed = {0};
	add(&findings, "H301", "global main.headers map[string][]uint8", "{value} []byte \303\2279,031",
	    "main.(*Server).read  /src/main.go:88");
	assert_null(hb_suppressions_apply(&suppressions, today, &findings, &suppressed));
	size_t n = suppressed.list.len;
	assert_int_equal(findings.list.len + n, 1);
	if (n)
		assert_string_equal(suppressed.list.data[0].suppressed_by->reason, "known");
	hb_findings_deinit(&findings);
	hb_findings_deinit(&suppressed);
	hb_suppressions_deinit(&suppressions);
	return n;
}

static void all_that_an_entry_names_must_hold(void **state)
{
	(void)state;
	const char *day = "2026-11-25";
	assert_int_equal(covered("rule = \"H301\"", day), 1);
	assert_int_equal(covered("rule = \"H401\"", day), 0);
	assert_int_equal(covered("fingerprint = '0123456789abcdef' # comment", day), 1);
	assert_int_equal(covered("fingerprint = \"0123456789abcdee\"", day), 0);
	assert_int_equal(covered("holder = \"global main.headers map[string][]uint8\"", day), 1);
	assert_int_equal(covered("  holder\t=\t\"*headers*\"\r", day), 1);
	assert_int_equal(covered("holder = \"global main.headers\"", day), 0);
	assert_int_equal(covered("holder = \"*map[string][]uint8*\"", day), 1);
	assert_int_equal(covered("holder = \"*a*a*a*a*8\"", day), 1);
	assert_int_equal(covered("holder = \"*a*a*a*a*a*\"", day), 0);
	assert_int_equal(covered("path = \"{value} []byte*\"", day), 1);
	assert_int_equal(covered("path = \"{value}\"", day), 0);
	assert_int_equal(covered("function = \"main.(*Server).read\"", day), 1);
	assert_int_equal(covered("function = \"main.(*Server).rea\"", day), 0);
	assert_int_equal(covered("rule = \"H301\"\nholder = \"*other*\"", day), 0);
	assert_int_equal(covered("rule = \"H301\"\nholder = \"*main*\"", day), 1);
}

static void an_entry_holds_on_its_last_day(void **state)
{
	(void)state;
	assert_int_equal(covered("rule = \"H301\"\nexpires = 2026-11-25", "2026-11-25"), 1);
	assert_int_equal(covered("rule = \"H301\"\nexpires = \"2026-11-25\"", "2026-11-26"), 0);
	assert_int_equal(covered("rule = \"H301\"\nexpires = 2028-02-29 # a leap year", "2027-12-31"), 1);
}

static void expired_and_unneeded_ones_are_named(void **state)
{
	(void)state;
	struct hb_suppressions suppressions =
	        parsed("[[suppress]]\nrule = 'H301'\nreason = 'one'\nexpires = 2020-01-01\n"
	               "[[suppress]]\nrule = 'H401'\nreason = 'two'\n"
	               "[[suppress]]\nrule = 'H101'\nreason = 'three'\n"
	               "[[suppress]]\nrule = 'H503'\nreason = 'four'\n"
	               "[[suppress]]\nholder = 'main'\nreason = 'five'");
	struct hb_findings findings = {0}, suppressed = {0};
	struct hb_notes notes = {0};
	add(&findings, "H301", "main", "", "");
	assert_null(hb_suppressions_apply(&suppressions, "2026-11-25", &findings, &suppressed));
	assert_int_equal(suppressed.list.len, 1); /* by the last one */
	hb_suppressions_say(&suppressions, "2026-11-25", false, false, &notes);
	assert_int_equal(notes.texts.len, 2);
	assert_non_null(strstr(notes.texts.data[0], "list:1: this suppression expired on 2020-01-01"));
	assert_non_null(strstr(notes.texts.data[1], "list:5: this suppression was not needed (two)"));
	hb_suppressions_say(&suppressions, "2026-11-25", true, true, &notes);
	assert_int_equal(notes.texts.len, 4);
	assert_false(notes.partial);
	hb_notes_deinit(&notes);
	hb_findings_deinit(&findings);
	hb_findings_deinit(&suppressed);
	hb_suppressions_deinit(&suppressions);
}

static void what_is_shipped_is_understood(void **state)
{
	(void)state;
	struct hb_suppressions suppressions = parsed(hb_known_leaks);
	hb_suppressions_deinit(&suppressions);
	char today[11];
	hb_today(today);
	assert_int_equal(strspn(today, "0123456789-"), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(mistakes_have_their_line),
	        cmocka_unit_test(a_long_text_is_a_mistake),
	        cmocka_unit_test(all_that_an_entry_names_must_hold),
	        cmocka_unit_test(an_entry_holds_on_its_last_day),
	        cmocka_unit_test(expired_and_unneeded_ones_are_named),
	        cmocka_unit_test(what_is_shipped_is_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
