/* Looks again and again: the window of `report --wait`, which has three looks, and of `watch`. */
#include "base/progress.h"
#include "growth/growth.h"

#include <time.h>

enum { LEAST_LOOKS = 3, NAP_NS = 20000000 };

struct hb_error *hb_growth_wait(const struct hb_target *target, uint64_t until_ns)
{
	for (uint64_t now; (now = hb_now_ns()) < until_ns;) {
		uint64_t nap = hb_min(until_ns - now, (uint64_t)NAP_NS);
		nanosleep(&(struct timespec){.tv_nsec = (long)nap}, NULL);
		if (hb_interrupted())
			return hb_interrupted_error();
		if (hb_target_has_ended(target))
			return hb_error_create(HB_ERR_GONE, "the program of process %d ended", target->pid);
	}
	return NULL;
}

/* On a busy machine, or with a thread in an uninterruptible wait, the target may not be stopped in time: a little later it may.
 * A look that fails leaves nothing behind. */
static struct hb_error *look_when_possible(struct hb_growth *growth, struct hb_target *target)
{
	enum { TRIES = 6, FIRST_REST_NS = 200000000 };
	for (unsigned try = 0;; try++) {
		struct hb_error *err = hb_growth_look(growth, target);
		if (!err || err->code != HB_ERR_ATTACH || try + 1 == TRIES)
			return err;
		hb_verbose("look %zu is put off: %s", growth->looks.len + 1, err->message);
		hb_error_destroy(err);
		TRY(hb_growth_wait(target, hb_now_ns() + ((uint64_t)FIRST_REST_NS << try)));
	}
}

static struct hb_error *look_once(struct hb_growth *growth, struct hb_target *target)
{
	const struct hb_options *options = &growth->analysis->options;
	TRY(look_when_possible(growth, target));
	hb_growth_judge(growth);
	TRY(hb_growth_merge(growth));
	hb_growth_thin(growth);
	return options->after_look ? options->after_look(options->after_look_ctx, growth) : NULL;
}

static struct hb_error *look_again(struct hb_growth *growth, struct hb_target *target)
{
	const struct hb_options *options = &growth->analysis->options;
	uint64_t window = options->wait_ns, every = options->every_ns ? options->every_ns : window / (LEAST_LOOKS - 1);
	hb_progress_stage("watching", window / 1000000);
	TRY(look_once(growth, target));
	uint64_t start = growth->looks.data[0].at_ns;
	for (uint64_t at = every; every && at <= window; at += every) {
		TRY(hb_growth_wait(target, start + at));
		TRY(look_once(growth, target));
		hb_progress_set(at / 1000000);
	}
	return NULL;
}

/* Growth is evidence beside everything else: when it cannot be had, the report says why and is given all the same. */
struct hb_error *hb_growth_observe(const struct hb_analysis *analysis, struct hb_target *target, struct hb_growth **ret)
{
	TRY(hb_growth_create(analysis, ret));
	struct hb_growth *growth = *ret;
	struct hb_error *err = look_again(growth, target);
	if (!err || (err->code != HB_ERR_GONE && err->code != HB_ERR_ATTACH))
		return err;
	const char *rest = growth->looks.len < LEAST_LOOKS
	                           ? "what grows was not judged, the rest is as the first look saw it"
	                           : "what grows is judged by the looks until then";
	hb_notes_add_partial(&analysis->snapshot->notes, "%s after look %zu: %s", err->message, growth->looks.len,
	                     rest);
	hb_error_destroy(err);
	return NULL;
}
