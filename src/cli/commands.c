/* The table of commands, their help, and the way in. */
#include "base/memory.h"
#include "cli/options.h"
#include "cli/render.h"
#include "report/format.h"

#include <string.h>

enum {
	COMMON = HB_OPTION_BIT(DEBUG_FILE) | HB_OPTION_BIT(COLOR) | HB_OPTION_BIT(QUIET) | HB_OPTION_BIT(VERBOSE) |
	         HB_OPTION_BIT(HELP),
	CAPTURE = HB_OPTION_BIT(MAX_PAUSE) | HB_OPTION_BIT(CAPTURE),
};

const struct hb_command hb_commands[] = {
        {
                .name = "report",
                .synopsis = "TARGET",
                .summary = "say who holds the memory of a Go process",
                .about = "Stops the process for some milliseconds, copies what it needs, lets it go on and\n"
                         "reports who holds its memory, how much, and where it was allocated.\n"
                         "TARGET is a pid, the name of one process, or a core file.\n",
                .examples = {"heldby report 4121", "heldby report api --wait 20s --format json -o api.json"},
                .options = COMMON | CAPTURE | HB_OPTION_BIT(FORMAT) | HB_OPTION_BIT(OUTPUT) | HB_OPTION_BIT(TOP) |
                           HB_OPTION_BIT(SHOW_DATA) | HB_OPTION_BIT(SUPPRESSIONS) | HB_OPTION_BIT(FAIL_ON) |
                           HB_OPTION_BIT(WAIT),
                .target = HB_TARGET_REQUIRED,
                .run = hb_command_report,
        },
        {
                .name = "exec",
                .synopsis = "[OPTION...] -- COMMAND [ARGUMENT...]",
                .summary = "run a command and examine it at its end",
                .about = "Runs a Go program and examines it when it ends, before its memory is gone.\n"
                         "It keeps its pid, terminal, signals and exit status. The report goes to standard\n"
                         "error or -o FILE (%p: pid, %e: name). For tests: go test -exec 'heldby exec --'\n",
                .examples = {"heldby exec -- ./server", "heldby exec --fail-on proven -o report-%p.txt -- ./server"},
                .options = COMMON | HB_OPTION_BIT(FORMAT) | HB_OPTION_BIT(OUTPUT) | HB_OPTION_BIT(TOP) |
                           HB_OPTION_BIT(SHOW_DATA) | HB_OPTION_BIT(AT) | HB_OPTION_BIT(SIGNAL) |
                           HB_OPTION_BIT(CHILDREN) | HB_OPTION_BIT(SUPPRESSIONS) | HB_OPTION_BIT(FAIL_ON),
                .target = HB_TARGET_NONE,
                .takes_command = true,
                .run = hb_command_exec,
        },
        {
                .name = "snapshot",
                .synopsis = "TARGET -o FILE",
                .summary = "keep its memory in a core file, to examine later or elsewhere",
                .about = "Writes the memory of a process as an ELF core that heldby, gdb and delve open.\n"
                         "It contains whatever the process had in memory, secrets included.\n",
                .examples = {"heldby snapshot 4121 -o api.core", "heldby snapshot api -o api.core --max-pause 2s"},
                .options = COMMON | CAPTURE | HB_OPTION_BIT(OUTPUT),
                .required = HB_OPTION_BIT(OUTPUT),
                .target = HB_TARGET_REQUIRED,
                .run = hb_command_snapshot,
        },
        {
                .name = "watch",
                .synopsis = "TARGET",
                .summary = "look again and again, and say what only grows",
                .about = "Counts the containers of a process again and again, with pauses of about a\n"
                         "millisecond, keeps a history, says which only grow, and ends with a report.\n",
                .examples = {"heldby watch 4121", "heldby watch api --every 5m --for 12h --history api.sqlite"},
                .options = COMMON | HB_OPTION_BIT(MAX_PAUSE) | HB_OPTION_BIT(FORMAT) | HB_OPTION_BIT(OUTPUT) |
                           HB_OPTION_BIT(TOP) | HB_OPTION_BIT(SHOW_DATA) | HB_OPTION_BIT(SUPPRESSIONS) |
                           HB_OPTION_BIT(FAIL_ON) | HB_OPTION_BIT(EVERY) | HB_OPTION_BIT(FOR) | HB_OPTION_BIT(HISTORY),
                .target = HB_TARGET_REQUIRED,
                .run = hb_command_watch,
        },
        {
                .name = "diff",
                .synopsis = "OLD NEW",
                .summary = "what became more from one moment to another",
                .about = "Compares two core files of a program (heldby snapshot makes them), or a core and\n"
                         "the process: containers, types, holders and goroutines that became more.\n"
                         "A comparison is no verdict: heldby watch judges what grows.\n",
                .examples = {"heldby diff monday.core tuesday.core", "heldby diff api.core 4121 --top 20"},
                .options = COMMON | HB_OPTION_BIT(MAX_PAUSE) | HB_OPTION_BIT(FORMAT) | HB_OPTION_BIT(OUTPUT) |
                           HB_OPTION_BIT(TOP),
                .target = HB_TARGET_OPTIONAL,
                .takes_topic = true,
                .run = hb_command_diff,
        },
        {
                .name = "explain",
                .synopsis = "[RULE | FINGERPRINT TARGET]",
                .summary = "what a kind of leak is, leaking code beside repaired code",
                .about = "Says what a rule means: why the garbage collector cannot help, how to repair\n"
                         "it, how heldby recognises it, what it cannot see. Without a rule, lists them.\n"
                         "With the fingerprint of a finding (report -v shows it), examines the target\n"
                         "again and explains that finding.\n",
                .examples = {"heldby explain H301", "heldby explain 8d4ff7a01b6c2e93 api"},
                .options = COMMON | CAPTURE,
                .target = HB_TARGET_OPTIONAL,
                .takes_topic = true,
                .run = hb_command_explain,
        },
        {
                .name = "doctor",
                .synopsis = "[TARGET]",
                .summary = "may it be examined, what would that cost, what is missing",
                .about = "Looks at the machine, and at a process if one is given, and says whether heldby\n"
                         "can examine it and what that would cost. Only reads: nothing is stopped.\n",
                .examples = {"heldby doctor", "heldby doctor 4121"},
                .options = COMMON,
                .target = HB_TARGET_OPTIONAL,
                .run = hb_command_doctor,
        },
};
const size_t hb_ncommands = hb_countof(hb_commands);

