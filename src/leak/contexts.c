/* H701: contexts that were never cancelled and that nobody can cancel any more. docs/detectors/contexts.md.
 *
 * A context made from one that can be cancelled is registered in its parent's map of children until it is cancelled itself
 * (context/context.go propagateCancel, 1.18-1.27). When its CancelFunc was dropped, that map is all that leads to it, with
 * perhaps the timer of its deadline. Such a child is of no use to anybody, unless somebody waits for its channel.
 *
 * So: what would be reached without the maps of children of the contexts that have many, and without the timers of
 * deadlines? Children that would not, whose channel would not either, are forgotten.
 */
#include "base/order.h"
#include "golang/maps.h"
#include "leak/context_types.h"
#include "leak/detectors.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

enum { LEAST_CHILDREN = 1000 };

struct parent {
	uint32_t slot;
	struct hb_context_type at;
	struct hb_map children;
};

struct scan {
	const struct hb_analysis *analysis;
	struct hb_context_type types[HB_CONTEXT_TYPES];
	unsigned ntypes;
	HB_VEC(struct parent) parents;
	uint64_t *blocked, *marked;
	/* of one parent */
	HB_VEC(uint32_t) forgotten; /* slots */
	uint64_t bytes;
	bool nomem;
};

/* --- Contexts with many children ---------------------------------------------------------------------------------- */

static struct hb_error *look_at(struct scan *scan, uint32_t slot)
{
	const struct hb_analysis *analysis = scan->analysis;
	uint32_t type = analysis->typing->type_of[slot];
	for (unsigned i = 0; type && i < scan->ntypes; i++) {
		if (scan->types[i].type != type || !analysis->graph->number[slot])
			continue;
		struct parent parent = {.slot = slot, .at = scan->types[i]};
		uint64_t header = hb_heap_slot_word(analysis->heap, slot, parent.at.children);
		if (header &&
		    hb_map_open(analysis->types, analysis->heap, header, parent.at.children_type, &parent.children) &&
		    parent.children.count >= LEAST_CHILDREN)
			HB_VEC_PUSH(&scan->parents, parent);
	}
	return NULL;
}

static struct hb_error *find_parents(struct scan *scan)
{
	const struct hb_heap *heap = scan->analysis->heap;
	for (uint32_t i = 0; scan->ntypes && i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind != HB_SPAN_BITS)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			TRY(look_at(scan, slot));
	}
	return NULL;
}

/* --- Children that nobody can reach otherwise --------------------------------------------------------------------- */

static void block(void *ctx, uint32_t slot)
{
	struct scan *scan = ctx;
	hb_slot_set(scan->blocked, slot);
}

static bool is_marked(const struct scan *scan, uint64_t addr)
{
	uint32_t slot = hb_heap_slot(scan->analysis->heap, addr);
	return slot && hb_slot_is_set(scan->marked, slot);
}

static struct hb_error *mark_without(struct scan *scan)
{
	const struct hb_analysis *analysis = scan->analysis;
	scan->blocked = hb_pages_map(hb_heap_bitmap_bytes(analysis->heap));
	scan->marked = hb_pages_map(hb_heap_bitmap_bytes(analysis->heap));
	if (!scan->blocked || !scan->marked)
		return hb_error_nomem();
	for (size_t i = 0; i < scan->parents.len; i++)
		hb_map_each_part(&scan->parents.data[i].children, block, scan);
	for (size_t i = 0; i < analysis->timers.list.len; i++) {
		const struct hb_go_timer *timer = &analysis->timers.list.data[i];
		uint32_t slot = hb_heap_slot(analysis->heap, timer->addr);
		if (slot && hb_go_timer_is_context(timer))
			block(scan, slot);
	}
	return hb_graph_mark_without(analysis->heap, &analysis->roots, scan->blocked, scan->marked);
}

