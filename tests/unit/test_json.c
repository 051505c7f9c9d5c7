/* The report as JSON, read back by another library. The schema is checked where reports are made: tests/e2e. */
#include "report/json_writer.h"
#include "report_model.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse_report(const struct hb_report *report)
{
	json_error_t error;
	char *out = render(hb_render_json, report, &(struct hb_render_options){0});
	json_t *root = json_loads(out, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s in line %d of\n%s", error.text, error.line, out);
	free(out);
	return root;
}

static json_int_t number(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);
	if (!json_is_integer(value))
		fail_msg("'%s' is no integer", name);
	return json_integer_value(value);
}

static const char *string(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);
	if (!json_is_string(value))
		fail_msg("'%s' is no string", name);
	return json_string_value(value);
}

static void the_report_reads_back(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	json_t *root = parse_report(&model.report);
	assert_int_equal(number(root, "schema_version"), 1);
	json_t *target = json_object_get(root, "target");
	assert_string_equal(string(target, "kind"), "live");
	assert_int_equal(number(target, "pid"), 4121);
	assert_string_equal(string(target, "go_version"), "go1.26.2");
	assert_true(json_is_true(json_object_get(target, "stripped")));
	json_t *ledger = json_object_get(root, "ledger");
	static const char *const parts[] = {"live_heap", "free_heap", "stacks", "c_heap", "runtime", "files", "other"};
	json_int_t sum = 0;
	for (size_t i = 0; i < hb_countof(parts); i++)
		sum += number(ledger, parts[i]);
	assert_int_equal(sum, number(ledger, "rss"));
	json_t *group = json_array_get(json_object_get(json_object_get(root, "goroutines"), "groups"), 0);
	assert_int_equal(number(group, "count"), 18402);
	assert_int_equal(number(group, "since_s"), 10800);
	json_t *running = json_array_get(json_object_get(json_object_get(root, "goroutines"), "groups"), 1);
	assert_true(json_is_null(json_object_get(running, "since_s")));
	json_t *findings = json_object_get(root, "findings");
	assert_int_equal(json_array_size(findings), 2);
	assert_string_equal(string(json_array_get(findings, 0), "verdict"), "proven");
	assert_int_equal(strlen(string(json_array_get(findings, 0), "fingerprint")), 16);
	json_decref(root);
	report_model_destroy(&model);
}

static void trees_keep_their_shape(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	json_t *root = parse_report(&model.report);
	json_t *holder = json_array_get(json_object_get(root, "holders"), 0);
	assert_string_equal(string(holder, "name"), "cache.sessions");
	assert_string_equal(string(holder, "kind"), "global");
	static const char *const labels[] = {".byID", "{value}"};
	for (size_t i = 0; i < 2; i++) {
		json_t *children = json_object_get(holder, "children");
		assert_int_equal(json_array_size(children), 1);
		holder = json_array_get(children, 0);
		assert_string_equal(string(holder, "label"), labels[i]);
	}
	assert_int_equal(number(holder, "count"), 3100000);
	assert_int_equal(json_array_size(json_object_get(holder, "children")), 2);
	json_decref(root);
	report_model_destroy(&model);
}

/* The reader gets what the target has, but for bytes that are not UTF-8. */
static void hostile_names_survive(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	json_t *root = parse_report(&model.report);
	json_t *holder = json_array_get(json_object_get(root, "holders"), 1);
	assert_string_equal(string(holder, "name"), "evil\x1b]0;owned\x07\xe2\x80\xaetxt.\xef\xbf\xbd\"\\\n缓存");
	json_decref(root);
	report_model_destroy(&model);
}

static void what_is_printed_is_harmless(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	char *out = render(hb_render_json, &model.report, &(struct hb_render_options){0});
	const char *end = out + strlen(out);
	for (const char *p = out; p < end;) {
		int32_t code = hb_utf8_next(&p, end);
		if (code != '\n' && (code < 0x20 || (code >= 0x7f && code < 0xa0)))
			fail_msg("U+%04x is in the output", (unsigned)code);
	}
	assert_int_equal(end[-1], '\n');
	free(out);
	report_model_destroy(&model);
}

/* Numbers beyond what a double holds are whole all the same. */
static void large_numbers_are_exact(void **state)
{
	(void)state;
	char *out = NULL;
	size_t len;
	FILE *stream = open_memstream(&out, &len);
	struct hb_json json = {.out = stream};
	hb_json_open(&json, NULL, '{');
	hb_json_u64(&json, "largest", UINT64_MAX);
	hb_json_address(&json, "address", 0xc000012345);
	hb_json_number(&json, "broken", 0.0 / 0.0);
	hb_json_open(&json, "empty", '[');
	hb_json_close(&json, ']');
	hb_json_close(&json, '}');
	fclose(stream);
	assert_non_null(strstr(out, "\"largest\": 18446744073709551615"));
	assert_non_null(strstr(out, "\"address\": \"0xc000012345\""));
	assert_non_null(strstr(out, "\"broken\": null"));
	assert_non_null(strstr(out, "\"empty\": []"));
	free(out);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Any bytes make a string that another library reads; what was valid comes back unchanged. */
static void random_strings_parse(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252u;
	for (int round = 0; round < 20000; round++) {
		char bytes[32], *out = NULL;
		size_t n = random_next(&seed) % sizeof(bytes), len;
		for (size_t i = 0; i < n; i++) {
			uint64_t random = random_next(&seed);
			bytes[i] = (char)(random % 3 ? (random >> 8) % 127 + 1 : (random >> 8) % 255 + 1);
		}
		bytes[n ? n - 1 : 0] = 0;
		FILE *stream = open_memstream(&out, &len);
		struct hb_json json = {.out = stream};
		hb_json_open(&json, NULL, '[');
		hb_json_string(&json, NULL, bytes);
		hb_json_close(&json, ']');
		fclose(stream);
		json_error_t error;
		json_t *root = json_loads(out, 0, &error);
		if (!root)
			fail_msg("%s: %s", error.text, out);
		bool valid = true;
		for (const char *p = bytes, *end = bytes + strlen(bytes); p < end;)
			valid &= hb_utf8_next(&p, end) >= 0;
		if (valid)
			assert_string_equal(json_string_value(json_array_get(root, 0)), bytes);
		json_decref(root);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_report_reads_back),   cmocka_unit_test(trees_keep_their_shape),
	        cmocka_unit_test(hostile_names_survive),   cmocka_unit_test(what_is_printed_is_harmless),
	        cmocka_unit_test(large_numbers_are_exact), cmocka_unit_test(random_strings_parse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
