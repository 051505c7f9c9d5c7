/* Writes what heldby makes of a process, one fact a line, for a comparison with the runtime's own heap dump.
 *
 *   version go1.26.8
 *   span BASE ELEMSIZE NPAGES NELEMS KIND SWEEP          0 swept, 1 unswept, 2 being swept
 *   object ADDR SIZE MARKED REACHED OFFSET=VALUE…      each allocated object with the words that the collector scans
 *   what ADDR DESCRIPTION                             its type, as the report would say it
 *   stopped ADDR                                      only timers that were stopped lead to that object
 *   goroutine G ID STATUS SYSTEM GOPC COMPLETE PRECISE WAIT REASON
 *   frame ID SP PC FUNCTION                           innermost first
 *   live ID SLOT VALUE CONSERVATIVE                   what the stack of a goroutine keeps alive
 *   root FROM VALUE PHASE NAME
 *   thread M                                          the m of a thread of the target
 *   sample ADDR PC,PC…\tFUNCTION…                    allocation site of a sampled object, innermost first
 * Numbers are hexadecimal, but for sizes and counts. MARKED is reachability alone, REACHED the dominator graph's.
 */
#include "golang/stacks.h"
#include "golang/threads.h"
#include "report/analysis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static FILE *out;

static void print_word(void *ctx, uint64_t word)
{
	const uint8_t *bytes = ctx;
	fprintf(out, " %" PRIu64 "=%" PRIx64, word * 8, bytes ? hb_load_u64(bytes + word * 8) : 0);
}

static void print_objects(const struct hb_analysis *analysis, const uint64_t *marked)
{
	const struct hb_heap *heap = analysis->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		fprintf(out, "span %" PRIx64 " %" PRIu64 " %u %u %u %d\n", span->base, span->elem_size, span->npages,
		        span->nelems, span->kind, span->being_swept ? 2 : span->unswept);
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (!hb_heap_allocated(heap, slot))
				continue;
			uint64_t addr = hb_heap_slot_addr(span, slot);
			fprintf(out, "object %" PRIx64 " %" PRIu64 " %d %d", addr, span->elem_size,
			        (int)(marked[slot >> 6] >> (slot & 63) & 1), analysis->graph->number[slot] != 0);
			hb_heap_each_pointer_word(heap, span, slot, print_word, hb_heap_bytes(heap, addr));
			char what[512];
			hb_typing_describe(analysis->typing, slot, what, sizeof(what));
			fprintf(out, "\nwhat %" PRIx64 " %s\n", addr, what);
		}
	}
}

static void set_slot(uint64_t *bitmap, uint32_t slot)
{
	bitmap[slot >> 6] |= UINT64_C(1) << (slot & 63);
}

/* What would be reached if each p had taken out of its heap of timers those that were stopped. */
static struct hb_error *print_stopped(const struct hb_analysis *analysis, const uint64_t *marked)
{
	const struct hb_heap *heap = analysis->heap;
	size_t words = ((uint64_t)heap->nslots + 64) / 64;
	hb_autofree uint64_t *blocked = calloc(words, sizeof(*blocked)), *without = calloc(words, sizeof(*without));
	if (!blocked || !without)
		return hb_error_nomem();
	for (size_t i = 0; i < analysis->timers.list.len; i++)
		if (analysis->timers.list.data[i].stopped)
			set_slot(blocked, hb_heap_slot(heap, analysis->timers.list.data[i].addr));
	TRY(hb_graph_mark_without(heap, &analysis->roots, blocked, without));
	for (uint32_t slot = 1; slot <= heap->nslots; slot++)
		if ((marked[slot >> 6] & ~without[slot >> 6]) >> (slot & 63) & 1)
			fprintf(out, "stopped %" PRIx64 "\n",
			        hb_heap_slot_addr(&heap->spans[hb_heap_span_of_slot(heap, slot)], slot));
	return NULL;
}

struct visitor {
	const struct hb_goroutine *goroutine;
};

static bool print_frame(void *ctx, const struct hb_go_frame *frame)
{
	const struct visitor *visitor = ctx;
	fprintf(out, "frame %" PRIu64 " %" PRIx64 " %" PRIx64 " %s\n", visitor->goroutine->id, frame->sp, frame->pc,
	        frame->func.name);
	return true;
}

