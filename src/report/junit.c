/* Findings as JUnit XML, for whatever shows the results of tests: docs/report.md says what goes where.
 *
 * There is no standard, only what readers agree on: testsuites, testsuite, testcase, failure, skipped, system-out.
 */
#include "base/memory.h"
#include "leak/rules.h"
#include "leak/suppressions.h"
#include "report/escapes.h"
#include "report/page.h"
#include "report/place.h"
#include "report/report.h"
#include "report/words.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

struct junit {
	FILE *out;
	const struct hb_report *report;
	const struct hb_render_options *options;
};

static void put(FILE *out, const char *text)
{
	hb_put_xml(out, text ? text : "", text ? strlen(text) : 0);
}

/* name="text" */
static void attribute(FILE *out, const char *name, const char *text)
{
	fprintf(out, " %s=\"", name);
	put(out, text);
	fputc('"', out);
}

static void property(FILE *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	fprintf(out, "   <property name=\"%s\"", name);
	attribute(out, "value", value);
	fputs("/>\n", out);
}

static bool is_in(const struct hb_findings *findings, const char *rule)
{
	for (size_t i = 0; i < findings->list.len; i++)
		if (!strcmp(findings->list.data[i].rule, rule))
			return true;
	return false;
}

static bool is_found(const struct hb_analysis *analysis, const char *rule)
{
	return is_in(&analysis->findings, rule) || is_in(&analysis->suppressed, rule);
}

/* Why finding nothing says nothing about a rule; NULL: it says that there is none. */
static const char *not_looked_for(const struct junit *junit, const struct hb_rule *rule)
{
	const struct hb_analysis *analysis = junit->report->analysis;
	if (analysis->snapshot->notes.partial)
		return "nothing was found, but not everything was examined: the notes say what";
	if (rule->needs == HB_RULE_NEEDS_LOOKS && !analysis->growth)
		return "not looked for: one look shows no growth, --wait takes more";
	if (rule->needs == HB_RULE_NEEDS_LIVE && analysis->snapshot->kind == HB_TARGET_CORE)
		return "not looked for: a core does not say in which state sockets are";
	return NULL;
}

/* --- Test cases ------------------------------------------------------------------------------------------------------ */

static void not_found(const struct junit *junit, const struct hb_rule *rule)
{
	FILE *out = junit->out;
	fprintf(out, "  <testcase classname=\"heldby.%s\"", rule->id);
	attribute(out, "name", rule->name);
	const char *why = not_looked_for(junit, rule);
	if (why)
		fprintf(out, " time=\"0\">\n   <skipped message=\"%s\"/>\n  </testcase>\n", why);
	else
		fputs(" time=\"0\"/>\n", out);
}

static void add_line(void *to, const char *label, const char *text)
{
	FILE *out = to;
	fprintf(out, "\n%-10s ", label ? label : "");
	put(out, text);
}

/* Named by what is the same in the next run: rule, holder, fingerprint. */
static void open_case(const struct junit *junit, const struct hb_finding *finding)
{
	const struct hb_rule *rule = hb_rule_find(finding->rule);
	const char *site = hb_finding_site(finding, junit->options->source_root);
	FILE *out = junit->out;
	fputs("  <testcase classname=\"heldby.", out);
	put(out, finding->rule);
	fputs("\" name=\"", out);
	put(out, rule ? rule->name : finding->rule);
	if (finding->holder && *finding->holder) {
		fputs(" ", out);
		put(out, finding->holder);
	}
	fprintf(out, " [%s]\" time=\"0\"", finding->fingerprint);
	if (site) {
		struct hb_place place = hb_place_of(site, junit->options->source_root);
		fputs(" file=\"", out);
		hb_put_xml(out, place.file, place.file_len);
		fputc('"', out);
		if (place.line)
			fprintf(out, " line=\"%" PRIu32 "\"", place.line);
	}
	fputs(">\n", out);
}

/* Nothing was examined in vain, but nothing is certain either: a test that is skipped shows its message and fails no build. */
static void question(const struct junit *junit, const struct hb_finding *finding)
{
	fputs("   <skipped", junit->out);
	attribute(junit->out, "message", finding->title);
	fputs("/>\n   <system-out>", junit->out);
	put(junit->out, finding->title);
	hb_finding_lines(finding, add_line, junit->out);
	fputs("\n   </system-out>\n", junit->out);
}

