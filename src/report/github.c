/* Findings as annotations of a GitHub workflow: lines "::error file=…,line=…,title=…::message" that its runner takes from the
 * output of a step. docs/report.md says what goes where.
 *
 * The runner also takes "##[command]" from anywhere in a line that is no such command, so nothing else here has text of the
 * target in it.
 */
#include "report/escapes.h"
#include "report/page.h"
#include "report/place.h"
#include "report/report.h"
#include "report/words.h"

#include <inttypes.h>
#include <string.h>

static void add_line(void *to, const char *label, const char *text)
{
	FILE *out = to;
	fprintf(out, "%%0A%s%s", label ? label : "", label ? ": " : "  ");
	hb_put_github_message(out, text, strlen(text));
}

static void put_place(FILE *out, const struct hb_place *place)
{
	fputs("file=", out);
	hb_put_github_property(out, place->file, place->file_len);
	if (place->line)
		fprintf(out, ",line=%" PRIu32, place->line);
	fputc(',', out);
}

static void annotation(FILE *out, const struct hb_finding *finding, const char *source_root)
{
	static const char *const commands[] = {
	        [HB_ESTIMATE] = "notice", [HB_LIKELY] = "warning", [HB_PROVEN] = "error"};
	const char *site = hb_finding_site(finding, source_root);
	const char *title = finding->title ? finding->title : finding->rule;
	fprintf(out, "::%s ", commands[finding->verdict]);
	if (site) {
		struct hb_place place = hb_place_of(site, source_root);
		put_place(out, &place);
	}
	fputs("title=", out);
	hb_put_github_property(out, finding->rule, strlen(finding->rule));
	fprintf(out, " %s::", hb_verdict_name(finding->verdict));
	hb_put_github_message(out, title, strlen(title));
	if (finding->bytes) {
		char bytes[32];
		hb_format_bytes(finding->bytes, bytes, sizeof(bytes));
		fprintf(out, " (%s)", bytes);
	}
	hb_finding_lines(finding, add_line, out);
	fputc('\n', out);
}

struct hb_error *hb_render_github(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	const struct hb_findings *findings = &report->analysis->findings;
	char summary[192];
	for (size_t i = 0; i < findings->list.len; i++)
		annotation(out, &findings->list.data[i], options->source_root);
	hb_findings_summary(findings, summary, sizeof(summary));
	fprintf(out, "heldby: %s\n", summary);
	return hb_stream_finish(out);
}
