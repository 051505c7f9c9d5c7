#include "leak/parked.h"
#include "base/order.h"
#include "golang/stacks.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/analysis.h"
#include "report/format.h"
#include "report/sites.h"

#include <string.h>

/* --- Where they wait ---------------------------------------------------------------------------------------------- */

/* The standard library's ways to wait that hb_function_is_plumbing leaves to be named. */
static bool is_library(const char *function)
{
	static const char *const prefixes[] = {"net/",      "crypto/", "database/", "encoding/",
	                                       "compress/", "log.",    "log/"};
	if (hb_function_is_plumbing(function))
		return true;
	for (size_t i = 0; i < hb_countof(prefixes); i++)
		if (!strncmp(function, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

struct walk {
	struct hb_parked *wait;
	bool outside; /* the runtime's frames are behind us */
};

static bool visit_frame(void *ctx, const struct hb_go_frame *frame)
{
	struct walk *walk = ctx;
	const char *name = frame->func.name;
	if (!walk->outside && hb_function_is_runtime(name))
		return true;
	if (!strncmp(name, "net/http.", 9)) {
		if (!walk->outside && !strcmp(name, "net/http.(*persistConn).readLoop"))
			walk->wait->flags |= HB_PARKED_READ_LOOP;
		else if (!strcmp(name, "net/http.(*persistConn).roundTrip"))
			walk->wait->flags |= HB_PARKED_ROUND_TRIP;
		else if (!strcmp(name, "net/http.(*conn).serve"))
			walk->wait->flags |= HB_PARKED_SERVES;
	}
	walk->outside = true;
	if (!walk->wait->pc && !is_library(name))
		walk->wait->pc = frame->lookup_pc;
	return true;
}

struct hb_error *hb_parked_read(const struct hb_analysis *analysis, size_t least, struct hb_parked_list *ret)
{
	const struct hb_goroutines *goroutines = &analysis->goroutines;
	for (size_t i = 0; goroutines->n >= least && i < goroutines->n; i++) {
		const struct hb_goroutine *goroutine = &goroutines->list[i];
		struct hb_parked wait = {.goroutine = (uint32_t)i};
		struct walk walk = {.wait = &wait};
		bool complete;
		if (goroutine->system || (goroutine->status != HB_G_WAITING && goroutine->status != HB_G_LEAKED))
			continue;
		hb_error_destroy(hb_go_unwind(analysis->go, goroutine, visit_frame, &walk, &complete));
		if (complete) /* else what is below is not known */
			HB_VEC_PUSH(&ret->list, wait);
	}
	return NULL;
}

void hb_parked_deinit(struct hb_parked_list *waits)
{
	hb_vec_deinit(&waits->list);
}

/* --- Groups ------------------------------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int hb_parked_compare_place(const struct hb_analysis *analysis, const struct hb_parked *a, const struct hb_parked *b)
{
	const struct hb_goroutine *x = &analysis->goroutines.list[a->goroutine],
	                          *y = &analysis->goroutines.list[b->goroutine];
	int order = compare_numbers(x->gopc, y->gopc);
	if (!order)
		order = compare_numbers(a->pc, b->pc);
	return order ? order : compare_numbers(x->wait_reason_number, y->wait_reason_number);
}

static int by_place(const void *a, const void *b, void *analysis)
{
	const struct hb_parked *x = a, *y = b;
	int order = hb_parked_compare_place(analysis, x, y);
	return order ? order : compare_numbers(x->goroutine, y->goroutine);
}

void hb_parked_sort(const struct hb_analysis *analysis, struct hb_parked *waits, size_t n)
{
	if (n)
		qsort_r(waits, n, sizeof(*waits), by_place, (void *)analysis);
}

/* Calls may have been inlined there: the program's own line. */
static bool own_line(const struct hb_analysis *analysis, uint64_t pc, struct hb_go_line *ret)
{
	enum { DEPTH = 16 };
	struct hb_go_line lines[DEPTH];
	size_t n = pc ? hb_go_lines(analysis->go, pc, lines, DEPTH) : 0, at = 0;
	while (at + 1 < n && is_library(lines[at].function))
		at++;
	if (n)
		*ret = lines[at];
	return n > 0;
}

struct hb_error *hb_parked_describe(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                    struct hb_finding *finding)
{
	struct hb_arena arena = {0};
	struct hb_go_line line;
	for (size_t i = 0; i < n; i++)
		HB_VEC_PUSH(&finding->goroutines, analysis->goroutines.list[waits[i].goroutine].id);
	struct hb_error *err = hb_finding_created(
	        finding, hb_creation_site(&arena, analysis->go, &analysis->goroutines.list[waits[0].goroutine]));
	if (!err && own_line(analysis, waits[0].pc, &line))
		err = hb_finding_blocked(finding, hb_site_text(&arena, &line));
	hb_arena_deinit(&arena);
	return err;
}

uint32_t hb_parked_node(const struct hb_analysis *analysis, const struct hb_parked *wait)
{
	uint32_t slot = hb_heap_slot(analysis->heap, analysis->goroutines.list[wait->goroutine].g);
	return slot ? hb_trail_root(analysis, slot) : HB_ROOT_NONE;
}

struct hb_error *hb_parked_holder(const struct hb_analysis *analysis, const struct hb_parked *wait,
                                  struct hb_finding *finding)
{
	return hb_finding_holder(analysis, hb_parked_node(analysis, wait), finding);
}

struct hb_error *hb_parked_say_stacks(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                      struct hb_finding *finding)
{
	uint64_t bytes = 0;
	char text[32];
	for (size_t i = 0; i < n; i++)
		bytes += analysis->goroutines.list[waits[i].goroutine].stack_hi -
		         analysis->goroutines.list[waits[i].goroutine].stack_lo;
	hb_format_bytes(bytes, text, sizeof(text));
	return hb_finding_because(finding, hb_say("their stacks take %s besides", text));
}

uint64_t hb_parked_bytes(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = hb_heap_slot(analysis->heap, analysis->goroutines.list[waits[i].goroutine].g);
		uint32_t node = hb_trail_innermost_root(analysis, slot);
		if (node != HB_ROOT_NONE && analysis->roots.nodes.data[node].kind == HB_ROOT_GOROUTINE)
			bytes += analysis->graph->retained[hb_graph_root_number(node)];
	}
	return bytes;
}

/* --- Ages --------------------------------------------------------------------------------------------------------- */

struct hb_error *hb_parked_ages(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                struct hb_parked_ages *ret)
{
	*ret = (struct hb_parked_ages){0};
	hb_autofree uint64_t *seconds = calloc(n + 1, sizeof(*seconds));
	if (!seconds)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		int64_t since = analysis->goroutines.list[waits[i].goroutine].waitsince;
		if (since > 0 && analysis->goroutines.now > since)
			seconds[ret->known++] = (uint64_t)(analysis->goroutines.now - since) / 1000000000u;
	}
	if (!ret->known)
		return NULL;
	qsort(seconds, ret->known, sizeof(*seconds), hb_compare_u64);
	ret->least_s = seconds[0];
	ret->median_s = seconds[ret->known / 2];
	ret->most_s = seconds[ret->known - 1];
	return NULL;
}

struct hb_error *hb_parked_say_ages(const struct hb_parked_ages *ages, size_t n, struct hb_finding *finding)
{
	char least[32], most[32], known[32];
	if (!ages->known)
		return NULL;
	hb_format_duration(ages->least_s, least, sizeof(least));
	hb_format_duration(ages->most_s, most, sizeof(most));
	hb_format_count(ages->known, known, sizeof(known));
	const char *to = strcmp(least, most) ? " to " : "";
	if (ages->known == n)
		return hb_finding_because(finding, hb_say("they have waited for %s%s%s", *to ? least : "", to, most));
	return hb_finding_because(
	        finding, hb_say("%s of them have waited for %s%s%s at least", known, *to ? least : "", to, most));
}