const struct hb_command *hb_command_find(const char *name)
{
	for (size_t i = 0; i < hb_ncommands; i++)
		if (!strcmp(hb_commands[i].name, name))
			return &hb_commands[i];
	return NULL;
}

const char *hb_suggest_command(const char *typed)
{
	const char *names[hb_countof(hb_commands)];
	for (size_t i = 0; i < hb_ncommands; i++)
		names[i] = hb_commands[i].name;
	return hb_suggest(typed, names, hb_ncommands);
}

/* --- Help ------------------------------------------------------------------------------------------------------------
 */

static void print_option(const struct hb_option *option, FILE *out)
{
	char left[40];
	if (option->letter)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", option->letter, option->name, option->value ? " " : "",
		         option->value ? option->value : "");
	else
		snprintf(left, sizeof(left), "    --%s%s%s", option->name, option->value ? " " : "",
		         option->value ? option->value : "");
	fprintf(out, "  %-22s %s\n", left, option->about);
}

static void print_command_help(const struct hb_command *command, FILE *out)
{
	fprintf(out, "usage: heldby %s %s%s\n\n%s\n", command->name, command->synopsis,
	        command->takes_command ? "" : " [OPTION...]", command->about);
	for (size_t i = 0; i < hb_options_count; i++)
		if (command->options & 1u << hb_options_table[i].id)
			print_option(&hb_options_table[i], out);
	fprintf(out, "\nexamples:\n  %s\n  %s\n", command->examples[0], command->examples[1]);
}

void hb_help_print(const struct hb_command *command, FILE *out)
{
	if (command) {
		print_command_help(command, out);
		return;
	}
	fputs("usage: heldby TARGET [OPTION...]\n"
	      "       heldby COMMAND [TARGET] [OPTION...]\n\n"
	      "Says who holds the memory of a Go process, from outside it.\n"
	      "TARGET is a pid, the name of one process, or a core file.\n\n"
	      "commands (each explains itself with --help):\n",
	      out);
	for (size_t i = 0; i < hb_ncommands; i++)
		fprintf(out, "  %-9s %s\n", hb_commands[i].name, hb_commands[i].summary);
	fputs("\n"
	      "heldby TARGET is heldby report TARGET. Exit status: 0 done, 2 wrong usage,\n"
	      "3 the target cannot be examined, 4 it is not supported, 5 the result is partial.\n\n"
	      "examples:\n"
	      "  heldby 4121\n"
	      "  heldby doctor\n",
	      out);
}

/* --- The way in ------------------------------------------------------------------------------------------------------
 */

/* Help and version are results: they must not get lost without a word either. */
static int finish_stdout(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	perror("heldby: cannot write to standard output");
	return 3;
}

int hb_cli_run(int argc, char *const *argv)
{
	struct hb_command_line line;
	if (argc < 2) {
		hb_help_print(NULL, stderr);
		return 2;
	}
	struct hb_error *err = hb_command_line_parse(argc, argv, &line);
	if (err)
		return hb_command_print_error(err);
	if (line.seen & HB_OPTION_BIT(HELP)) {
		hb_help_print(line.command, stdout);
		return finish_stdout();
	}
	if (line.seen & HB_OPTION_BIT(VERSION)) {
		puts("heldby " HELDBY_VERSION);
		return finish_stdout();
	}
	hb_progress_init(line.verbosity);
	int status = 0;
	err = line.command->run(&line, &status);
	hb_progress_done();
	return err ? hb_command_print_error(err) : status;
}
