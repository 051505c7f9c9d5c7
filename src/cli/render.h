/* What `report` and `exec` do alike: what is suppressed, what is printed, what makes the exit status 1. */
#pragma once
#include "cli/cli.h"
#include "cli/output.h"
#include "leak/suppressions.h"
#include "report/report.h"

/* Renders in the format that was asked for, commits and closes the output. */
struct hb_error *hb_command_render(const struct hb_command_line *line, const struct hb_report *report,
                                   bool findings_only, struct hb_output *opened) HB_MUST_CHECK;
/* From the command line to the exit status; what the line says is added to the options. */
struct hb_error *hb_command_examine(const struct hb_command_line *line, struct hb_options *options,
                                    int *status) HB_MUST_CHECK;
/* A page of text on standard output, as wide as the terminal. What the body has put is printed even when it fails. */
struct hb_page_writer;
typedef struct hb_error *hb_page_body(const struct hb_command_line *line, struct hb_page_writer *page, int *status);
struct hb_error *hb_command_print_page(const struct hb_command_line *line, hb_page_body *body,
                                       int *status) HB_MUST_CHECK;
/* "heldby: …" on standard error; ends the error. Returns the exit status that it calls for. */
int hb_command_print_error(struct hb_error *err);
/* On standard error, unless -q. */
void hb_command_print_notes(const struct hb_notes *notes, enum hb_verbosity verbosity);

/* What heldby ships, and the user's. */
struct hb_command_suppressions {
	struct hb_suppressions known, own;
};
/* file: NULL for none of the user's. */
struct hb_error *hb_command_suppressions_read(const char *file, struct hb_command_suppressions *ret) HB_MUST_CHECK;
void hb_command_suppressions_deinit(struct hb_command_suppressions *suppressions);
struct hb_error *hb_command_suppress(struct hb_command_suppressions *suppressions,
                                     struct hb_analysis *analysis) HB_MUST_CHECK;

/* Whether there is a finding of at least that verdict; least -1: does not matter. */
bool hb_command_has_finding(const struct hb_findings *findings, int least);
