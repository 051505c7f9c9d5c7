/* heldby report: open → analyse → build → render. */
#include "cli/formats.h"
#include "cli/limits.h"
#include "cli/options.h"
#include "cli/render.h"

#include <unistd.h>

/* `heldby doctr`: taken for the name of a process. */
static struct hb_error *open_target(const struct hb_command_line *line, struct hb_target **ret)
{
	struct hb_error *err = hb_target_open(line->target, ret);
	const char *near = err && line->command_is_implied ? hb_suggest_command(line->target) : NULL;
	if (!near || err->code != HB_ERR_ATTACH)
		return err;
	hb_error_destroy(err);
	return hb_error_create(HB_ERR_USAGE, "'%s' is neither a command nor a target: did you mean 'heldby %s'?",
	                       line->target, near);
}

struct hb_error *hb_command_report(const struct hb_command_line *line, int *status)
{
	struct hb_options options = {.size = sizeof(options), .wait_ns = line->wait_ns};
	return hb_command_examine(line, &options, status);
}

struct hb_error *hb_command_examine(const struct hb_command_line *line, struct hb_options *options, int *status)
{
	hb_cleanup(hb_command_suppressions_deinit) struct hb_command_suppressions suppressions = {0};
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	options->max_pause_ns = line->max_pause_ns ? line->max_pause_ns : HB_DEFAULT_MAX_PAUSE_NS;
	options->show_data = line->seen & HB_OPTION_BIT(SHOW_DATA);
	options->top = line->top;
	options->debug_file = line->debug_file;
	if (line->format->is_binary && !line->output && isatty(STDOUT_FILENO))
		return hb_error_create(HB_ERR_USAGE, "--format %s is nothing for a terminal: add -o FILE",
		                       line->format->name);
	TRY(hb_command_suppressions_read(line->suppressions, &suppressions));
	TRY(open_target(line, &target));
	if (options->wait_ns && target->kind == HB_TARGET_CORE)
		return hb_error_create(HB_ERR_USAGE, "'%s' is a core: it shows one moment, and growth takes several",
		                       line->target);
	TRY(hb_analyse(target, options, &analysis));
	TRY(hb_command_suppress(&suppressions, analysis));
	hb_progress_stage("reporting", 0);
	struct hb_report *report;
	TRY(hb_report_build(analysis, &report));
	hb_progress_done();
	struct hb_output output;
	struct hb_error *err = hb_output_open(line->output, false, line->color, &output);
	if (!err)
		err = hb_command_render(line, report, false, &output);
	hb_report_destroy(report);
	if (err)
		return err;
	hb_command_print_notes(&analysis->snapshot->notes, line->verbosity);
	if (hb_command_has_finding(&analysis->findings, line->fail_on))
		*status = 1;
	else
		*status = analysis->snapshot->notes.partial ? 5 : 0;
	return NULL;
}
