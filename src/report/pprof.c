/* The largest holders as a profile for `go tool pprof` and what else reads profile.proto: docs/report.md.
 *
 * A sample is a row of the tree of holders: its stack is the path down to it, the holder being the outermost frame, and its
 * values are what the row keeps itself: what it retains without what the rows below it retain. So sums over stacks are what
 * each row retains, and the sum of all is the live heap.
 *
 * The encoding is that of protocol buffers: numbered fields, each a varint or a length and bytes.
 */
#include "base/memory.h"
#include "report/page.h"
#include "report/report.h"

#include <string.h>
#include <zlib.h>

/* Numbers of fields: github.com/google/pprof/proto/profile.proto. */
enum { PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE = 2, PROFILE_MAPPING = 3, PROFILE_LOCATION = 4, PROFILE_FUNCTION = 5 };
enum { PROFILE_STRING = 6, PROFILE_TIME_NANOS = 9, PROFILE_COMMENT = 13, PROFILE_DEFAULT_SAMPLE_TYPE = 14 };
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3, LABEL_KEY = 1, LABEL_TEXT = 2 };
enum { MAPPING_ID = 1, MAPPING_FILE = 5, MAPPING_BUILD_ID = 6, MAPPING_HAS_FUNCTIONS = 7 };
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_LINE = 4, LINE_FUNCTION = 1 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2 };

struct bytes {
	HB_VEC(uint8_t) list;
	bool out_of_memory;
};

struct profile {
	struct bytes message;
	uint64_t strings, frames; /* how many there are */
	uint64_t kind_key, site_key;
};

/* --- Encoding -------------------------------------------------------------------------------------------------------- */

static void put_byte(struct bytes *bytes, uint8_t byte)
{
	if (!hb_vec_push(&bytes->list, byte))
		bytes->out_of_memory = true;
}

static void put_varint(struct bytes *bytes, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(bytes, (uint8_t)(value | 0x80));
	put_byte(bytes, (uint8_t)value);
}

static void put_number(struct bytes *bytes, unsigned field, uint64_t value)
{
	put_varint(bytes, field << 3);
	put_varint(bytes, value);
}

static void put_bytes(struct bytes *bytes, unsigned field, const void *data, size_t len)
{
	put_varint(bytes, field << 3 | 2);
	put_varint(bytes, len);
	for (size_t i = 0; i < len; i++)
		put_byte(bytes, ((const uint8_t *)data)[i]);
}

/* A message within one; frees it. */
static void put_message(struct bytes *bytes, unsigned field, struct bytes *message)
{
	put_bytes(bytes, field, message->list.data, message->list.len);
	bytes->out_of_memory |= message->out_of_memory;
	hb_vec_deinit(&message->list);
}

/* Names of the target end up on terminals, by pprof's own lists. Returns the string's number. */
static uint64_t put_string(struct profile *profile, const char *text)
{
	enum { LONGEST = 4096 };
	char escaped[LONGEST];
	size_t len = hb_escape_terminal(text ? text : "", escaped, sizeof(escaped));
	put_bytes(&profile->message, PROFILE_STRING, escaped, len);
	return profile->strings++;
}

static uint64_t put_sample_type(struct profile *profile, const char *type, const char *unit)
{
	struct bytes message = {0};
	uint64_t name = put_string(profile, type);
	put_number(&message, VALUE_TYPE_TYPE, name);
	put_number(&message, VALUE_TYPE_UNIT, put_string(profile, unit));
	put_message(&profile->message, PROFILE_SAMPLE_TYPE, &message);
	return name;
}

/* --- Rows as frames -------------------------------------------------------------------------------------------------- */

