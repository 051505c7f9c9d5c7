/* H401, H402, H403: timers that nobody can stop any more. docs/detectors/timers.md.
 *
 * A timer that only the runtime's timer heap refers to has been forgotten: no variable of the program leads to it, so nobody
 * can call Stop. What its callback needs stays alive until it has run.
 *
 *   H401  AfterFunc, of one callback: many, due in a while                                                      likely
 *   H701  the same, made by context.WithTimeout or WithDeadline                                                 likely
 *   H402  a ticker that nobody can stop and whose channel nobody can receive from ticks on for ever (up to 1.22, or with
 *         asynctimerchan=1: the collector takes them otherwise)                                                 proven
 *   H403  NewTimer and After likewise, until they fire: many, due in a while                                    likely
 *
 * Timers that something else refers to (a connection that resets its own) are managed, however many there are.
 */
#include "base/order.h"
#include "leak/detectors.h"
#include "leak/wording.h"
#include "report/format.h"

#include <string.h>

enum {
	LEAST_TIMERS = 1000, /* H401, H403: fewer than that are no pile */
	LEAST_TICKERS = 10,
	LEAST_WAIT_S = 60, /* half of them are due later than that */
};

enum sort { SORT_NONE, SORT_FUNC, SORT_TICKER, SORT_CHANNEL };

struct forgotten {
	const struct hb_go_timer *timer;
	uint32_t slot;
	uint8_t sort;
};

struct pile {
	HB_VEC(struct forgotten) list; /* by sort, callback, slot */
};

/* --- Which timers ------------------------------------------------------------------------------------------------- */

/* Whether the object is reached from the timer heap alone. */
static bool only_timers_refer_to(const struct hb_analysis *analysis, uint32_t slot)
{
	uint32_t dominator = hb_graph_dominator_of_slot(analysis->graph, slot);
	return hb_graph_is_root(analysis->graph, dominator) &&
	       analysis->roots.nodes.data[dominator - 2].kind == HB_ROOT_TIMER_GROUP;
}

/* Whether the channel of a forgotten timer is reached through the timer alone: then nobody receives from it. */
static bool nobody_receives(const struct hb_analysis *analysis, uint32_t timer_slot, uint64_t channel)
{
	uint32_t slot = hb_heap_slot(analysis->heap, channel);
	return slot && hb_graph_dominator_of_slot(analysis->graph, slot) == analysis->graph->number[timer_slot];
}

static enum sort sort_of(const struct hb_analysis *analysis, const struct hb_go_timer *timer, uint32_t slot)
{
	if (!slot || timer->stopped || !only_timers_refer_to(analysis, slot))
		return SORT_NONE;
	if (timer->kind == HB_TIMER_FUNC)
		return SORT_FUNC;
	if (timer->kind != HB_TIMER_CHANNEL || !nobody_receives(analysis, slot, timer->arg))
		return SORT_NONE;
	return timer->period > 0 ? SORT_TICKER : SORT_CHANNEL;
}

static int compare(const void *a, const void *b)
{
	const struct forgotten *x = a, *y = b;
	if (x->sort != y->sort)
		return x->sort < y->sort ? -1 : 1;
	int order = strcmp(x->timer->callback, y->timer->callback);
	return order ? order : x->slot < y->slot ? -1 : x->slot > y->slot;
}

static struct hb_error *collect(const struct hb_analysis *analysis, struct pile *ret)
{
	for (size_t i = 0; i < analysis->timers.list.len; i++) {
		const struct hb_go_timer *timer = &analysis->timers.list.data[i];
		uint32_t slot = hb_heap_slot(analysis->heap, timer->addr);
		enum sort sort = sort_of(analysis, timer, slot);
		if (sort != SORT_NONE)
			HB_VEC_PUSH(&ret->list, (struct forgotten){timer, slot, (uint8_t)sort});
	}
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), compare);
	return NULL;
}

/* --- When they are due -------------------------------------------------------------------------------------------- */

struct due {
	bool known; /* the runtime's clock is: not in cores */
	uint64_t soonest_s, median_s, latest_s;
};

static struct hb_error *when_due(const struct hb_analysis *analysis, const struct forgotten *list, size_t n,
                                 struct due *ret)
{
	*ret = (struct due){.known = analysis->goroutines.now != 0};
	hb_autofree uint64_t *seconds = calloc(n, sizeof(*seconds));
	if (!seconds)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		int64_t left = list[i].timer->when - analysis->goroutines.now;
		seconds[i] = left > 0 ? (uint64_t)left / 1000000000u : 0;
	}
	qsort(seconds, n, sizeof(*seconds), hb_compare_u64);
	ret->soonest_s = seconds[0];
	ret->median_s = seconds[n / 2];
	ret->latest_s = seconds[n - 1];
	return NULL;
}

