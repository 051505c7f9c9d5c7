/* H202: many goroutines that wait at one place. docs/detectors/goroutines.md.
 *
 * One moment cannot tell a pile that grows from a crowd that is meant to be there, so this is a question, and not asked of what
 * is known to wait on purpose: workers that share their channels, whoever has a connection of its own or serves one, a select
 * with a timer, or with the channel of a context that ends it. Those of which it is proven that they will wait for ever are
 * left to H201.
 *
 * Several moments can (growth/piles.c): where more come all the time and none of those that were there has run since, it is likely,
 * however few they are.
 */
#include "base/order.h"
#include "golang/stacks.h"
#include "leak/detectors.h"
#include "leak/growth.h"
#include "leak/near_fd.h"
#include "leak/parked.h"
#include "leak/pile_keepers.h"
#include "leak/trail.h"
#include "leak/wait_channels.h"
#include "leak/wording.h"
#include "report/format.h"

#include <string.h>

enum { LEAST = 1000, LEAST_FOR_A_LOCK = 100, HOPS = 3, SAMPLES = 32 };

enum sort { SORT_NONE, SORT_SEND, SORT_RECEIVE, SORT_SELECT, SORT_LOCK, SORT_GROUP, SORT_COND };

struct scan {
	const struct hb_analysis *analysis;
	HB_VEC(struct hb_parked) waits; /* by place */
	struct hb_addresses proven;     /* ids of goroutines that other findings have */
	struct hb_addresses timers, contexts;
	bool channels_are_known;
	const struct hb_open_fd *fd; /* of the stack that is visited */
};

/* As the runtime names them, runtime/runtime2.go waitReasonStrings; up to 1.19 all of package sync is "semacquire". */
static enum sort sort_of(const char *reason)
{
	static const struct {
		const char *reason;
		enum sort sort;
	} table[] = {
	        {"chan send", SORT_SEND},         {"chan receive", SORT_RECEIVE},
	        {"select", SORT_SELECT},          {"semacquire", SORT_LOCK},
	        {"sync.Mutex.Lock", SORT_LOCK},   {"sync.RWMutex.RLock", SORT_LOCK},
	        {"sync.RWMutex.Lock", SORT_LOCK}, {"sync.WaitGroup.Wait", SORT_GROUP},
	        {"sync.Cond.Wait", SORT_COND},
	};
	for (size_t i = 0; i < hb_countof(table); i++)
		if (!strcmp(reason, table[i].reason))
			return table[i].sort;
	return SORT_NONE;
}

static const struct hb_goroutine *goroutine_of(const struct scan *scan, const struct hb_parked *wait)
{
	return &scan->analysis->goroutines.list[wait->goroutine];
}

/* --- Who is left out ---------------------------------------------------------------------------------------------- */

static struct hb_error *collect_proven(struct scan *scan, const struct hb_findings *findings)
{
	for (size_t i = 0; i < findings->list.len; i++)
		for (size_t k = 0; k < findings->list.data[i].goroutines.len; k++)
			HB_VEC_PUSH(&scan->proven.list, findings->list.data[i].goroutines.data[k]);
	if (scan->proven.list.len)
		qsort(scan->proven.list.data, scan->proven.list.len, sizeof(*scan->proven.list.data), hb_compare_u64);
	return NULL;
}

static struct hb_error *collect(struct scan *scan)
{
	for (size_t i = 0; i < scan->analysis->parked.list.len; i++) {
		const struct hb_parked *wait = &scan->analysis->parked.list.data[i];
		const struct hb_goroutine *goroutine = goroutine_of(scan, wait);
		if (wait->pc && !wait->flags && sort_of(goroutine->wait_reason) != SORT_NONE &&
		    !hb_addresses_have(&scan->proven, goroutine->id))
			HB_VEC_PUSH(&scan->waits, *wait);
	}
	hb_parked_sort(scan->analysis, scan->waits.data, scan->waits.len);
	return NULL;
}

/* Drops those that a timer or the end of a context will wake; counts distinct channels of the others. That a context would end those
 * that become more and more is no excuse: it does not. */
static struct hb_error *keep_channels(struct scan *scan, struct hb_parked *waits, bool grows, size_t *n,
                                      size_t *distinct)
{
	struct hb_addresses all = {0};
	size_t kept = 0;
	if (!scan->channels_are_known) {
		TRY(hb_timer_channels(scan->analysis, &scan->timers));
		TRY(hb_context_channels(scan->analysis, &scan->contexts));
		scan->channels_are_known = true;
	}
	for (size_t i = 0; i < *n; i++) {
		uint64_t channels[HB_WAIT_CASES];
		size_t count = hb_wait_channels(scan->analysis, goroutine_of(scan, &waits[i]), channels);
		bool keep = count > 0;
		for (size_t k = 0; k < count; k++)
			keep = keep && !hb_addresses_have(&scan->timers, channels[k]) &&
			       (grows || !hb_addresses_have(&scan->contexts, channels[k]));
		for (size_t k = 0; keep && k < count; k++)
			if (!hb_vec_push(&all.list, channels[k])) {
				hb_vec_deinit(&all.list);
				return hb_error_nomem();
			}
		if (keep)
			waits[kept++] = waits[i];
	}
	if (all.list.len)
		qsort(all.list.data, all.list.len, sizeof(*all.list.data), hb_compare_u64);
	*distinct = 0;
	for (size_t i = 0; i < all.list.len; i++)
		*distinct += !i || all.list.data[i] != all.list.data[i - 1];
	*n = kept;
	hb_vec_deinit(&all.list);
	return NULL;
}

