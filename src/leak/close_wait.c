/* H503: TCP connections that the peer has closed, and the program has not. docs/detectors/connections.md.
 *
 * In CLOSE_WAIT the kernel waits for the program. That is as it should be for a moment, and for longer where the peer has
 * only said that it will send nothing more and waits for its answer. What tells them apart:
 *
 *   the program has read the end (nothing is unread), and no goroutine's stack leads to the connection: it is merely kept.
 *   Nobody is about to answer, and there is nothing left to be read                                                  likely
 *   what the peer sent last, or its end, is unread, and no goroutine works on it                                     estimate
 *   goroutines hold them and wait for something else: likely when most have waited for a minute or more              estimate
 *
 * The kernel counts the peer's end as a byte that is unread until the program has read it (net/ipv4/tcp_ipv4.c
 * get_tcp4_sock: rcv_nxt - copied_seq; tcp.c tcp_recvmsg_locked: found_fin_ok).
 */
#include "golang/stacks.h"
#include "leak/detectors.h"
#include "leak/near_fd.h"
#include "leak/parked.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <string.h>

enum { LEAST = 10, LEAST_S = 60, HOPS = 3, NOBODY = UINT32_MAX };

enum sort { SORT_KEPT, SORT_UNREAD, SORT_WORKED_ON };

struct ended {
	const struct hb_open_fd *fd;
	uint32_t root; /* the root node that leads to it */
	uint32_t wait; /* index in waits of a goroutine whose stack leads to it; NOBODY */
	uint8_t sort;
};

struct scan {
	const struct hb_analysis *analysis;
	HB_VEC(struct ended) list; /* by number, later by sort and holder */
	uint32_t wait;             /* whose stack is visited */
};

/* --- Which, and who works on them --------------------------------------------------------------------------------- */

static struct hb_error *collect(struct scan *scan)
{
	const struct hb_fd_table *table = &scan->analysis->fds;
	for (size_t i = 0; i < table->list.len; i++) {
		const struct hb_open_fd *fd = &table->list.data[i];
		if (fd->kernel && fd->kernel->protocol == HB_SOCKET_TCP && fd->kernel->state == HB_TCP_CLOSE_WAIT &&
		    fd->reach == HB_FD_REACHED && fd->go->kind == HB_POLL_CONNECTION)
			HB_VEC_PUSH(&scan->list,
			            (struct ended){fd, hb_trail_root(scan->analysis, fd->go->slot), NOBODY, SORT_KEPT});
	}
	return NULL;
}

static void visit_stack(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct scan *scan = ctx;
	uint32_t slot = hb_heap_slot(scan->analysis->heap, pointer->value);
	const struct hb_open_fd *fd =
	        slot && scan->analysis->graph->number[slot] ? hb_near_fd(scan->analysis, slot, HOPS) : NULL;
	if (!fd)
		return;
	size_t at = hb_partition_point(scan->list.len, i, scan->list.data[i].fd->number < fd->number);
	if (at < scan->list.len && scan->list.data[at].fd == fd && scan->list.data[at].wait == NOBODY)
		scan->list.data[at].wait = scan->wait;
}

/* Also goroutines that do not wait may be at work on them: then nothing is said. */
static struct hb_error *find_workers(struct scan *scan)
{
	const struct hb_analysis *analysis = scan->analysis;
	struct hb_stack_reading reading;
	for (size_t i = 0, wait = 0; i < analysis->goroutines.n; i++) {
		while (wait < analysis->parked.list.len && analysis->parked.list.data[wait].goroutine < i)
			wait++;
		bool waits = wait < analysis->parked.list.len && analysis->parked.list.data[wait].goroutine == i;
		scan->wait = waits ? (uint32_t)wait : NOBODY - 1;
		TRY(hb_go_scan_stack(analysis->go, &analysis->goroutines.list[i], visit_stack, scan, &reading));
	}
	return NULL;
}

/* Not busy, not in the middle of a system call of its own; and not in the hands of net/http, where H502 can tell. */
static bool waits_for_something_else(const struct scan *scan, const struct hb_parked *wait)
{
	return wait && !(wait->flags & HB_PARKED_READ_LOOP) &&
	       strcmp(scan->analysis->goroutines.list[wait->goroutine].wait_reason, "IO wait") != 0;
}

static void sort_out(struct scan *scan)
{
	size_t kept = 0;
	for (size_t i = 0; i < scan->list.len; i++) {
		struct ended *ended = &scan->list.data[i];
		const struct hb_parked *wait = ended->wait < scan->analysis->parked.list.len
		                                       ? &scan->analysis->parked.list.data[ended->wait]
		                                       : NULL;
		if (ended->wait != NOBODY && !waits_for_something_else(scan, wait))
			continue;
		ended->sort = wait ? SORT_WORKED_ON : ended->fd->kernel->unread ? SORT_UNREAD : SORT_KEPT;
		scan->list.data[kept++] = *ended;
	}
	scan->list.len = kept;
}

static int same_holder(const struct hb_analysis *analysis, const struct ended *a, const struct ended *b)
{
	if (a->sort != b->sort)
		return a->sort < b->sort ? -1 : 1;
	if (a->sort == SORT_WORKED_ON)
		return hb_parked_compare_place(analysis, &analysis->parked.list.data[a->wait],
		                               &analysis->parked.list.data[b->wait]);
	return (a->root > b->root) - (a->root < b->root);
}

