/* H702: objects that keep themselves alive through their finalizers or cleanups. docs/detectors/H702.md.
 *
 * A record in a cycle of the graph of finalizer_graph.h is never taken, and nothing that the program can use leads to its object.
 * A finalizer can only be taken off by who has the object: nobody, so it is proven. A cleanup can be stopped by who has its
 * runtime.Cleanup, which is two numbers: likely.
 */
#include "base/order.h"
#include "golang/pclntab.h"
#include "leak/detectors.h"
#include "leak/finalizer_graph.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <stdio.h>
#include <string.h>

enum { LEAST_RECORDS = 10, LEAST_BYTES = 65536 };

struct group { /* of records, that follow each other in the order */
	uint32_t *records;
	size_t n;
	uint64_t bytes;
};

struct scan {
	const struct hb_analysis *analysis;
	struct hb_finalizer_graph graph;
	uint32_t *order; /* records in cycles, by group */
	size_t norder;
	uint8_t *seen; /* by node: its bytes are a group's */
	HB_VEC(uint32_t) queue;
};

/* --- Groups ------------------------------------------------------------------------------------------------------- */

static int compare_groups(const struct scan *scan, uint32_t a, uint32_t b)
{
	const struct hb_finalizer_record *x = &scan->graph.records.data[a], *y = &scan->graph.records.data[b];
	const uint32_t *type_of = scan->analysis->typing->type_of;
	int order = hb_order(x->cleanup, y->cleanup);
	if (!order)
		order = hb_order(type_of[x->slot], type_of[y->slot]);
	return order ? order : hb_order(x->code, y->code);
}

static int by_group(const void *a, const void *b, void *ctx)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = compare_groups(ctx, x, y);
	return order ? order : hb_order(x, y);
}

static struct hb_error *put_in_order(struct scan *scan)
{
	size_t n = scan->graph.records.len;
	scan->order = calloc(n + 1, sizeof(*scan->order));
	scan->seen = calloc((size_t)hb_finalizer_graph_nodes(&scan->graph) + 1, sizeof(*scan->seen));
	if (!scan->order || !scan->seen)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++)
		if (scan->graph.records.data[i].in_cycle)
			scan->order[scan->norder++] = (uint32_t)i;
	if (scan->norder)
		qsort_r(scan->order, scan->norder, sizeof(*scan->order), by_group, scan);
	return NULL;
}

/* What a group's records lead to, and no group before has been charged with. */
static struct hb_error *sum_up(struct scan *scan, struct group *group)
{
	const struct hb_finalizer_graph *graph = &scan->graph;
	const struct hb_heap *heap = scan->analysis->heap;
	scan->queue.len = 0;
	for (size_t i = 0; i < group->n; i++)
		HB_VEC_PUSH(&scan->queue, group->records[i]);
	while (scan->queue.len) {
		uint32_t node = scan->queue.data[--scan->queue.len], slot = hb_finalizer_graph_slot(graph, node);
		if (slot)
			group->bytes += heap->spans[hb_heap_span_of_slot(heap, slot)].elem_size;
		for (uint64_t i = graph->first.data[node]; i < graph->first.data[node + 1]; i++) {
			if (scan->seen[graph->to.data[i]])
				continue;
			scan->seen[graph->to.data[i]] = true;
			HB_VEC_PUSH(&scan->queue, graph->to.data[i]);
		}
	}
	return NULL;
}

/* --- The way back ------------------------------------------------------------------------------------------------- */

/* The nodes from a record's object on until something points to that object again; empty if the memory for it is missing. */
struct way {
	HB_VEC(uint32_t) slots;
};

/* Backwards from the object to the record, in `parent` of a search from the record. */
static struct hb_error *collect_way(const struct hb_finalizer_graph *graph, const uint32_t *parent, uint32_t record,
                                    struct way *way)
{
	uint32_t node = graph->object[graph->records.data[record].slot] - 1;
	for (; node != record; node = parent[node] - 1)
		if (hb_finalizer_graph_slot(graph, node))
			HB_VEC_PUSH(&way->slots, hb_finalizer_graph_slot(graph, node));
	return NULL;
}

static struct hb_error *find_way(struct scan *scan, uint32_t record, struct way *way)
{
	const struct hb_finalizer_graph *graph = &scan->graph;
	uint32_t target = graph->object[graph->records.data[record].slot];
	hb_autofree uint32_t *parent = calloc((size_t)hb_finalizer_graph_nodes(graph) + 1, sizeof(*parent));
	if (!parent)
		return hb_error_nomem();
	scan->queue.len = 0;
	HB_VEC_PUSH(&scan->queue, record);
	for (size_t at = 0; target && at < scan->queue.len && !parent[target - 1]; at++) {
		uint32_t node = scan->queue.data[at];
		for (uint64_t i = graph->first.data[node]; i < graph->first.data[node + 1]; i++) {
			uint32_t to = graph->to.data[i];
			if (parent[to] || graph->component[to] != graph->component[record])
				continue;
			parent[to] = node + 1;
			HB_VEC_PUSH(&scan->queue, to);
		}
	}
	return target && parent[target - 1] ? collect_way(graph, parent, record, way) : NULL;
}

