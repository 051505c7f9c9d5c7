/* Whether a population that grew is one that only grows. docs/growth.md has the thresholds and where they are from. */
#include "base/progress.h"
#include "growth/growth.h"

#include <inttypes.h>
#include <stdio.h>

static const uint64_t LEAST_GROWTH = 8;
static const uint64_t LEAST_BYTES =
        1024; /* of numbers: what holds nothing else, and fills a buffer of that size at most, is none */
static const uint32_t LEAST_SETTLED = 8;
static const double LEAST_KEPT = 0.995;     /* of the settled ones */
static const double LEAST_LATE_RATE = 0.85; /* of the rate of the first half */
static const double LEAST_FILL =
        0.38; /* a map that grew by itself is never emptier: 3.25 of 8 (up to 1.23) or 7 of 16 */
static const double LEAST_AGE = 0.5, MOST_AGE = 1.5;             /* of the process's */
static const double LEAST_UPTIME = 0.5;                          /* of the window, at the first look … */
static const uint64_t ENOUGH_UPTIME_NS = UINT64_C(300000000000); /* … or this, in windows of hours */

/* For estimates: how far one test may be missed. */
static const uint64_t LEAST_ESTIMATED_GROWTH = 32;
static const double LEAST_ESTIMATED_RATE = 0.5, LEAST_ESTIMATED_AGE = 0.2;

struct seen { /* the three looks that count */
	const struct hb_look *at[3];
	const struct hb_counted *counted[3];
	uint64_t least_growth;
};

/* How many ids are in all lists; c may be NULL. They rise. */
static uint64_t in_common(const struct hb_counted *a, const struct hb_counted *b, const struct hb_counted *c)
{
	uint64_t n = 0;
	for (uint32_t i = 0, j = 0, k = 0; i < a->nids && j < b->nids;) {
		if (a->ids[i] != b->ids[j]) {
			if (a->ids[i] < b->ids[j])
				i++;
			else
				j++;
			continue;
		}
		while (c && k < c->nids && c->ids[k] < a->ids[i])
			k++;
		n += !c || (k < c->nids && c->ids[k] == a->ids[i]);
		i++;
		j++;
	}
	return n;
}

static bool has_sample(const struct hb_counted *counted)
{
	return counted->known && counted->sampled && counted->ids && !counted->renewed;
}

static bool is_settled(const struct seen *seen, struct hb_judgement *judgement)
{
	for (unsigned i = 0; i < 3; i++)
		if (!has_sample(seen->counted[i]))
			return false;
	judgement->settled = in_common(seen->counted[0], seen->counted[1], NULL);
	judgement->kept = in_common(seen->counted[0], seen->counted[1], seen->counted[2]);
	/* Where most come and go, those that stay must have become more. */
	return judgement->settled >= LEAST_SETTLED &&
	       (double)judgement->kept >= LEAST_KEPT * (double)judgement->settled &&
	       in_common(seen->counted[1], seen->counted[2], NULL) > judgement->settled;
}

static bool is_presized(const struct seen *seen)
{
	const struct hb_counted *first = seen->counted[0], *last = seen->counted[2];
	return last->capacity && last->capacity == first->capacity &&
	       (double)last->count < LEAST_FILL * (double)last->capacity;
}

static double rate(uint64_t from, uint64_t to, uint64_t ns)
{
	return ns ? ((double)to - (double)from) * 1e9 / (double)ns : 0;
}

static void measure(const struct seen *seen, struct hb_judgement *judgement)
{
	uint64_t early = seen->counted[1]->at_ns - seen->counted[0]->at_ns;
	uint64_t late = seen->counted[2]->at_ns - seen->counted[1]->at_ns;
	uint64_t counts[3];
	for (unsigned i = 0; i < 3; i++)
		counts[i] = seen->counted[i]->count;
	*judgement = (struct hb_judgement){
	        .failed = HB_TESTS,
	        .first = counts[0],
	        .last = counts[2],
	        .window_ns = early + late,
	        .rate = rate(counts[0], counts[2], early + late),
	        .early_rate = rate(counts[0], counts[1], early),
	        .late_rate = rate(counts[1], counts[2], late),
	        .uptime_ns = seen->at[2]->uptime_ns,
	};
	if (judgement->rate > 0 && judgement->uptime_ns)
		judgement->age = (double)counts[2] / judgement->rate * 1e9 / (double)judgement->uptime_ns;
}

static bool passes(const struct seen *seen, enum hb_growth_test test, struct hb_judgement *judgement)
{
	switch (test) {
	case HB_TEST_GREW:
		return judgement->last >= judgement->first + seen->least_growth;
	case HB_TEST_SETTLED:
		return is_settled(seen, judgement);
	case HB_TEST_STEADY:
		return judgement->early_rate > 0 && judgement->late_rate >= LEAST_LATE_RATE * judgement->early_rate;
	case HB_TEST_NOT_PRESIZED:
		return !is_presized(seen);
	case HB_TEST_NEVER_EMPTIED:
		return judgement->age >= LEAST_AGE && judgement->age <= MOST_AGE;
	case HB_TEST_OLD_ENOUGH:
		return seen->at[0]->uptime_ns >=
		       hb_min((uint64_t)(LEAST_UPTIME * (double)judgement->window_ns), ENOUGH_UPTIME_NS);
	case HB_TESTS:
		break;
	}
	return false;
}