static struct hb_error *say_due(const struct due *due, struct hb_finding *finding)
{
	char soonest[32], latest[32];
	if (!due->known)
		return NULL;
	hb_format_duration(due->soonest_s, soonest, sizeof(soonest));
	hb_format_duration(due->latest_s, latest, sizeof(latest));
	if (!strcmp(soonest, latest))
		return hb_finding_because(finding, hb_say("they are due in %s", latest));
	return hb_finding_because(finding, hb_say("they are due in %s to %s", soonest, latest));
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

/* Why the collector keeps channel timers in this program. */
static char *why_kept(const struct hb_analysis *analysis, const char *until)
{
	const struct hb_go_version *version = &analysis->go->version;
	if (version->minor < 23)
		return hb_say("%s keeps such a timer until it %s; since Go 1.23 the collector takes it", version->text,
		              until);
	return hb_say(
	        "this program runs with asynctimerchan=1, the default where the main module's go line is below 1.23: "
	        "such a timer stays until it %s",
	        until);
}

/* Contexts with a deadline and no parent that can be cancelled: what contexts.c does not see. */
static struct hb_error *describe_deadlines(const char *count, const struct due *due, struct hb_finding *finding)
{
	finding->rule = "H701";
	TRY(hb_finding_title(finding,
	                     hb_say("%s contexts wait for their deadline, and nobody can cancel them", count)));
	TRY(hb_finding_because(finding,
	                       hb_say("only the timers of their deadlines refer to them: their CancelFunc was dropped, "
	                              "and nobody waits for them")));
	TRY(say_due(due, finding));
	return hb_finding_help(finding,
	                       "call the CancelFunc on every path: ctx, cancel := context.WithTimeout(parent, d); "
	                       "defer cancel()");
}

static struct hb_error *describe_func(const struct hb_analysis *analysis, const struct forgotten *list, size_t n,
                                      const struct due *due, struct hb_finding *finding)
{
	char count[32];
	hb_format_count(n, count, sizeof(count));
	finding->verdict = HB_LIKELY;
	if (hb_go_timer_is_context(list[0].timer))
		return describe_deadlines(count, due, finding);
	finding->rule = "H401";
	TRY(hb_finding_title(finding, hb_say("%s timers of %s are pending, and nobody can stop them", count,
	                                     list[0].timer->callback)));
	TRY(hb_finding_because(finding,
	                       hb_say("only the runtime's timer heap refers to them: what time.AfterFunc returned "
	                              "was dropped")));
	TRY(say_due(due, finding));
	return hb_finding_help(finding,
	                       "keep what time.AfterFunc returns, and Stop it when its work is done otherwise; or "
	                       "let one timer look after all of them");
}

static struct hb_error *describe_channel(const struct hb_analysis *analysis, const struct forgotten *list, size_t n,
                                         const struct due *due, struct hb_finding *finding)
{
	char count[32];
	bool ticks = list[0].sort == SORT_TICKER;
	hb_format_count(n, count, sizeof(count));
	finding->rule = ticks ? "H402" : "H403";
	finding->verdict = ticks ? HB_PROVEN : HB_LIKELY;
	TRY(hb_finding_title(finding, ticks ? hb_say("%s tickers tick for nobody", count)
	                                    : hb_say("%s timers that nobody waits for are pending", count)));
	TRY(hb_finding_because(
	        finding,
	        hb_say("only the runtime's timer heap refers to them and to their channels: nobody can stop them, "
	               "and nobody can receive from them")));
	TRY(hb_finding_because(finding, why_kept(analysis, ticks ? "is stopped" : "fires")));
	if (!ticks)
		TRY(say_due(due, finding));
	return hb_finding_help(finding,
	                       ticks ? "stop a ticker where its goroutine ends: defer ticker.Stop()"
	                             : "in a loop, use one time.NewTimer and Reset it instead of time.After; Stop a "
	                               "timer that is not waited for any more");
}

static struct hb_error *describe(const struct hb_analysis *analysis, const struct forgotten *list, size_t n,
                                 const struct due *due, struct hb_finding *finding)
{
	hb_autofree uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return hb_error_nomem();
	finding->count = n;
	for (size_t i = 0; i < n; i++) {
		slots[i] = list[i].slot;
		finding->bytes += analysis->graph->retained[analysis->graph->number[list[i].slot]];
	}
	finding->holder = hb_say("timers of %s", list[0].timer->callback);
	if (!finding->holder)
		return hb_error_nomem();
	TRY(hb_finding_sites(analysis, slots, NULL, n, finding));
	return list[0].sort == SORT_FUNC ? describe_func(analysis, list, n, due, finding)
	                                 : describe_channel(analysis, list, n, due, finding);
}

/* --- Findings ----------------------------------------------------------------------------------------------------- */

static bool is_pile(const struct forgotten *list, size_t n, const struct due *due)
{
	if (list[0].sort == SORT_TICKER)
		return n >= LEAST_TICKERS;
	return n >= LEAST_TIMERS && (!due->known || due->median_s >= LEAST_WAIT_S);
}

static struct hb_error *report(const struct hb_analysis *analysis, const struct pile *pile,
                               struct hb_findings *findings)
{
	for (size_t i = 0, next; i < pile->list.len; i = next) {
		const struct forgotten *list = &pile->list.data[i];
		for (next = i + 1; next < pile->list.len; next++)
			if (pile->list.data[next].sort != list->sort ||
			    strcmp(pile->list.data[next].timer->callback, list->timer->callback) != 0)
				break;
		struct due due;
		struct hb_finding finding = {0};
		TRY(when_due(analysis, list, next - i, &due));
		if (is_pile(list, next - i, &due))
			TRY(hb_findings_add(findings, &finding, describe(analysis, list, next - i, &due, &finding)));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct pile pile = {0};
	struct hb_error *err = collect(analysis, &pile);
	if (!err)
		err = report(analysis, &pile, findings);
	hb_vec_deinit(&pile.list);
	return err;
}

const struct hb_detector hb_detector_timers = {
        .rule = "H401",
        .name = "timers that nobody can stop any more",
        .run = run,
};