static bool leads_to(const struct hb_finalizer_graph *graph, const struct hb_finalizer_record *record, uint32_t slot)
{
	for (uint32_t i = 0; i < record->nvalues; i++)
		if (hb_heap_slot(graph->analysis->heap, graph->values.data[record->first + i]) == slot)
			return true;
	return false;
}

/* From the object on, a step a line, back to it. */
static struct hb_error *write_way(struct scan *scan, uint32_t record, struct hb_finding *finding)
{
	const struct hb_finalizer_record *at = &scan->graph.records.data[record];
	struct way way = {0};
	struct hb_error *err = find_way(scan, record, &way);
	uint32_t from = at->slot;
	if (!err && way.slots.len) {
		uint32_t next = way.slots.data[way.slots.len - 1];
		if (leads_to(&scan->graph, at, next))
			err = hb_finding_step(finding, hb_say("%s", at->cleanup ? "what the cleanup is called with"
			                                                        : "what the finalizer's function has"));
		else
			err = hb_trail_step(scan->analysis, from, next, finding);
		from = next;
	}
	for (size_t i = way.slots.len; !err && i-- > 1;) {
		err = hb_trail_step(scan->analysis, from, way.slots.data[i - 1], finding);
		from = way.slots.data[i - 1];
	}
	hb_vec_deinit(&way.slots);
	return err;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static struct hb_error *write_title(const struct scan *scan, const struct group *group, struct hb_finding *finding)
{
	const struct hb_finalizer_record *first = &scan->graph.records.data[group->records[0]];
	char count[32], what[256];
	const char *by = first->cleanup ? "cleanup" : "finalizer";
	hb_format_count(group->n, count, sizeof(count));
	hb_typing_describe(scan->analysis->typing, first->slot, what, sizeof(what));
	if (group->n == 1)
		return hb_finding_title(finding, hb_say("a %s keeps itself alive through its %s", what, by));
	return hb_finding_title(finding, hb_say("%s %s keep themselves alive through their %ss", count, what, by));
}

static struct hb_error *write_evidence(const struct scan *scan, const struct group *group, struct hb_finding *finding)
{
	const struct hb_finalizer_record *first = &scan->graph.records.data[group->records[0]];
	struct hb_go_line line;
	TRY(hb_finding_because(finding, hb_say("no variable, goroutine or timer leads to %s any more",
	                                       group->n == 1 ? "it" : "them")));
	if (first->cleanup)
		return hb_finding_because(
		        finding, hb_say("what a cleanup is called with is kept until it runs, and leads back to "
		                        "the object: so it never runs; only a runtime.Cleanup that somebody kept "
		                        "could stop it"));
	if (hb_go_lines(scan->analysis->go, first->code, &line, 1))
		TRY(hb_finding_because(finding, hb_say("the finalizer is %s", line.function)));
	return hb_finding_because(finding,
	                          hb_say("what it needs is kept until it runs, and leads back to the object: so it "
	                                 "never runs"));
}

static struct hb_error *describe(struct scan *scan, const struct group *group, struct hb_finding *finding)
{
	const struct hb_finalizer_record *first = &scan->graph.records.data[group->records[0]];
	bool certain = hb_finding_may_be_proven(scan->analysis);
	hb_autofree uint32_t *slots = calloc(group->n, sizeof(*slots));
	if (!slots)
		return hb_error_nomem();
	for (size_t i = 0; i < group->n; i++)
		slots[i] = scan->graph.records.data[group->records[i]].slot;
	finding->rule = "H702";
	finding->verdict = first->cleanup || !certain ? HB_LIKELY : HB_PROVEN;
	finding->count = group->n;
	finding->bytes = group->bytes;
	TRY(write_title(scan, group, finding));
	TRY(hb_finding_holder(scan->analysis, hb_trail_root(scan->analysis, first->slot), finding));
	TRY(write_way(scan, group->records[0], finding));
	TRY(hb_finding_sites(scan->analysis, slots, NULL, group->n, finding));
	TRY(write_evidence(scan, group, finding));
	return hb_finding_help(finding, "let what leads back keep what it needs of the object, not the object");
}

/* --- Together ----------------------------------------------------------------------------------------------------- */

static struct hb_error *find(struct scan *scan, struct hb_findings *findings)
{
	TRY(hb_finalizer_graph_build(scan->analysis, &scan->graph));
	TRY(put_in_order(scan));
	for (size_t i = 0, next; i < scan->norder; i = next) {
		for (next = i + 1; next < scan->norder; next++)
			if (compare_groups(scan, scan->order[i], scan->order[next]) != 0)
				break;
		struct group group = {.records = &scan->order[i], .n = next - i};
		TRY(sum_up(scan, &group));
		if (group.n < LEAST_RECORDS && group.bytes < LEAST_BYTES)
			continue;
		struct hb_finding finding = {0};
		TRY(hb_findings_add(findings, &finding, describe(scan, &group, &finding)));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {.analysis = analysis, .graph.analysis = analysis};
	struct hb_error *err = find(&scan, findings);
	free(scan.order);
	free(scan.seen);
	hb_vec_deinit(&scan.queue);
	hb_finalizer_graph_deinit(&scan.graph);
	return err;
}

const struct hb_detector hb_detector_finalizer_cycles = {
        .rule = "H702",
        .name = "an object keeps itself alive through its finalizer",
        .run = run,
};
