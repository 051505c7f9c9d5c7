/* The report for programs: docs/report.schema.json. Changes are additive. */
#include "growth/growth.h"
#include "leak/suppressions.h"
#include "report/json_writer.h"
#include "report/open_files.h"
#include "report/page.h"
#include "report/report.h"
#include "report/words.h"

#include <string.h>

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static void target(struct hb_json *json, const struct hb_analysis *analysis)
{
	const struct hb_snapshot *snapshot = analysis->snapshot;
	const struct hb_go *go = analysis->go;
	hb_json_open(json, "target", '{');
	hb_json_string(json, "kind", snapshot->kind == HB_TARGET_CORE ? "core" : "live");
	if (snapshot->pid)
		hb_json_u64(json, "pid", (uint64_t)snapshot->pid);
	else
		hb_json_null(json, "pid");
	hb_json_string(json, "name", text_or_empty(snapshot->name));
	hb_json_string(json, "exe", text_or_empty(snapshot->exe_path));
	hb_json_string(json, "go_version", go->version.text);
	hb_json_string(json, "arch", "amd64");
	hb_json_bool(json, "stripped", go->stripped);
	hb_json_string(json, "build_id", go->build_id);
	hb_json_close(json, '}');
}

static void capture(struct hb_json *json, const struct hb_snapshot *snapshot)
{
	hb_json_open(json, "capture", '{');
	hb_json_string(json, "method", snapshot->method ? snapshot->method : "none");
	hb_json_u64(json, "taken_ns", snapshot->taken_ns);
	hb_json_number(json, "pause_ms", (double)snapshot->pause_ns / 1e6);
	hb_json_u64(json, "bytes_copied", snapshot->bytes_copied);
	hb_json_bool(json, "partial", snapshot->notes.partial);
	hb_json_strings(json, "notes", snapshot->notes.texts.data, snapshot->notes.texts.len);
	hb_json_close(json, '}');
}

static void growth(struct hb_json *json, const struct hb_growth *growth)
{
	hb_json_open(json, "growth", '{');
	hb_json_u64(json, "populations", growth->populations.len);
	hb_json_open(json, "looks", '[');
	for (size_t i = 0; i < growth->looks.len; i++) {
		const struct hb_look *look = &growth->looks.data[i];
		hb_json_open(json, NULL, '{');
		hb_json_number(json, "at_s", (double)(look->at_ns - growth->looks.data[0].at_ns) / 1e9);
		hb_json_number(json, "pause_ms", (double)look->pause_ns / 1e6);
		hb_json_u64(json, "bytes_read", look->bytes);
		hb_json_close(json, '}');
	}
	hb_json_close(json, ']');
	hb_json_close(json, '}');
}

static void coverage(struct hb_json *json, const struct hb_report *report)
{
	hb_json_open(json, "coverage", '{');
	hb_json_u64(json, "objects", report->live_objects);
	hb_json_u64(json, "bytes", report->live_bytes);
	hb_json_u64(json, "pointerful_bytes", report->pointerful_bytes);
	hb_json_u64(json, "typed_bytes", report->typed_bytes);
	hb_json_u64(json, "named_bytes", report->named_bytes);
	hb_json_u64(json, "unreached_objects", report->unreached_objects);
	hb_json_u64(json, "unreached_bytes", report->unreached_bytes);
	hb_json_u64(json, "unread_bytes", report->analysis->snapshot->unread_bytes);
	hb_json_close(json, '}');
}

static void ledger(struct hb_json *json, const struct hb_ledger *ledger)
{
	hb_json_open(json, "ledger", '{');
	hb_json_u64(json, "rss", ledger->rss);
	hb_json_u64(json, "live_heap", ledger->live_heap);
	hb_json_u64(json, "free_heap", ledger->free_heap);
	hb_json_u64(json, "stacks", ledger->stacks);
	hb_json_u64(json, "c_heap", ledger->c_heap);
	hb_json_u64(json, "runtime", ledger->runtime);
	hb_json_u64(json, "files", ledger->files);
	hb_json_u64(json, "other", ledger->other);
	hb_json_close(json, '}');
}

static void ids(struct hb_json *json, const char *name, const uint64_t *list, size_t n)
{
	hb_json_open(json, name, '[');
	for (size_t i = 0; i < n; i++)
		hb_json_u64(json, NULL, list[i]);
	hb_json_close(json, ']');
}

