#include "cli/render.h"
#include "cli/formats.h"
#include "report/page.h"

#include <string.h>
#include <unistd.h>

void hb_command_print_notes(const struct hb_notes *notes, enum hb_verbosity verbosity)
{
	for (size_t i = 0; i < notes->texts.len && verbosity != HB_QUIET; i++) {
		char text[4096];
		hb_escape_terminal(notes->texts.data[i], text, sizeof(text));
		fprintf(stderr, "heldby: note: %s\n", text);
	}
}

struct hb_error *hb_command_print_page(const struct hb_command_line *line, hb_page_body *body, int *status)
{
	struct hb_output output;
	TRY(hb_output_open(NULL, false, line->color, &output));
	struct hb_page_writer page = {.out = output.stream,
	                              .color = output.color,
	                              .width = output.width ? output.width : 100,
	                              .cut = output.width};
	struct hb_error *err = body(line, &page, status);
	struct hb_error *committed = hb_output_commit(&output);
	if (err)
		hb_error_destroy(committed);
	else
		err = committed;
	hb_output_close(&output);
	return err;
}

int hb_command_print_error(struct hb_error *err)
{
	char text[4096];
	int status = hb_error_exit_status(err);
	hb_progress_done();
	hb_escape_terminal(err->message, text, sizeof(text));
	fprintf(stderr, "heldby: %s\n", text);
	hb_error_destroy(err);
	return status;
}

/* Where the source is, if it is anywhere here: the runner's checkout, or the current folder. */
static char *source_root(void)
{
	const char *workspace = getenv("GITHUB_WORKSPACE");
	return workspace && *workspace ? strdup(workspace) : getcwd(NULL, 0);
}

struct hb_error *hb_command_render(const struct hb_command_line *line, const struct hb_report *report,
                                   bool findings_only, struct hb_output *opened)
{
	hb_autofree char *root = source_root();
	struct hb_output output = *opened;
	const struct hb_render_options options = {
	        .color = output.color,
	        .verbose = line->verbosity == HB_VERBOSE,
	        .show_data = line->seen & HB_OPTION_BIT(SHOW_DATA),
	        .width = output.width,
	        .top = line->top,
	        .source_root = root,
	        .findings_only = findings_only,
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

void hb_command_suppressions_deinit(struct hb_command_suppressions *suppressions)
{
	hb_suppressions_deinit(&suppressions->known);
	hb_suppressions_deinit(&suppressions->own);
}

struct hb_error *hb_command_suppressions_read(const char *file, struct hb_command_suppressions *ret)
{
	TRY(hb_suppressions_parse("known leaks", hb_known_leaks, &ret->known));
	return file ? hb_suppressions_read(file, &ret->own) : NULL;
}

struct hb_error *hb_command_suppress(struct hb_command_suppressions *suppressions, struct hb_analysis *analysis)
{
	char today[11];
	hb_today(today);
	TRY(hb_suppressions_apply(&suppressions->own, today, &analysis->findings, &analysis->suppressed));
	TRY(hb_suppressions_apply(&suppressions->known, today, &analysis->findings, &analysis->suppressed));
	hb_suppressions_say(&suppressions->own, today, analysis->growth != NULL,
	                    analysis->snapshot->kind != HB_TARGET_CORE, &analysis->snapshot->notes);
	return NULL;
}

bool hb_command_has_finding(const struct hb_findings *findings, int least)
{
	for (size_t i = 0; i < findings->list.len && least >= 0; i++)
		if ((int)findings->list.data[i].verdict >= least)
			return true;
	return false;
}
