/* What only finalizers and cleanups keep: the records of both, and the objects that nothing else reaches, as a graph.
 *
 * The collector takes what a record will need for roots: of a finalizer its function and all that the object points to, but not
 * the object; of a cleanup its function and argument (runtime/mgcmark.go markrootSpans, scanSpecial; 1.18-1.27, cleanups 1.24+).
 * The record goes when the object is found unmarked. So records are nodes: a record leads to its roots, an object to what it
 * points to and to its records. Records in a cycle never go, nor does what they lead to.
 *
 * Reached otherwise is what any other root leads to, and every object with a weak pointer: the program can get it back.
 */
#pragma once
#include "report/analysis.h"

struct hb_finalizer_record {
	uint32_t slot; /* of the object */
	bool cleanup;
	uint64_t code;  /* entry of its function, 0 unknown */
	uint64_t first; /* index in values */
	uint32_t nvalues;
	bool in_cycle;
};

/* Nodes 0 … records.len - 1 are the records, by slot; the objects follow. */
struct hb_finalizer_graph {
	const struct hb_analysis *analysis;         /* borrowed */
	HB_VEC(struct hb_finalizer_record) records; /* of objects that are not reached otherwise */
	HB_VEC(uint64_t) values;                    /* roots of records, but for what their objects point to */
	HB_VEC(uint32_t) slots;                     /* node - records.len → slot */
	HB_VEC(uint32_t) to;                        /* heads of edges, by tail */
	HB_VEC(uint64_t) first;                     /* node → index in to; nodes + 1 */
	uint32_t *component;                        /* by node (base/components.h) */
	uint64_t *reached;                          /* bit a slot: otherwise */
	uint32_t *object;                           /* slot → node + 1, 0: none; nslots + 1 */
};

/* Nothing in it when no record is of an object that is not reached otherwise. */
struct hb_error *hb_finalizer_graph_build(const struct hb_analysis *analysis,
                                          struct hb_finalizer_graph *ret) HB_MUST_CHECK;
void hb_finalizer_graph_deinit(struct hb_finalizer_graph *graph);

static inline uint32_t hb_finalizer_graph_nodes(const struct hb_finalizer_graph *graph)
{
	return (uint32_t)(graph->records.len + graph->slots.len);
}
/* 0: a record. */
static inline uint32_t hb_finalizer_graph_slot(const struct hb_finalizer_graph *graph, uint32_t node)
{
	return node < graph->records.len ? 0 : graph->slots.data[node - graph->records.len];
}
