/* The window of `report --wait`: three looks. */
#include "base/progress.h"
#include "growth/growth.h"

#include <time.h>

enum { LOOKS = 3, NAP_NS = 20000000 };

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

static struct hb_error *look_again(struct hb_growth *growth, struct hb_target *target, uint64_t window_ns)
{
	hb_progress_stage("watching", window_ns / 1000000);
	uint64_t start = 0;
	for (unsigned i = 0; i < LOOKS; i++) {
		if (i)
			TRY(hb_growth_wait(target, start + window_ns * i / (LOOKS - 1)));
		TRY(hb_growth_look(growth, target));
		if (!i)
			start = growth->looks.data[0].at_ns;
		hb_progress_set((uint64_t)i * window_ns / 1000000 / (LOOKS - 1));
	}
	return NULL;
}

/* Growth is evidence beside everything else: when it cannot be had, the report says why and is given all the same. */
struct hb_error *hb_growth_observe(const struct hb_analysis *analysis, struct hb_target *target, uint64_t window_ns,
                                   struct hb_growth **ret)
{
	struct hb_growth *growth;
	TRY(hb_growth_create(analysis, &growth));
	growth->target = target;
	struct hb_error *err = look_again(growth, target, window_ns);
	if (err && (err->code == HB_ERR_INTERRUPTED || err->code == HB_ERR_NOMEM)) {
		hb_growth_destroy(growth);
		return err;
	}
	if (err) {
		hb_notes_add_partial(
		        &analysis->snapshot->notes,
		        "%s after look %zu of %u: what grows was not judged, the rest is as the first look saw it",
		        err->message, growth->looks.len, LOOKS);
		hb_error_destroy(err);
	}
	hb_growth_judge(growth);
	err = hb_growth_merge(growth);
	if (err)
		hb_growth_destroy(growth);
	else
		*ret = growth;
	return err;
}
