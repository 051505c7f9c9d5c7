/* The report in a comment of a pull request or an issue: findings, and the largest holders. docs/report.md says what goes
 * where.
 *
 * Names of the target stand in code spans, where nothing has a meaning: no markup, HTML or links, nobody is mentioned and
 * nothing is referred to. In sentences only words of plain letters stand outside of them.
 */
#include "base/memory.h"
#include "report/escapes.h"
#include "report/page.h"
#include "report/report.h"
#include "report/words.h"

#include <string.h>

enum { NUMBER = 48, TOP_HOLDERS = 10 };

static void code(FILE *out, const char *text)
{
	hb_put_markdown_code(out, text, strlen(text));
}

static void sentence(FILE *out, const char *text)
{
	hb_put_markdown_sentence(out, text, strlen(text));
}

static void header(const struct hb_report *report, FILE *out)
{
	const struct hb_snapshot *snapshot = report->analysis->snapshot;
	const struct hb_go *go = report->analysis->go;
	char summary[4 * NUMBER], bytes[NUMBER], objects[NUMBER], pause[NUMBER];
	hb_findings_summary(&report->analysis->findings, summary, sizeof(summary));
	fprintf(out, "### heldby: %s\n\n", summary);
	code(out, snapshot->name && *snapshot->name ? snapshot->name : "a process");
	if (snapshot->pid)
		fprintf(out, " (%s %d)", snapshot->kind == HB_TARGET_CORE ? "core of pid" : "pid", snapshot->pid);
	fputs(", ", out);
	code(out, go->version.text[0] ? go->version.text : "unknown version of Go");
	hb_format_bytes(report->live_bytes, bytes, sizeof(bytes));
	hb_format_count(report->live_objects, objects, sizeof(objects));
	fprintf(out, "%s: examined %s in %s objects", go->stripped ? ", stripped" : "", bytes, objects);
	hb_format_pause(snapshot->pause_ns, pause, sizeof(pause));
	if (snapshot->kind == HB_TARGET_LIVE)
		fprintf(out, ", paused for %s", pause);
	if (report->ledger.rss) {
		hb_format_bytes(report->ledger.rss, bytes, sizeof(bytes));
		fprintf(out, ", RSS %s", bytes);
	}
	fputs(".\n", out);
}

static bool is_site(const char *label)
{
	return !strcmp(label, "blocked") || !strcmp(label, "created") || !strcmp(label, "allocated");
}

struct lines {
	FILE *out;
	const char *label;
};

static void add_line(void *to, const char *label, const char *text)
{
	struct lines *lines = to;
	FILE *out = lines->out;
	lines->label = label ? label : lines->label;
	fprintf(out, "- %s: ", lines->label);
	if (is_site(lines->label) || !strcmp(lines->label, "held by") || !strcmp(lines->label, "path"))
		code(out, text);
	else
		sentence(out, text);
	fputc('\n', out);
}

/* "311 MB, 13 %"; what is less than a per mille is not compared. */
static void size(const struct hb_report *report, uint64_t size, FILE *out)
{
	char bytes[NUMBER], share[NUMBER];
	hb_format_bytes(size, bytes, sizeof(bytes));
	fputs(bytes, out);
	if (size < report->live_bytes / 1000 || !report->live_bytes)
		return;
	hb_format_share(size, report->live_bytes, share, sizeof(share));
	fprintf(out, ", %s", share);
}

static void finding(const struct hb_report *report, const struct hb_finding *finding, FILE *out)
{
	fprintf(out, "\n#### %s %s: ", finding->rule, hb_verdict_name(finding->verdict));
	sentence(out, finding->title ? finding->title : "");
	fputs("\n\n", out);
	if (finding->bytes) {
		fputs("- frees: ", out);
		size(report, finding->bytes, out);
		fputs(" of the live heap\n", out);
	}
	hb_finding_lines(finding, add_line, &(struct lines){.out = out});
	fprintf(out, "- fingerprint: `%s`\n", finding->fingerprint);
}

static void holder(const struct hb_report *report, const struct hb_report_holder *holder, FILE *out)
{
	fputs("- ", out);
	size(report, holder->retained_bytes, out);
	fprintf(out, ": %s", holder->kind);
	if (holder->name && *holder->name) {
		fputs(strcmp(holder->kind, "shared") ? " " : " by ", out);
		code(out, holder->name);
	}
	if (holder->type && *holder->type) {
		fputc(' ', out);
		code(out, holder->type);
	}
	fputc('\n', out);
}

static void holders(const struct hb_report *report, size_t n, FILE *out)
{
	if (!report->nholders)
		return;
	fputs("\n#### Largest holders\n\n", out);
	fputs("Bytes that would be freed if the holder let go. A large holder is not a leak.\n\n", out);
	n = hb_min(n, report->nholders);
	for (size_t i = 0; i < n; i++)
		holder(report, &report->holders[i], out);
	if (n < report->nholders)
		fprintf(out, "- and %zu more\n", report->nholders - n);
}

static void notes(const struct hb_notes *notes, FILE *out)
{
	if (!notes->texts.len)
		return;
	fprintf(out, "\n#### Notes%s\n\n", notes->partial ? ": the result is partial" : "");
	for (size_t i = 0; i < notes->texts.len; i++) {
		fputs("- note: ", out);
		sentence(out, notes->texts.data[i]);
		fputc('\n', out);
	}
}

struct hb_error *hb_render_markdown(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	const struct hb_findings *findings = &report->analysis->findings;
	header(report, out);
	for (size_t i = 0; i < findings->list.len; i++)
		finding(report, &findings->list.data[i], out);
	size_t nsuppressed = report->analysis->suppressed.list.len;
	if (nsuppressed)
		fprintf(out, "\n%zu suppressed.\n", nsuppressed);
	holders(report, options->top ? options->top : TOP_HOLDERS, out);
	notes(&report->analysis->snapshot->notes, out);
	return hb_stream_finish(out);
}
