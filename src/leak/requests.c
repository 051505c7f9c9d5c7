/* H203: goroutines that wait for an answer from the network, with nothing that limits how long. docs/detectors/goroutines.md.
 *
 * A goroutine below net/http.(*persistConn).roundTrip has sent a request and waits for the answer. What could end the wait
 * without the server: a deadline anywhere up the request's context (Client.Timeout makes one, too), the timer of
 * ResponseHeaderTimeout among the channels of the select, the old Request.Cancel. Where there is none of them, and what there
 * is is known completely, the request waits as long as the server likes.
 *
 * One moment does not say for how long they have waited, unless the collector has noted it: then likely.
 */
#include "golang/stacks.h"
#include "leak/detectors.h"
#include "leak/near_fd.h"
#include "leak/parked.h"
#include "leak/wait_channels.h"
#include "leak/wording.h"
#include "report/format.h"

#include <string.h>

enum { LEAST = 20, LEAST_S = 300, HOPS = 5, MAX_PARENTS = 100 };

struct scan {
	const struct hb_analysis *analysis;
	uint32_t connection_type, request_type, transport_request_type;
	uint64_t conn_at;               /* data word of persistConn.conn */
	uint64_t request_ctx, cancel;   /* in Request */
	uint64_t transport_request_ctx; /* UINT64_MAX: up to 1.22 it is the request's */
	struct hb_addresses timers;
	HB_VEC(struct hb_parked) waits;
	/* of the stack that is visited */
	uint32_t connection, request, transport_request; /* slots */
};

/* --- Whether a context has a deadline ----------------------------------------------------------------------------- */

enum limit { NO_LIMIT, LIMITED, GOES_ON };

/* By the dynamic type of the interface. "Goes on": the next one is its first field (context/context.go; 1.18-1.27). */
static enum limit limit_of(const struct scan *scan, uint64_t itab)
{
	static const struct {
		const char *name;
		enum limit limit;
	} table[] = {
	        {"*context.cancelCtx", GOES_ON},         {"*context.valueCtx", GOES_ON},
	        {"*context.afterFuncCtx", GOES_ON},      {"*context.emptyCtx", NO_LIMIT},
	        {"context.backgroundCtx", NO_LIMIT},     {"context.todoCtx", NO_LIMIT},
	        {"*context.withoutCancelCtx", NO_LIMIT}, {"context.withoutCancelCtx", NO_LIMIT},
	};
	uint64_t addr;
	if (!hb_snapshot_u64(scan->analysis->snapshot, itab + scan->analysis->go->layout->itab.type, &addr))
		return LIMITED;
	uint32_t type = hb_types_find(scan->analysis->types, addr);
	for (size_t i = 0; type && i < hb_countof(table); i++)
		if (!strcmp(scan->analysis->types->list[type].name, table[i].name))
			return table[i].limit;
	return LIMITED; /* or of somebody's own making, and may be */
}

static bool is_limited(const struct scan *scan, uint64_t itab, uint64_t data)
{
	for (unsigned i = 0; i < MAX_PARENTS; i++) {
		enum limit limit = itab ? limit_of(scan, itab) : NO_LIMIT; /* a nil context is the background */
		if (limit != GOES_ON)
			return limit == LIMITED;
		if (!hb_snapshot_u64(scan->analysis->snapshot, data, &itab) ||
		    !hb_snapshot_u64(scan->analysis->snapshot, data + 8, &data))
			return true;
	}
	return true;
}

/* --- Requests without a limit ------------------------------------------------------------------------------------- */

static void visit_stack(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct scan *scan = ctx;
	const struct hb_analysis *analysis = scan->analysis;
	uint32_t slot = hb_heap_slot(analysis->heap, pointer->value), type = slot ? analysis->typing->type_of[slot] : 0;
	if (!type || pointer->conservative || strcmp(pointer->function, "net/http.(*persistConn).roundTrip") != 0)
		return;
	if (type == scan->connection_type)
		scan->connection = slot;
	else if (type == scan->transport_request_type)
		scan->transport_request = slot;
}

static bool waits_without_limit(const struct scan *scan, const struct hb_goroutine *goroutine)
{
	uint64_t channels[HB_WAIT_CASES];
	size_t n = hb_wait_channels(scan->analysis, goroutine, channels);
	for (size_t i = 0; i < n; i++)
		if (hb_addresses_have(&scan->timers, channels[i]))
			return false;
	uint32_t request =
	        hb_heap_slot(scan->analysis->heap, hb_heap_slot_word(scan->analysis->heap, scan->transport_request, 0));
	if (!n || !request || scan->analysis->typing->type_of[request] != scan->request_type ||
	    hb_heap_slot_word(scan->analysis->heap, request, scan->cancel))
		return false;
	bool own = scan->transport_request_ctx != UINT64_MAX;
	uint32_t slot = own ? scan->transport_request : request;
	uint64_t at = own ? scan->transport_request_ctx : scan->request_ctx;
	return !is_limited(scan, hb_heap_slot_word(scan->analysis->heap, slot, at),
	                   hb_heap_slot_word(scan->analysis->heap, slot, at + 8));
}

static struct hb_error *examine(struct scan *scan, const struct hb_parked *wait, bool *ret)
{
	const struct hb_goroutine *goroutine = &scan->analysis->goroutines.list[wait->goroutine];
	struct hb_stack_reading reading;
	*ret = false;
	scan->connection = scan->transport_request = 0;
	if (!(wait->flags & HB_PARKED_ROUND_TRIP) || strcmp(goroutine->wait_reason, "select") != 0)
		return NULL;
	TRY(hb_go_scan_stack(scan->analysis->go, goroutine, visit_stack, scan, &reading));
	*ret = reading.precise && scan->connection && scan->transport_request && waits_without_limit(scan, goroutine);
	return NULL;
}

