/* H201: goroutines that can never run again. docs/detectors/H201.md, docs/proof.md.
 *
 * proven, by src/proof: what each of them waits for (a channel, a lock, a wait group, a condition variable) can be reached
 * by none but such as it. No continuation of the program wakes it, so its stack and what only it refers to stay for ever. Where
 * memory is missing, or the runtime is newer than any that heldby knows, something unseen might: then it is likely.
 *
 * A main goroutine that only keeps the program alive does so on purpose, and is not told of; what it refers to is no more
 * reachable for it.
 */
#include "leak/blocked.h"
#include "base/progress.h"
#include "leak/detectors.h"
#include "leak/wording.h"
#include "report/whereabouts.h"

#include <string.h>

/* --- Groups ------------------------------------------------------------------------------------------------------- */

static int compare_group(const struct hb_blocked_goroutine *a, const struct hb_blocked_goroutine *b)
{
	if (a->goroutine->gopc != b->goroutine->gopc)
		return a->goroutine->gopc < b->goroutine->gopc ? -1 : 1;
	if (a->place != b->place)
		return (uintptr_t)a->place < (uintptr_t)b->place ? -1 : 1;
	return strcmp(a->goroutine->wait_reason, b->goroutine->wait_reason);
}

static int compare_nodes(const void *a, const void *b, void *ctx)
{
	const struct hb_blocked_goroutine *list = ctx;
	const struct hb_blocked_goroutine *x = &list[*(const uint32_t *)a], *y = &list[*(const uint32_t *)b];
	int order = compare_group(x, y);
	if (order)
		return order;
	return x->goroutine->id < y->goroutine->id ? -1 : x->goroutine->id > y->goroutine->id;
}

static struct hb_error *find_places(struct hb_blocked *blocked)
{
	const struct hb_dark *dark = &blocked->dark;
	struct hb_whereabouts places = {.go = blocked->analysis->go, .arena = &blocked->arena};
	blocked->list = calloc((size_t)dark->ngoroutines + 1, sizeof(*blocked->list));
	if (!blocked->list)
		return hb_error_nomem();
	for (uint32_t i = 0; i < dark->ngoroutines; i++) {
		struct hb_blocked_goroutine *at = &blocked->list[i];
		at->goroutine = &blocked->analysis->goroutines.list[dark->goroutine[i]];
		const char *place = hb_whereabouts_blocked_at(&places, at->goroutine);
		at->place = place ? place : "";
	}
	bool out_of_memory = places.out_of_memory;
	hb_whereabouts_deinit(&places);
	return out_of_memory ? hb_error_nomem() : NULL;
}

/* Programs keep their main goroutine with `select {}`, with `<-make(chan bool)` (esbuild), with a WaitGroup that is never done.
 * It is told of where somebody else should have woken it. */
static bool is_on_purpose(const struct hb_blocked *blocked, uint32_t node)
{
	uint8_t reason = blocked->reasons.reason[node];
	return blocked->list[node].goroutine->id == 1 && (reason == HB_REASON_NEVER || reason == HB_REASON_ALONE);
}

/* --- Findings ----------------------------------------------------------------------------------------------------- */

struct grouping {
	uint32_t *nodes; /* of goroutines, by group then id */
	uint32_t *group; /* by node */
	uint64_t *bytes; /* by group */
	uint32_t ngroups;
};

static struct hb_error *group(const struct hb_blocked *blocked, struct grouping *ret)
{
	uint32_t n = blocked->dark.ngoroutines;
	ret->nodes = calloc((size_t)n + 1, sizeof(*ret->nodes));
	ret->group = calloc((size_t)n + 1, sizeof(*ret->group));
	ret->bytes = calloc((size_t)n + 1, sizeof(*ret->bytes));
	if (!ret->nodes || !ret->group || !ret->bytes)
		return hb_error_nomem();
	for (uint32_t i = 0; i < n; i++)
		ret->nodes[i] = i;
	if (n)
		qsort_r(ret->nodes, n, sizeof(*ret->nodes), compare_nodes, blocked->list);
	for (uint32_t i = 0; i < n; i++) {
		if (!i || compare_group(&blocked->list[ret->nodes[i - 1]], &blocked->list[ret->nodes[i]]) != 0)
			ret->ngroups++;
		ret->group[ret->nodes[i]] = ret->ngroups - 1;
	}
	return hb_dark_shares(&blocked->dark, ret->group, ret->ngroups, ret->bytes);
}

static struct hb_error *report(struct hb_blocked *blocked, const struct grouping *grouping,
                               struct hb_findings *findings)
{
	for (size_t i = 0, next; i < blocked->dark.ngoroutines; i = next) {
		uint32_t group = grouping->group[grouping->nodes[i]];
		for (next = i + 1; next < blocked->dark.ngoroutines; next++)
			if (grouping->group[grouping->nodes[next]] != group)
				break;
		struct hb_finding finding = {0};
		if (is_on_purpose(blocked, grouping->nodes[i]))
			continue;
		TRY(hb_findings_add(
		        findings, &finding,
		        hb_blocked_describe(blocked, &grouping->nodes[i], next - i, grouping->bytes[group], &finding)));
	}
	return NULL;
}

static struct hb_error *find(struct hb_blocked *blocked, struct hb_findings *findings)
{
	const struct hb_analysis *analysis = blocked->analysis;
	struct grouping grouping = {0};
	TRY(hb_proof_run(analysis->go, analysis->heap, &analysis->goroutines, &analysis->roots, &blocked->proof));
	if (!blocked->proof.nproven)
		return NULL;
	TRY(hb_dark_build(analysis->heap, &analysis->goroutines, &analysis->roots, &blocked->proof, &blocked->dark));
	TRY(hb_reasons_find(&blocked->dark, &blocked->reasons));
	TRY(find_places(blocked));
	struct hb_error *err = group(blocked, &grouping);
	if (!err)
		err = report(blocked, &grouping, findings);
	free(grouping.nodes);
	free(grouping.group);
	free(grouping.bytes);
	return err;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct hb_blocked blocked = {.analysis = analysis};
	uint64_t start = hb_now_ns();
	struct hb_error *err = find(&blocked, findings);
	hb_verbose("blocked goroutines: %zu of %zu candidates proven, %.0f ms", blocked.proof.nproven,
	           blocked.proof.waits.ncandidates, (double)(hb_now_ns() - start) / 1e6);
	free(blocked.list);
	hb_reasons_deinit(&blocked.reasons);
	hb_dark_deinit(&blocked.dark);
	hb_proof_deinit(&blocked.proof, analysis->heap);
	hb_arena_deinit(&blocked.arena);
	return err;
}

const struct hb_detector hb_detector_blocked = {
        .rule = "H201",
        .name = "goroutines that can never run again",
        .run = run,
};
