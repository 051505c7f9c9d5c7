/* One look: all populations are counted while the program runs, then it is stopped once, for as long as it takes to read the
 * pages that the samples are on. What was counted again from these pages counts.
 *
 *   count      every header, while it runs: a count is one word, which cannot be torn
 *   choose     whose elements are sampled: they are on at most HB_PEEK_MAX_FROZEN pages
 *   rehearse   where the samples are, while it runs
 *   freeze     all pages of the rehearsal, in one stop
 *   settle     the samples, from the frozen pages. What moved between rehearsal and stop is missing, and tried again
 *   walk       structures that are too large for that, while it runs
 *   piles      goroutines, while it runs (piles.c)
 */
#include "growth/look.h"
#include "base/progress.h"
#include "growth/populations.h"
#include "target/fds.h"
#include "target/proc_stat.h"
#include "target/proc_status.h"

enum {
	MAX_SAMPLED = 512,
	MAX_PAGES = 256 /* of one sample */,
	TRIES = 3,
	MAX_WALKED = 500000 /* nodes */,
	WALKED_AGAIN = 20000
};
static const uint64_t STOP_WAIT_NS = 100000000;

struct wanted { /* a population that is to be sampled */
	size_t population;
	struct hb_sample_place place;
	struct hb_elements elements;
	struct hb_counted counted;
	bool done, left_out;
	unsigned rank, torn; /* torn: so often it made no sense */
};

struct look {
	struct hb_growth *growth;
	struct hb_peek peek;
	struct hb_counted *counted; /* by population */
	struct hb_counted *piled;   /* by pile */
	HB_VEC(struct wanted) wanted;
	struct hb_look said;
};

/* --- Counting ----------------------------------------------------------------------------------------------------- */

static bool read_kind(struct look *look, const struct hb_population *population, struct hb_sample_place *place,
                      struct hb_elements *elements, struct hb_counted *ret)
{
	const struct hb_types *types = look->growth->analysis->types;
	switch (population->kind) {
	case HB_POPULATION_MAP:
		return hb_look_at_map(&look->peek, population, place, elements, ret);
	case HB_POPULATION_SLICE:
		return hb_look_at_slice(&look->peek, types, population, place, elements, ret);
	case HB_POPULATION_CHANNEL:
		return hb_look_at_channel(&look->peek, types, population, place, elements, ret);
	default:
		return elements && hb_look_at_nodes(&look->peek, look->growth, population, place, elements, ret);
	}
}

static bool read_population(struct look *look, const struct hb_population *population, struct hb_sample_place *place,
                            struct hb_elements *elements, struct hb_counted *ret)
{
	uint64_t at = look->peek.frozen ? look->peek.stopped_at_ns : hb_now_ns();
	bool done = read_kind(look, population, place, elements, ret);
	ret->at_ns = at;
	return done;
}

static struct hb_error *check_target(struct look *look)
{
	if (look->peek.err)
		return hb_take(look->peek.err);
	if (hb_target_has_ended(look->peek.target))
		return hb_error_create(HB_ERR_GONE, "the program of process %d ended", look->peek.target->pid);
	return hb_interrupted() ? hb_interrupted_error() : NULL;
}

static struct hb_error *count_all(struct look *look)
{
	struct hb_growth *growth = look->growth;
	hb_peek_reset(&look->peek);
	for (size_t i = 0; i < growth->populations.len; i++)
		read_population(look, &growth->populations.data[i], NULL, NULL, &look->counted[i]);
	return check_target(look);
}

/* --- Choosing ----------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->population < y->population ? -1 : x->population > y->population;
}

/* What grew comes first, then what is sampled already; then the largest, as populations are in that order. */
static struct hb_error *choose(struct look *look)
{
	struct hb_growth *growth = look->growth;
	const struct hb_types *types = growth->analysis->types;
	for (size_t i = 0; i < growth->populations.len; i++) {
		struct hb_population *population = &growth->populations.data[i];
		bool walked = hb_population_is_walked(population);
		if (!walked && (!look->counted[i].known || !look->counted[i].count))
			continue;
		bool grew = look->counted[i].count > population->count0;
		bool chosen = population->place.chosen;
		HB_VEC_PUSH(&look->wanted, (struct wanted){
		                                   .population = i,
		                                   .place = population->place,
		                                   .elements.size = hb_population_element(types, population),
		                                   .rank = grew && chosen ? 0
		                                           : grew         ? 1
		                                           : chosen       ? 2
		                                                          : 3,
		                           });
	}
	if (look->wanted.len)
		qsort(look->wanted.data, look->wanted.len, sizeof(*look->wanted.data), compare);
	look->wanted.len = hb_min(look->wanted.len, (size_t)MAX_SAMPLED);
	return NULL;
}

