/* Command lines: what is understood, and what is said about the others. */
#include "base/memory.h"
#include "cli/formats.h"
#include "cli/options.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_WORDS = 16 };

static struct hb_error *parse(struct hb_command_line *ret, const char *const *words)
{
	char *argv[MAX_WORDS + 2] = {(char *)"heldby"};
	int argc = 1;
	while (*words)
		argv[argc++] = (char *)*words++;
	return hb_command_line_parse(argc, argv, ret);
}
#define PARSE(ret, ...) parse(ret, (const char *const[]){__VA_ARGS__, NULL})

static void assert_usage(struct hb_error *err, const char *part)
{
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_USAGE);
	assert_int_equal(hb_error_exit_status(err), 2);
	if (!strstr(err->message, part))
		fail_msg("'%s' does not say '%s'", err->message, part);
	assert_true(!isupper((unsigned char)err->message[0]));
	assert_int_not_equal(err->message[strlen(err->message) - 1], '.');
	hb_error_destroy(err);
}

static void a_target_alone_is_a_report(void **state)
{
	(void)state;
	struct hb_command_line line;
	assert_null(PARSE(&line, "4121"));
	assert_string_equal(line.command->name, "report");
	assert_true(line.command_is_implied);
	assert_string_equal(line.target, "4121");
	assert_null(PARSE(&line, "report", "4121"));
	assert_string_equal(line.command->name, "report");
	assert_false(line.command_is_implied);
}

static void options_stand_anywhere_in_any_form(void **state)
{
	(void)state;
	struct hb_command_line line;
	assert_null(PARSE(&line, "-v", "report", "--format=json", "api", "-oout.json", "--top", "7", "--max-pause",
	                  "1.5s"));
	assert_int_equal(line.verbosity, HB_VERBOSE);
	assert_string_equal(line.format->name, "json");
	assert_string_equal(line.output, "out.json");
	assert_int_equal(line.top, 7);
	assert_int_equal(line.max_pause_ns, 1500000000);
	assert_null(PARSE(&line, "api", "-qo", "out", "--color", "never", "--capture", "copy", "--show-data"));
	assert_int_equal(line.verbosity, HB_QUIET);
	assert_string_equal(line.output, "out");
	assert_int_equal(line.color, HB_COLOR_NEVER);
	assert_true(line.seen & HB_OPTION_BIT(SHOW_DATA));
	assert_null(PARSE(&line, "--", "-odd-name"));
	assert_string_equal(line.target, "-odd-name");
	assert_null(PARSE(&line, "report", "--", "doctor"));
	assert_string_equal(line.target, "doctor");
}

static void explain_takes_a_rule_before_its_target(void **state)
{
	(void)state;
	struct hb_command_line line;
	assert_null(PARSE(&line, "explain"));
	assert_null(line.topic);
	assert_null(PARSE(&line, "explain", "H301", "api"));
	assert_string_equal(line.topic, "H301");
	assert_string_equal(line.target, "api");
	assert_null(PARSE(&line, "report", "H301"));
	assert_string_equal(line.target, "H301");
	assert_usage(PARSE(&line, "explain", "H301", "--top", "3"), "means nothing");
}

static void mistakes_are_explained(void **state)
{
	(void)state;
	struct hb_command_line line;
	assert_usage(PARSE(&line, "--formta", "json", "1"), "did you mean '--format'");
	assert_usage(PARSE(&line, "--format", "jsno", "1"), "did you mean 'json'");
	assert_usage(PARSE(&line, "--format", "pdf", "1"), "text, json");
	assert_usage(PARSE(&line, "--frobnicate", "1"), "unknown option '--frobnicate'");
	assert_usage(PARSE(&line, "-Z", "1"), "unknown option '-Z'");
	assert_usage(PARSE(&line, "reprot", "1"), "did you mean 'report'");
	assert_usage(PARSE(&line, "frobnicate", "1"), "unknown command 'frobnicate'");
	assert_usage(PARSE(&line, "report", "1", "2"), "one target");
	assert_usage(PARSE(&line, "report"), "no target");
	assert_usage(PARSE(&line, "-q"), "no target");
	assert_usage(PARSE(&line, "1", "--output"), "needs a value");
	assert_usage(PARSE(&line, "1", "-o"), "needs a value");
	assert_usage(PARSE(&line, "1", "-o", ""), "name of a file");
	assert_usage(PARSE(&line, "1", "--quiet=yes"), "takes no value");
	assert_usage(PARSE(&line, "1", "--top", "0"), "--top '0'");
	assert_usage(PARSE(&line, "1", "--top", "many"), "--top 'many'");
	assert_usage(PARSE(&line, "1", "--top", "99999999999999999999"), "--top");
	assert_usage(PARSE(&line, "snapshot", "1"), "needs --output FILE");
	assert_usage(PARSE(&line, "snapshot", "1", "-o", "x", "--top", "3"), "means nothing to 'heldby snapshot'");
	assert_usage(PARSE(&line, "1", "--max-pause", "50"), "50ms");
}

