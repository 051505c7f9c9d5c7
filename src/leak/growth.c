#include "leak/growth.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <stdio.h>
#include <string.h>

enum { MAX_OWNED = 65536 };

/* --- Who allocated what is in it ---------------------------------------------------------------------------------- */

struct owned {
	uint32_t slot;
	uint64_t bytes;
};

static int compare_owned(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Objects that only the population keeps alive: below its object in the dominator tree, as many as are enough to tell. */
static struct hb_error *add_sites(const struct hb_analysis *analysis, uint32_t slot, struct hb_finding *finding)
{
	const struct hb_dominator_tree *tree = analysis->tree;
	HB_VEC(uint32_t) todo = {0};
	HB_VEC(struct owned) owned = {0};
	struct hb_error *err = hb_vec_push(&todo, analysis->graph->number[slot]) ? NULL : hb_error_nomem();
	for (size_t at = 0; !err && at < todo.len && owned.len < MAX_OWNED; at++) {
		uint32_t number = todo.data[at];
		bool kept = hb_vec_push(&owned, (struct owned){analysis->graph->slot_of[number], 0});
		for (uint32_t i = tree->leaf_start[number]; kept && i < tree->leaf_start[number + 1]; i++)
			kept = hb_vec_push(&owned, (struct owned){tree->leaves[i], 0});
		for (uint32_t child = tree->first_child[number]; kept && child; child = tree->next_sibling[child])
			kept = hb_vec_push(&todo, child);
		err = kept ? NULL : hb_error_nomem();
	}
	hb_vec_deinit(&todo);
	size_t n = owned.len;
	hb_autofree uint32_t *slots = calloc(n + 1, sizeof(*slots));
	hb_autofree uint64_t *bytes = calloc(n + 1, sizeof(*bytes));
	if (!err && (!slots || !bytes))
		err = hb_error_nomem();
	if (!err && n) {
		qsort(owned.data, n, sizeof(*owned.data), compare_owned);
		for (size_t i = 0; i < n; i++) {
			slots[i] = owned.data[i].slot;
			bytes[i] = analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, slots[i])].elem_size;
		}
		err = hb_finding_sites(analysis, slots, bytes, n, finding);
	}
	hb_vec_deinit(&owned);
	return err;
}

/* --- Sentences ---------------------------------------------------------------------------------------------------- */

static void format_rate(double rate, char *buf, size_t size)
{
	if (rate >= 10)
		snprintf(buf, size, "%.0f/s", rate);
	else if (rate >= 1)
		snprintf(buf, size, "%.1f/s", rate);
	else
		snprintf(buf, size, "%.1f/min", rate * 60);
}

static struct hb_error *say_growth(const struct hb_judgement *judgement, const char *what, struct hb_finding *finding)
{
	char grew[32], rate[32], window[32], first[32], last[32];
	bool steady = judgement->failed != HB_TEST_STEADY;
	hb_format_count(judgement->last - judgement->first, grew, sizeof(grew));
	hb_format_count(judgement->first, first, sizeof(first));
	hb_format_count(judgement->last, last, sizeof(last));
	hb_format_duration((judgement->window_ns + 500000000) / 1000000000, window, sizeof(window));
	format_rate(judgement->rate, rate, sizeof(rate));
	return hb_finding_because(finding, hb_say("grew by %s in %s at %s%s, from %s to %s %s", grew, window,
	                                          steady ? "a steady " : "", rate, first, last, what));
}

static struct hb_error *say_settled(const struct hb_judgement *judgement, const char *what, struct hb_finding *finding)
{
	char settled[32], gone[32];
	hb_format_count(judgement->settled, settled, sizeof(settled));
	hb_format_count(judgement->settled - judgement->kept, gone, sizeof(gone));
	if (judgement->kept == judgement->settled)
		return hb_finding_because(finding, hb_say("all %s sampled %s that were there at the first two looks "
		                                          "are still there at the last",
		                                          settled, what));
	return hb_finding_because(finding,
	                          hb_say("of %s sampled %s that were there at the first two looks, %s are gone "
	                                 "at the last",
	                                 settled, what, gone));
}

static struct hb_error *say_age(const struct hb_judgement *judgement, struct hb_finding *finding)
{
	char age[32];
	hb_format_duration(judgement->uptime_ns / 1000000000, age, sizeof(age));
	if (judgement->age > 1.5 || judgement->age < 0.5)
		return NULL;
	return hb_finding_because(
	        finding, hb_say("at this rate it has never been emptied since the process started %s ago", age));
}

