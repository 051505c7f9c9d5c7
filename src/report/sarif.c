/* Findings as SARIF 2.1.0, for code scanning: docs/report.md says what goes where. */
#include "base/memory.h"
#include "explain/explain.h"
#include "leak/rules.h"
#include "leak/suppressions.h"
#include "report/escapes.h"
#include "report/json_writer.h"
#include "report/page.h"
#include "report/place.h"
#include "report/report.h"
#include "report/words.h"

#include <string.h>
#include <time.h>

#define SOURCE_ROOT "%SRCROOT%" /* the name that consumers know, such as GitHub's */

struct sarif {
	struct hb_json json;
	const struct hb_render_options *options;
	bool out_of_memory;
};

/* --- Strings: built apart, then written as JSON ---------------------------------------------------------------------- */

struct string {
	FILE *stream;
	char *text;
	size_t len;
};

static bool string_open(struct sarif *sarif, struct string *string)
{
	*string = (struct string){0};
	string->stream = open_memstream(&string->text, &string->len);
	sarif->out_of_memory |= !string->stream;
	return string->stream != NULL;
}

static void string_close(struct sarif *sarif, struct string *string, const char *name)
{
	if (fclose(string->stream) != 0)
		sarif->out_of_memory = true;
	else
		hb_json_string(&sarif->json, name, string->text);
	free(string->text);
}

static void put_string(struct sarif *sarif, const char *name, void (*put)(FILE *, const char *, size_t),
                       const char *text, size_t len)
{
	struct string string;
	if (!string_open(sarif, &string))
		return;
	put(string.stream, text, len);
	string_close(sarif, &string, name);
}

static void put_plain(struct sarif *sarif, const char *name, const char *text)
{
	put_string(sarif, name, hb_put_plain, text ? text : "", text ? strlen(text) : 0);
}

/* "name": {"text": "…"}; name NULL: the members of an object that is open. */
static void put_message(struct sarif *sarif, const char *name, const char *text)
{
	hb_json_open(&sarif->json, name, '{');
	put_string(sarif, "text", hb_put_sarif_message, text, strlen(text));
	hb_json_close(&sarif->json, '}');
}

/* --- The tool and its run -------------------------------------------------------------------------------------------- */

/* What `heldby explain` says first: its first paragraph. */
static const char *meaning(const struct hb_explanation *explanation)
{
	for (size_t i = 0; i < explanation->nblocks; i++)
		if (explanation->blocks[i].kind == HB_EXPLAIN_PARAGRAPH)
			return explanation->blocks[i].text;
	return explanation->title;
}

static void rule(struct sarif *sarif, const struct hb_rule *rule)
{
	struct hb_json *json = &sarif->json;
	const struct hb_explanation *explanation = hb_explanation_find(rule->id);
	struct string help;
	hb_json_open(json, NULL, '{');
	hb_json_string(json, "id", rule->id);
	hb_json_string(json, "name", rule->name);
	if (explanation) {
		put_message(sarif, "shortDescription", explanation->title);
		put_message(sarif, "fullDescription", meaning(explanation));
		hb_json_open(json, "help", '{');
		if (string_open(sarif, &help)) {
			hb_put_sarif_message(help.stream, meaning(explanation), strlen(meaning(explanation)));
			fprintf(help.stream, " What to do: heldby explain %s.", rule->id);
			string_close(sarif, &help, "text");
		}
		hb_json_close(json, '}');
	}
	hb_json_close(json, '}');
}

static void tool(struct sarif *sarif)
{
	struct hb_json *json = &sarif->json;
	hb_json_open(json, "tool", '{');
	hb_json_open(json, "driver", '{');
	hb_json_string(json, "name", "heldby");
	hb_json_string(json, "semanticVersion", HELDBY_VERSION);
	hb_json_open(json, "rules", '[');
	for (size_t i = 0; i < hb_nrules; i++)
		rule(sarif, &hb_rules[i]);
	hb_json_close(json, ']');
	hb_json_close(json, '}');
	hb_json_close(json, '}');
}

static void invocation(struct sarif *sarif, const struct hb_snapshot *snapshot)
{
	struct hb_json *json = &sarif->json;
	time_t seconds = (time_t)(snapshot->taken_ns / 1000000000);
	struct tm utc;
	char when[32];
	hb_json_open(json, "invocations", '[');
	hb_json_open(json, NULL, '{');
	hb_json_bool(json, "executionSuccessful", !snapshot->notes.partial);
	if (seconds && gmtime_r(&seconds, &utc) && strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc))
		hb_json_string(json, "endTimeUtc", when);
	hb_json_open(json, "toolExecutionNotifications", '[');
	for (size_t i = 0; i < snapshot->notes.texts.len; i++) {
		hb_json_open(json, NULL, '{');
		hb_json_string(json, "level", snapshot->notes.partial ? "warning" : "note");
		put_message(sarif, "message", snapshot->notes.texts.data[i]);
		hb_json_close(json, '}');
	}
	hb_json_close(json, ']');
	hb_json_close(json, '}');
	hb_json_close(json, ']');
}