/* Whether somebody has the channel that is closed when the context of a known type is cancelled. */
static bool is_waited_for(const struct scan *scan, uint32_t slot, uint64_t addr)
{
	const struct hb_analysis *analysis = scan->analysis;
	uint32_t type = analysis->typing->type_of[slot];
	for (unsigned i = 0; type && i < scan->ntypes; i++)
		if (scan->types[i].type == type)
			return is_marked(scan,
			                 hb_load_u64(hb_heap_bytes(analysis->heap, addr + scan->types[i].done + 8)));
	return false;
}

/* A key of the map is an interface: itab, pointer. */
static bool visit_child(void *ctx, const uint8_t *key, const uint8_t *elem)
{
	struct scan *scan = ctx;
	const struct hb_analysis *analysis = scan->analysis;
	uint64_t addr = hb_load_u64(key + 8);
	uint32_t slot = hb_heap_slot(analysis->heap, addr), number = slot ? analysis->graph->number[slot] : 0;
	if (!number || is_marked(scan, addr) || is_waited_for(scan, slot, addr))
		return true;
	if (!hb_vec_push(&scan->forgotten, slot))
		scan->nomem = true;
	else if (analysis->graph->slot_of[number] == slot)
		scan->bytes += analysis->graph->retained[number];
	return !scan->nomem;
}

/* --- Wording ------------------------------------------------------------------------------------------------------ */

static struct hb_error *describe(struct scan *scan, const struct parent *parent, struct hb_finding *finding)
{
	char count[32], all[32];
	size_t n = scan->forgotten.len;
	hb_format_count(n, count, sizeof(count));
	hb_format_count(parent->children.count, all, sizeof(all));
	finding->rule = "H701";
	finding->verdict = HB_LIKELY;
	finding->count = n;
	finding->bytes = scan->bytes;
	TRY(hb_finding_title(finding, hb_say("%s contexts were not cancelled, and nobody can cancel them", count)));
	TRY(hb_finding_holder(scan->analysis, hb_trail_root(scan->analysis, parent->slot), finding));
	TRY(hb_trail_path(scan->analysis, parent->slot, parent->at.children, parent->children.type->name, finding));
	TRY(hb_finding_sites(scan->analysis, scan->forgotten.data, NULL, n, finding));
	TRY(hb_finding_because(finding,
	                       hb_say("their parent has %s children and lives on; a child leaves it only when it is "
	                              "cancelled or when the parent is",
	                              all)));
	TRY(hb_finding_because(finding,
	                       hb_say("nothing but their parent (and the timer of a deadline) refers to these: their "
	                              "CancelFunc was dropped, and nobody waits for them")));
	return hb_finding_help(finding,
	                       "call the CancelFunc on every path: ctx, cancel := context.WithCancel(parent); defer "
	                       "cancel()");
}

static struct hb_error *report(struct scan *scan, struct hb_findings *findings)
{
	TRY(mark_without(scan));
	for (size_t i = 0; i < scan->parents.len; i++) {
		struct hb_finding finding = {0};
		scan->forgotten.len = 0;
		scan->bytes = 0;
		hb_map_each(&scan->parents.data[i].children, visit_child, scan);
		if (scan->nomem)
			return hb_error_nomem();
		if (scan->forgotten.len < LEAST_CHILDREN)
			continue;
		qsort(scan->forgotten.data, scan->forgotten.len, sizeof(*scan->forgotten.data), hb_compare_u32);
		TRY(hb_findings_add(findings, &finding, describe(scan, &scan->parents.data[i], &finding)));
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct scan scan = {.analysis = analysis};
	scan.ntypes = hb_context_types(analysis->types, scan.types);
	struct hb_error *err = find_parents(&scan);
	if (!err && scan.parents.len)
		err = report(&scan, findings);
	hb_pages_unmap(scan.blocked, hb_heap_bitmap_bytes(analysis->heap));
	hb_pages_unmap(scan.marked, hb_heap_bitmap_bytes(analysis->heap));
	hb_vec_deinit(&scan.parents);
	hb_vec_deinit(&scan.forgotten);
	return err;
}

const struct hb_detector hb_detector_contexts = {
        .rule = "H701",
        .name = "contexts that were never cancelled",
        .run = run,
};
