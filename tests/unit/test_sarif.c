/* SARIF, read back by another library. The schema and another reader of SARIF are asked in tests/e2e/formats.py. */
#include "leak/rules.h"
#include "report_model.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct hb_render_options in_source = {.source_root = "/src/acme"};

static json_t *parse_report(const struct hb_report *report)
{
	json_error_t error;
	char *out = render(hb_render_sarif, report, &in_source);
	json_t *root = json_loads(out, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s in line %d of\n%s", error.text, error.line, out);
	free(out);
	return root;
}

/* What is at a path such as "runs/0/results"; never NULL. */
static json_t *at(json_t *value, const char *path)
{
	char copy[256], *rest = copy;
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *step; value && (step = strsep(&rest, "/"));)
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(step)) : json_object_get(value, step);
	if (!value)
		fail_msg("there is no %s", path);
	return value;
}

static const char *string(json_t *value, const char *path)
{
	value = at(value, path);
	if (!json_is_string(value))
		fail_msg("%s is no string", path);
	return json_string_value(value);
}

static void a_finding_is_a_result(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	model.analysis.findings.list.data[0].verdict = HB_ESTIMATE;
	json_t *root = parse_report(&model.report), *results = at(root, "runs/0/results");
	assert_int_equal(json_array_size(results), 2);
	assert_string_equal(string(results, "0/level"), "note");
	json_t *result = at(results, "1");
	assert_string_equal(string(result, "ruleId"), "H301");
	assert_string_equal(string(result, "level"), "warning");
	json_t *rule = json_array_get(at(root, "runs/0/tool/driver/rules"),
	                              (size_t)json_integer_value(at(result, "ruleIndex")));
	assert_string_equal(string(rule, "id"), "H301");
	assert_non_null(strstr(string(rule, "help/text"), "heldby explain H301"));
	assert_string_equal(string(result, "locations/0/physicalLocation/artifactLocation/uri"), "main.go");
	assert_string_equal(string(result, "locations/0/physicalLocation/artifactLocation/uriBaseId"), "%SRCROOT%");
	assert_int_equal(json_integer_value(at(result, "locations/0/physicalLocation/region/startLine")), 7);
	assert_string_equal(string(result, "locations/0/logicalLocations/0/fullyQualifiedName"), "main.main");
	assert_string_equal(string(result, "relatedLocations/0/logicalLocations/0/name"),
	                    "global cache.headers []byte");
	assert_string_equal(string(result, "relatedLocations/3/physicalLocation/artifactLocation/uri"),
	                    "cache/store.go");
	json_t *fingerprint = json_object_get(at(result, "partialFingerprints"), "heldby/v1");
	assert_string_equal(json_string_value(fingerprint), model.analysis.findings.list.data[1].fingerprint);
	assert_int_equal(json_integer_value(at(result, "properties/bytes")), 564000000);
	assert_int_equal(json_integer_value(at(result, "properties/count")), 9031);
	assert_string_equal(string(result, "properties/verdict"), "likely");
	json_decref(root);
	report_model_destroy(&model);
}

static void a_healthy_program_has_no_result(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, false);
	json_t *root = parse_report(&model.report);
	assert_int_equal(json_array_size(at(root, "runs/0/results")), 0);
	assert_int_equal(json_array_size(at(root, "runs/0/tool/driver/rules")), hb_nrules);
	assert_true(json_is_true(at(root, "runs/0/invocations/0/executionSuccessful")));
	assert_non_null(
	        strstr(string(root, "runs/0/invocations/0/toolExecutionNotifications/0/message/text"), "a note"));
	hb_notes_add_partial(&model.snapshot.notes, "a page could not be read");
	json_decref(root);
	root = parse_report(&model.report);
	assert_true(json_is_false(at(root, "runs/0/invocations/0/executionSuccessful")));
	json_decref(root);
	report_model_destroy(&model);
}

/* As a reader does it: {{ is {, and what is left are placeholders. */
static void assert_says(const char *message, const char *text)
{
	char escaped[8192], said[8192];
	size_t used = 0;
	hb_escape_terminal(text, escaped, sizeof(escaped));
	for (const char *p = message; *p; p++) {
		if (*p == '{' || *p == '}')
			assert_int_equal(p[0], p[1]);
		p += *p == '{' || *p == '}';
		said[used++] = *p;
		assert_true(used < sizeof(said));
	}
	said[used] = 0;
	assert_null(strstr(said, "]("));
	/* The one thing that is changed. */
	for (char *link; (link = strstr(escaped, "]("));) {
		memmove(link + 2, link + 1, strlen(link + 1) + 1);
		link[1] = ' ';
	}
	if (!strstr(said, escaped))
		fail_msg("'%s' is not in '%s'", escaped, said);
}

static void hostile_names_are_only_names(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	report_model_inject(&model);
	json_t *root = parse_report(&model.report), *result = at(root, "runs/0/results/2");
	assert_null(json_object_get(result, "ruleIndex")); /* a rule that nobody described */
	assert_says(string(result, "message/text"), injecting_name);
	assert_says(string(root, "runs/0/invocations/0/toolExecutionNotifications/1/message/text"), injecting_name);
	assert_string_equal(string(result, "locations/0/physicalLocation/artifactLocation/uri"),
	                    "a%20b%2541%3Cc%3E%26%60%7C%2C%3A%FF%22%27%1B.go");
	json_t *allocated = at(result, "relatedLocations/3");
	assert_string_equal(string(allocated, "physicalLocation/artifactLocation/uri"),
	                    "file:///evil.example/x%3Ay.go%3A99999999999");
	json_decref(root);
	report_model_destroy(&model);
}

static void suppressed_findings_say_so(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	report_model_suppress(&model);
	json_t *root = parse_report(&model.report), *results = at(root, "runs/0/results");
	assert_int_equal(json_array_size(results), 2);
	assert_int_equal(json_array_size(at(results, "0/suppressions")), 0);
	assert_string_equal(string(results, "1/suppressions/0/kind"), "external");
	assert_non_null(strstr(string(results, "1/suppressions/0/justification"), "<script>"));
	json_decref(root);
	report_model_destroy(&model);
}

static void every_detector_is_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < hb_ndetectors; i++)
		if (!hb_rule_find(hb_detectors[i]->rule))
			fail_msg("leak/rules.c does not describe %s", hb_detectors[i]->rule);
	for (size_t i = 0; i < hb_nrules; i++)
		assert_ptr_equal(hb_rule_find(hb_rules[i].id), &hb_rules[i]);
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	struct report_model model;
	report_model_create(&model, true);
	FILE *full = fopen("/dev/full", "w");
	assert_non_null(full);
	struct hb_error *err = hb_render_sarif(&model.report, &in_source, full);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_IO);
	hb_error_destroy(err);
	fclose(full);
	report_model_destroy(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_finding_is_a_result),        cmocka_unit_test(a_healthy_program_has_no_result),
	        cmocka_unit_test(hostile_names_are_only_names), cmocka_unit_test(suppressed_findings_say_so),
	        cmocka_unit_test(every_detector_is_described),  cmocka_unit_test(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