static void help_needs_nothing_else(void **state)
{
	(void)state;
	struct hb_command_line line;
	assert_null(PARSE(&line, "snapshot", "--help"));
	assert_true(line.seen & HB_OPTION_BIT(HELP));
	assert_string_equal(line.command->name, "snapshot");
	assert_null(PARSE(&line, "--version"));
	assert_true(line.seen & HB_OPTION_BIT(VERSION));
}

static void durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ns;
	} right[] = {{"50ms", 50000000}, {"2s", 2000000000},  {"0.5ms", 500000},
	             {"250us", 250000},  {"1m", 60000000000}, {"2min", 120000000000}};
	static const char *const wrong[] = {"",     "50",   "ms",    "-5ms", "+5ms",
	                                    "5 ms", "5msx", "nan",   "inf",  "0x5s",
	                                    "1e3s", "0ms",  "1..2s", ".s",   "99999999999999999999s"};
	uint64_t ns;
	for (size_t i = 0; i < hb_countof(right); i++) {
		assert_true(hb_duration_parse(right[i].text, &ns));
		assert_int_equal(ns, right[i].ns);
	}
	for (size_t i = 0; i < hb_countof(wrong); i++)
		if (hb_duration_parse(wrong[i], &ns))
			fail_msg("'%s' is taken for a duration", wrong[i]);
}

static void suggestions_are_near_or_none(void **state)
{
	(void)state;
	static const char *const words[] = {"report", "snapshot", "doctor"};
	assert_string_equal(hb_suggest("reprot", words, 3), "report");
	assert_string_equal(hb_suggest("snap", words, 3), "snapshot");
	assert_string_equal(hb_suggest("docter", words, 3), "doctor");
	assert_null(hb_suggest("nginx", words, 3));
	assert_null(hb_suggest("", words, 3));
	assert_null(hb_suggest("x", words, 3));
	char longest[1000];
	memset(longest, 'r', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_null(hb_suggest(longest, words, 3));
}

/* 80 columns, 24 lines, the last two of them examples that heldby itself understands. */
static void assert_help_fits(const struct hb_command *command)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	hb_help_print(command, out);
	fclose(out);
	unsigned lines = 0, examples = 0;
	for (char *line = text, *end; *line; line = end + 1, lines++) {
		end = strchr(line, '\n');
		assert_non_null(end);
		*end = 0;
		if (end - line > 80)
			fail_msg("help is too wide: %s", line);
		if (strncmp(line, "  heldby ", 9) != 0 || strstr(line, "heldby TARGET"))
			continue;
		examples++;
		char *argv[MAX_WORDS];
		int argc = 0;
		for (char *word = strtok(line, " "); word && argc < MAX_WORDS; word = strtok(NULL, " "))
			argv[argc++] = word;
		struct hb_command_line parsed;
		struct hb_error *err = hb_command_line_parse(argc, argv, &parsed);
		if (err)
			fail_msg("an example is not understood: %s", err->message);
	}
	assert_true(lines <= 24);
	assert_int_equal(examples, 2);
	free(text);
}

static void every_help_fits_a_screen(void **state)
{
	(void)state;
	assert_help_fits(NULL);
	for (size_t i = 0; i < hb_ncommands; i++)
		assert_help_fits(&hb_commands[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_target_alone_is_a_report),
	        cmocka_unit_test(options_stand_anywhere_in_any_form),
	        cmocka_unit_test(explain_takes_a_rule_before_its_target),
	        cmocka_unit_test(mistakes_are_explained),
	        cmocka_unit_test(help_needs_nothing_else),
	        cmocka_unit_test(durations),
	        cmocka_unit_test(suggestions_are_near_or_none),
	        cmocka_unit_test(every_help_fits_a_screen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
