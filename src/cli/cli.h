/* The command line: one table of commands, one of options.
 *
 * Results go to stdout or -o FILE; progress, notes and errors to stderr. A closed pipe ends heldby without a word, by
 * SIGPIPE, as it ends other filters.
 */
#pragma once
#include "base/progress.h"

#include <stdint.h>
#include <stdio.h>

enum hb_option_id {
	HB_OPTION_FORMAT,
	HB_OPTION_OUTPUT,
	HB_OPTION_TOP,
	HB_OPTION_MAX_PAUSE,
	HB_OPTION_WAIT,
	HB_OPTION_EVERY,
	HB_OPTION_FOR,
	HB_OPTION_HISTORY,
	HB_OPTION_CAPTURE,
	HB_OPTION_AT,
	HB_OPTION_SIGNAL,
	HB_OPTION_CHILDREN,
	HB_OPTION_SHOW_DATA,
	HB_OPTION_DEBUG_FILE,
	HB_OPTION_SUPPRESSIONS,
	HB_OPTION_FAIL_ON,
	HB_OPTION_COLOR,
	HB_OPTION_QUIET,
	HB_OPTION_VERBOSE,
	HB_OPTION_VERSION,
	HB_OPTION_HELP,
};
#define HB_OPTION_BIT(name) (1u << HB_OPTION_##name)

enum hb_color { HB_COLOR_AUTO, HB_COLOR_ALWAYS, HB_COLOR_NEVER };

struct hb_command_line {
	const struct hb_command *command; /* NULL: only --help or --version */
	bool command_is_implied;          /* `heldby TARGET` */
	const char *target;               /* NULL: none given */
	const char *topic;                /* what `heldby explain` is asked; NULL: nothing */
	uint32_t seen;                    /* HB_OPTION_BIT of every option given */
	const struct hb_format *format;   /* cli/formats.h; never NULL */
	enum hb_color color;
	enum hb_verbosity verbosity;
	const char *output;        /* NULL: stdout */
	unsigned top;              /* 0: default */
	uint64_t max_pause_ns;     /* 0: default */
	uint64_t wait_ns;          /* 0: one look */
	uint64_t every_ns, for_ns; /* of `heldby watch`; 0: default */
	const char *history;       /* NULL: default */
	const char *debug_file;
	const char *suppressions; /* NULL: none */
	int fail_on;              /* enum hb_verdict; -1: no finding makes the exit status 1 */
	char *const *argv;        /* of `heldby exec`: the command and its arguments, NULL-terminated */
	uint64_t at_ns;           /* 0: not given */
	int signal;               /* 0: none */
};

enum hb_target_need { HB_TARGET_NONE, HB_TARGET_OPTIONAL, HB_TARGET_REQUIRED };

struct hb_command {
	const char *name, *synopsis; /* "report", "TARGET" */
	const char *summary;         /* one line for the list of commands */
	const char *about;           /* a few lines for --help */
	const char *examples[2];
	uint32_t options; /* HB_OPTION_BITs it understands */
	uint32_t required;
	enum hb_target_need target;
	bool takes_topic;   /* a word before the target */
	bool takes_command; /* the first word that is no option, and all that follow it, are a command line */
	/* Prints its result; *status becomes the exit status when there is no error. */
	struct hb_error *(*run)(const struct hb_command_line *line, int *status);
};
extern const struct hb_command hb_commands[];
extern const size_t hb_ncommands;
const struct hb_command *hb_command_find(const char *name); /* NULL unknown */

/* HB_ERR_USAGE says what is wrong and what was probably meant. argv must outlive ret. */
struct hb_error *hb_command_line_parse(int argc, char *const *argv, struct hb_command_line *ret) HB_MUST_CHECK;

/* A screen of help, ending with examples; command NULL: of heldby itself. */
void hb_help_print(const struct hb_command *command, FILE *out);

/* The word nearest to what was typed, NULL when none is near. */
const char *hb_suggest(const char *typed, const char *const *words, size_t n);

/* "50ms", "1.5s", "2min" → nanoseconds; false when it is not a positive duration. */
bool hb_duration_parse(const char *text, uint64_t *ret);

/* Everything: parses, runs, prints errors, returns the exit status. */
int hb_cli_run(int argc, char *const *argv);

struct hb_error *hb_command_report(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
struct hb_error *hb_command_snapshot(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
struct hb_error *hb_command_explain(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
struct hb_error *hb_command_watch(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
struct hb_error *hb_command_diff(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
struct hb_error *hb_command_exec(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
struct hb_error *hb_command_doctor(const struct hb_command_line *line, int *status) HB_MUST_CHECK;
