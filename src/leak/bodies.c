/* H502: HTTP responses whose body is not closed. docs/detectors/connections.md.
 *
 * The readLoop of a client's connection hands a response out and then waits in a select until its body has been read to the end
 * or closed: the body's functions send that on a channel that nobody else has (net/http/transport.go: waitForBodyRead,
 * 1.18-1.27). If nothing but the goroutine itself leads to that channel, nobody has
 * the body, and nobody can read or close it. The connection waits until the request's context ends, if it ever does, and does
 * not even notice that the server has hung up.
 *
 * So: what would be reached without these goroutines, without the records of what they wait for (which lead from one channel
 * of a select to the others), and without the deferred calls that pile up in functions that go on?
 */
#include "base/order.h"
#include "golang/stacks.h"
#include "leak/deferred_closes.h"
#include "leak/detectors.h"
#include "leak/near_fd.h"
#include "leak/parked.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <string.h>

enum { LEAST_BODIES = 10, LEAST_DEFERRED = 32, MAX_CASES = 64, HOPS = 5 };

struct body {
	const struct hb_parked *wait;
	uint32_t channel, connection, request; /* slots; request: 0 unknown */
};

struct scan {
	const struct hb_analysis *analysis;
	uint32_t connection_type, request_type, transport_request_type;
	uint64_t conn_at, closech_at; /* offsets in persistConn: of conn's data word, of closech */
	HB_VEC(struct body) bodies;
	uint64_t *blocked, *marked;
	bool deferred; /* deferred calls were left out */
};

/* --- The connections that wait for the end of a body -------------------------------------------------------------- */

static void block(void *ctx, uint32_t slot)
{
	struct scan *scan = ctx;
	hb_slot_set(scan->blocked, slot);
}

static void block_deferred(void *ctx, uint32_t slot)
{
	((struct scan *)ctx)->deferred = true;
	block(ctx, slot);
}

/* Of what a goroutine waits for in that select, the one channel from which it takes a value; the others only signal, and one
 * of them is the connection's closech. 0: it waits elsewhere. The channels themselves are pointer-free and not captured. */
static uint32_t find_channel(const struct scan *scan, const struct hb_goroutine *goroutine, uint32_t connection)
{
	const struct hb_go_layout *layout = scan->analysis->go->layout;
	const struct hb_snapshot *snapshot = scan->analysis->snapshot;
	uint64_t sudog = goroutine->waiting,
	         closed = hb_heap_slot_word(scan->analysis->heap, connection, scan->closech_at), channel, elem;
	uint32_t found = 0;
	bool has_closech = false;
	for (unsigned n = 0; sudog && n < MAX_CASES; n++) {
		if (!hb_snapshot_u64(snapshot, sudog + layout->sudog.c, &channel) ||
		    !hb_snapshot_u64(snapshot, sudog + layout->sudog.elem, &elem) || (elem && found))
			return 0;
		if (elem)
			found = hb_heap_slot(scan->analysis->heap, channel);
		has_closech |= channel && channel == closed;
		if (!hb_snapshot_u64(snapshot, sudog + layout->sudog.waitlink, &sudog))
			return 0;
	}
	return has_closech ? found : 0;
}

static void block_waits(struct scan *scan, const struct hb_goroutine *goroutine)
{
	uint64_t sudog = goroutine->waiting;
	for (unsigned n = 0; sudog && n < MAX_CASES; n++) {
		uint32_t slot = hb_heap_slot(scan->analysis->heap, sudog);
		if (slot)
			block(scan, slot);
		if (!hb_snapshot_u64(scan->analysis->snapshot, sudog + scan->analysis->go->layout->sudog.waitlink,
		                     &sudog))
			break;
	}
}

struct stack_visit {
	const struct scan *scan;
	struct body *body;
};

static void visit_stack(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct stack_visit *visit = ctx;
	const struct hb_analysis *analysis = visit->scan->analysis;
	uint32_t slot = hb_heap_slot(analysis->heap, pointer->value), type = slot ? analysis->typing->type_of[slot] : 0;
	if (!type || pointer->conservative || strcmp(pointer->function, "net/http.(*persistConn).readLoop") != 0)
		return;
	if (type == visit->scan->connection_type)
		visit->body->connection = slot;
	else if (type == visit->scan->request_type)
		visit->body->request = slot;
	else if (type == visit->scan->transport_request_type && !visit->body->request) /* embeds *Request first */
		visit->body->request = hb_heap_slot(analysis->heap, hb_heap_slot_word(analysis->heap, slot, 0));
}