static void print_live(void *ctx, const struct hb_stack_pointer *pointer)
{
	const struct visitor *visitor = ctx;
	fprintf(out, "live %" PRIu64 " %" PRIx64 " %" PRIx64 " %d\n", visitor->goroutine->id, pointer->slot,
	        pointer->value, pointer->conservative);
}

static struct hb_error *print_goroutines(const struct hb_analysis *analysis)
{
	for (size_t i = 0; i < analysis->goroutines.n; i++) {
		struct visitor visitor = {&analysis->goroutines.list[i]};
		const struct hb_goroutine *g = visitor.goroutine;
		bool complete = false;
		struct hb_stack_reading reading = {0};
		if (g->status != HB_G_RUNNING)
			TRY(hb_go_unwind(analysis->go, g, print_frame, &visitor, &complete));
		TRY(hb_go_scan_stack(analysis->go, g, print_live, &visitor, &reading));
		fprintf(out, "goroutine %" PRIx64 " %" PRIu64 " %d %d %" PRIx64 " %d %d %s\n", g->g, g->id, g->status,
		        g->system, g->gopc, complete, reading.precise, g->wait_reason);
	}
	return NULL;
}

static void print_roots(const struct hb_roots *roots)
{
	for (size_t i = 0; i < roots->edges.len; i++) {
		const struct hb_root_edge *edge = &roots->edges.data[i];
		const struct hb_root_node *node = &roots->nodes.data[edge->node];
		fprintf(out, "root %" PRIx64 " %" PRIx64 " %u %s\n", edge->from, edge->value, node->phase, node->name);
	}
}

static void print_threads(const struct hb_analysis *analysis)
{
	for (size_t i = 0; i < analysis->snapshot->nthreads; i++)
		if (analysis->goroutines.threads[i].m)
			fprintf(out, "thread %" PRIx64 "\n", analysis->goroutines.threads[i].m);
}

static void print_samples(const struct hb_analysis *analysis)
{
	const struct hb_alloc_sites *sites = analysis->sites;
	for (size_t i = 0; sites && i < sites->samples.len; i++) {
		const struct hb_alloc_sample *sample = &sites->samples.data[i];
		const struct hb_alloc_stack *stack = &sites->stacks.data[sample->stack];
		const struct hb_span *span = &analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, sample->slot)];
		fprintf(out, "sample %" PRIx64 " ", hb_heap_slot_addr(span, sample->slot));
		for (uint32_t k = 0; k < stack->npcs; k++)
			fprintf(out, "%s%" PRIx64, k ? "," : "", sites->pcs.data[stack->first_pc + k]);
		for (uint32_t k = 0; k < stack->npcs; k++) {
			struct hb_go_func func;
			uint64_t pc = sites->pcs.data[stack->first_pc + k];
			fprintf(out, "\t%s", hb_go_func_at(analysis->go, pc, &func) ? func.name : "?");
		}
		fputc('\n', out);
	}
}

static struct hb_error *examine(const char *spec)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	struct hb_options options = {.size = sizeof(options)};
	TRY(hb_target_open(spec, &target));
	TRY(hb_analyse(target, &options, &analysis));
	hb_autofree uint64_t *marked = calloc(((uint64_t)analysis->heap->nslots + 64) / 64, sizeof(*marked));
	if (!marked)
		return hb_error_nomem();
	TRY(hb_graph_mark(analysis->heap, &analysis->roots, marked));
	fprintf(out, "version %s\n", analysis->go->version.text);
	print_objects(analysis, marked);
	TRY(print_stopped(analysis, marked));
	TRY(print_goroutines(analysis));
	print_roots(&analysis->roots);
	print_threads(analysis);
	print_samples(analysis);
	for (size_t i = 0; i < analysis->snapshot->notes.texts.len; i++)
		fprintf(out, "note %s\n", analysis->snapshot->notes.texts.data[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: oracle-objects TARGET FILE\n");
		return 2;
	}
	out = fopen(argv[2], "w");
	if (!out) {
		perror(argv[2]);
		return 3;
	}
	struct hb_error *err = examine(argv[1]);
	if (err) {
		fprintf(stderr, "oracle-objects: %s\n", err->message);
		int status = hb_error_exit_status(err);
		hb_error_destroy(err);
		return status;
	}
	if (fclose(out) != 0) {
		perror(argv[2]);
		return 3;
	}
	return 0;
}
