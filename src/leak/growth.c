#include "leak/growth.h"
#include "growth/places.h"
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
static struct hb_error *add_sites(const struct hb_analysis *analysis, const struct hb_population *population,
                                  struct hb_finding *finding)
{
	uint32_t slot = hb_population_head(analysis->growth, population);
	if (!slot)
		return NULL;
	if (analysis->graph->slot_of[analysis->graph->number[slot]] != slot) /* a leaf */
		return hb_finding_sites(analysis, &slot, NULL, 1, finding);
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

/* --- Where it hangs ----------------------------------------------------------------------------------------------- */

static struct hb_error *add_path(const struct hb_analysis *analysis, const struct hb_population *population,
                                 struct hb_finding *finding)
{
	const char *type = analysis->types->list[population->type].name;
	char step[1024];
	if (population->kind == HB_POPULATION_MAP || population->kind == HB_POPULATION_CHANNEL)
		return hb_trail_object(analysis, population->slot, finding);
	if (population->slot) {
		const struct hb_span *span =
		        &analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, population->slot)];
		uint64_t offset = population->addr - hb_heap_slot_addr(span, population->slot);
		snprintf(step, sizeof(step), "%s%s", population->kind == HB_POPULATION_LINKED ? "*" : "", type);
		return hb_trail_path(analysis, population->slot, offset, step, finding);
	}
	hb_trail_global_step(analysis, population->node, population->addr, step, sizeof(step));
	return *step ? hb_finding_step(finding, hb_say("%s", step)) : NULL;
}

/* "global main.sessions *main.Store" → "main.sessions" */
static char *name_of(const struct hb_analysis *analysis, const struct hb_population *population, uint32_t root)
{
	if (root != HB_ROOT_NONE && analysis->roots.nodes.data[root].kind == HB_ROOT_GLOBAL &&
	    analysis->roots.nodes.data[root].name_is_certain)
		return hb_say("%s", analysis->roots.nodes.data[root].name);
	const struct hb_type *type = &analysis->types->list[population->type];
	bool of_elements = population->kind == HB_POPULATION_SLICE && type->kind != HB_KIND_SLICE;
	char *name = population->kind == HB_POPULATION_TRIE     ? hb_say("a sync.Map")
	             : population->kind == HB_POPULATION_LINKED ? hb_say("a structure of %s", type->name)
	                                                        : hb_say("a %s%s", of_elements ? "[]" : "", type->name);
	if (name)
		hb_say_byte(name);
	return name;
}

struct hb_error *hb_growth_place(const struct hb_analysis *analysis, const struct hb_population *population,
                                 struct hb_finding *finding)
{
	TRY(hb_finding_holder(analysis, hb_population_root(analysis->growth, population), finding));
	return add_path(analysis, population, finding);
}

/* --- Groups ------------------------------------------------------------------------------------------------------- */

/* Populations of one holder and path: the inner maps of one outer map. */
struct group {
	const struct hb_population *first;
	struct hb_judgement judgement; /* of all of them together */
	uint64_t grown[HB_TESTS + 1];  /* by how much, those that failed a test; the last one: no test */
	uint64_t bytes;
	size_t n;
	char *key;
};

struct groups {
	HB_VEC(struct group) list;
};

/* What the runtime keeps for itself is nobody's leak. */
static bool is_of_runtime(const struct hb_analysis *analysis, const struct hb_population *population)
{
	uint32_t root = hb_population_root(analysis->growth, population);
	return root == HB_ROOT_NONE || analysis->roots.nodes.data[root].kind == HB_ROOT_RUNTIME;
}

static struct hb_error *key_of(const struct hb_analysis *analysis, const struct hb_population *population, char **ret)
{
	struct hb_finding finding = {0};
	char *key = hb_say("%u", hb_population_root(analysis->growth, population));
	struct hb_error *err = key ? add_path(analysis, population, &finding) : hb_error_nomem();
	for (size_t i = 0; !err && i < finding.path.len; i++) {
		char *longer = hb_say("%s\n%s", key, finding.path.data[i]);
		free(key);
		key = longer;
		err = key ? NULL : hb_error_nomem();
	}
	hb_finding_deinit(&finding);
	if (err)
		free(key);
	else
		*ret = key;
	return err;
}

static void add_to(struct group *group, const struct hb_analysis *analysis, const struct hb_population *population)
{
	const struct hb_judgement *more = &population->judgement;
	struct hb_judgement *sum = &group->judgement;
	group->bytes += hb_population_bytes(analysis->growth, population);
	group->grown[more->failed] += more->last - more->first;
	if (!group->n++) {
		*sum = *more;
		return;
	}
	sum->first += more->first;
	sum->last += more->last;
	sum->rate += more->rate;
	sum->early_rate += more->early_rate;
	sum->late_rate += more->late_rate;
	sum->settled += more->settled;
	sum->kept += more->kept;
	sum->age = sum->uptime_ns ? (double)sum->last / sum->rate * 1e9 / (double)sum->uptime_ns : 0;
}