static void failure(const struct junit *junit, const struct hb_finding *finding)
{
	fputs("   <failure", junit->out);
	attribute(junit->out, "message", finding->title);
	attribute(junit->out, "type", hb_verdict_name(finding->verdict));
	fputs(">", junit->out);
	put(junit->out, finding->title);
	hb_finding_lines(finding, add_line, junit->out);
	fprintf(junit->out, "\n%-10s %" PRIu64 "\n   </failure>\n", "bytes", finding->bytes);
}

static void suppressed(const struct junit *junit, const struct hb_finding *finding)
{
	open_case(junit, finding);
	fputs("   <skipped message=\"suppressed: ", junit->out);
	put(junit->out, finding->suppressed_by->reason);
	fputs("\"/>\n  </testcase>\n", junit->out);
}

static void found(const struct junit *junit, const struct hb_finding *finding)
{
	open_case(junit, finding);
	if (finding->verdict == HB_ESTIMATE)
		question(junit, finding);
	else
		failure(junit, finding);
	fputs("  </testcase>\n", junit->out);
}

/* --- The suite: one target ------------------------------------------------------------------------------------------- */

struct sums {
	size_t tests, failures, skipped;
};

static struct sums count(const struct junit *junit)
{
	const struct hb_findings *findings = &junit->report->analysis->findings;
	size_t nsuppressed = junit->report->analysis->suppressed.list.len;
	struct sums sums = {.tests = findings->list.len};
	for (size_t i = 0; i < findings->list.len; i++)
		sums.skipped += findings->list.data[i].verdict == HB_ESTIMATE;
	sums.failures = sums.tests - sums.skipped;
	sums.tests += nsuppressed;
	sums.skipped += nsuppressed;
	for (size_t i = 0; i < hb_nrules; i++) {
		bool is_case = !is_found(junit->report->analysis, hb_rules[i].id);
		sums.tests += is_case;
		sums.skipped += is_case && not_looked_for(junit, &hb_rules[i]);
	}
	return sums;
}

static void open_suite(const struct junit *junit)
{
	const struct hb_snapshot *snapshot = junit->report->analysis->snapshot;
	struct sums sums = count(junit);
	time_t seconds = (time_t)(snapshot->taken_ns / 1000000000);
	struct tm utc;
	char when[32];
	fprintf(junit->out,
	        " <testsuite name=\"heldby\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\"",
	        sums.tests, sums.failures, sums.skipped, (double)snapshot->pause_ns / 1e9);
	if (seconds && gmtime_r(&seconds, &utc) && strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc))
		attribute(junit->out, "timestamp", when);
	fputs(">\n", junit->out);
}

static void properties(const struct junit *junit)
{
	const struct hb_snapshot *snapshot = junit->report->analysis->snapshot;
	FILE *out = junit->out;
	char number[32];
	fputs("  <properties>\n", out);
	property(out, "heldby", HELDBY_VERSION);
	property(out, "target", snapshot->name);
	snprintf(number, sizeof(number), "%d", snapshot->pid);
	property(out, "pid", snapshot->pid ? number : NULL);
	property(out, "go_version", junit->report->analysis->go->version.text);
	property(out, "build_id", junit->report->analysis->go->build_id);
	snprintf(number, sizeof(number), "%" PRIu64, junit->report->live_bytes);
	property(out, "live_bytes", number);
	fputs("  </properties>\n", out);
}

static void notes(const struct junit *junit)
{
	const struct hb_notes *notes = &junit->report->analysis->snapshot->notes;
	if (!notes->texts.len)
		return;
	fputs("  <system-out>", junit->out);
	for (size_t i = 0; i < notes->texts.len; i++) {
		fputs("note: ", junit->out);
		put(junit->out, notes->texts.data[i]);
		fputc('\n', junit->out);
	}
	fputs("</system-out>\n", junit->out);
}

struct hb_error *hb_render_junit(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	struct junit junit = {out, report, options};
	const struct hb_findings *findings = &report->analysis->findings;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
	open_suite(&junit);
	properties(&junit);
	for (size_t i = 0; i < findings->list.len; i++)
		found(&junit, &findings->list.data[i]);
	for (size_t i = 0; i < report->analysis->suppressed.list.len; i++)
		suppressed(&junit, &report->analysis->suppressed.list.data[i]);
	for (size_t i = 0; i < hb_nrules; i++)
		if (!is_found(report->analysis, hb_rules[i].id))
			not_found(&junit, &hb_rules[i]);
	notes(&junit);
	fputs(" </testsuite>\n</testsuites>\n", out);
	return hb_stream_finish(out);
}