static void visit_stack(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct scan *scan = ctx;
	uint32_t slot = scan->fd ? 0 : hb_heap_slot(scan->analysis->heap, pointer->value);
	if (slot && scan->analysis->graph->number[slot])
		scan->fd = hb_near_fd(scan->analysis, slot, HOPS);
}

/* Sessions: goroutines with a file or connection of their own each. Some of them tell. */
static struct hb_error *have_connections(struct scan *scan, const struct hb_parked *waits, size_t n, bool *ret)
{
	const struct hb_open_fd *fds[SAMPLES];
	size_t step = n / SAMPLES + 1, own = 0, seen = 0;
	struct hb_stack_reading reading;
	for (size_t i = 0; i < n; i += step, seen++) {
		bool known = false;
		scan->fd = NULL;
		TRY(hb_go_scan_stack(scan->analysis->go, goroutine_of(scan, &waits[i]), visit_stack, scan, &reading));
		for (size_t k = 0; k < own; k++)
			known |= fds[k] == scan->fd;
		if (scan->fd && !known)
			fds[own++] = scan->fd;
	}
	*ret = own * 2 > seen;
	return NULL;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static const char *question(enum sort sort)
{
	switch (sort) {
	case SORT_SEND:
		return "will anybody receive what they send?";
	case SORT_RECEIVE:
		return "will anybody send what they wait for?";
	case SORT_LOCK:
		return "will the lock be released?";
	default:
		return "will what they wait for ever come?";
	}
}

static bool waits_for_channels(enum sort sort)
{
	return sort == SORT_SEND || sort == SORT_RECEIVE || sort == SORT_SELECT;
}

static struct hb_error *say_channels(enum sort sort, size_t n, size_t distinct, struct hb_finding *finding)
{
	char count[32];
	if (!waits_for_channels(sort))
		return NULL;
	hb_format_count(distinct, count, sizeof(count));
	if (distinct == 1)
		return hb_finding_because(finding, hb_say("they all wait for one channel"));
	if (distinct == n)
		return hb_finding_because(finding, hb_say("each waits for a channel of its own"));
	return hb_finding_because(finding, hb_say("they wait for %s channels", count));
}

static struct hb_error *say_since_when(const struct hb_judgement *judgement, struct hb_finding *finding)
{
	char age[32];
	hb_format_duration(judgement->uptime_ns / 1000000000, age, sizeof(age));
	switch (judgement->failed) {
	case HB_TESTS:
		return hb_finding_because(
		        finding, hb_say("at this rate it has been so ever since the process started %s ago", age));
	case HB_TEST_STEADY:
		return hb_finding_because(finding,
		                          hb_say("but fewer come: in the second half of the window %.0f %% of the "
		                                 "rate of the first half",
		                                 judgement->late_rate * 100 / judgement->early_rate));
	case HB_TEST_NEVER_EMPTIED:
		return hb_finding_because(
		        finding, hb_say("but at this rate that many come in %.1f times as long as the process has run, "
		                        "%s: it has not been so all the time",
		                        judgement->age, age));
	default:
		return hb_finding_because(
		        finding, hb_say("but the process is young: what only starts its goroutines looks the same"));
	}
}

/* What the looks say; NULL pile: there were none, or nothing came of them. */
static struct hb_error *say_growth(const struct hb_pile *pile, struct hb_finding *finding)
{
	char settled[32], gone[32];
	if (!pile)
		return hb_finding_because(finding, hb_say("one look cannot tell whether they become more: look again"));
	const struct hb_judgement *judgement = &pile->judgement;
	hb_format_count(judgement->settled, settled, sizeof(settled));
	hb_format_count(judgement->settled - judgement->kept, gone, sizeof(gone));
	TRY(hb_growth_say_growth(judgement, "goroutines", finding));
	TRY(hb_finding_because(
	        finding,
	        judgement->kept == judgement->settled
	                ? hb_say("none of the %s that waited at the first two looks had run until the last", settled)
	                : hb_say("of %s that waited at the first two looks, %s had run until the last", settled,
	                         gone)));
	return say_since_when(judgement, finding);
}

static char *title(const struct hb_pile *pile, size_t n, const char *reason)
{
	char count[32];
	hb_format_count(pile ? pile->judgement.last : n, count, sizeof(count));
	if (pile && pile->judgement.verdict == HB_GROWTH_LIKELY)
		return hb_say("%s goroutines wait at one place (%s), and more come all the time", count, reason);
	return hb_say("%s goroutines wait at one place (%s): %s", count, reason, question(sort_of(reason)));
}

static struct hb_error *describe(const struct scan *scan, const struct hb_parked *waits, size_t n, size_t distinct,
                                 const struct hb_pile *pile, struct hb_finding *finding)
{
	const char *reason = goroutine_of(scan, &waits[0])->wait_reason;
	struct hb_parked_ages ages;
	finding->rule = "H202";
	finding->verdict = pile && pile->judgement.verdict == HB_GROWTH_LIKELY ? HB_LIKELY : HB_ESTIMATE;
	finding->count = pile ? pile->judgement.last : n;
	finding->bytes = hb_parked_bytes(scan->analysis, waits, n);
	TRY(hb_finding_title(finding, title(pile, n, reason)));
	TRY(hb_parked_holder(scan->analysis, &waits[0], finding));
	TRY(hb_parked_describe(scan->analysis, waits, n, finding));
	TRY(say_growth(pile, finding));
	TRY(say_channels(sort_of(reason), n, distinct, finding));
	if (pile && waits_for_channels(sort_of(reason)))
		TRY(hb_say_who_keeps_channels(scan->analysis, waits, n, finding));
	TRY(hb_parked_ages(scan->analysis, waits, n, &ages));
	TRY(hb_parked_say_ages(&ages, n, finding));
	TRY(hb_parked_say_stacks(scan->analysis, waits, n, finding));
	return hb_finding_help(finding,
	                       "give each a way to end: select on ctx.Done() besides, close the channel, or limit how "
	                       "many are started");
}

/* --- All together ------------------------------------------------------------------------------------------------- */

/* What the looks made of the place, when they made something of it. */
static const struct hb_pile *grown_pile(const struct scan *scan, const struct hb_parked *wait)
{
	const struct hb_analysis *analysis = scan->analysis;
	const struct hb_growth *growth = analysis->growth;
	const struct hb_pile *best = NULL;
	for (size_t i = 0; growth && i < growth->piles.len; i++) {
		const struct hb_pile *pile = &growth->piles.data[i];
		if (pile->judgement.verdict > (best ? best->judgement.verdict : HB_GROWTH_NONE) &&
		    !hb_parked_compare_place(analysis, wait, &analysis->parked.list.data[pile->parked]))
			best = pile;
	}
	return best;
}

/* Workers share what they wait for; senders that share it wait for one receiver all the same. */
static bool are_workers(enum sort sort, size_t n, size_t distinct)
{
	return (sort == SORT_RECEIVE || sort == SORT_SELECT) && distinct * 2 < n;
}

static struct hb_error *look_at(struct scan *scan, struct hb_parked *waits, size_t n, struct hb_findings *findings)
{
	enum sort sort = sort_of(goroutine_of(scan, &waits[0])->wait_reason);
	const struct hb_pile *pile = grown_pile(scan, &waits[0]);
	size_t least = sort == SORT_LOCK ? LEAST_FOR_A_LOCK : LEAST, distinct = 0;
	struct hb_finding finding = {0};
	bool sessions;
	if (!pile && (n < least || sort == SORT_COND))
		return NULL;
	if (waits_for_channels(sort))
		TRY(keep_channels(scan, waits, pile != NULL, &n, &distinct));
	if (!n || (!pile && (n < least || are_workers(sort, n, distinct))))
		return NULL;
	TRY(have_connections(scan, waits, n, &sessions));
	if (sessions)
		return NULL;
	return hb_findings_add(findings, &finding, describe(scan, waits, n, distinct, pile, &finding));
}

static struct hb_error *report(struct scan *scan, struct hb_findings *findings)
{
	TRY(collect_proven(scan, findings));
	TRY(collect(scan));
	for (size_t i = 0, next; i < scan->waits.len; i = next) {
		for (next = i + 1; next < scan->waits.len; next++)
			if (hb_parked_compare_place(scan->analysis, &scan->waits.data[i], &scan->waits.data[next]) != 0)
				break;
		TRY(look_at(scan, &scan->waits.data[i], next - i, findings));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {.analysis = analysis};
	bool many = analysis->parked.list.len >= LEAST_FOR_A_LOCK;
	struct hb_error *err = many || analysis->growth ? report(&scan, findings) : NULL;
	hb_vec_deinit(&scan.waits);
	hb_vec_deinit(&scan.proven.list);
	hb_vec_deinit(&scan.timers.list);
	hb_vec_deinit(&scan.contexts.list);
	return err;
}

const struct hb_detector hb_detector_piles = {
        .rule = "H202",
        .name = "goroutines that pile up at one place",
        .run = run,
};
