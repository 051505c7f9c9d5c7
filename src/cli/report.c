/* heldby report: open → analyse → build → render. */
#include "report/report.h"
#include "cli/formats.h"
#include "cli/limits.h"
#include "cli/options.h"
#include "cli/output.h"
#include "leak/suppressions.h"

#include <string.h>
#include <unistd.h>

static void print_notes(const struct hb_notes *notes, enum hb_verbosity verbosity)
{
	for (size_t i = 0; i < notes->texts.len && verbosity != HB_QUIET; i++) {
		char text[4096];
		hb_escape_terminal(notes->texts.data[i], text, sizeof(text));
		fprintf(stderr, "heldby: note: %s\n", text);
	}
}

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

/* Where the source is, if it is anywhere here: the runner's checkout, or the current folder. */
static char *source_root(void)
{
	const char *workspace = getenv("GITHUB_WORKSPACE");
	return workspace && *workspace ? strdup(workspace) : getcwd(NULL, 0);
}

static struct hb_error *render(const struct hb_command_line *line, const struct hb_report *report)
{
	hb_autofree char *root = source_root();
	struct hb_output output;
	TRY(hb_output_open(line->output, false, line->color, &output));
	const struct hb_render_options options = {
	        .color = output.color,
	        .verbose = line->verbosity == HB_VERBOSE,
	        .show_data = line->seen & HB_OPTION_BIT(SHOW_DATA),
	        .width = output.width,
	        .top = line->top,
	        .source_root = root,
	};
	struct hb_error *err = line->format->render(report, &options, output.stream);
	struct hb_error *committed = hb_interrupted() ? hb_interrupted_error() : hb_output_commit(&output);
	/* Who could not write says so best with the name of the file. */
	if (err && committed) {
		hb_error_destroy(err);
		err = committed;
	} else if (committed) {
		err = committed;
	}
	hb_output_close(&output);
	return err;
}

/* What heldby ships, and the user's. */
struct suppressions {
	struct hb_suppressions known, own;
};

static void suppressions_deinit(struct suppressions *suppressions)
{
	hb_suppressions_deinit(&suppressions->known);
	hb_suppressions_deinit(&suppressions->own);
}

static struct hb_error *read_suppressions(const char *file, struct suppressions *ret)
{
	TRY(hb_suppressions_parse("known leaks", hb_known_leaks, &ret->known));
	return file ? hb_suppressions_read(file, &ret->own) : NULL;
}

static struct hb_error *suppress(struct suppressions *suppressions, struct hb_analysis *analysis)
{
	char today[11];
	hb_today(today);
	TRY(hb_suppressions_apply(&suppressions->own, today, &analysis->findings, &analysis->suppressed));
	TRY(hb_suppressions_apply(&suppressions->known, today, &analysis->findings, &analysis->suppressed));
	hb_suppressions_say(&suppressions->own, today, analysis->growth != NULL,
	                    analysis->snapshot->kind != HB_TARGET_CORE, &analysis->snapshot->notes);
	return NULL;
}

static bool has_finding(const struct hb_findings *findings, int least)
{
	for (size_t i = 0; i < findings->list.len && least >= 0; i++)
		if ((int)findings->list.data[i].verdict >= least)
			return true;
	return false;
}

struct hb_error *hb_command_report(const struct hb_command_line *line, int *status)
{
	hb_cleanup(suppressions_deinit) struct suppressions suppressions = {0};
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	const struct hb_options options = {
	        .size = sizeof(options),
	        .max_pause_ns = line->max_pause_ns ? line->max_pause_ns : HB_DEFAULT_MAX_PAUSE_NS,
	        .show_data = line->seen & HB_OPTION_BIT(SHOW_DATA),
	        .top = line->top,
	        .debug_file = line->debug_file,
	        .wait_ns = line->wait_ns,
	};
	if (line->format->is_binary && !line->output && isatty(STDOUT_FILENO))
		return hb_error_create(HB_ERR_USAGE, "--format %s is nothing for a terminal: add -o FILE",
		                       line->format->name);
	TRY(read_suppressions(line->suppressions, &suppressions));
	TRY(open_target(line, &target));
	if (line->wait_ns && target->kind == HB_TARGET_CORE)
		return hb_error_create(HB_ERR_USAGE, "'%s' is a core: it shows one moment, and --wait needs several",
		                       line->target);
	TRY(hb_analyse(target, &options, &analysis));
	TRY(suppress(&suppressions, analysis));
	hb_progress_stage("reporting", 0);
	struct hb_report *report;
	TRY(hb_report_build(analysis, &report));
	hb_progress_done();
	struct hb_error *err = render(line, report);
	hb_report_destroy(report);
	if (err)
		return err;
	print_notes(&analysis->snapshot->notes, line->verbosity);
	if (has_finding(&analysis->findings, line->fail_on))
		*status = 1;
	else
		*status = analysis->snapshot->notes.partial ? 5 : 0;
	return NULL;
}