static struct hb_error *collect(struct scan *scan)
{
	const struct hb_analysis *analysis = scan->analysis;
	for (size_t i = 0; i < analysis->parked.list.len; i++) {
		const struct hb_parked *wait = &analysis->parked.list.data[i];
		const struct hb_goroutine *goroutine = &analysis->goroutines.list[wait->goroutine];
		if (!(wait->flags & HB_PARKED_READ_LOOP) || strcmp(goroutine->wait_reason, "select") != 0)
			continue;
		struct body body = {.wait = wait};
		struct hb_stack_reading reading;
		TRY(hb_go_scan_stack(analysis->go, goroutine, visit_stack, &(struct stack_visit){scan, &body},
		                     &reading));
		if (reading.precise && body.connection)
			body.channel = find_channel(scan, goroutine, body.connection);
		if (body.channel)
			HB_VEC_PUSH(&scan->bodies, body);
	}
	return NULL;
}

/* --- Whether anybody has the body --------------------------------------------------------------------------------- */

/* The roots without these goroutines. */
static struct hb_error *other_edges(const struct scan *scan, struct hb_roots *ret)
{
	const struct hb_analysis *analysis = scan->analysis;
	const struct hb_roots *roots = &analysis->roots;
	hb_autofree uint64_t *gs = calloc(scan->bodies.len, sizeof(*gs));
	if (!gs)
		return hb_error_nomem();
	for (size_t i = 0; i < scan->bodies.len; i++)
		gs[i] = analysis->goroutines.list[scan->bodies.data[i].wait->goroutine].g;
	qsort(gs, scan->bodies.len, sizeof(*gs), hb_compare_u64);
	for (size_t i = 0, next; i < roots->edges.len; i = next) {
		const struct hb_root_node *node = &roots->nodes.data[roots->edges.data[i].node];
		bool drop = node->kind == HB_ROOT_GOROUTINE &&
		            bsearch(&node->id, gs, scan->bodies.len, sizeof(*gs), hb_compare_u64);
		for (next = i; next < roots->edges.len && roots->edges.data[next].node == roots->edges.data[i].node;
		     next++)
			if (!drop)
				HB_VEC_PUSH(&ret->edges, roots->edges.data[next]);
	}
	return NULL;
}

static struct hb_error *mark_without(struct scan *scan)
{
	const struct hb_analysis *analysis = scan->analysis;
	struct hb_roots others = analysis->roots; /* but for the edges, all borrowed */
	memset(&others.edges, 0, sizeof(others.edges));
	for (size_t i = 0; i < scan->bodies.len; i++)
		block_waits(scan, &analysis->goroutines.list[scan->bodies.data[i].wait->goroutine]);
	hb_deferred_piles(analysis, LEAST_DEFERRED, block_deferred, scan);
	struct hb_error *err = other_edges(scan, &others);
	if (!err)
		err = hb_graph_mark_without(analysis->heap, &others, scan->blocked, scan->marked);
	hb_vec_deinit(&others.edges);
	return err;
}

