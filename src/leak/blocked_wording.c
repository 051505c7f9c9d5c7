/* How H201 says what a group of goroutines waits for, and why nobody wakes them. */
#include "leak/blocked.h"
#include "leak/wording.h"
#include "report/format.h"
#include "report/sites.h"

#include <stdio.h>
#include <string.h>

/* By the runtime's word for what they do (runtime/runtime2.go waitReasonStrings). */
static const struct words {
	const char *reason;
	const char *thing; /* what each of them waits for */
	const char *never; /* what they do, when nothing at all can wake them */
	const char *alone; /* when nobody else can reach it */
	const char *help;
} words[] = {
        {"chan receive", "a channel", NULL,
         "nobody else refers to the channel any more: whoever was to send to it, or to close it, is gone",
         "close the channel, or send, on every path of whoever feeds it; or select on ctx.Done(), too"},
        {"chan send", "a channel", NULL,
         "nobody else refers to the channel any more: whoever was to receive from it is gone",
         "give the channel room for one, or select on ctx.Done(), too"},
        {"select", "channels", "a select whose channels are all nil never returns",
         "nobody else refers to any of the channels any more: whoever was to use them is gone",
         "let one case be a context or channel that is sure to be closed: ctx.Done()"},
        {"chan receive (nil chan)", "a nil channel", "a receive from a nil channel never returns", NULL,
         "make the channel before it is received from"},
        {"chan send (nil chan)", "a nil channel", "a send to a nil channel never returns", NULL,
         "make the channel before it is sent to"},
        {"select (no cases)", "nothing", "a select without cases never returns", NULL,
         "let it wait for something that ends it: <-ctx.Done()"},
        {"sync.Mutex.Lock", "a sync.Mutex", NULL,
         "nobody else refers to the lock any more: whoever holds it has ended without Unlock, or is itself waiting for "
         "it",
         "Unlock on every path: defer mu.Unlock(); and do not lock what is locked"},
        {"sync.RWMutex.Lock", "a sync.RWMutex", NULL,
         "nobody else refers to the lock any more: whoever holds it has ended without unlocking it, or is itself "
         "waiting "
         "for it",
         "unlock on every path: defer mu.Unlock() and defer mu.RUnlock(); and do not lock what is locked"},
        {"sync.RWMutex.RLock", "a sync.RWMutex", NULL,
         "nobody else refers to the lock any more: whoever holds it has ended without Unlock, or is itself waiting for "
         "it",
         "Unlock on every path: defer mu.Unlock(); and do not RLock twice, as a writer may come in between"},
        {"sync.WaitGroup.Wait", "a sync.WaitGroup", NULL,
         "nobody else refers to the wait group any more: a Done is missing",
         "call Done on every path: defer wg.Done(); and Add only for what is sure to start"},
        {"sync.Cond.Wait", "a sync.Cond", NULL,
         "nobody else refers to the condition variable any more: there will be no Signal and no Broadcast",
         "Broadcast when what is waited for can no longer happen, too"},
        {"semacquire", "a sync.Mutex, sync.RWMutex or sync.WaitGroup", NULL,
         "nobody else refers to it any more: whoever was to unlock it, or to call Done, is gone",
         "unlock, or call Done, on every path: defer mu.Unlock(), defer wg.Done()"},
};

static const struct words *words_of(const struct hb_goroutine *goroutine)
{
	for (size_t i = 0; i < hb_countof(words); i++)
		if (!strcmp(words[i].reason, goroutine->wait_reason))
			return &words[i];
	return &words[0];
}

/* --- Others ------------------------------------------------------------------------------------------------------- */

enum { NAME = 256, PLACE = 3 * NAME };

/* "api.(*Server).fanOut (chan send, api/fanout.go:57)" */
static void name_place(const struct hb_blocked_goroutine *at, char *buf, size_t size)
{
	char function[NAME], names[NAME], file[NAME];
	const char *gap = strstr(at->place, "  ");
	snprintf(function, sizeof(function), "%.*s", gap ? (int)hb_min(gap - at->place, NAME - 1) : NAME - 1,
	         at->place);
	hb_short_names(*function ? function : "an unknown function", names, sizeof(names));
	hb_short_path(gap ? gap + 2 : "", file, sizeof(file));
	snprintf(buf, size, "%s (%s%s%s)", names, at->goroutine->wait_reason, *file ? ", " : "", file);
}

/* From a goroutine to who could wake it, and on to who could wake that one: a list of names in which what repeats stands
 * once. */
struct chain {
	char text[8 * PLACE];
	size_t shown, links;
	bool cut;
};

