/* Who holds what: root nodes by retained bytes, and what no single root holds. */
#include "report/holders.h"
#include "golang/go_roots.h"
#include "report/witnesses.h"

#include <string.h>

enum { MAX_HOLDERS = 50, MAX_SHARED = 20 };

void hb_dominated_deinit(struct hb_dominated *set)
{
	hb_vec_deinit(&set->numbers);
	hb_vec_deinit(&set->samples);
}

struct hb_error *hb_dominated_add(struct hb_report_builder *builder, struct hb_dominated *set, uint32_t slot)
{
	const struct hb_graph *graph = builder->analysis->graph;
	uint32_t number = graph->number[slot];
	set->count++;
	if (number <= graph->count && graph->slot_of[number] == slot) {
		set->retained_bytes += graph->retained[number];
		set->retained_objects += graph->retained_objects[number];
		HB_VEC_PUSH(&set->numbers, number);
	} else { /* a leaf: its number is its dominator's */
		set->retained_bytes += hb_builder_span(builder, slot)->elem_size;
		set->retained_objects++;
		uint32_t sample;
		if (hb_sample_of_slot(builder, slot, &sample))
			HB_VEC_PUSH(&set->samples, sample);
	}
	return NULL;
}

/* --- Root nodes ------------------------------------------------------------------------------------------------------
 */