/* Function and location in one, of the same number. */
static uint64_t put_frame(struct profile *profile, const char *name)
{
	struct bytes function = {0}, location = {0}, line = {0};
	uint64_t id = ++profile->frames;
	put_number(&function, FUNCTION_ID, id);
	/* With a system name of the same text, pprof would take a name with < and > for one of C++, and cut it. */
	put_number(&function, FUNCTION_NAME, put_string(profile, name));
	put_message(&profile->message, PROFILE_FUNCTION, &function);
	put_number(&line, LINE_FUNCTION, id);
	put_number(&location, LOCATION_ID, id);
	put_number(&location, LOCATION_MAPPING, 1);
	put_message(&location, LOCATION_LINE, &line);
	put_message(&profile->message, PROFILE_LOCATION, &location);
	return id;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static uint64_t put_row(struct profile *profile, const struct hb_report_holder *row, bool is_top)
{
	char name[2048];
	const char *type = or_empty(row->type), *space = *type ? " " : "";
	if (!is_top)
		snprintf(name, sizeof(name), "%s%s%s", or_empty(row->label), space, type);
	else if (!strcmp(row->kind, "shared"))
		snprintf(name, sizeof(name), "%s shared by %s", type, or_empty(row->name));
	else
		snprintf(name, sizeof(name), "%s %s%s%s", row->kind, or_empty(row->name), space, type);
	return put_frame(profile, name);
}

static void put_label(struct profile *profile, struct bytes *sample, uint64_t key, const char *text)
{
	struct bytes label = {0};
	put_number(&label, LABEL_KEY, key);
	put_number(&label, LABEL_TEXT, put_string(profile, text));
	put_message(sample, SAMPLE_LABEL, &label);
}

/* stack: outermost frame first. */
static void put_sample(struct profile *profile, const uint64_t *stack, size_t depth, uint64_t objects, uint64_t bytes,
                       const char *kind, const char *site)
{
	struct bytes sample = {0}, locations = {0}, values = {0};
	while (depth)
		put_varint(&locations, stack[--depth]);
	put_varint(&values, hb_min(objects, (uint64_t)INT64_MAX));
	put_varint(&values, hb_min(bytes, (uint64_t)INT64_MAX));
	put_message(&sample, SAMPLE_LOCATION, &locations);
	put_message(&sample, SAMPLE_VALUE, &values);
	put_label(profile, &sample, profile->kind_key, kind);
	if (site && *site)
		put_label(profile, &sample, profile->site_key, site);
	put_message(&profile->message, PROFILE_SAMPLE, &sample);
}

static uint64_t without(uint64_t whole, uint64_t part)
{
	return whole > part ? whole - part : 0;
}

static void put_own(struct profile *profile, const struct hb_report_holder *row, const uint64_t *stack, size_t depth,
                    const char *kind)
{
	uint64_t bytes = row->retained_bytes, objects = row->retained_objects;
	for (size_t i = 0; i < row->nchildren; i++) {
		bytes = without(bytes, row->children[i].retained_bytes);
		objects = without(objects, row->children[i].retained_objects);
	}
	if (bytes || objects)
		put_sample(profile, stack, depth, objects, bytes, kind, row->allocated_at);
}

static void put_tree(struct profile *profile, const struct hb_report_holder *top)
{
	struct {
		const struct hb_report_holder *row;
		size_t next;
	} path[HB_REPORT_DEPTH + 1] = {{top, 0}};
	uint64_t stack[HB_REPORT_DEPTH + 1] = {put_row(profile, top, true)};
	size_t depth = 1;
	put_own(profile, top, stack, depth, top->kind);
	while (depth) {
		const struct hb_report_holder *row = path[depth - 1].row;
		if (depth > HB_REPORT_DEPTH || path[depth - 1].next >= row->nchildren) {
			depth--;
			continue;
		}
		const struct hb_report_holder *child = &row->children[path[depth - 1].next++];
		path[depth].row = child;
		path[depth].next = 0;
		stack[depth++] = put_row(profile, child, false);
		put_own(profile, child, stack, depth, top->kind);
	}
}

/* --- The profile ----------------------------------------------------------------------------------------------------- */

static void put_mapping(struct profile *profile, const struct hb_analysis *analysis)
{
	struct bytes mapping = {0};
	put_number(&mapping, MAPPING_ID, 1);
	put_number(&mapping, MAPPING_FILE, put_string(profile, analysis->snapshot->exe_path));
	put_number(&mapping, MAPPING_BUILD_ID, put_string(profile, analysis->go->build_id));
	put_number(&mapping, MAPPING_HAS_FUNCTIONS, 1); /* nothing is left to be looked up in the file */
	put_message(&profile->message, PROFILE_MAPPING, &mapping);
}

static void put_profile(struct profile *profile, const struct hb_report *report)
{
	const struct hb_snapshot *snapshot = report->analysis->snapshot;
	uint64_t bytes = 0, objects = 0;
	put_string(profile, ""); /* number 0, by definition */
	put_sample_type(profile, "inuse_objects", "count");
	put_number(&profile->message, PROFILE_DEFAULT_SAMPLE_TYPE, put_sample_type(profile, "inuse_space", "bytes"));
	put_number(&profile->message, PROFILE_TIME_NANOS, hb_min(snapshot->taken_ns, (uint64_t)INT64_MAX));
	put_mapping(profile, report->analysis);
	for (size_t i = 0; i < snapshot->notes.texts.len; i++)
		put_number(&profile->message, PROFILE_COMMENT, put_string(profile, snapshot->notes.texts.data[i]));
	profile->kind_key = put_string(profile, "kind");
	profile->site_key = put_string(profile, "allocated_at");
	for (size_t i = 0; i < report->nholders; i++) {
		put_tree(profile, &report->holders[i]);
		bytes += report->holders[i].retained_bytes;
		objects += report->holders[i].retained_objects;
	}
	if (report->live_bytes <= bytes)
		return;
	uint64_t rest = put_frame(profile, "smaller holders");
	put_sample(profile, &rest, 1, without(report->live_objects, objects), report->live_bytes - bytes, "other",
	           NULL);
}

static struct hb_error *write_gzip(const struct bytes *bytes, FILE *out)
{
	enum { GZIP = 16 };
	z_stream stream = {.next_in = bytes->list.data};
	uint8_t piece[16384];
	size_t left = bytes->list.len;
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return hb_error_nomem();
	int done = Z_OK;
	while (done == Z_OK) {
		if (!stream.avail_in) {
			stream.avail_in = (uInt)hb_min(left, (size_t)1 << 30);
			left -= stream.avail_in;
		}
		stream.next_out = piece;
		stream.avail_out = sizeof(piece);
		done = deflate(&stream, left ? Z_NO_FLUSH : Z_FINISH);
		fwrite(piece, 1, sizeof(piece) - stream.avail_out, out);
	}
	deflateEnd(&stream);
	return hb_stream_finish(out);
}

struct hb_error *hb_render_pprof(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	struct profile profile = {0};
	put_profile(&profile, report);
	struct hb_error *err = profile.message.out_of_memory ? hb_error_nomem() : write_gzip(&profile.message, out);
	hb_vec_deinit(&profile.message.list);
	return err;
}