static void add_link(struct chain *chain, const struct hb_blocked_goroutine *at, size_t times)
{
	enum { MOST_SHOWN = 6 };
	char name[PLACE], count[40] = "", number[32];
	size_t len = strlen(chain->text);
	if (chain->shown == MOST_SHOWN) {
		chain->cut = true;
		return;
	}
	name_place(at, name, sizeof(name));
	hb_format_count(times, number, sizeof(number));
	if (times > 1)
		snprintf(count, sizeof(count), " ×%s", number);
	snprintf(chain->text + len, sizeof(chain->text) - len, "%s%s%s", chain->shown ? ", then " : "", name, count);
	chain->shown++;
}

static bool is_same_place(const struct hb_blocked_goroutine *a, const struct hb_blocked_goroutine *b)
{
	return a->place == b->place && !strcmp(a->goroutine->wait_reason, b->goroutine->wait_reason);
}

/* Lists the goroutines from `node` on, each followed by its waker, until `until` (which is not listed; UINT32_MAX: to the end). */
static uint32_t list_chain(const struct hb_blocked *blocked, uint32_t node, uint32_t until, struct chain *ret)
{
	const struct hb_blocked_goroutine *list = blocked->list;
	uint32_t first = node, last = node;
	size_t times = 0;
	*ret = (struct chain){0};
	do {
		if (times && !is_same_place(&list[first], &list[node])) {
			add_link(ret, &list[first], times);
			first = node;
			times = 0;
		}
		times++;
		ret->links++;
		last = node;
		node = blocked->reasons.waker[node];
	} while (node != UINT32_MAX && node != until && ret->links <= blocked->dark.ngoroutines);
	add_link(ret, &list[first], times);
	return last;
}

/* Somebody in the cycle that a goroutine's wakers lead to; UINT32_MAX: they lead to an end. */
static uint32_t find_cycle(const struct hb_blocked *blocked, uint32_t node)
{
	uint32_t mark = UINT32_MAX, steps = 0, until_mark = 1;
	while (node != UINT32_MAX && node != mark) {
		if (++steps == until_mark) {
			mark = node;
			until_mark *= 2;
		}
		node = blocked->reasons.waker[node];
	}
	return node;
}

static struct hb_error *say_cycle(struct hb_blocked *blocked, uint32_t member, struct hb_finding *finding)
{
	struct chain chain;
	char count[32];
	list_chain(blocked, member, member, &chain);
	hb_format_count(chain.links, count, sizeof(count));
	return hb_finding_because(
	        finding,
	        hb_say("deadlock of %s goroutines, each of which only the next one could wake: %s%s, and round again",
	               count, chain.text, chain.cut ? " …" : ""));
}

/* What those who could wake the goroutine wait for themselves. */
static struct hb_error *say_chain(struct hb_blocked *blocked, uint32_t node, const char *them,
                                  struct hb_finding *finding)
{
	struct chain chain;
	char count[32], end[PLACE];
	uint32_t cycle = find_cycle(blocked, node), waker = blocked->reasons.waker[node];
	if (cycle != UINT32_MAX && blocked->reasons.reason[node] == HB_REASON_CYCLE)
		return say_cycle(blocked, cycle, finding);
	if (cycle != UINT32_MAX) {
		name_place(&blocked->list[waker], end, sizeof(end));
		return hb_finding_because(
		        finding, hb_say("who could wake %s is blocked, in a deadlock or behind one: %s", them, end));
	}
	uint32_t last = list_chain(blocked, waker, UINT32_MAX, &chain);
	hb_format_count(chain.links, count, sizeof(count));
	const struct words *its = words_of(blocked->list[last].goroutine);
	bool never = blocked->reasons.reason[last] == HB_REASON_NEVER && its->never;
	if (chain.links == 1)
		return hb_finding_because(finding,
		                          hb_say("who could wake %s cannot run either: %s, where %s", them, chain.text,
		                                 never ? its->never : "nobody is left who could go on"));
	return hb_finding_because(finding,
	                          hb_say("who could wake %s waits behind others, a chain of %s: %s%s; at its end, %s",
	                                 them, count, chain.text, chain.cut ? " …" : "",
	                                 never ? its->never : "nobody is left who could go on"));
}

/* --- One group ---------------------------------------------------------------------------------------------------- */

struct tally {
	size_t count[HB_REASON_CROWD + 1];
	uint32_t first[HB_REASON_CROWD + 1]; /* node: of those with the longest chain, the first */
	uint64_t stacks;
	uint64_t since_min, since_max; /* seconds; 0: unknown */
};

static struct tally tally_up(const struct hb_blocked *blocked, const uint32_t *nodes, size_t n)
{
	struct tally tally = {0};
	int64_t now = blocked->analysis->goroutines.now;
	for (size_t i = 0; i < n; i++) {
		const struct hb_goroutine *goroutine = blocked->list[nodes[i]].goroutine;
		unsigned reason = blocked->reasons.reason[nodes[i]];
		if (!tally.count[reason]++ ||
		    blocked->reasons.depth[nodes[i]] > blocked->reasons.depth[tally.first[reason]])
			tally.first[reason] = nodes[i];
		tally.stacks += goroutine->stack_hi - goroutine->stack_lo;
		if (goroutine->waitsince <= 0 || now <= goroutine->waitsince)
			continue;
		uint64_t seconds = (uint64_t)(now - goroutine->waitsince) / 1000000000u;
		if (!tally.since_max || seconds < tally.since_min)
			tally.since_min = seconds;
		tally.since_max = hb_max(tally.since_max, seconds);
	}
	return tally;
}