static void source_root(struct sarif *sarif)
{
	hb_json_open(&sarif->json, "originalUriBaseIds", '{');
	hb_json_open(&sarif->json, SOURCE_ROOT, '{');
	put_message(sarif, "description", "The folder with the program's source.");
	hb_json_close(&sarif->json, '}');
	hb_json_close(&sarif->json, '}');
}

static void target(struct sarif *sarif, const struct hb_report *report)
{
	const struct hb_snapshot *snapshot = report->analysis->snapshot;
	struct hb_json *json = &sarif->json;
	hb_json_open(json, "properties", '{');
	hb_json_string(json, "kind", snapshot->kind == HB_TARGET_CORE ? "core" : "live");
	put_plain(sarif, "target", snapshot->name);
	if (snapshot->pid)
		hb_json_u64(json, "pid", (uint64_t)snapshot->pid);
	put_plain(sarif, "goVersion", report->analysis->go->version.text);
	put_plain(sarif, "buildId", report->analysis->go->build_id);
	hb_json_u64(json, "liveBytes", report->live_bytes);
	hb_json_close(json, '}');
}

/* --- Results --------------------------------------------------------------------------------------------------------- */

static void physical_location(struct sarif *sarif, const struct hb_place *place)
{
	struct hb_json *json = &sarif->json;
	struct string uri;
	hb_json_open(json, "physicalLocation", '{');
	hb_json_open(json, "artifactLocation", '{');
	if (string_open(sarif, &uri)) {
		fputs(place->file[0] == '/' ? "file://" : "", uri.stream);
		hb_put_uri_path(uri.stream, place->file, place->file_len);
		string_close(sarif, &uri, "uri");
	}
	if (place->in_source)
		hb_json_string(json, "uriBaseId", SOURCE_ROOT);
	hb_json_close(json, '}');
	if (place->line) {
		hb_json_open(json, "region", '{');
		hb_json_u64(json, "startLine", place->line);
		hb_json_close(json, '}');
	}
	hb_json_close(json, '}');
}

/* The members of a location: file and function of a site. */
static void site_location(struct sarif *sarif, const char *site)
{
	struct hb_json *json = &sarif->json;
	struct hb_place place = hb_place_of(site, sarif->options->source_root);
	if (place.file_len)
		physical_location(sarif, &place);
	if (!place.function_len)
		return;
	hb_json_open(json, "logicalLocations", '[');
	hb_json_open(json, NULL, '{');
	put_string(sarif, "fullyQualifiedName", hb_put_plain, place.function, place.function_len);
	hb_json_string(json, "kind", "function");
	hb_json_close(json, '}');
	hb_json_close(json, ']');
}

/* The same for what is no place in the source: holder and path, "global cache.sessions .byID map[string]T". */
static void holder_location(struct sarif *sarif, const struct hb_finding *finding)
{
	struct hb_json *json = &sarif->json;
	struct string name;
	hb_json_open(json, "logicalLocations", '[');
	hb_json_open(json, NULL, '{');
	put_plain(sarif, "name", finding->holder);
	if (string_open(sarif, &name)) {
		hb_put_plain(name.stream, finding->holder, strlen(finding->holder));
		for (size_t i = 0; i < finding->path.len; i++) {
			fputc(' ', name.stream);
			hb_put_plain(name.stream, finding->path.data[i], strlen(finding->path.data[i]));
		}
		string_close(sarif, &name, "fullyQualifiedName");
	}
	hb_json_close(json, '}');
	hb_json_close(json, ']');
}

static bool has_holder(const struct hb_finding *finding)
{
	return finding->holder && *finding->holder;
}

static void locations(struct sarif *sarif, const struct hb_finding *finding)
{
	struct hb_json *json = &sarif->json;
	const char *site = hb_finding_site(finding, sarif->options->source_root);
	hb_json_open(json, "locations", '[');
	if (site || has_holder(finding)) {
		hb_json_open(json, NULL, '{');
		if (site)
			site_location(sarif, site);
		else
			holder_location(sarif, finding);
		hb_json_close(json, '}');
	}
	hb_json_close(json, ']');
}

static void related_sites(struct sarif *sarif, const char *words, char *const *sites, size_t n, uint64_t *id)
{
	for (size_t i = 0; i < n; i++) {
		hb_json_open(&sarif->json, NULL, '{');
		hb_json_u64(&sarif->json, "id", ++*id);
		site_location(sarif, sites[i]);
		put_message(sarif, "message", words);
		hb_json_close(&sarif->json, '}');
	}
}

