/* The options of all commands, and the parser of command lines. */
#include "cli/options.h"
#include "base/memory.h"
#include "cli/formats.h"
#include "cli/limits.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>

const struct hb_option hb_options_table[] = {
        {HB_OPTION_FORMAT, 0, "format", "FORMAT", "text, json, sarif, junit, github, markdown, pprof"},
        {HB_OPTION_OUTPUT, 'o', "output", "FILE", "write to FILE instead of standard output"},
        {HB_OPTION_TOP, 0, "top", "N", "rows of each list"},
        {HB_OPTION_MAX_PAUSE, 0, "max-pause", "TIME", "refuse a longer pause (50ms if not given)"},
        {HB_OPTION_WAIT, 0, "wait", "TIME", "look again until then: what only grows? (20s)"},
        {HB_OPTION_EVERY, 0, "every", "TIME", "from one look to the next (1m if not given)"},
        {HB_OPTION_FOR, 0, "for", "TIME", "stop watching after that time (1h if not given)"},
        {HB_OPTION_HISTORY, 0, "history", "FILE", "SQLite file that keeps what was counted"},
        {HB_OPTION_CAPTURE, 0, "capture", "HOW", "auto (default) or copy: read memory while stopped"},
        {HB_OPTION_AT, 0, "at", "TIME", "also examine it TIME after its start (90s, 5m)"},
        {HB_OPTION_SIGNAL, 0, "signal", "NAME", "also when the process that -v names gets USR1 or USR2"},
        {HB_OPTION_CHILDREN, 0, "children", NULL, "also examine the processes that it starts"},
        {HB_OPTION_SHOW_DATA, 0, "show-data", NULL, "show contents of the heap; they may be secrets"},
        {HB_OPTION_DEBUG_FILE, 0, "debug-file", "FILE", "debug information split from the executable"},
        {HB_OPTION_SUPPRESSIONS, 0, "suppressions", "FILE", "leave out the findings that FILE names"},
        {HB_OPTION_FAIL_ON, 0, "fail-on", "VERDICT", "proven or likely: exit 1 when there is such a finding"},
        {HB_OPTION_COLOR, 0, "color", "WHEN", "auto (default), always or never"},
        {HB_OPTION_QUIET, 'q', "quiet", NULL, "no progress and no notes"},
        {HB_OPTION_VERBOSE, 'v', "verbose", NULL, "addresses, full paths, and what each stage takes"},
        {HB_OPTION_VERSION, 0, "version", NULL, "print the version"},
        {HB_OPTION_HELP, 'h', "help", NULL, "print this help"},
};
const size_t hb_options_count = hb_countof(hb_options_table);

/* --- Values ----------------------------------------------------------------------------------------------------------
 */

bool hb_duration_parse(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ms", 1e6}, {"s", 1e9}, {"us", 1e3}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
	char *end;
	/* strtod() would take "inf", "nan" and hexadecimal, too. */
	if (strspn(text, "0123456789.") == 0)
		return false;
	errno = 0;
	double value = strtod(text, &end);
	if (errno || (size_t)(end - text) != strspn(text, "0123456789."))
		return false;
	for (size_t i = 0; i < hb_countof(units); i++) {
		double ns = value * units[i].ns;
		if (!strcmp(end, units[i].unit) && ns >= 1 && ns < 9e18) {
			*ret = (uint64_t)ns;
			return true;
		}
	}
	return false;
}

