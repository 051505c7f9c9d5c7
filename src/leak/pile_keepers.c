/* Who still leads to the channels that goroutines of a pile wait for: as long as somebody does, nothing is proven, and whoever is to wake
 * them has to come from there. */
#include "leak/pile_keepers.h"
#include "growth/places.h"
#include "leak/trail.h"
#include "leak/wait_channels.h"
#include "leak/wording.h"
#include "report/witnesses.h"

#include <string.h>

enum { SAMPLES = 32, MAX_KEEPERS = SAMPLES * HB_MAX_WITNESSES };

struct keeper {
	uint32_t node;
	size_t n; /* channels that it leads to */
};

static size_t collect_channels(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                               struct hb_witnesses list[static SAMPLES])
{
	size_t found = 0, step = n / SAMPLES + 1;
	for (size_t i = 0; i < n && found < SAMPLES; i += step) {
		uint64_t channels[HB_WAIT_CASES];
		const struct hb_goroutine *goroutine = &analysis->goroutines.list[waits[i].goroutine];
		size_t count = hb_wait_channels(analysis, goroutine, channels);
		uint32_t slot = count ? hb_heap_slot(analysis->heap, channels[0]) : 0;
		bool known = !slot || !analysis->graph->number[slot];
		for (size_t k = 0; k < found; k++)
			known |= list[k].slot == slot;
		if (!known)
			list[found++] = (struct hb_witnesses){.slot = slot};
	}
	return found;
}

/* Goroutines that wait lead to what they wait for, and the runtime to everybody's. */
static bool may_wake(const struct hb_analysis *analysis, uint32_t node, const char *own)
{
	const struct hb_root_node *root = &analysis->roots.nodes.data[node];
	return root->kind != HB_ROOT_RUNTIME && strcmp(root->name, own) != 0;
}

static const struct keeper *commonest(const struct hb_analysis *analysis, const struct hb_witnesses *list, size_t n,
                                      const char *own, struct keeper keepers[static MAX_KEEPERS])
{
	size_t nkeepers = 0;
	const struct keeper *best = NULL;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < list[i].n; k++) {
			size_t at = 0;
			if (!may_wake(analysis, list[i].nodes[k], own))
				continue;
			while (at < nkeepers && keepers[at].node != list[i].nodes[k])
				at++;
			if (at == nkeepers)
				keepers[nkeepers++] = (struct keeper){.node = list[i].nodes[k]};
			keepers[at].n++;
			if (!best || keepers[at].n > best->n)
				best = &keepers[at];
		}
	return best;
}

/* A container below the same root that only grows. */
static const struct hb_population *growing_below(const struct hb_analysis *analysis, uint32_t node)
{
	const struct hb_growth *growth = analysis->growth;
	for (size_t i = 0; growth && i < growth->populations.len; i++) {
		const struct hb_population *population = &growth->populations.data[i];
		if (population->judgement.verdict == HB_GROWTH_LIKELY && !population->merged &&
		    hb_population_root(growth, population) == node)
			return population;
	}
	return NULL;
}

struct hb_error *hb_say_who_keeps_channels(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                           struct hb_finding *finding)
{
	struct hb_witnesses list[SAMPLES];
	struct keeper keepers[MAX_KEEPERS];
	char holder[512];
	uint32_t node = hb_parked_node(analysis, &waits[0]);
	const char *own = node == HB_ROOT_NONE ? "" : analysis->roots.nodes.data[node].name;
	size_t found = collect_channels(analysis, waits, n, list);
	TRY(hb_find_witnesses(analysis, list, found));
	const struct keeper *best = commonest(analysis, list, found, own, keepers);
	if (!best || best->n * 2 < found)
		return NULL;
	hb_trail_holder(analysis, best->node, holder, sizeof(holder));
	const struct hb_population *population = growing_below(analysis, best->node);
	return hb_finding_because(
	        finding,
	        population ? hb_say("%s still leads to what they wait for, by a %s that only grows as well: who is to "
	                            "wake them has to take it from there",
	                            holder, hb_population_kind_name(population->kind))
	                   : hb_say("%s still leads to what they wait for: who is to wake them has to take it "
	                            "from there",
	                            holder));
}