/* One test that was missed by a little is worth a question. */
static bool is_worth_asking(const struct hb_judgement *judgement)
{
	if (judgement->last < judgement->first + LEAST_ESTIMATED_GROWTH)
		return false;
	switch (judgement->failed) {
	case HB_TEST_STEADY:
		return judgement->late_rate >= LEAST_ESTIMATED_RATE * judgement->early_rate;
	case HB_TEST_NEVER_EMPTIED:
		return judgement->age >= LEAST_ESTIMATED_AGE;
	case HB_TEST_OLD_ENOUGH:
		return true;
	default:
		return false;
	}
}

static void judge(const struct seen *seen, struct hb_judgement *judgement)
{
	unsigned failures = 0;
	measure(seen, judgement);
	for (enum hb_growth_test test = 0; test < HB_TESTS; test++) {
		if (passes(seen, test, judgement))
			continue;
		if (!failures++)
			judgement->failed = test;
		if (test <= HB_TEST_SETTLED)
			return;
	}
	if (!failures)
		judgement->verdict = HB_GROWTH_LIKELY;
	else if (failures == 1 && is_worth_asking(judgement))
		judgement->verdict = HB_GROWTH_ESTIMATE;
}

/* For -v: why nothing is said of what grew. */
static void say(const char *name, const char *where, const struct hb_judgement *judgement)
{
	static const char *const names[] = {
	        [HB_TEST_GREW] = "grew",
	        [HB_TEST_SETTLED] = "settled",
	        [HB_TEST_STEADY] = "steady",
	        [HB_TEST_NOT_PRESIZED] = "not presized",
	        [HB_TEST_NEVER_EMPTIED] = "never emptied",
	        [HB_TEST_OLD_ENOUGH] = "old enough",
	        [HB_TESTS] = "none",
	};
	if (judgement->last >= judgement->first + LEAST_GROWTH)
		hb_verbose("%s %s: %" PRIu64 " to %" PRIu64 ", %.1f then %.1f a second, %" PRIu64 " of %" PRIu64
		           " settled stayed, age %.2f; failed: %s",
		           name, where, judgement->first, judgement->last, judgement->early_rate, judgement->late_rate,
		           judgement->kept, judgement->settled, judgement->age, names[judgement->failed]);
}

/* The look nearest to the middle of the window that is neither its first nor its last. */
static size_t middle(const struct hb_growth *growth)
{
	size_t best = 1, last = growth->looks.len - 1;
	uint64_t centre =
	        growth->looks.data[0].at_ns + (growth->looks.data[last].at_ns - growth->looks.data[0].at_ns) / 2;
	uint64_t least = UINT64_MAX;
	for (size_t i = 1; i < last; i++) {
		uint64_t at = growth->looks.data[i].at_ns, off = at > centre ? at - centre : centre - at;
		if (off < least) {
			best = i;
			least = off;
		}
	}
	return best;
}

/* Elements that lead nowhere are worth what they take themselves. */
static uint64_t least_growth(const struct hb_types *types, const struct hb_population *population)
{
	const struct hb_type *elem = &types->list[population->elem];
	if (population->kind != HB_POPULATION_SLICE || elem->ptr_bytes || !elem->size)
		return LEAST_GROWTH;
	return hb_max(LEAST_GROWTH, LEAST_BYTES / elem->size);
}

static void judge_counts(const struct hb_growth *growth, const size_t looks[3], const struct hb_counts *counts,
                         uint64_t least, struct hb_judgement *ret)
{
	struct seen seen = {.least_growth = least};
	*ret = (struct hb_judgement){0};
	for (unsigned k = 0; k < 3; k++) {
		seen.at[k] = &growth->looks.data[looks[k]];
		seen.counted[k] = &counts->data[looks[k]];
		if (!seen.counted[k]->known)
			return;
	}
	judge(&seen, ret);
}

void hb_growth_judge(struct hb_growth *growth)
{
	size_t last = growth->looks.len - 1;
	char what[64];
	if (growth->looks.len < 3)
		return;
	const size_t looks[3] = {0, middle(growth), last};
	for (size_t i = 0; i < growth->populations.len; i++) {
		struct hb_population *population = &growth->populations.data[i];
		judge_counts(growth, looks, &population->looks, least_growth(growth->analysis->types, population),
		             &population->judgement);
		snprintf(what, sizeof(what), "at 0x%" PRIx64, population->addr);
		say(growth->analysis->types->list[population->type].name, what, &population->judgement);
	}
	for (size_t i = 0; i < growth->piles.len; i++) {
		struct hb_pile *pile = &growth->piles.data[i];
		judge_counts(growth, looks, &pile->looks, LEAST_GROWTH, &pile->judgement);
		snprintf(what, sizeof(what), "created at 0x%" PRIx64, pile->place.gopc);
		say("goroutines", what, &pile->judgement);
	}
}
