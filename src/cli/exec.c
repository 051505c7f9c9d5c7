/* heldby exec: a command is run, examined at its end, and reported on. */
#include "exec/exec.h"
#include "base/memory.h"
#include "cli/limits.h"
#include "cli/render.h"

#include <signal.h>
#include <string.h>

struct session {
	const struct hb_command_line *line;
	struct hb_command_suppressions suppressions;
};

/* --- Where the report goes ------------------------------------------------------------------------------------------- */

/* %p: its pid; %e: its name, slashes left out; %%: a per cent sign. */
static char *expand(const char *pattern, int pid, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (const char *at = pattern; *at; at++) {
		if (at[0] != '%' || !at[1] || !strchr("pe%", at[1])) {
			fputc(*at, out);
			continue;
		}
		at++;
		if (*at == 'p')
			fprintf(out, "%d", pid);
		else if (*at == '%')
			fputc('%', out);
		else
			for (const char *letter = name; *letter; letter++)
				fputc(*letter == '/' || *letter < ' ' ? '_' : *letter, out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static struct hb_error *open_output(const struct hb_command_line *line, const struct hb_snapshot *snapshot,
                                    struct hb_output *ret)
{
	if (!line->output) {
		hb_output_to_stderr(line->color, ret);
		return NULL;
	}
	hb_autofree char *path = expand(line->output, snapshot->pid, snapshot->name);
	return path ? hb_output_open(path, false, line->color, ret) : hb_error_nomem();
}

/* --- One examination ------------------------------------------------------------------------------------------------- */

static const char *reason_text(const struct hb_exec_moment *moment)
{
	switch (moment->reason) {
	case HB_EXEC_EXIT:
		return "when it exited";
	case HB_EXEC_SIGNAL:
		return "when a signal ended it";
	case HB_EXEC_TIME:
	case HB_EXEC_ASKED:
		return "while it ran";
	}
	return "";
}

/* As a gate it says what it found, in so far as that is for a person; and nothing when there is nothing. */
static struct hb_error *report(const struct session *session, const struct hb_analysis *analysis)
{
	struct hb_report *model;
	struct hb_output output;
	bool is_gate = session->line->fail_on >= 0 && !session->line->output && session->line->verbosity != HB_VERBOSE;
	if (is_gate && !analysis->findings.list.len)
		return NULL;
	TRY(hb_report_build(analysis, &model));
	struct hb_error *err = open_output(session->line, analysis->snapshot, &output);
	if (!err)
		err = hb_command_render(session->line, model, is_gate, &output);
	hb_report_destroy(model);
	hb_command_print_notes(&analysis->snapshot->notes, session->line->verbosity);
	return err;
}

static struct hb_error *examine_process(struct session *session, const struct hb_exec_moment *moment)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	bool ends = moment->tid != 0;
	const struct hb_options options = {
	        .size = sizeof(options),
	        .max_pause_ns = ends ? 0 : HB_DEFAULT_MAX_PAUSE_NS, /* whoever ends misses nothing */
	        .show_data = session->line->seen & HB_OPTION_BIT(SHOW_DATA),
	        .top = session->line->top,
	        .debug_file = session->line->debug_file,
	        .keep_stopped = ends,
	};
	TRY(hb_exec_open(moment, &target));
	TRY(hb_analyse(target, &options, &analysis));
	TRY(hb_command_suppress(&session->suppressions, analysis));
	/* What failed by itself keeps the status that says how. */
	if (moment->reason == HB_EXEC_EXIT && moment->code == 0 && !moment->is_child &&
	    hb_command_has_finding(&analysis->findings, session->line->fail_on) &&
	    !hb_exec_change_status(moment, target, 1))
		hb_warn("the command has findings, but ends with 0: its registers could not be changed");
	return report(session, analysis);
}

static void examine(void *ctx, const struct hb_exec_moment *moment)
{
	struct session *session = ctx;
	struct hb_error *err = examine_process(session, moment);
	if (!err)
		return;
	/* A shell or a make that starts Go programs is as welcome: it is not news that it is none. */
	char text[4096];
	hb_escape_terminal(err->message, text, sizeof(text)); /* names of the target are in it */
	if (err->code == HB_ERR_UNSUPPORTED && moment->is_child)
		hb_verbose("not examined %s: %s", reason_text(moment), text);
	else
		hb_warn("the command was not examined %s: %s", reason_text(moment), text);
	hb_error_destroy(err);
}

struct hb_error *hb_command_exec(const struct hb_command_line *line, int *status)
{
	struct session session = {.line = line};
	TRY(hb_command_suppressions_read(line->suppressions, &session.suppressions));
	const struct hb_exec exec = {
	        .argv = line->argv,
	        .examine = examine,
	        .ctx = &session,
	        .at_ns = line->at_ns,
	        .signal = line->signal,
	        .children = line->seen & HB_OPTION_BIT(CHILDREN),
	        .must_be_watched = line->fail_on >= 0,
	};
	struct hb_error *err = hb_exec_run(&exec, status);
	hb_command_suppressions_deinit(&session.suppressions);
	if (!err || (*status != 126 && *status != 127))
		return err;
	hb_command_print_error(err); /* the status is the shells' */
	return NULL;
}