static void related_locations(struct sarif *sarif, const struct hb_finding *finding)
{
	uint64_t id = 0;
	hb_json_open(&sarif->json, "relatedLocations", '[');
	if (has_holder(finding)) {
		hb_json_open(&sarif->json, NULL, '{');
		hb_json_u64(&sarif->json, "id", ++id);
		holder_location(sarif, finding);
		put_message(sarif, "message", "held by");
		hb_json_close(&sarif->json, '}');
	}
	related_sites(sarif, "blocked", finding->blocked_at.data, finding->blocked_at.len, &id);
	related_sites(sarif, "created", finding->created_at.data, finding->created_at.len, &id);
	related_sites(sarif, "allocated", finding->allocated_at.data, finding->allocated_at.len, &id);
	hb_json_close(&sarif->json, ']');
}

static void add_line(void *to, const char *label, const char *text)
{
	FILE *out = to;
	fprintf(out, "\n%s%s", label ? label : "", label ? " " : "    ");
	hb_put_sarif_message(out, text, strlen(text));
}

static void message(struct sarif *sarif, const struct hb_finding *finding)
{
	struct string text;
	const char *title = finding->title ? finding->title : finding->rule;
	hb_json_open(&sarif->json, "message", '{');
	if (string_open(sarif, &text)) {
		hb_put_sarif_message(text.stream, title, strlen(title));
		hb_finding_lines(finding, add_line, text.stream);
		fputc('.', text.stream);
		string_close(sarif, &text, "text");
	}
	hb_json_close(&sarif->json, '}');
}

/* By the file of suppressions, not in the source: "external". Every result has the list, or none. */
static void suppressions(struct sarif *sarif, const struct hb_suppression *suppression)
{
	hb_json_open(&sarif->json, "suppressions", '[');
	if (suppression) {
		hb_json_open(&sarif->json, NULL, '{');
		hb_json_string(&sarif->json, "kind", "external");
		put_plain(sarif, "justification", suppression->reason);
		hb_json_close(&sarif->json, '}');
	}
	hb_json_close(&sarif->json, ']');
}

static void result(struct sarif *sarif, const struct hb_finding *finding)
{
	static const char *const levels[] = {[HB_ESTIMATE] = "note", [HB_LIKELY] = "warning", [HB_PROVEN] = "error"};
	struct hb_json *json = &sarif->json;
	const struct hb_rule *described = hb_rule_find(finding->rule);
	hb_json_open(json, NULL, '{');
	hb_json_string(json, "ruleId", finding->rule);
	if (described)
		hb_json_u64(json, "ruleIndex", (uint64_t)(described - hb_rules));
	hb_json_string(json, "level", levels[finding->verdict]);
	message(sarif, finding);
	locations(sarif, finding);
	related_locations(sarif, finding);
	suppressions(sarif, finding->suppressed_by);
	hb_json_open(json, "partialFingerprints", '{');
	hb_json_string(json, "heldby/v1", finding->fingerprint);
	hb_json_close(json, '}');
	hb_json_open(json, "properties", '{');
	hb_json_string(json, "verdict", hb_verdict_name(finding->verdict));
	hb_json_u64(json, "count", finding->count);
	hb_json_u64(json, "bytes", finding->bytes);
	hb_json_close(json, '}');
	hb_json_close(json, '}');
}

struct hb_error *hb_render_sarif(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	struct sarif sarif = {.json = {.out = out}, .options = options};
	struct hb_json *json = &sarif.json;
	const struct hb_findings *findings = &report->analysis->findings, *suppressed = &report->analysis->suppressed;
	hb_json_open(json, NULL, '{');
	hb_json_string(json, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	hb_json_string(json, "version", "2.1.0");
	hb_json_open(json, "runs", '[');
	hb_json_open(json, NULL, '{');
	tool(&sarif);
	invocation(&sarif, report->analysis->snapshot);
	source_root(&sarif);
	target(&sarif, report);
	hb_json_string(json, "columnKind", "unicodeCodePoints");
	hb_json_open(json, "results", '[');
	for (size_t i = 0; i < findings->list.len; i++)
		result(&sarif, &findings->list.data[i]);
	for (size_t i = 0; i < suppressed->list.len; i++)
		result(&sarif, &suppressed->list.data[i]);
	hb_json_close(json, ']');
	hb_json_close(json, '}');
	hb_json_close(json, ']');
	hb_json_close(json, '}');
	return sarif.out_of_memory ? hb_error_nomem() : hb_stream_finish(out);
}
