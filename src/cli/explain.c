/* heldby explain: what a rule means, or one finding of a target and what its rule means. */
#include "explain/explain.h"
#include "cli/limits.h"
#include "cli/options.h"
#include "cli/render.h"
#include "report/page.h"
#include "report/report.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- Which rule ---------------------------------------------------------------------------------------------------- */

/* "H302", "h9", "302": the rule with the nearest number. */
static const struct hb_explanation *nearest_number(const char *name)
{
	char *end;
	long number = strtol(name + (toupper((unsigned char)*name) == 'H'), &end, 10), least = 1000;
	const struct hb_explanation *nearest = NULL;
	if (*end || end == name || !isdigit((unsigned char)end[-1]))
		return NULL;
	for (size_t i = 0; i < hb_nexplanations; i++) {
		long gap = labs(strtol(hb_explanations[i].rule + 1, NULL, 10) - number);
		if (gap < least) {
			least = gap;
			nearest = &hb_explanations[i];
		}
	}
	return nearest;
}

static const struct hb_explanation *by_word(const char *word)
{
	for (size_t i = 0; i < hb_nexplanations && strlen(word) >= 3; i++)
		if (strcasestr(hb_explanations[i].title, word))
			return &hb_explanations[i];
	return NULL;
}

static struct hb_error *unknown_rule(const char *name)
{
	const struct hb_explanation *near = nearest_number(name);
	if (!near)
		near = by_word(name);
	if (near)
		return hb_error_create(HB_ERR_USAGE, "there is no rule '%s': did you mean %s, %s?", name, near->rule,
		                       near->title);
	return hb_error_create(HB_ERR_USAGE, "there is no rule '%s': heldby explain lists them", name);
}

static bool is_fingerprint(const char *name)
{
	return strlen(name) == 16 && strspn(name, "0123456789abcdefABCDEF") == 16;
}

/* --- One finding --------------------------------------------------------------------------------------------------- */

static struct hb_error *print_finding(const struct hb_command_line *line, struct hb_page_writer *page,
                                      const struct hb_analysis *analysis, const struct hb_finding *finding)
{
	struct hb_report *report;
	const struct hb_render_options options = {
	        .color = page->color,
	        .verbose = line->verbosity == HB_VERBOSE,
	        .width = page->cut ? page->width : 0,
	};
	TRY(hb_report_build(analysis, &report));
	struct hb_error *err = hb_render_finding(report, finding, &options, page->out);
	hb_report_destroy(report);
	return err;
}

static struct hb_error *explain_finding(const struct hb_command_line *line, struct hb_page_writer *page)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	const struct hb_options options = {
	        .size = sizeof(options),
	        .max_pause_ns = line->max_pause_ns ? line->max_pause_ns : HB_DEFAULT_MAX_PAUSE_NS,
	        .debug_file = line->debug_file,
	};
	TRY(hb_target_open(line->target, &target));
	TRY(hb_analyse(target, &options, &analysis));
	for (size_t i = 0; i < analysis->findings.list.len; i++) {
		const struct hb_finding *finding = &analysis->findings.list.data[i];
		const struct hb_explanation *rule = hb_explanation_find(finding->rule);
		if (strcasecmp(finding->fingerprint, line->topic) != 0)
			continue;
		TRY(print_finding(line, page, analysis, finding));
		if (rule) {
			hb_page_newline(page);
			hb_explanation_print(rule, page);
		}
		return NULL;
	}
	return hb_error_create(HB_ERR_USAGE,
	                       "no finding of '%s' has the fingerprint %s: heldby report %s shows what there is",
	                       line->target, line->topic, line->target);
}

/* --- The command --------------------------------------------------------------------------------------------------- */

static void list_rules(struct hb_page_writer *page)
{
	for (size_t i = 0; i < hb_nexplanations; i++) {
		hb_page_put(page, HB_BOLD, hb_explanations[i].rule);
		hb_page_to(page, 0);
		hb_page_put(page, HB_PLAIN, hb_explanations[i].title);
		hb_page_newline(page);
	}
}

static struct hb_error *explain(const struct hb_command_line *line, struct hb_page_writer *page, int *status)
{
	const struct hb_explanation *rule = line->topic ? hb_explanation_find(line->topic) : NULL;
	if (!line->topic)
		list_rules(page);
	else if (rule && line->target)
		return hb_error_create(HB_ERR_USAGE,
		                       "%s is the same for every target: heldby explain %s, or give the "
		                       "fingerprint of a finding of '%s'",
		                       rule->rule, rule->rule, line->target);
	else if (rule)
		hb_explanation_print(rule, page);
	else if (!is_fingerprint(line->topic))
		return unknown_rule(line->topic);
	else if (line->target)
		return explain_finding(line, page);
	else
		return hb_error_create(
		        HB_ERR_USAGE,
		        "a fingerprint alone does not say what was found: name the target, too (heldby explain "
		        "%s TARGET), or the rule that stands beside the fingerprint in the report",
		        line->topic);
	return NULL;
}

struct hb_error *hb_command_explain(const struct hb_command_line *line, int *status)
{
	*status = 0;
	return hb_command_print_page(line, explain, status);
}