/* One of n words: its index. */
static struct hb_error *parse_word(const char *option, const char *value, const char *const *words, size_t n,
                                   size_t *ret)
{
	char list[128] = "";
	for (size_t i = 0, used = 0; i < n; i++) {
		if (!strcmp(value, words[i])) {
			*ret = i;
			return NULL;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
		used = hb_min(used, sizeof(list) - 1);
	}
	const char *near = hb_suggest(value, words, n);
	if (near)
		return hb_error_create(HB_ERR_USAGE, "--%s '%s': did you mean '%s'?", option, value, near);
	return hb_error_create(HB_ERR_USAGE, "--%s '%s' is not one of: %s", option, value, list);
}

static struct hb_error *parse_format(const char *value, const struct hb_format **ret)
{
	const char *names[HB_MOST_FORMATS];
	size_t choice;
	for (size_t i = 0; i < hb_nformats; i++)
		names[i] = hb_formats[i].name;
	TRY(parse_word("format", value, names, hb_nformats, &choice));
	*ret = &hb_formats[choice];
	return NULL;
}

static struct hb_error *parse_top(const char *value, unsigned *ret)
{
	char *end;
	errno = 0;
	long n = strtol(value, &end, 10);
	if (errno || *end || end == value || n < 1 || n > 1000000)
		return hb_error_create(HB_ERR_USAGE, "--top '%s' is not a number of rows, from 1 to 1000000", value);
	*ret = (unsigned)n;
	return NULL;
}

static struct hb_error *parse_signal(const char *value, int *ret)
{
	static const char *const names[] = {"USR1", "USR2"};
	static const int numbers[] = {SIGUSR1, SIGUSR2};
	size_t choice = 0;
	TRY(parse_word("signal", strncmp(value, "SIG", 3) ? value : value + 3, names, hb_countof(names), &choice));
	*ret = numbers[choice];
	return NULL;
}

static void take_flag(struct hb_command_line *line, const struct hb_option *option)
{
	line->seen |= 1u << option->id;
	if (option->id == HB_OPTION_QUIET)
		line->verbosity = HB_QUIET;
	if (option->id == HB_OPTION_VERBOSE)
		line->verbosity = HB_VERBOSE;
}

static struct hb_error *parse_time(const struct hb_option *option, const char *value, uint64_t *ret)
{
	if (hb_duration_parse(value, ret) && *ret >= HB_LEAST_WAIT_NS)
		return NULL;
	return hb_error_create(HB_ERR_USAGE, "--%s '%s' is not a duration of a second or more, such as 1m or 8h",
	                       option->name, value);
}

static struct hb_error *take_value(struct hb_command_line *line, const struct hb_option *option, const char *value)
{
	static const char *const captures[] = {"auto", "copy"};
	static const char *const gates[] = {"proven", "likely"};
	static const char *const colors[] = {"auto", "always", "never"};
	size_t choice = 0;
	line->seen |= 1u << option->id;
	switch (option->id) {
	case HB_OPTION_FORMAT:
		return parse_format(value, &line->format);
	case HB_OPTION_CAPTURE:
		return parse_word("capture", value, captures, hb_countof(captures), &choice);
	case HB_OPTION_COLOR:
		TRY(parse_word("color", value, colors, hb_countof(colors), &choice));
		line->color = (enum hb_color)choice;
		return NULL;
	case HB_OPTION_OUTPUT:
		line->output = value;
		return *value ? NULL : hb_error_create(HB_ERR_USAGE, "-o needs the name of a file");
	case HB_OPTION_TOP:
		return parse_top(value, &line->top);
	case HB_OPTION_MAX_PAUSE:
		if (!hb_duration_parse(value, &line->max_pause_ns))
			return hb_error_create(HB_ERR_USAGE, "--max-pause '%s' is not a duration such as 50ms or 2s",
			                       value);
		return NULL;
	case HB_OPTION_EVERY:
		return parse_time(option, value, &line->every_ns);
	case HB_OPTION_FOR:
		return parse_time(option, value, &line->for_ns);
	case HB_OPTION_HISTORY:
		line->history = value;
		return *value ? NULL : hb_error_create(HB_ERR_USAGE, "--history needs the name of a file");
	case HB_OPTION_WAIT:
		if (!hb_duration_parse(value, &line->wait_ns) || line->wait_ns < HB_LEAST_WAIT_NS ||
		    line->wait_ns > HB_MOST_WAIT_NS)
			return hb_error_create(HB_ERR_USAGE,
			                       "--wait '%s' is not a duration from 1s to 60m, such as 20s", value);
		return NULL;
	case HB_OPTION_SUPPRESSIONS:
		line->suppressions = value;
		return NULL;
	case HB_OPTION_FAIL_ON:
		TRY(parse_word("fail-on", value, gates, hb_countof(gates), &choice));
		line->fail_on = choice ? HB_LIKELY : HB_PROVEN;
		return NULL;
	case HB_OPTION_AT:
		if (!hb_duration_parse(value, &line->at_ns))
			return hb_error_create(HB_ERR_USAGE, "--at '%s' is not a duration such as 90s or 5m", value);
		return NULL;
	case HB_OPTION_SIGNAL:
		return parse_signal(value, &line->signal);
	case HB_OPTION_DEBUG_FILE:
		line->debug_file = value;
		return NULL;
	case HB_OPTION_QUIET:
	case HB_OPTION_VERBOSE:
	case HB_OPTION_SHOW_DATA:
	case HB_OPTION_CHILDREN:
	case HB_OPTION_VERSION:
	case HB_OPTION_HELP:
		return NULL; /* flags */
	}
	return NULL;
}

/* --- Options ---------------------------------------------------------------------------------------------------------
 */

static struct hb_error *unknown_option(const char *argument, size_t name_len)
{
	const char *names[hb_countof(hb_options_table)];
	char typed[64];
	for (size_t i = 0; i < hb_countof(hb_options_table); i++)
		names[i] = hb_options_table[i].name;
	snprintf(typed, sizeof(typed), "%.*s", (int)hb_min(name_len, sizeof(typed) - 1), argument + 2);
	const char *near = argument[1] == '-' ? hb_suggest(typed, names, hb_countof(names)) : NULL;
	if (near)
		return hb_error_create(HB_ERR_USAGE, "unknown option '--%s': did you mean '--%s'?", typed, near);
	return hb_error_create(HB_ERR_USAGE, "unknown option '%s': heldby --help lists them", argument);
}

/* "--name", "--name=value" or "--name value". */
static struct hb_error *parse_long(struct hb_command_line *line, char *const *argv, int argc, int *at)
{
	const char *argument = argv[*at], *equals = strchr(argument, '=');
	size_t len = equals ? (size_t)(equals - argument) - 2 : strlen(argument) - 2;
	for (size_t i = 0; i < hb_countof(hb_options_table); i++) {
		const struct hb_option *option = &hb_options_table[i];
		if (strlen(option->name) != len || strncmp(option->name, argument + 2, len) != 0)
			continue;
		if (!option->value) {
			if (equals)
				return hb_error_create(HB_ERR_USAGE, "--%s takes no value", option->name);
			take_flag(line, option);
			return NULL;
		}
		if (equals)
			return take_value(line, option, equals + 1);
		if (*at + 1 >= argc)
			return hb_error_create(HB_ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
			                       option->value);
		return take_value(line, option, argv[++*at]);
	}
	return unknown_option(argument, len);
}

/* "-q", "-qv", "-o FILE", "-oFILE". */
static struct hb_error *parse_short(struct hb_command_line *line, char *const *argv, int argc, int *at)
{
	const char *argument = argv[*at];
	for (const char *letter = argument + 1; *letter; letter++) {
		const struct hb_option *option = NULL;
		for (size_t i = 0; i < hb_countof(hb_options_table) && !option; i++)
			if (hb_options_table[i].letter == *letter)
				option = &hb_options_table[i];
		if (!option)
			return unknown_option(argument, 0);
		if (!option->value) {
			take_flag(line, option);
			continue;
		}
		if (letter[1])
			return take_value(line, option, letter + 1);
		if (*at + 1 >= argc)
			return hb_error_create(HB_ERR_USAGE, "-%c needs a value: -%c %s", *letter, *letter,
			                       option->value);
		return take_value(line, option, argv[++*at]);
	}
	return NULL;
}

/* --- Words: command and target ---------------------------------------------------------------------------------------
 */

static struct hb_error *take_word(struct hb_command_line *line, const char *word)
{
	const struct hb_command *command = line->command || line->target ? NULL : hb_command_find(word);
	if (command) {
		line->command = command;
		return NULL;
	}
	if (line->command && line->command->takes_topic && !line->topic) {
		line->topic = word;
		return NULL;
	}
	if (!line->target) {
		line->target = word;
		return NULL;
	}
	if (line->command)
		return hb_error_create(HB_ERR_USAGE, "one target at a time, not '%s' and '%s'", line->target, word);
	const char *near = hb_suggest_command(line->target);
	if (near)
		return hb_error_create(HB_ERR_USAGE, "unknown command '%s': did you mean '%s'?", line->target, near);
	return hb_error_create(HB_ERR_USAGE, "unknown command '%s': heldby --help lists the commands", line->target);
}

static struct hb_error *check(struct hb_command_line *line)
{
	if (line->seen & (HB_OPTION_BIT(HELP) | HB_OPTION_BIT(VERSION)))
		return NULL;
	if (!line->command) {
		line->command_is_implied = true;
		line->command = hb_command_find("report");
	}
	const struct hb_command *command = line->command;
	for (size_t i = 0; i < hb_countof(hb_options_table); i++) {
		const struct hb_option *option = &hb_options_table[i];
		uint32_t bit = 1u << option->id;
		if (line->seen & bit & ~command->options)
			return hb_error_create(HB_ERR_USAGE, "--%s means nothing to 'heldby %s'", option->name,
			                       command->name);
		if (command->required & bit & ~line->seen)
			return hb_error_create(HB_ERR_USAGE, "'heldby %s' needs --%s %s", command->name, option->name,
			                       option->value);
	}
	if (command->takes_command && !line->argv)
		return hb_error_create(HB_ERR_USAGE, "no command: heldby %s %s", command->name, command->synopsis);
	if (command->target == HB_TARGET_REQUIRED && !line->target)
		return hb_error_create(HB_ERR_USAGE, "no target: give a pid, the name of a process, or a core file");
	return NULL;
}

struct hb_error *hb_command_line_parse(int argc, char *const *argv, struct hb_command_line *ret)
{
	struct hb_command_line line = {.format = hb_formats, .fail_on = -1, .verbosity = HB_NORMAL};
	bool only_words = false;
	for (int at = 1; at < argc; at++) {
		const char *argument = argv[at];
		if (only_words || argument[0] != '-' || !argument[1]) {
			if (line.command && line.command->takes_command) {
				line.argv = &argv[at];
				break;
			}
			TRY(take_word(&line, argument));
		} else if (!strcmp(argument, "--"))
			only_words = true;
		else if (argument[1] == '-')
			TRY(parse_long(&line, argv, argc, &at));
		else
			TRY(parse_short(&line, argv, argc, &at));
	}
	TRY(check(&line));
	*ret = line;
	return NULL;
}