/* --- Samples ------------------------------------------------------------------------------------------------------ */

static void sample(struct look *look, struct wanted *wanted)
{
	const struct hb_population *population = &look->growth->populations.data[wanted->population];
	wanted->elements.n = wanted->elements.bytes.len = 0;
	wanted->place = population->place;
	look->peek.missed = false;
	wanted->done = read_population(look, population, &wanted->place, &wanted->elements, &wanted->counted) &&
	               wanted->counted.sampled && !look->peek.missed;
}

/* What is read while it changes may make no sense; the next time it may. What is too large for a stop stays so. */
static bool is_hopeless(const struct look *look, struct wanted *wanted)
{
	return look->peek.missed || ++wanted->torn == TRIES;
}

/* Whether something is neither sampled yet nor given up. */
static bool is_anything_left(const struct look *look)
{
	for (size_t i = 0; i < look->wanted.len; i++)
		if (!look->wanted.data[i].done && !look->wanted.data[i].left_out)
			return true;
	return false;
}

/* Whether there is anything to stop for. */
static bool rehearse(struct look *look)
{
	bool any = false;
	hb_peek_reset(&look->peek);
	for (size_t i = 0; i < look->wanted.len; i++) {
		struct wanted *wanted = &look->wanted.data[i];
		if (wanted->done || wanted->left_out)
			continue;
		if (!hb_peek_mark(&look->peek, MAX_PAGES)) {
			wanted->left_out = true;
			continue;
		}
		sample(look, wanted);
		any |= wanted->done;
		wanted->left_out = !wanted->done && is_hopeless(look, wanted);
		wanted->done = false;
	}
	hb_peek_mark(&look->peek, 0);
	return any;
}

static struct hb_error *settle(struct look *look)
{
	const struct hb_growth *growth = look->growth;
	for (size_t i = 0; i < look->wanted.len; i++) {
		struct wanted *wanted = &look->wanted.data[i];
		if (!wanted->done && !wanted->left_out)
			sample(look, wanted);
		if (wanted->elements.nomem)
			return hb_error_nomem();
	}
	hb_peek_thaw(&look->peek);
	for (size_t i = 0; i < look->wanted.len; i++) {
		struct wanted *wanted = &look->wanted.data[i];
		const struct hb_population *population = &growth->populations.data[wanted->population];
		if (wanted->done && !wanted->counted.ids)
			TRY(hb_elements_identify(&look->peek, growth->analysis->types, population, &wanted->elements,
			                         &wanted->counted));
	}
	return NULL;
}

static bool is_sampled(const struct look *look, size_t population)
{
	for (size_t i = 0; i < look->wanted.len; i++)
		if (look->wanted.data[i].population == population)
			return look->wanted.data[i].done;
	return false;
}

/* One that is too large for a stop, while the program runs: more than once if it made no sense, and is not very large. */
static struct hb_error *walk(struct look *look, size_t index)
{
	const struct hb_types *types = look->growth->analysis->types;
	struct hb_population *population = &look->growth->populations.data[index];
	struct hb_counted *counted = &look->counted[index];
	struct hb_error *err = NULL;
	for (unsigned try = 0; try < TRIES && !counted->known && counted->count < WALKED_AGAIN && !err; try++) {
		struct hb_elements elements = {.size = hb_population_element(types, population)};
		hb_peek_reset(&look->peek); /* what was read before may have become something else */
		if (read_population(look, population, &population->place, &elements, counted))
			err = hb_elements_identify(&look->peek, types, population, &elements, counted);
		else if (elements.nomem)
			err = hb_error_nomem();
		hb_vec_deinit(&elements.bytes);
		if (!err)
			err = check_target(look);
	}
	return err;
}

static struct hb_error *walk_all(struct look *look)
{
	const struct hb_growth *growth = look->growth;
	uint64_t nodes = 0;
	for (size_t i = 0; i < growth->populations.len && nodes < MAX_WALKED; i++) {
		if (!hb_population_is_walked(&growth->populations.data[i]) || is_sampled(look, i))
			continue;
		TRY(walk(look, i));
		nodes += look->counted[i].count;
	}
	return NULL;
}

