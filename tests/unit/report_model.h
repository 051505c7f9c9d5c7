/* A report made by hand, for renderers: three holders (one of them a list of everything awkward), two findings, two
 * groups of goroutines. */
#pragma once
#include "report/report.h"

struct report_model {
	struct hb_snapshot snapshot;
	struct hb_go go;
	struct hb_alloc_sites sites;
	struct hb_analysis analysis;
	struct hb_report report;
	struct hb_report_holder holders[3], cache[1], entries[1], fields[2];
	struct hb_report_type types[3];
	struct hb_report_goroutines goroutines[2];
	char *stacks[2][2];
	uint64_t ids[2][2];
};
/* with_findings: two; else a healthy program. Nothing in it is shared with another model. */
void report_model_create(struct report_model *model, bool with_findings);
/* One more finding, and names everywhere, that try to be more than text in any format. */
void report_model_inject(struct report_model *model);
/* The last finding is one that somebody has looked at. */
void report_model_suppress(struct report_model *model);
void report_model_destroy(struct report_model *model);

/* A name with everything that a hostile target could put into one. */
extern const char hostile_name[];

/* One with everything that means something in XML, Markdown, URIs, SARIF messages and workflow commands. */
extern const char injecting_name[];

/* What a renderer writes; malloc'ed. */
char *render(struct hb_error *(*renderer)(const struct hb_report *, const struct hb_render_options *, FILE *),
             const struct hb_report *report, const struct hb_render_options *options);
