/* heldby diff: two moments compared. */
#include "report/diff.h"
#include "cli/formats.h"
#include "cli/limits.h"
#include "cli/render.h"
#include "growth/growth.h"

#include <string.h>

struct moment {
	struct hb_target *target;
	struct hb_analysis *analysis;
	struct hb_report *report;
};

static void moment_deinit(struct moment *moment)
{
	hb_report_destroy(moment->report);
	hb_analysis_destroy(moment->analysis);
	hb_target_destroy(moment->target);
}

static struct hb_error *examine(const struct hb_command_line *line, const char *spec, struct moment *ret)
{
	const struct hb_options options = {
	        .size = sizeof(options),
	        .max_pause_ns = line->max_pause_ns ? line->max_pause_ns : HB_DEFAULT_MAX_PAUSE_NS,
	        .debug_file = line->debug_file,
	};
	TRY(hb_target_open(spec, &ret->target));
	TRY(hb_analyse(ret->target, &options, &ret->analysis));
	TRY(hb_growth_create(ret->analysis, &ret->analysis->growth));
	return hb_report_build(ret->analysis, &ret->report);
}

static struct hb_error *print(const struct hb_command_line *line, const struct hb_diff *diff)
{
	struct hb_output output;
	TRY(hb_output_open(line->output, false, line->color, &output));
	const struct hb_render_options options = {
	        .color = output.color,
	        .verbose = line->verbosity == HB_VERBOSE,
	        .width = output.width,
	        .top = line->top,
	};
	bool json = !strcmp(line->format->name, "json");
	struct hb_error *err = (json ? hb_diff_render_json : hb_diff_render_text)(diff, &options, output.stream);
	if (!err)
		err = hb_output_commit(&output);
	hb_output_close(&output);
	return err;
}

struct hb_error *hb_command_diff(const struct hb_command_line *line, int *status)
{
	hb_cleanup(moment_deinit) struct moment before = {0};
	hb_cleanup(moment_deinit) struct moment after = {0};
	if (!line->topic || !line->target)
		return hb_error_create(HB_ERR_USAGE,
		                       "diff compares two moments: heldby diff OLD NEW, each a core file, a "
		                       "pid or the name of a process");
	if (strcmp(line->format->name, "text") != 0 && strcmp(line->format->name, "json") != 0)
		return hb_error_create(HB_ERR_USAGE, "diff writes text or json, not %s", line->format->name);
	TRY(examine(line, line->topic, &before));
	TRY(examine(line, line->target, &after));
	struct hb_diff *diff;
	TRY(hb_diff_build(before.report, after.report, &diff));
	hb_progress_done();
	struct hb_error *err = print(line, diff);
	hb_diff_destroy(diff);
	if (err)
		return err;
	hb_command_print_notes(&before.analysis->snapshot->notes, line->verbosity);
	hb_command_print_notes(&after.analysis->snapshot->notes, line->verbosity);
	*status = before.analysis->snapshot->notes.partial || after.analysis->snapshot->notes.partial ? 5 : 0;
	return NULL;
}
