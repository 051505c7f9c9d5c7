/* Objects by type, with what they hold together. */
#include "report/build.h"

enum { MAX_TYPES = 1000 };

struct class_rank {
	uint32_t class;
	uint64_t bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct class_rank *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->class < y->class ? -1 : x->class > y->class;
}

static struct hb_error *take_largest(struct hb_report_builder *builder, const struct hb_class_sums *sums,
                                     struct class_rank *order)
{
	uint32_t n = 0;
	for (uint32_t class = 0; class < builder->nclasses; class ++)
		if (sums[class].count)
			order[n++] = (struct class_rank){class, sums[class].bytes};
	if (n)
		qsort(order, n, sizeof(*order), by_bytes);
	n = hb_min(n, hb_max((uint32_t)MAX_TYPES, builder->analysis->options.top));
	struct hb_report *report = builder->report;
	report->types = hb_arena_alloc(builder->arena, (n + 1) * sizeof(*report->types));
	if (!report->types)
		return hb_error_nomem();
	report->ntypes = n;
	for (uint32_t i = 0; i < n; i++) {
		const struct hb_class_sums *of = &sums[order[i].class];
		report->types[i] = (struct hb_report_type){
		        .name = hb_builder_class_name(builder, order[i].class),
		        .count = of->count,
		        .bytes = of->bytes,
		        .retained_bytes = of->retained,
		};
		if (!report->types[i].name)
			return hb_error_nomem();
	}
	return NULL;
}

struct hb_error *hb_build_types(struct hb_report_builder *builder)
{
	hb_autofree struct hb_class_sums *sums = calloc(hb_max(builder->nclasses, 1u), sizeof(*sums));
	hb_autofree struct class_rank *order = calloc(hb_max(builder->nclasses, 1u), sizeof(*order));
	if (!sums || !order)
		return hb_error_nomem();
	TRY(hb_graph_class_sums(builder->analysis->tree, builder->class_of, builder->nclasses, sums));
	return take_largest(builder, sums, order);
}