static int by_holder(const void *a, const void *b, void *analysis)
{
	const struct ended *x = a, *y = b;
	int order = same_holder(analysis, x, y);
	return order ? order : (x->fd->number > y->fd->number) - (x->fd->number < y->fd->number);
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static struct hb_error *say_peers(const struct scan *scan, const struct ended *list, size_t n,
                                  struct hb_finding *finding)
{
	hb_autofree uint64_t *fds = calloc(n + 1, sizeof(*fds));
	char bytes[32], with[32];
	uint64_t unread = 0, count = 0;
	if (!fds)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		fds[i] = (uint64_t)list[i].fd->number;
		if (finding->fds.len < HB_FINDING_FDS)
			HB_VEC_PUSH(&finding->fds, fds[i]);
		if (list[i].fd->kernel->unread > 1) { /* the end is one of them */
			unread += list[i].fd->kernel->unread - 1;
			count++;
		}
	}
	hb_autofree char *places = hb_fd_table_places(&scan->analysis->fds, fds, n);
	if (!places)
		return hb_error_nomem();
	TRY(hb_finding_because(finding, hb_say("with: %s", places)));
	hb_format_bytes(unread, bytes, sizeof(bytes));
	hb_format_count(count, with, sizeof(with));
	return count ? hb_finding_because(finding, hb_say("%s have %s that nobody has read", with, bytes)) : NULL;
}

/* From the holder down to the first of them. */
static struct hb_error *say_path(const struct scan *scan, const struct ended *first, struct hb_finding *finding)
{
	TRY(hb_finding_holder(scan->analysis, first->root, finding));
	return hb_trail_path(scan->analysis, first->fd->go->slot, first->fd->go->sysfd, "", finding);
}

static struct hb_error *describe_kept(const struct scan *scan, const struct ended *list, size_t n,
                                      struct hb_finding *finding)
{
	bool read = list[0].sort == SORT_KEPT;
	char count[32];
	hb_format_count(n, count, sizeof(count));
	finding->verdict = read ? HB_LIKELY : HB_ESTIMATE;
	TRY(hb_finding_title(
	        finding, read ? hb_say("%s connections whose peer has hung up were not closed", count)
	                      : hb_say("%s peers have hung up: does anybody still look at their connections?", count)));
	TRY(say_path(scan, &list[0], finding));
	TRY(hb_finding_because(finding,
	                       read ? hb_say("the program has read their end (CLOSE_WAIT, nothing is unread), and no "
	                                     "goroutine works on them")
	                            : hb_say("their end is unread (CLOSE_WAIT), and no goroutine waits to read "
	                                     "it")));
	return say_peers(scan, list, n, finding);
}

static struct hb_error *describe_worked_on(const struct scan *scan, const struct ended *list, size_t n,
                                           struct hb_finding *finding)
{
	hb_autofree struct hb_parked *waits = calloc(n + 1, sizeof(*waits));
	struct hb_parked_ages ages;
	char count[32];
	if (!waits)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++)
		waits[i] = scan->analysis->parked.list.data[list[i].wait];
	hb_format_count(n, count, sizeof(count));
	TRY(hb_parked_ages(scan->analysis, waits, n, &ages));
	bool old = ages.known >= LEAST && ages.median_s >= LEAST_S;
	finding->verdict = old ? HB_LIKELY : HB_ESTIMATE;
	TRY(hb_finding_title(
	        finding, old ? hb_say("%s goroutines keep connections whose peer has hung up", count)
	                     : hb_say("%s peers have hung up: do the goroutines that serve them still go on?", count)));
	TRY(hb_finding_holder(scan->analysis, list[0].root, finding));
	TRY(hb_parked_describe(scan->analysis, waits, n, finding));
	TRY(hb_finding_because(finding,
	                       hb_say("in CLOSE_WAIT the kernel waits for the program to close; these goroutines "
	                              "wait for something else (%s)",
	                              scan->analysis->goroutines.list[waits[0].goroutine].wait_reason)));
	TRY(hb_parked_say_ages(&ages, n, finding));
	return say_peers(scan, list, n, finding);
}

static struct hb_error *describe(const struct scan *scan, const struct ended *list, size_t n,
                                 struct hb_finding *finding)
{
	finding->rule = "H503";
	finding->count = n;
	for (size_t i = 0; i < n; i++)
		finding->bytes += scan->analysis->graph->retained[scan->analysis->graph->number[list[i].fd->go->slot]];
	TRY(list[0].sort == SORT_WORKED_ON ? describe_worked_on(scan, list, n, finding)
	                                   : describe_kept(scan, list, n, finding));
	return hb_finding_help(finding,
	                       "close a connection when reading from it has ended or failed, and forget it then: "
	                       "defer conn.Close()");
}

/* --- All together ------------------------------------------------------------------------------------------------- */

static struct hb_error *report(struct scan *scan, struct hb_findings *findings)
{
	TRY(collect(scan));
	if (scan->list.len < LEAST)
		return NULL;
	TRY(find_workers(scan));
	sort_out(scan);
	if (scan->list.len)
		qsort_r(scan->list.data, scan->list.len, sizeof(*scan->list.data), by_holder, (void *)scan->analysis);
	for (size_t i = 0, next; i < scan->list.len; i = next) {
		struct hb_finding finding = {0};
		for (next = i + 1; next < scan->list.len; next++)
			if (same_holder(scan->analysis, &scan->list.data[i], &scan->list.data[next]) != 0)
				break;
		if (next - i >= LEAST)
			TRY(hb_findings_add(findings, &finding,
			                    describe(scan, &scan->list.data[i], next - i, &finding)));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {.analysis = analysis};
	struct hb_error *err = report(&scan, findings);
	hb_vec_deinit(&scan.list);
	return err;
}

const struct hb_detector hb_detector_close_wait = {
        .rule = "H503",
        .name = "connections that the peer has closed",
        .run = run,
};