static void goroutine_group(struct hb_json *json, const struct hb_report_goroutines *group)
{
	hb_json_open(json, NULL, '{');
	hb_json_u64(json, "count", group->count);
	hb_json_string(json, "state", group->state);
	hb_json_string(json, "wait_reason", text_or_empty(group->wait_reason));
	hb_json_string(json, "created_by", text_or_empty(group->created_by));
	hb_json_string(json, "blocked_at", text_or_empty(group->blocked_at));
	if (group->since_s_max) {
		hb_json_u64(json, "since_s", group->since_s_max);
		hb_json_u64(json, "since_s_min", group->since_s_min);
	} else {
		hb_json_null(json, "since_s");
		hb_json_null(json, "since_s_min");
	}
	hb_json_strings(json, "stack", group->stack, group->nstack);
	ids(json, "ids", group->ids, group->nids);
	hb_json_u64(json, "retained_bytes", group->retained_bytes);
	hb_json_u64(json, "stack_bytes", group->stack_bytes);
	hb_json_close(json, '}');
}

static void goroutines(struct hb_json *json, const struct hb_report *report)
{
	hb_json_open(json, "goroutines", '{');
	hb_json_u64(json, "total", report->goroutines_total);
	hb_json_open(json, "by_status", '{');
	for (size_t i = 0; i < hb_countof(report->by_status); i++)
		if (report->by_status[i])
			hb_json_u64(json, hb_g_status_name((enum hb_g_status)i), report->by_status[i]);
	hb_json_close(json, '}');
	hb_json_open(json, "groups", '[');
	for (size_t i = 0; i < report->ngoroutines; i++)
		goroutine_group(json, &report->goroutines[i]);
	hb_json_close(json, ']');
	hb_json_close(json, '}');
}

static void fds(struct hb_json *json, const struct hb_report_fds *fds)
{
	struct hb_fd_count counts[HB_FD_COUNTS];
	if (!fds->known) {
		hb_json_null(json, "fds");
		return;
	}
	hb_json_open(json, "fds", '{');
	hb_json_u64(json, "open", fds->open);
	if (fds->limit)
		hb_json_u64(json, "limit", fds->limit);
	else
		hb_json_null(json, "limit");
	hb_json_open(json, "by_kind", '{');
	for (size_t i = 0, n = hb_fd_counts_by_kind(fds, counts); i < n; i++)
		hb_json_u64(json, counts[i].key, counts[i].count);
	hb_json_close(json, '}');
	hb_json_open(json, "tcp", '{');
	for (size_t i = 0, n = hb_fd_counts_by_state(fds, counts); i < n; i++)
		hb_json_u64(json, counts[i].key, counts[i].count);
	hb_json_close(json, '}');
	hb_json_u64(json, "of_go", fds->of_go);
	hb_json_u64(json, "internal", fds->internal);
	hb_json_u64(json, "unknown", fds->unknown);
	hb_json_close(json, '}');
}

static void holder_open(struct hb_json *json, const struct hb_report_holder *holder, unsigned depth)
{
	hb_json_open(json, NULL, '{');
	if (depth) {
		hb_json_string(json, "label", text_or_empty(holder->label));
	} else {
		hb_json_string(json, "name", text_or_empty(holder->name));
		hb_json_string(json, "kind", holder->kind);
		if (holder->address)
			hb_json_address(json, "address", holder->address);
		else
			hb_json_null(json, "address");
	}
	hb_json_string(json, "type", text_or_empty(holder->type));
	hb_json_u64(json, "count", holder->fan_out);
	hb_json_u64(json, "retained_bytes", holder->retained_bytes);
	hb_json_u64(json, "retained_objects", holder->retained_objects);
	hb_json_string(json, "allocated_at", text_or_empty(holder->allocated_at));
	hb_json_open(json, "children", '[');
}

static void holder_close(struct hb_json *json)
{
	hb_json_close(json, ']');
	hb_json_close(json, '}');
}

static void holder_tree(struct hb_json *json, const struct hb_report_holder *top)
{
	struct {
		const struct hb_report_holder *holder;
		size_t next;
	} path[HB_REPORT_DEPTH + 1] = {{top, 0}};
	unsigned depth = 0;
	holder_open(json, top, 0);
	for (;;) {
		const struct hb_report_holder *holder = path[depth].holder;
		if (depth < HB_REPORT_DEPTH && path[depth].next < holder->nchildren) {
			const struct hb_report_holder *child = &holder->children[path[depth].next++];
			path[++depth].holder = child;
			path[depth].next = 0;
			holder_open(json, child, depth);
			continue;
		}
		holder_close(json);
		if (depth-- == 0)
			return;
	}
}