/* What is said is what holds for most of the growth: of many buffers that fill and are emptied, a few look as if they never were. */
static void settle(struct group *group)
{
	uint64_t all = 0;
	size_t most = HB_TESTS;
	for (size_t i = 0; i <= HB_TESTS; i++)
		all += group->grown[i];
	if (group->grown[HB_TESTS] * 2 < all)
		most = 0;
	for (size_t i = 0; most < HB_TESTS && i < HB_TESTS; i++)
		if (group->grown[i] > group->grown[most])
			most = i;
	group->judgement.failed = (enum hb_growth_test)most;
	group->judgement.verdict = most == HB_TESTS ? HB_GROWTH_LIKELY : HB_GROWTH_ESTIMATE;
}

static struct hb_error *add_population(const struct hb_analysis *analysis, const struct hb_population *population,
                                       struct groups *groups)
{
	char *key;
	TRY(key_of(analysis, population, &key));
	size_t at = 0;
	while (at < groups->list.len && strcmp(groups->list.data[at].key, key) != 0)
		at++;
	if (at < groups->list.len) {
		free(key);
	} else if (!hb_vec_push(&groups->list, (struct group){.first = population, .key = key})) {
		free(key);
		return hb_error_nomem();
	}
	add_to(&groups->list.data[at], analysis, population);
	return NULL;
}

/* --- Findings ----------------------------------------------------------------------------------------------------- */

static struct hb_error *describe(const struct hb_analysis *analysis, const struct group *group,
                                 const struct hb_growth_wording *wording, struct hb_finding *finding)
{
	const struct hb_judgement *judgement = &group->judgement;
	const struct hb_population *population = group->first;
	uint32_t root = hb_population_root(analysis->growth, population);
	bool likely = judgement->verdict == HB_GROWTH_LIKELY;
	finding->rule = wording->rule;
	finding->verdict = likely ? HB_LIKELY : HB_ESTIMATE;
	finding->count = judgement->last;
	finding->bytes = group->bytes;
	hb_autofree char *name = name_of(analysis, population, root);
	if (!name)
		return hb_error_nomem();
	TRY(hb_finding_title(finding, likely ? hb_say("%s only grows", name) : hb_say("does %s only grow?", name)));
	TRY(hb_finding_holder(analysis, root, finding));
	TRY(add_path(analysis, population, finding));
	TRY(add_sites(analysis, population, finding));
	if (group->n > 1)
		TRY(hb_finding_because(finding, hb_say("%zu of them grow, here taken together", group->n)));
	TRY(hb_growth_say_growth(judgement, wording->what, finding));
	TRY(hb_growth_say_settled(judgement, wording->what, finding));
	TRY(hb_growth_say_age(judgement, finding));
	TRY(hb_growth_say_doubt(judgement, finding));
	if (wording->describe)
		TRY(wording->describe(analysis, population, finding));
	return hb_finding_help(finding, wording->help);
}

static struct hb_error *report(const struct hb_analysis *analysis, enum hb_population_kind kind,
                               const struct hb_growth_wording *wording, struct groups *groups,
                               struct hb_findings *findings)
{
	const struct hb_growth *growth = analysis->growth;
	for (size_t i = 0; growth && i < growth->populations.len; i++) {
		const struct hb_population *population = &growth->populations.data[i];
		if (population->kind == kind && population->judgement.verdict != HB_GROWTH_NONE &&
		    !population->merged && (!wording->wants || wording->wants(growth, population)) &&
		    !is_of_runtime(analysis, population))
			TRY(add_population(analysis, population, groups));
	}
	for (size_t i = 0; i < groups->list.len; i++) {
		struct hb_finding finding = {0};
		settle(&groups->list.data[i]);
		TRY(hb_findings_add(findings, &finding, describe(analysis, &groups->list.data[i], wording, &finding)));
	}
	return NULL;
}

struct hb_error *hb_growth_report(const struct hb_analysis *analysis, enum hb_population_kind kind,
                                  const struct hb_growth_wording *wording, struct hb_findings *findings)
{
	struct groups groups = {0};
	struct hb_error *err = report(analysis, kind, wording, &groups, findings);
	for (size_t i = 0; i < groups.list.len; i++)
		free(groups.list.data[i].key);
	hb_vec_deinit(&groups.list);
	return err;
}