struct root_rank {
	uint32_t node;
	uint64_t bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct root_rank *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static const char *kind_name(enum hb_root_kind kind)
{
	switch (kind) {
	case HB_ROOT_GLOBAL:
		return "global";
	case HB_ROOT_GOROUTINE_GROUP:
	case HB_ROOT_GOROUTINE:
		return "goroutine";
	case HB_ROOT_TIMER_GROUP:
	case HB_ROOT_TIMER:
		return "timer";
	case HB_ROOT_FINALIZER:
		return "finalizer";
	case HB_ROOT_RUNTIME:
		return "runtime";
	case HB_ROOT_C:
		return "c";
	}
	return "runtime";
}

static uint64_t children_of(const struct hb_roots *roots, uint32_t node)
{
	uint64_t n = 0;
	for (size_t i = (size_t)node + 1; i < roots->nodes.len && roots->nodes.data[i].parent == node; i++)
		n++;
	return n;
}

static struct hb_error *describe_root(struct hb_report_builder *builder, uint32_t index, struct hb_report_holder *ret)
{
	const struct hb_roots *roots = &builder->analysis->roots;
	const struct hb_root_node *node = &roots->nodes.data[index];
	ret->kind = kind_name(node->kind);
	ret->address = node->kind == HB_ROOT_GLOBAL || node->kind == HB_ROOT_RUNTIME ? node->id : 0;
	ret->fan_out = 1;
	if (node->kind == HB_ROOT_GOROUTINE_GROUP) {
		ret->fan_out = children_of(roots, index);
		ret->name =
		        hb_arena_printf(builder->arena, "%s%s", hb_root_is_main(node) ? "" : "created by ", node->name);
	} else {
		ret->name = hb_arena_strdup(builder->arena, node->name);
	}
	uint32_t type = node->type ? hb_types_find(builder->analysis->types, node->type) : 0;
	ret->type = hb_builder_type_name(builder, type ? builder->analysis->types->list[type].name : "");
	ret->label = hb_arena_strdup(builder->arena, "");
	return ret->name && ret->type && ret->label ? NULL : hb_error_nomem();
}

static struct hb_error *add_root(struct hb_report_builder *builder, struct hb_tree_builder *tree, uint32_t index)
{
	const struct hb_graph *graph = builder->analysis->graph;
	uint32_t number = hb_graph_root_number(index);
	struct hb_report_holder *holder = &builder->report->holders[builder->report->nholders++];
	TRY(describe_root(builder, index, holder));
	holder->retained_bytes = graph->retained[number];
	holder->retained_objects = graph->retained_objects[number];
	struct hb_dominated members = {.count = 1};
	if (!hb_vec_push(&members.numbers, number))
		return hb_error_nomem();
	return hb_tree_grow(tree, holder, &members);
}

static struct hb_error *rank_roots(struct hb_report_builder *builder, struct root_rank **ret, size_t *ret_n)
{
	const struct hb_roots *roots = &builder->analysis->roots;
	struct root_rank *order = calloc(roots->nodes.len + 1, sizeof(*order));
	if (!order)
		return hb_error_nomem();
	size_t n = 0;
	for (size_t i = 0; i < roots->nodes.len; i++) {
		uint64_t bytes = builder->analysis->graph->retained[hb_graph_root_number((uint32_t)i)];
		if (roots->nodes.data[i].parent == HB_ROOT_NONE && bytes)
			order[n++] = (struct root_rank){(uint32_t)i, bytes};
	}
	qsort(order, n, sizeof(*order), by_bytes);
	*ret = order;
	*ret_n = n;
	return NULL;
}

/* --- What no single root holds ---------------------------------------------------------------------------------- */

struct shared {
	struct hb_dominated members;
	uint32_t class;
	uint32_t largest; /* slot */
	uint64_t largest_bytes;
};

struct shared_list {
	HB_VEC(struct shared) list;
	uint32_t *of_class; /* index + 1 in list */
};

static struct hb_error *add_shared(struct hb_report_builder *builder, struct shared_list *all, uint32_t slot)
{
	uint32_t class = builder->class_of[slot];
	if (!all->of_class[class]) {
		HB_VEC_PUSH(&all->list, (struct shared){.class = class});
		all->of_class[class] = (uint32_t)all->list.len;
	}
	struct shared *shared = &all->list.data[all->of_class[class] - 1];
	uint64_t before = shared->members.retained_bytes;
	TRY(hb_dominated_add(builder, &shared->members, slot));
	if (shared->members.retained_bytes - before > shared->largest_bytes) {
		shared->largest_bytes = shared->members.retained_bytes - before;
		shared->largest = slot;
	}
	return NULL;
}

/* Children of the virtual root that are no root nodes. */
static struct hb_error *collect_shared(struct hb_report_builder *builder, struct shared_list *all)
{
	const struct hb_dominator_tree *tree = builder->analysis->tree;
	const struct hb_graph *graph = builder->analysis->graph;
	for (uint32_t child = tree->first_child[1]; child; child = tree->next_sibling[child])
		if (!hb_graph_is_root(graph, child))
			TRY(add_shared(builder, all, graph->slot_of[child]));
	for (uint32_t i = tree->leaf_start[1]; i < tree->leaf_start[2]; i++)
		TRY(add_shared(builder, all, tree->leaves[i]));
	return NULL;
}

static const char *holder_words(const struct hb_root_node *node)
{
	return node->kind == HB_ROOT_GOROUTINE_GROUP && !hb_root_is_main(node) ? "goroutines created by " : "";
}

/* "main.srv, goroutines created by main.main, …": never claimed to be all of them. */
static char *shared_name(struct hb_report_builder *builder, const struct hb_witnesses *witnesses)
{
	const struct hb_roots *roots = &builder->analysis->roots;
	char text[1024] = "";
	size_t used = 0;
	if (!witnesses->n)
		return hb_arena_strdup(builder->arena, "several holders");
	for (size_t i = 0; i < hb_min(witnesses->n, (uint32_t)HB_NAMED_WITNESSES) && used < sizeof(text); i++) {
		const struct hb_root_node *node = &roots->nodes.data[witnesses->nodes[i]];
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s, ", holder_words(node), node->name);
	}
	return hb_arena_printf(builder->arena, "%s%s", text, witnesses->n == 1 ? "others" : "…");
}

static int by_retained(const void *a, const void *b)
{
	const struct shared *x = a, *y = b;
	if (x->members.retained_bytes != y->members.retained_bytes)
		return x->members.retained_bytes > y->members.retained_bytes ? -1 : 1;
	return x->class < y->class ? -1 : x->class > y->class;
}

static struct hb_error *add_shared_holder(struct hb_report_builder *builder, struct hb_tree_builder *tree,
                                          struct shared *shared, const struct hb_witnesses *witnesses)
{
	struct hb_report_holder *holder = &builder->report->holders[builder->report->nholders++];
	*holder = (struct hb_report_holder){
	        .name = shared_name(builder, witnesses),
	        .kind = "shared",
	        .type = hb_builder_class_name(builder, shared->class),
	        .label = hb_arena_strdup(builder->arena, ""),
	        .retained_bytes = shared->members.retained_bytes,
	        .retained_objects = shared->members.retained_objects,
	        .fan_out = shared->members.count,
	};
	if (!holder->name || !holder->type || !holder->label)
		return hb_error_nomem();
	return hb_tree_grow(tree, holder, &shared->members);
}

static struct hb_error *add_all_shared(struct hb_report_builder *builder, struct hb_tree_builder *tree,
                                       struct shared_list *all)
{
	all->of_class = calloc((size_t)builder->nclasses + 1, sizeof(*all->of_class));
	if (!all->of_class)
		return hb_error_nomem();
	TRY(collect_shared(builder, all));
	if (all->list.len)
		qsort(all->list.data, all->list.len, sizeof(*all->list.data), by_retained);
	struct hb_witnesses witnesses[MAX_SHARED] = {0};
	size_t n = hb_min(all->list.len, (size_t)MAX_SHARED);
	for (size_t i = 0; i < n; i++)
		witnesses[i].slot = all->list.data[i].largest;
	TRY(hb_find_witnesses(builder->analysis, witnesses, n));
	TRY(hb_find_goroutine_witnesses(builder->analysis, witnesses, n));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (witnesses[k].slot == all->list.data[i].largest)
				TRY(add_shared_holder(builder, tree, &all->list.data[i], &witnesses[k]));
	return NULL;
}

/* --- Together --------------------------------------------------------------------------------------------------- */

static int holder_order(const void *a, const void *b)
{
	const struct hb_report_holder *x = a, *y = b;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct hb_error *add_all(struct hb_report_builder *builder, struct hb_tree_builder *tree,
                                struct root_rank **order, struct shared_list *shared)
{
	struct hb_report *report = builder->report;
	size_t n;
	TRY(rank_roots(builder, order, &n));
	n = hb_min(n, (size_t)hb_max((unsigned)MAX_HOLDERS, builder->analysis->options.top));
	report->holders = hb_arena_alloc(builder->arena, (n + MAX_SHARED + 1) * sizeof(*report->holders));
	if (!report->holders)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++)
		TRY(add_root(builder, tree, (*order)[i].node));
	TRY(add_all_shared(builder, tree, shared));
	TRY(hb_tree_allocated_at(tree)); /* while the rows are where it knows them */
	if (report->nholders)
		qsort(report->holders, report->nholders, sizeof(*report->holders), holder_order);
	return NULL;
}

struct hb_error *hb_build_holders(struct hb_report_builder *builder)
{
	struct root_rank *order = NULL;
	struct shared_list shared = {0};
	struct hb_tree_builder *tree;
	TRY(hb_tree_builder_create(builder, &tree));
	struct hb_error *err = add_all(builder, tree, &order, &shared);
	hb_tree_builder_destroy(tree);
	free(order);
	free(shared.of_class);
	for (size_t i = 0; i < shared.list.len; i++)
		hb_dominated_deinit(&shared.list.data[i].members);
	hb_vec_deinit(&shared.list);
	return err;
}