static struct hb_error *collect(struct scan *scan)
{
	bool unlimited;
	for (size_t i = 0; i < scan->analysis->parked.list.len; i++) {
		TRY(examine(scan, &scan->analysis->parked.list.data[i], &unlimited));
		if (unlimited)
			HB_VEC_PUSH(&scan->waits, scan->analysis->parked.list.data[i]);
	}
	hb_parked_sort(scan->analysis, scan->waits.data, scan->waits.len);
	return NULL;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static struct hb_error *say_peers(struct scan *scan, const struct hb_parked *waits, size_t n,
                                  struct hb_finding *finding)
{
	HB_VEC(uint64_t) fds = {0};
	struct hb_error *err = NULL;
	bool unlimited;
	for (size_t i = 0; !err && i < n; i++) {
		err = examine(scan, &waits[i], &unlimited);
		uint32_t slot =
		        scan->connection
		                ? hb_heap_slot(scan->analysis->heap,
		                               hb_heap_slot_word(scan->analysis->heap, scan->connection, scan->conn_at))
		                : 0;
		const struct hb_open_fd *fd = slot ? hb_near_fd(scan->analysis, slot, HOPS) : NULL;
		if (!err && fd &&
		    (!hb_vec_push(&fds, (uint64_t)fd->number) ||
		     (finding->fds.len < HB_FINDING_FDS && !hb_vec_push(&finding->fds, (uint64_t)fd->number))))
			err = hb_error_nomem();
	}
	hb_autofree char *places = err ? NULL : hb_fd_table_places(&scan->analysis->fds, fds.data, fds.len);
	hb_vec_deinit(&fds);
	TRY(err);
	if (!places)
		return hb_error_nomem();
	return *places ? hb_finding_because(finding, hb_say("from: %s", places)) : NULL;
}

static struct hb_error *describe(struct scan *scan, const struct hb_parked *waits, size_t n, struct hb_finding *finding)
{
	struct hb_parked_ages ages;
	char count[32];
	hb_format_count(n, count, sizeof(count));
	TRY(hb_parked_ages(scan->analysis, waits, n, &ages));
	bool old = ages.known >= LEAST && ages.median_s >= LEAST_S;
	finding->rule = "H203";
	finding->verdict = old ? HB_LIKELY : HB_ESTIMATE;
	finding->count = n;
	finding->bytes = hb_parked_bytes(scan->analysis, waits, n);
	TRY(hb_finding_title(
	        finding, old ? hb_say("%s HTTP requests wait for an answer, however long it takes", count)
	                     : hb_say("%s HTTP requests wait without a time limit: will the answers come?", count)));
	TRY(hb_parked_holder(scan->analysis, &waits[0], finding));
	TRY(hb_parked_describe(scan->analysis, waits, n, finding));
	TRY(hb_finding_because(finding,
	                       hb_say("the requests have been sent; their contexts have no deadline, and neither the "
	                              "client nor its transport has a timeout")));
	TRY(say_peers(scan, waits, n, finding));
	TRY(hb_parked_say_ages(&ages, n, finding));
	TRY(hb_parked_say_stacks(scan->analysis, waits, n, finding));
	return hb_finding_help(finding,
	                       "limit how long a request may take: &http.Client{Timeout: 30 * time.Second}, or a "
	                       "context with a timeout for each");
}

/* --- All together ------------------------------------------------------------------------------------------------- */

static bool find_types(struct scan *scan)
{
	const struct hb_types *types = scan->analysis->types;
	scan->connection_type = hb_types_by_name(types, "http.persistConn", "net/http");
	scan->request_type = hb_types_by_name(types, "http.Request", "net/http");
	scan->transport_request_type = hb_types_by_name(types, "http.transportRequest", "net/http");
	if (!scan->transport_request_type ||
	    !hb_types_offset(types, scan->connection_type, "conn", 16, &scan->conn_at) ||
	    !hb_types_offset(types, scan->request_type, "ctx", 16, &scan->request_ctx) ||
	    !hb_types_offset(types, scan->request_type, "Cancel", 8, &scan->cancel))
		return false;
	scan->conn_at += 8;
	if (!hb_types_offset(types, scan->transport_request_type, "ctx", 16, &scan->transport_request_ctx))
		scan->transport_request_ctx = UINT64_MAX;
	return true;
}

static struct hb_error *report(struct scan *scan, struct hb_findings *findings)
{
	if (!find_types(scan))
		return NULL;
	TRY(hb_timer_channels(scan->analysis, &scan->timers));
	TRY(collect(scan));
	for (size_t i = 0, next; i < scan->waits.len; i = next) {
		struct hb_finding finding = {0};
		for (next = i + 1; next < scan->waits.len; next++)
			if (hb_parked_compare_place(scan->analysis, &scan->waits.data[i], &scan->waits.data[next]) != 0)
				break;
		if (next - i >= LEAST)
			TRY(hb_findings_add(findings, &finding,
			                    describe(scan, &scan->waits.data[i], next - i, &finding)));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {.analysis = analysis};
	struct hb_error *err = report(&scan, findings);
	hb_vec_deinit(&scan.timers.list);
	hb_vec_deinit(&scan.waits);
	return err;
}

const struct hb_detector hb_detector_requests = {
        .rule = "H203",
        .name = "requests without a time limit",
        .run = run,
};
