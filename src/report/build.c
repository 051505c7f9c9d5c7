/* The report model from an analysis: totals here, the rest in holders.c, histogram.c, goroutine_groups.c, ledger.c. */
#include "report/build.h"
#include "base/progress.h"

static struct hb_error *index_spans(struct hb_report_builder *builder)
{
	const struct hb_heap *heap = builder->analysis->heap;
	size_t nsteps = ((size_t)heap->nslots >> HB_SPAN_STEP) + 2;
	builder->span_at = calloc(nsteps, sizeof(*builder->span_at));
	if (!builder->span_at)
		return hb_error_nomem();
	for (size_t i = 0, span = 0; i < nsteps; i++) {
		while (span + 1 < heap->nspans && heap->spans[span + 1].first_slot <= (uint64_t)i << HB_SPAN_STEP)
			span++;
		builder->span_at[i] = (uint32_t)span;
	}
	return NULL;
}

const struct hb_span *hb_builder_span(const struct hb_report_builder *builder, uint32_t slot)
{
	const struct hb_span *spans = builder->analysis->heap->spans;
	uint32_t low = builder->span_at[slot >> HB_SPAN_STEP], high = builder->span_at[(slot >> HB_SPAN_STEP) + 1] + 1;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (spans[middle].first_slot <= slot)
			low = middle;
		else
			high = middle;
	}
	return &spans[low];
}

char *hb_builder_type_name(struct hb_report_builder *builder, const char *name)
{
	char *copy = hb_arena_strdup(builder->arena, name);
	if (copy)
		hb_say_byte(copy);
	return copy;
}

char *hb_builder_class_name(struct hb_report_builder *builder, uint32_t class)
{
	return hb_builder_type_name(builder, class ? builder->class_names[class] : "untyped");
}

static struct hb_error *count_objects(struct hb_report_builder *builder)
{
	const struct hb_heap *heap = builder->analysis->heap;
	const struct hb_graph *graph = builder->analysis->graph;
	struct hb_report *report = builder->report;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		uint64_t reached = 0, typed = 0, unreached = 0;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (graph->number[slot]) {
				reached++;
				typed += builder->class_of[slot] != 0;
			} else {
				unreached += hb_heap_allocated(heap, slot);
			}
		}
		report->live_objects += reached;
		report->live_bytes += reached * span->elem_size;
		report->unreached_objects += unreached;
		report->unreached_bytes += unreached * span->elem_size;
		if (span->kind != HB_SPAN_NOSCAN) {
			report->pointerful_bytes += reached * span->elem_size;
			report->typed_bytes += typed * span->elem_size;
		}
		if ((i & 1023) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* Everything but what is held by globals of which only a description is known. */
static void count_named(struct hb_report_builder *builder)
{
	const struct hb_roots *roots = &builder->analysis->roots;
	for (size_t i = 0; i < roots->nodes.len; i++) {
		const struct hb_root_node *node = &roots->nodes.data[i];
		if (node->parent == HB_ROOT_NONE && node->name_is_certain)
			builder->report->named_bytes +=
			        builder->analysis->graph->retained[hb_graph_root_number((uint32_t)i)];
	}
}

static struct hb_error *build(struct hb_report_builder *builder)
{
	TRY(hb_typing_classes(builder->analysis->typing, builder->arena, &builder->class_of, &builder->class_names,
	                      &builder->nclasses));
	TRY(index_spans(builder));
	TRY(count_objects(builder));
	count_named(builder);
	TRY(hb_build_types(builder));
	TRY(hb_build_holders(builder));
	TRY(hb_build_packages(builder));
	TRY(hb_build_goroutines(builder));
	TRY(hb_build_fds(builder));
	return hb_build_ledger(builder);
}

struct hb_error *hb_report_build(const struct hb_analysis *analysis, struct hb_report **ret)
{
	struct hb_report *report = calloc(1, sizeof(*report));
	if (!report)
		return hb_error_nomem();
	report->analysis = analysis;
	struct hb_report_builder builder = {.analysis = analysis, .report = report, .arena = &report->arena};
	struct hb_error *err = build(&builder);
	free(builder.class_of);
	free(builder.span_at);
	hb_pages_unmap(builder.sampled, hb_heap_bitmap_bytes(analysis->heap));
	if (err)
		hb_report_destroy(report);
	else
		*ret = report;
	return err;
}

void hb_report_destroy(struct hb_report *report)
{
	if (!report)
		return;
	hb_arena_deinit(&report->arena);
	free(report);
}
