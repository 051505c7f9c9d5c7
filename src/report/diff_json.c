/* A comparison for programs: docs/diff.schema.json. Changes are additive. */
#include "report/diff.h"
#include "report/json_writer.h"
#include "report/page.h"

static void moment(struct hb_json *json, const char *name, const struct hb_report *report)
{
	const struct hb_analysis *analysis = report->analysis;
	hb_json_open(json, name, '{');
	if (analysis->snapshot->pid)
		hb_json_u64(json, "pid", (uint64_t)analysis->snapshot->pid);
	else
		hb_json_null(json, "pid");
	hb_json_string(json, "name", analysis->snapshot->name);
	hb_json_string(json, "go_version", analysis->go->version.text);
	hb_json_string(json, "build_id", analysis->go->build_id);
	hb_json_u64(json, "taken_ns", analysis->snapshot->taken_ns);
	hb_json_u64(json, "live_bytes", report->live_bytes);
	hb_json_u64(json, "live_objects", report->live_objects);
	hb_json_u64(json, "goroutines", report->goroutines_total);
	hb_json_close(json, '}');
}

static void changes(struct hb_json *json, const char *name, const struct hb_changes *list)
{
	hb_json_open(json, name, '[');
	for (size_t i = 0; i < list->list.len; i++) {
		const struct hb_change *change = &list->list.data[i];
		hb_json_open(json, NULL, '{');
		if (*change->kind)
			hb_json_string(json, "kind", change->kind);
		hb_json_string(json, "name", change->name);
		hb_json_u64(json, "before", change->before);
		hb_json_u64(json, "after", change->after);
		hb_json_u64(json, "bytes_before", change->bytes_before);
		hb_json_u64(json, "bytes_after", change->bytes_after);
		hb_json_close(json, '}');
	}
	hb_json_close(json, ']');
}

struct hb_error *hb_diff_render_json(const struct hb_diff *diff, const struct hb_render_options *options, FILE *out)
{
	(void)options;
	struct hb_json json = {.out = out};
	hb_json_open(&json, NULL, '{');
	hb_json_u64(&json, "schema_version", 1);
	hb_json_string(&json, "heldby_version", HELDBY_VERSION);
	hb_json_bool(&json, "same_process", diff->same_process);
	moment(&json, "before", diff->before);
	moment(&json, "after", diff->after);
	changes(&json, "containers", &diff->containers);
	changes(&json, "goroutines", &diff->goroutines);
	changes(&json, "types", &diff->types);
	changes(&json, "holders", &diff->holders);
	hb_json_close(&json, '}');
	fputc('\n', out);
	return hb_stream_finish(out);
}
