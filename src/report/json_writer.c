#include "report/json_writer.h"
#include "report/format.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void write_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *end = text + strlen(text); text < end;) {
		const char *start = text;
		int32_t code = hb_utf8_next(&text, end);
		if (code < 0)
			fputs("\\ufffd", out);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (code == '\n')
			fputs("\\n", out);
		else if (code == '\t')
			fputs("\\t", out);
		/* DEL and C1 are allowed by JSON, but somebody will print the file on a terminal; 2028 and 2029 end
		 * lines in older JavaScript. */
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029)
			fprintf(out, "\\u%04" PRIx32, (uint32_t)code);
		else
			fwrite(start, 1, (size_t)(text - start), out);
	}
	fputc('"', out);
}

static void before_value(struct hb_json *json, const char *name)
{
	if (json->has_previous)
		fputc(',', json->out);
	if (json->depth)
		fprintf(json->out, "\n%*s", (int)json->depth, "");
	if (name) {
		write_string(json->out, name);
		fputs(": ", json->out);
	}
	json->has_previous = true;
}

void hb_json_open(struct hb_json *json, const char *name, char bracket)
{
	before_value(json, name);
	fputc(bracket, json->out);
	json->depth++;
	json->has_previous = false;
}

void hb_json_close(struct hb_json *json, char bracket)
{
	json->depth--;
	if (json->has_previous)
		fprintf(json->out, "\n%*s", (int)json->depth, "");
	fputc(bracket, json->out);
	if (!json->depth)
		fputc('\n', json->out);
	json->has_previous = true;
}

void hb_json_string(struct hb_json *json, const char *name, const char *text)
{
	before_value(json, name);
	if (text)
		write_string(json->out, text);
	else
		fputs("null", json->out);
}

void hb_json_u64(struct hb_json *json, const char *name, uint64_t value)
{
	before_value(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void hb_json_number(struct hb_json *json, const char *name, double value)
{
	before_value(json, name);
	if (isfinite(value))
		fprintf(json->out, "%.3f", value);
	else
		fputs("null", json->out);
}

void hb_json_bool(struct hb_json *json, const char *name, bool value)
{
	before_value(json, name);
	fputs(value ? "true" : "false", json->out);
}

void hb_json_null(struct hb_json *json, const char *name)
{
	hb_json_string(json, name, NULL);
}

void hb_json_address(struct hb_json *json, const char *name, uint64_t address)
{
	before_value(json, name);
	fprintf(json->out, "\"0x%" PRIx64 "\"", address);
}

void hb_json_strings(struct hb_json *json, const char *name, char *const *texts, size_t n)
{
	hb_json_open(json, name, '[');
	for (size_t i = 0; i < n; i++)
		hb_json_string(json, NULL, texts[i]);
	hb_json_close(json, ']');
}