static void packages(struct hb_json *json, const struct hb_report *report)
{
	hb_json_open(json, "packages", '[');
	for (size_t i = 0; i < report->npackages; i++) {
		hb_json_open(json, NULL, '{');
		hb_json_string(json, "name", report->packages[i].name);
		hb_json_u64(json, "retained_bytes", report->packages[i].retained_bytes);
		hb_json_u64(json, "globals", report->packages[i].globals);
		hb_json_close(json, '}');
	}
	hb_json_close(json, ']');
}

static void holders(struct hb_json *json, const struct hb_report *report)
{
	hb_json_open(json, "holders", '[');
	for (size_t i = 0; i < report->nholders; i++)
		holder_tree(json, &report->holders[i]);
	hb_json_close(json, ']');
}

static void types(struct hb_json *json, const struct hb_report *report)
{
	hb_json_open(json, "types", '[');
	for (size_t i = 0; i < report->ntypes; i++) {
		const struct hb_report_type *type = &report->types[i];
		hb_json_open(json, NULL, '{');
		hb_json_string(json, "name", type->name);
		hb_json_u64(json, "count", type->count);
		hb_json_u64(json, "bytes", type->bytes);
		hb_json_u64(json, "retained_bytes", type->retained_bytes);
		hb_json_close(json, '}');
	}
	hb_json_close(json, ']');
}

static void suppression(struct hb_json *json, const struct hb_suppression *suppression)
{
	hb_json_open(json, "suppression", '{');
	hb_json_string(json, "reason", suppression->reason);
	hb_json_u64(json, "line", suppression->line);
	hb_json_string(json, "expires", *suppression->expires ? suppression->expires : NULL);
	hb_json_close(json, '}');
}

static void finding(struct hb_json *json, const struct hb_finding *finding)
{
	hb_json_open(json, NULL, '{');
	hb_json_string(json, "rule", finding->rule);
	hb_json_string(json, "verdict", hb_verdict_name(finding->verdict));
	hb_json_string(json, "title", text_or_empty(finding->title));
	hb_json_u64(json, "count", finding->count);
	hb_json_u64(json, "bytes", finding->bytes);
	hb_json_string(json, "holder", text_or_empty(finding->holder));
	hb_json_strings(json, "path", finding->path.data, finding->path.len);
	hb_json_strings(json, "allocated_at", finding->allocated_at.data, finding->allocated_at.len);
	hb_json_strings(json, "created_at", finding->created_at.data, finding->created_at.len);
	hb_json_strings(json, "blocked_at", finding->blocked_at.data, finding->blocked_at.len);
	ids(json, "goroutines", finding->goroutines.data, finding->goroutines.len);
	ids(json, "fds", finding->fds.data, finding->fds.len);
	hb_json_strings(json, "evidence", finding->evidence.data, finding->evidence.len);
	hb_json_string(json, "help", text_or_empty(finding->help));
	hb_json_string(json, "fingerprint", finding->fingerprint);
	if (finding->suppressed_by)
		suppression(json, finding->suppressed_by);
	hb_json_close(json, '}');
}

struct hb_error *hb_render_json(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	(void)options;
	struct hb_json json = {.out = out};
	const struct hb_analysis *analysis = report->analysis;
	hb_json_open(&json, NULL, '{');
	hb_json_u64(&json, "schema_version", 1);
	hb_json_string(&json, "heldby_version", HELDBY_VERSION);
	target(&json, analysis);
	capture(&json, analysis->snapshot);
	if (analysis->growth)
		growth(&json, analysis->growth);
	coverage(&json, report);
	ledger(&json, &report->ledger);
	goroutines(&json, report);
	fds(&json, &report->fds);
	holders(&json, report);
	packages(&json, report);
	types(&json, report);
	hb_json_open(&json, "findings", '[');
	for (size_t i = 0; i < analysis->findings.list.len; i++)
		finding(&json, &analysis->findings.list.data[i]);
	hb_json_close(&json, ']');
	hb_json_open(&json, "suppressed", '[');
	for (size_t i = 0; i < analysis->suppressed.list.len; i++)
		finding(&json, &analysis->suppressed.list.data[i]);
	hb_json_close(&json, ']');
	hb_json_close(&json, '}');
	return hb_stream_finish(out);
}