static void keep_forgotten(struct scan *scan)
{
	size_t kept = 0;
	for (size_t i = 0; i < scan->bodies.len; i++) {
		if (!hb_slot_is_set(scan->marked, scan->bodies.data[i].channel))
			scan->bodies.data[kept++] = scan->bodies.data[i];
	}
	scan->bodies.len = kept;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static const struct hb_open_fd *fd_of(const struct scan *scan, const struct body *body)
{
	uint32_t slot = hb_heap_slot(scan->analysis->heap,
	                             hb_heap_slot_word(scan->analysis->heap, body->connection, scan->conn_at));
	return slot ? hb_near_fd(scan->analysis, slot, HOPS) : NULL;
}

static struct hb_error *say_connections(const struct scan *scan, struct hb_finding *finding)
{
	const struct hb_analysis *analysis = scan->analysis;
	HB_VEC(uint64_t) fds = {0};
	uint64_t hung_up = 0;
	char count[32];
	for (size_t i = 0; i < scan->bodies.len; i++) {
		const struct hb_open_fd *fd = fd_of(scan, &scan->bodies.data[i]);
		if (!fd)
			continue;
		hung_up += fd->kernel && fd->kernel->state == HB_TCP_CLOSE_WAIT;
		if (!hb_vec_push(&fds, (uint64_t)fd->number) ||
		    (finding->fds.len < HB_FINDING_FDS && !hb_vec_push(&finding->fds, (uint64_t)fd->number))) {
			hb_vec_deinit(&fds);
			return hb_error_nomem();
		}
	}
	hb_autofree char *places = hb_fd_table_places(&analysis->fds, fds.data, fds.len);
	hb_vec_deinit(&fds);
	if (!places)
		return hb_error_nomem();
	if (*places)
		TRY(hb_finding_because(finding, hb_say("from: %s", places)));
	hb_format_count(hung_up, count, sizeof(count));
	return hung_up ? hb_finding_because(finding,
	                                    hb_say("%s of the servers have hung up (CLOSE_WAIT), and nobody has "
	                                           "noticed",
	                                           count))
	               : NULL;
}

/* Who made the requests. */
static struct hb_error *say_sites(const struct scan *scan, struct hb_finding *finding)
{
	hb_autofree uint32_t *slots = calloc(scan->bodies.len, sizeof(*slots));
	size_t n = 0;
	if (!slots)
		return hb_error_nomem();
	for (size_t i = 0; i < scan->bodies.len; i++)
		if (scan->bodies.data[i].request)
			slots[n++] = scan->bodies.data[i].request;
	qsort(slots, n, sizeof(*slots), hb_compare_u32);
	return hb_finding_sites_beyond(scan->analysis, "net/http.", slots, n, finding);
}

static struct hb_error *say_goroutines(const struct scan *scan, struct hb_finding *finding)
{
	hb_autofree struct hb_parked *waits = calloc(scan->bodies.len, sizeof(*waits));
	struct hb_parked_ages ages;
	if (!waits)
		return hb_error_nomem();
	for (size_t i = 0; i < scan->bodies.len; i++)
		waits[i] = *scan->bodies.data[i].wait;
	for (size_t i = 0; i < scan->bodies.len; i++)
		HB_VEC_PUSH(&finding->goroutines, scan->analysis->goroutines.list[waits[i].goroutine].id);
	TRY(hb_parked_ages(scan->analysis, waits, scan->bodies.len, &ages));
	return hb_parked_say_ages(&ages, scan->bodies.len, finding);
}

static struct hb_error *describe(const struct scan *scan, struct hb_finding *finding)
{
	const struct hb_graph *graph = scan->analysis->graph;
	char count[32];
	hb_format_count(scan->bodies.len, count, sizeof(count));
	finding->rule = "H502";
	finding->verdict = HB_LIKELY;
	finding->count = scan->bodies.len;
	for (size_t i = 0; i < scan->bodies.len; i++) {
		uint32_t slot = scan->bodies.data[i].connection;
		if (graph->slot_of[graph->number[slot]] == slot)
			finding->bytes += graph->retained[graph->number[slot]];
	}
	finding->holder = strdup("goroutines of net/http.(*persistConn).readLoop and writeLoop");
	if (!finding->holder)
		return hb_error_nomem();
	TRY(hb_finding_title(finding, hb_say("%s HTTP responses were received, and their bodies not closed", count)));
	TRY(say_sites(scan, finding));
	TRY(hb_finding_because(
	        finding, hb_say("a connection waits for each body to be read to its end or closed; nothing but "
	                        "%s leads to them any more",
	                        scan->deferred ? "deferred calls of a function that goes on" : "that connection")));
	TRY(say_connections(scan, finding));
	TRY(say_goroutines(scan, finding));
	return hb_finding_help(finding,
	                       "close the body on every path where there is no error, also where only the status "
	                       "matters: defer resp.Body.Close()");
}

/* --- All together ------------------------------------------------------------------------------------------------- */

static void find_types(struct scan *scan)
{
	const struct hb_types *types = scan->analysis->types;
	scan->connection_type = hb_types_by_name(types, "http.persistConn", "net/http");
	scan->request_type = hb_types_by_name(types, "http.Request", "net/http");
	scan->transport_request_type = hb_types_by_name(types, "http.transportRequest", "net/http");
	if (!hb_types_offset(types, scan->connection_type, "conn", 16, &scan->conn_at) ||
	    !hb_types_offset(types, scan->connection_type, "closech", 8, &scan->closech_at))
		scan->connection_type = 0;
	scan->conn_at += 8; /* the data word of an interface */
}

static struct hb_error *report(struct scan *scan, struct hb_findings *findings)
{
	struct hb_finding finding = {0};
	find_types(scan);
	if (scan->connection_type)
		TRY(collect(scan));
	if (scan->bodies.len < LEAST_BODIES)
		return NULL;
	scan->blocked = hb_pages_map(hb_heap_bitmap_bytes(scan->analysis->heap));
	scan->marked = hb_pages_map(hb_heap_bitmap_bytes(scan->analysis->heap));
	if (!scan->blocked || !scan->marked)
		return hb_error_nomem();
	TRY(mark_without(scan));
	keep_forgotten(scan);
	if (scan->bodies.len < LEAST_BODIES)
		return NULL;
	return hb_findings_add(findings, &finding, describe(scan, &finding));
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {.analysis = analysis};
	struct hb_error *err = report(&scan, findings);
	hb_vec_deinit(&scan.bodies);
	hb_pages_unmap(scan.blocked, hb_heap_bitmap_bytes(analysis->heap));
	hb_pages_unmap(scan.marked, hb_heap_bitmap_bytes(analysis->heap));
	return err;
}

const struct hb_detector hb_detector_bodies = {
        .rule = "H502",
        .name = "HTTP responses whose bodies were not closed",
        .run = run,
};