/* The runtime notes since when at the first collection that sees the goroutine wait. */
static struct hb_error *say_since(const struct tally *tally, struct hb_finding *finding)
{
	char from[32], to[32];
	if (!tally->since_max)
		return NULL;
	hb_format_duration(tally->since_min, from, sizeof(from));
	hb_format_duration(tally->since_max, to, sizeof(to));
	if (!strcmp(from, to))
		return hb_finding_because(finding, hb_say("blocked for %s at least", to));
	return hb_finding_because(finding, hb_say("blocked for %s to %s at least", from, to));
}

/* "" when it is all of them. */
static void of_them(size_t count, size_t n, char *buf, size_t size)
{
	char number[32];
	hb_format_count(count, number, sizeof(number));
	snprintf(buf, size, "%s%s", count < n ? number : "", count < n ? " of them: " : "");
}

static struct hb_error *say_why(struct hb_blocked *blocked, const struct tally *tally, const uint32_t *nodes, size_t n,
                                struct hb_finding *finding)
{
	const struct words *its = words_of(blocked->list[nodes[0]].goroutine);
	const char *them = n == 1 ? "it" : "them";
	char some[64];
	if (tally->count[HB_REASON_NEVER] < n)
		TRY(hb_finding_because(finding,
		                       hb_say("%s for %s that no goroutine that can still run is able to reach",
		                              n == 1 ? "it waits" : "each waits", its->thing)));
	if (tally->count[HB_REASON_NEVER] && its->never) {
		of_them(tally->count[HB_REASON_NEVER], n, some, sizeof(some));
		TRY(hb_finding_because(finding, hb_say("%s%s", some, its->never)));
	}
	if (tally->count[HB_REASON_ALONE] && its->alone) {
		of_them(tally->count[HB_REASON_ALONE], n, some, sizeof(some));
		TRY(hb_finding_because(finding, hb_say("%s%s", some, its->alone)));
	}
	if (tally->count[HB_REASON_BEHIND])
		TRY(say_chain(blocked, tally->first[HB_REASON_BEHIND], them, finding));
	if (tally->count[HB_REASON_CYCLE])
		TRY(say_chain(blocked, tally->first[HB_REASON_CYCLE], them, finding));
	return NULL;
}

static struct hb_error *say_where(struct hb_blocked *blocked, const struct hb_blocked_goroutine *at,
                                  struct hb_finding *finding)
{
	finding->holder = hb_say("goroutines in %s", at->goroutine->wait_reason);
	if (!finding->holder)
		return hb_error_nomem();
	TRY(hb_finding_blocked(finding, at->place));
	return hb_finding_created(finding, hb_creation_site(&blocked->arena, blocked->analysis->go, at->goroutine));
}

struct hb_error *hb_blocked_describe(struct hb_blocked *blocked, const uint32_t *nodes, size_t n, uint64_t bytes,
                                     struct hb_finding *finding)
{
	const struct hb_analysis *analysis = blocked->analysis;
	struct tally tally = tally_up(blocked, nodes, n);
	char count[32], stacks[32];
	bool certain = hb_finding_may_be_proven(analysis);
	hb_format_count(n, count, sizeof(count));
	hb_format_bytes(tally.stacks, stacks, sizeof(stacks));
	finding->rule = "H201";
	finding->verdict = certain ? HB_PROVEN : HB_LIKELY;
	finding->count = n;
	finding->bytes = bytes;
	TRY(hb_finding_title(finding, hb_say("%s goroutine%s can%s never run again", count, n == 1 ? "" : "s",
	                                     certain ? "" : " probably")));
	TRY(say_where(blocked, &blocked->list[nodes[0]], finding));
	TRY(hb_blocked_say_origin(blocked, nodes, n, finding));
	TRY(say_since(&tally, finding));
	TRY(say_why(blocked, &tally, nodes, n, finding));
	TRY(hb_finding_because(finding, hb_say("%s %s take%s %s more", n == 1 ? "its" : "their",
	                                       n == 1 ? "stack" : "stacks", n == 1 ? "s" : "", stacks)));
	for (size_t i = 0; i < n; i++)
		HB_VEC_PUSH(&finding->goroutines, blocked->list[nodes[i]].goroutine->id);
	return hb_finding_help(finding, words_of(blocked->list[nodes[0]].goroutine)->help);
}