/* For all threads to stand: no longer than a pause may be, as for a capture. */
static uint64_t stop_wait_ns(const struct look *look)
{
	uint64_t max_pause = look->growth->analysis->options.max_pause_ns;
	return max_pause ? hb_min(max_pause, STOP_WAIT_NS) : STOP_WAIT_NS;
}

static struct hb_error *sample_all(struct look *look)
{
	uint64_t wait = stop_wait_ns(look);
	for (unsigned try = 0; try < TRIES && is_anything_left(look); try++) {
		bool any = rehearse(look);
		TRY(check_target(look));
		if (!any)
			continue;
		TRY(hb_peek_freeze(&look->peek, wait));
		if (!look->said.pause_ns)
			look->said.at_ns = look->peek.stopped_at_ns;
		look->said.pause_ns = hb_max(look->said.pause_ns, look->peek.pause_ns);
		look->said.bytes += look->peek.frozen_bytes;
		TRY(settle(look));
		TRY(check_target(look));
	}
	return NULL;
}

/* --- One look ----------------------------------------------------------------------------------------------------- */

static struct hb_error *keep(struct look *look)
{
	struct hb_growth *growth = look->growth;
	for (size_t i = 0; i < look->wanted.len; i++) {
		struct wanted *wanted = &look->wanted.data[i];
		if (!wanted->done)
			continue;
		growth->populations.data[wanted->population].place = wanted->place;
		look->counted[wanted->population] = wanted->counted;
		wanted->counted.ids = NULL;
	}
	HB_VEC_PUSH(&growth->looks, look->said);
	for (size_t i = 0; i < growth->populations.len; i++) {
		HB_VEC_PUSH(&growth->populations.data[i].looks, look->counted[i]);
		look->counted[i].ids = NULL;
	}
	for (size_t i = 0; i < growth->piles.len; i++) {
		HB_VEC_PUSH(&growth->piles.data[i].looks, look->piled[i]);
		look->piled[i].ids = NULL;
	}
	return NULL;
}

static void look_deinit(struct look *look)
{
	for (size_t i = 0; look->counted && i < look->growth->populations.len; i++)
		free(look->counted[i].ids);
	for (size_t i = 0; look->piled && i < look->growth->piles.len; i++)
		free(look->piled[i].ids);
	for (size_t i = 0; i < look->wanted.len; i++) {
		hb_vec_deinit(&look->wanted.data[i].elements.bytes);
		free(look->wanted.data[i].counted.ids);
	}
	hb_vec_deinit(&look->wanted);
	free(look->counted);
	free(look->piled);
	hb_peek_deinit(&look->peek);
}

static void look_at_process(int pid, struct hb_look *ret)
{
	struct hb_proc_status status;
	ret->fds = hb_fds_count(pid);
	if (!hb_proc_status(pid, &status))
		return;
	ret->rss = status.rss;
	ret->threads = (uint64_t)hb_max(status.threads, 0);
}

static struct hb_error *run(struct look *look, struct hb_target *target)
{
	TRY(hb_peek_init(&look->peek, target));
	look->counted = calloc(hb_max(look->growth->populations.len, (size_t)1), sizeof(*look->counted));
	look->piled = calloc(hb_max(look->growth->piles.len, (size_t)1), sizeof(*look->piled));
	if (!look->counted || !look->piled)
		return hb_error_nomem();
	look->said = (struct hb_look){.at_ns = hb_now_ns(), .uptime_ns = hb_process_age_ns(target->pid)};
	look_at_process(target->pid, &look->said);
	TRY(count_all(look));
	TRY(choose(look));
	TRY(sample_all(look));
	TRY(walk_all(look));
	TRY(hb_piles_look(look->growth, target, look->piled, &look->said.goroutines));
	return keep(look);
}

struct hb_error *hb_growth_look(struct hb_growth *growth, struct hb_target *target)
{
	struct look look = {.growth = growth};
	struct hb_error *err = run(&look, target);
	if (!err) {
		size_t sampled = 0;
		for (size_t i = 0; i < look.wanted.len; i++)
			sampled += look.wanted.data[i].done;
		hb_verbose("look %zu: paused %.2f ms, %zu populations counted, %zu sampled, %.1f MB read",
		           growth->looks.len, (double)look.said.pause_ns / 1e6, growth->populations.len, sampled,
		           (double)look.said.bytes / 1e6);
	}
	look_deinit(&look);
	return err;
}
