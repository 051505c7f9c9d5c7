/* Where the memory of each row was allocated: the runtime's own samples, charged to the rows that hold their objects.
 */
#include "base/progress.h"
#include "report/holders.h"
#include "report/sites.h"

enum { LEAST_SHARE_PERCENT = 30 }; /* a stack that made less of a row is not where the row comes from */

bool hb_sample_of_slot(const struct hb_report_builder *builder, uint32_t slot, uint32_t *ret)
{
	if (!builder->sampled || !(builder->sampled[slot >> 6] >> (slot & 63) & 1))
		return false;
	const struct hb_alloc_sites *sites = builder->analysis->sites;
	size_t low = hb_partition_point(sites->samples.len, i, sites->samples.data[i].slot < slot);
	*ret = (uint32_t)low;
	return low < sites->samples.len && sites->samples.data[low].slot == slot;
}

struct hb_error *hb_tree_rows_init(struct hb_tree_rows *rows, struct hb_report_builder *builder)
{
	const struct hb_analysis *analysis = builder->analysis;
	if (!analysis->sites || !analysis->sites->samples.len)
		return NULL;
	rows->row_of = hb_pages_map(((size_t)analysis->graph->count + 1) * sizeof(*rows->row_of));
	builder->sampled = hb_pages_map(hb_heap_bitmap_bytes(analysis->heap));
	if (!rows->row_of || !builder->sampled)
		return hb_error_nomem();
	for (size_t i = 0; i < analysis->sites->samples.len; i++) {
		uint32_t slot = analysis->sites->samples.data[i].slot;
		hb_slot_set(builder->sampled, slot);
	}
	return NULL;
}

void hb_tree_rows_deinit(struct hb_tree_rows *rows, const struct hb_graph *graph)
{
	hb_pages_unmap(rows->row_of, ((size_t)graph->count + 1) * sizeof(*rows->row_of));
	hb_vec_deinit(&rows->list);
	hb_vec_deinit(&rows->leaves);
	*rows = (struct hb_tree_rows){0};
}

struct hb_error *hb_tree_rows_add(struct hb_tree_rows *rows, struct hb_report_holder *holder, uint32_t parent,
                                  const struct hb_dominated *members, uint32_t *ret)
{
	HB_VEC_PUSH(&rows->list, (struct hb_tree_row){holder, parent});
	uint32_t row = (uint32_t)rows->list.len;
	*ret = row;
	for (size_t i = 0; rows->row_of && i < members->numbers.len; i++)
		rows->row_of[members->numbers.data[i]] = row;
	for (size_t i = 0; i < members->samples.len; i++)
		HB_VEC_PUSH(&rows->leaves, (struct hb_sample_row){members->samples.data[i], row});
	return NULL;
}

struct hb_error *hb_tree_rows_leaf(struct hb_tree_rows *rows, const struct hb_report_builder *builder, uint32_t slot,
                                   uint32_t row)
{
	uint32_t sample;
	if (hb_sample_of_slot(builder, slot, &sample))
		HB_VEC_PUSH(&rows->leaves, (struct hb_sample_row){sample, row});
	return NULL;
}

/* --- Sums ------------------------------------------------------------------------------------------------------- */

struct share { /* bytes of a row that one stack allocated */
	uint32_t row, stack;
	double bytes;
};

struct share_list {
	HB_VEC(struct share) list;
};

static int by_row(const void *a, const void *b)
{
	const struct share *x = a, *y = b;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* Objects below the rows belong to the nearest row above them. idom < number always. */
static void spread(struct hb_tree_rows *rows, const struct hb_graph *graph)
{
	for (uint32_t number = 2; number <= graph->count; number++)
		if (!rows->row_of[number])
			rows->row_of[number] = rows->row_of[graph->idom[number]];
}

static struct hb_error *charge(struct hb_tree_rows *rows, const struct hb_report_builder *builder,
                               struct share_list *shares)
{
	const struct hb_alloc_sites *sites = builder->analysis->sites;
	const struct hb_graph *graph = builder->analysis->graph;
	hb_autofree uint32_t *row_of_sample = calloc(sites->samples.len, sizeof(*row_of_sample));
	if (!row_of_sample)
		return hb_error_nomem();
	for (size_t i = 0; i < rows->leaves.len; i++)
		row_of_sample[rows->leaves.data[i].sample] = rows->leaves.data[i].row;
	for (size_t i = 0; i < sites->samples.len; i++) {
		const struct hb_alloc_sample *sample = &sites->samples.data[i];
		const struct hb_alloc_stack *stack = &sites->stacks.data[sample->stack];
		/* number: of the object, or of the dominator of a leaf. */
		uint32_t row = row_of_sample[i] ? row_of_sample[i] : rows->row_of[graph->number[sample->slot]];
		double bytes = stack->samples ? stack->bytes / (double)stack->samples : 0;
		for (; row; row = rows->list.data[row - 1].parent)
			HB_VEC_PUSH(&shares->list, (struct share){row, sample->stack, bytes});
	}
	return NULL;
}

static struct hb_error *name_row(struct hb_report_builder *builder, struct hb_report_holder *holder, uint32_t stack)
{
	struct hb_go_line line;
	const struct hb_analysis *analysis = builder->analysis;
	if (!hb_alloc_place(analysis->go, analysis->sites, stack, &line))
		return NULL;
	holder->allocated_at = hb_site_text(builder->arena, &line);
	return holder->allocated_at ? NULL : hb_error_nomem();
}

static struct hb_error *name_rows(struct hb_tree_rows *rows, struct hb_report_builder *builder,
                                  struct share_list *shares)
{
	struct share *list = shares->list.data;
	size_t n = shares->list.len;
	if (n)
		qsort(list, n, sizeof(*list), by_row);
	for (size_t i = 0; i < n;) {
		uint32_t row = list[i].row, best_stack = 0;
		double all = 0, best = 0;
		while (i < n && list[i].row == row) {
			uint32_t stack = list[i].stack;
			double bytes = 0;
			for (; i < n && list[i].row == row && list[i].stack == stack; i++)
				bytes += list[i].bytes;
			all += bytes;
			if (bytes > best) {
				best = bytes;
				best_stack = stack;
			}
		}
		if (best * 100 >= all * LEAST_SHARE_PERCENT)
			TRY(name_row(builder, rows->list.data[row - 1].holder, best_stack));
	}
	return NULL;
}

struct hb_error *hb_tree_rows_sites(struct hb_tree_rows *rows, struct hb_report_builder *builder)
{
	if (!rows->row_of)
		return NULL;
	struct share_list shares = {0};
	spread(rows, builder->analysis->graph);
	struct hb_error *err = charge(rows, builder, &shares);
	if (!err)
		err = name_rows(rows, builder, &shares);
	hb_vec_deinit(&shares.list);
	return err;
}