/* What keeps it from being likely. */
static struct hb_error *say_doubt(const struct hb_judgement *judgement, struct hb_finding *finding)
{
	switch (judgement->failed) {
	case HB_TEST_STEADY:
		return hb_finding_because(
		        finding, hb_say("but it slows down: in the second half of the window it grew at %.0f %% of the "
		                        "rate of the first half; a cache that fills looks like that",
		                        judgement->late_rate * 100 / judgement->early_rate));
	case HB_TEST_NEVER_EMPTIED:
		if (judgement->age > 1)
			return hb_finding_because(
			        finding, hb_say("but at this rate it would need %.1f times as long as the process has "
			                        "run: most of it came faster, or at the start",
			                        judgement->age));
		return hb_finding_because(
		        finding,
		        hb_say("but it holds what came in %.0f %% of the time that the process has run: it has "
		               "been emptied, or began to grow later",
		               judgement->age * 100));
	case HB_TEST_OLD_ENOUGH:
		return hb_finding_because(finding,
		                          hb_say("but the process is young: what is still being filled for the "
		                                 "first time looks the same"));
	default:
		return NULL;
	}
}

/* "global main.sessions *main.Store" → "main.sessions" */
static char *name_of(const struct hb_analysis *analysis, const struct hb_population *population, uint32_t root)
{
	if (root != HB_ROOT_NONE && analysis->roots.nodes.data[root].kind == HB_ROOT_GLOBAL &&
	    analysis->roots.nodes.data[root].name_is_certain)
		return hb_say("%s", analysis->roots.nodes.data[root].name);
	char *name = hb_say("a %s", analysis->types->list[population->type].name);
	if (name)
		hb_say_byte(name);
	return name;
}

/* --- Findings ----------------------------------------------------------------------------------------------------- */

static struct hb_error *describe(const struct hb_analysis *analysis, const struct hb_population *population,
                                 const struct hb_growth_wording *wording, struct hb_finding *finding)
{
	const struct hb_judgement *judgement = &population->judgement;
	uint32_t root = hb_trail_root(analysis, population->slot);
	bool likely = judgement->verdict == HB_GROWTH_LIKELY;
	finding->rule = wording->rule;
	finding->verdict = likely ? HB_LIKELY : HB_ESTIMATE;
	finding->count = judgement->last;
	finding->bytes = analysis->graph->retained[analysis->graph->number[population->slot]];
	hb_autofree char *name = name_of(analysis, population, root);
	if (!name)
		return hb_error_nomem();
	TRY(hb_finding_title(finding, likely ? hb_say("%s only grows", name) : hb_say("does %s only grow?", name)));
	TRY(hb_finding_holder(analysis, root, finding));
	TRY(hb_trail_object(analysis, population->slot, finding));
	TRY(add_sites(analysis, population->slot, finding));
	TRY(say_growth(judgement, wording->what, finding));
	TRY(say_settled(judgement, wording->what, finding));
	TRY(say_age(judgement, finding));
	TRY(say_doubt(judgement, finding));
	if (wording->describe)
		TRY(wording->describe(analysis, population, finding));
	return hb_finding_help(finding, wording->help);
}

/* What the runtime keeps for itself is nobody's leak. */
static bool is_of_runtime(const struct hb_analysis *analysis, const struct hb_population *population)
{
	uint32_t root = hb_trail_root(analysis, population->slot);
	return root == HB_ROOT_NONE || analysis->roots.nodes.data[root].kind == HB_ROOT_RUNTIME;
}

struct hb_error *hb_growth_report(const struct hb_analysis *analysis, enum hb_population_kind kind,
                                  const struct hb_growth_wording *wording, struct hb_findings *findings)
{
	const struct hb_growth *growth = analysis->growth;
	for (size_t i = 0; growth && i < growth->populations.len; i++) {
		const struct hb_population *population = &growth->populations.data[i];
		struct hb_finding finding = {0};
		if (population->kind == kind && population->judgement.verdict != HB_GROWTH_NONE &&
		    !is_of_runtime(analysis, population))
			TRY(hb_findings_add(findings, &finding, describe(analysis, population, wording, &finding)));
	}
	return NULL;
}
