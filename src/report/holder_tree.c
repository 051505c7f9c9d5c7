/* What is below a holder: the dominator tree, objects grouped by the edge that leads to them and their type.
 *
 * Each object is looked at once, as a child of its dominator: the words of the dominator say through which field it is
 * held. What is dominated without being pointed at directly is held through several things together: its edge is "…".
 * No recursion: rows whose children are still to be made wait in a list.
 */
#include "base/progress.h"
#include "heap/pointers.h"
#include "report/holders.h"

#include <string.h>

enum {
	MAX_CHILDREN = 6,     /* of a row */
	MAX_GROUPS = 1 << 14, /* kinds of children that are told apart */
	MAX_LABEL = 256,
	LEAST_PERCENT = 2,    /* of the holder: a smaller child is not worth a row */
	LEAST_IN_HEAP = 2000, /* a row needs this part of the live heap */
};

struct label {         /* the name of the edge at an offset of objects of a class */
	uint64_t key;  /* class << 32 | offset + 1, 0 empty */
	uint32_t name; /* index in names */
};

struct group {
	uint32_t label, class;
	struct hb_dominated members;
};

struct pending {
	struct hb_report_holder *holder;
	struct hb_dominated members;
	uint32_t class, row;
	unsigned depth;
	uint64_t least;        /* bytes that a child needs */
	uint64_t untyped_size; /* class 0: slot size of the members, 0 unknown */
};

struct hb_tree_builder {
	struct hb_report_builder *builder;
	uint64_t *seen; /* bit a slot: has been found as a child */
	struct hb_tree_rows rows;
	HB_VEC(struct pending) pending;
	/* labels */
	struct label *labels; /* open addressing */
	uint32_t labels_log2, nlabels;
	HB_VEC(char *) names; /* in the report's arena; 0: "", 1: "…" */
	/* while one row's children are made */
	HB_VEC(struct group) groups;
	uint32_t *group_index; /* open addressing over groups: index + 1; MAX_GROUPS * 2 of them */
	HB_VEC(uint32_t) work; /* numbers whose children belong to this row */
	struct pending current;
	uint64_t merged; /* objects of the row's own type below its members: a list or tree */
	uint64_t found;  /* children of the member that is looked at */
	uint64_t steps;
};

/* --- Labels ----------------------------------------------------------------------------------------------------- */

enum { LABEL_NONE, LABEL_INDIRECT };

static struct hb_error *add_name(struct hb_tree_builder *tree, const char *name, uint32_t *ret)
{
	for (uint32_t i = 0; i < tree->names.len; i++)
		if (!strcmp(tree->names.data[i], name)) {
			*ret = i;
			return NULL;
		}
	char *copy = hb_arena_strdup(tree->builder->arena, name);
	if (!copy)
		return hb_error_nomem();
	HB_VEC_PUSH(&tree->names, copy);
	*ret = (uint32_t)tree->names.len - 1;
	return NULL;
}

static struct label *find_label(const struct hb_tree_builder *tree, uint64_t key)
{
	uint32_t mask = (1u << tree->labels_log2) - 1;
	uint32_t at = (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - tree->labels_log2));
	while (tree->labels[at].key && tree->labels[at].key != key)
		at = (at + 1) & mask;
	return &tree->labels[at];
}

static struct hb_error *grow_labels(struct hb_tree_builder *tree)
{
	struct label *old = tree->labels;
	size_t n = old ? (size_t)1 << tree->labels_log2 : 0;
	struct label *grown = calloc((size_t)1 << (tree->labels_log2 + 1), sizeof(*grown));
	if (!grown)
		return hb_error_nomem();
	tree->labels = grown;
	tree->labels_log2++;
	for (size_t i = 0; i < n; i++)
		if (old[i].key)
			*find_label(tree, old[i].key) = old[i];
	free(old);
	return NULL;
}

/* Elements of an array have the same names: one is asked for all. */
static struct hb_error *label_of(struct hb_tree_builder *tree, const struct hb_span *span, uint32_t slot,
                                 uint64_t offset, uint32_t *ret)
{
	const struct hb_typing *typing = tree->builder->analysis->typing;
	uint64_t elem = typing->types->list[typing->type_of[slot]].size, header = span->kind == HB_SPAN_HEADER ? 8 : 0;
	uint64_t relative = elem && offset >= header ? (offset - header) % elem + header : offset;
	*ret = LABEL_NONE;
	if (!tree->builder->class_of[slot] || relative >= UINT32_MAX)
		return NULL;
	if (tree->nlabels * 2 >= (tree->labels ? 1u << tree->labels_log2 : 0))
		TRY(grow_labels(tree));
	uint64_t key = (uint64_t)tree->builder->class_of[slot] << 32 | (relative + 1);
	struct label *label = find_label(tree, key);
	if (!label->key) {
		char name[MAX_LABEL];
		hb_typing_edge_name(typing, slot, offset, name, sizeof(name));
		TRY(add_name(tree, name, &label->name));
		label->key = key;
		tree->nlabels++;
	}
	*ret = label->name;
	return NULL;
}

/* ".open", "[*].conn" of an offset in a global. */
static struct hb_error *label_of_global(struct hb_tree_builder *tree, uint32_t type, uint64_t offset, uint32_t *ret)
{
	char path[MAX_LABEL], name[MAX_LABEL + 1];
	size_t used = 0;
	hb_type_path(tree->builder->analysis->types, type, offset, path, sizeof(path));
	if (*path && *path != '[')
		name[used++] = '.';
	for (const char *p = path; *p && used + 3 < sizeof(name);) {
		name[used++] = *p;
		if (*p++ != '[')
			continue;
		name[used++] = '*';
		p += strspn(p, "0123456789");
	}
	name[used] = 0;
	return add_name(tree, name, ret);
}

/* --- Groups of children ----------------------------------------------------------------------------------------- */

static struct hb_error *group_of(struct hb_tree_builder *tree, uint32_t label, uint32_t class, struct group **ret)
{
	enum { SIZE = MAX_GROUPS * 2 };
	if (tree->groups.len == MAX_GROUPS - 1) { /* whatever else there is */
		label = LABEL_INDIRECT;
		class = 0;
	}
	uint64_t key = (uint64_t)label << 32 | class;
	uint32_t at = (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SIZE;
	for (; tree->group_index[at]; at = (at + 1) % SIZE) {
		*ret = &tree->groups.data[tree->group_index[at] - 1];
		if ((*ret)->label == label && (*ret)->class == class)
			return NULL;
	}
	HB_VEC_PUSH(&tree->groups, (struct group){.label = label, .class = class});
	tree->group_index[at] = (uint32_t)tree->groups.len;
	*ret = &tree->groups.data[tree->groups.len - 1];
	return NULL;
}

static void clear_groups(struct hb_tree_builder *tree)
{
	for (size_t i = 0; i < tree->groups.len; i++)
		hb_dominated_deinit(&tree->groups.data[i].members);
	tree->groups.len = 0;
	memset(tree->group_index, 0, sizeof(*tree->group_index) * MAX_GROUPS * 2);
}

/* What lies between a map's header and its entries: the reader sees a map. Typing calls these parts so, or as the
 * runtime does (internal/runtime/maps, 1.24-1.27) where the program has their types. */
static bool is_map_inside(const struct hb_tree_builder *tree, uint32_t slot, uint32_t class)
{
	static const char *const endings[] = {" groups", " table", " directory"};
	const struct hb_typing *typing = tree->builder->analysis->typing;
	const struct hb_type *type = &typing->types->list[typing->type_of[slot]];
	if (!strcmp(type->pkg_path, "internal/runtime/maps"))
		return strcmp(type->name, "maps.Map") != 0;
	if (!strcmp(type->name, "*maps.table"))
		return true;
	const char *name = tree->builder->class_names[class];
	size_t len = strlen(name);
	if (!strstr(name, "map["))
		return false;
	for (size_t i = 0; i < hb_countof(endings); i++)
		if (len > strlen(endings[i]) && !strcmp(name + len - strlen(endings[i]), endings[i]))
			return true;
	return false;
}

/* The object that a global variable is: it has the variable's row. */
static struct hb_error *merge_into_root(struct hb_tree_builder *tree, uint32_t slot, bool leaf)
{
	struct hb_report_holder *holder = tree->current.holder;
	uint32_t class = tree->builder->class_of[slot];
	if (class && (!holder->type || !*holder->type)) {
		holder->type = hb_builder_class_name(tree->builder, class);
		if (!holder->type)
			return hb_error_nomem();
	}
	if (leaf)
		return hb_tree_rows_leaf(&tree->rows, tree->builder, slot, tree->current.row);
	HB_VEC_PUSH(&tree->work, tree->builder->analysis->graph->number[slot]);
	return NULL;
}

/* The next node of a list, or a child of a tree node: it belongs to the row of the first. Untyped objects are taken for
 * the same when they are of one size. */
static bool is_more_of_the_same(const struct hb_tree_builder *tree, uint32_t slot, uint32_t class)
{
	return class ? class == tree->current.class
	             : tree->current.untyped_size &&
	                       hb_builder_span(tree->builder, slot)->elem_size == tree->current.untyped_size;
}

/* An object that a member of the row dominates, found through an edge. */
static struct hb_error *add_child(struct hb_tree_builder *tree, uint32_t slot, uint32_t label, bool is_root_itself)
{
	const struct hb_graph *graph = tree->builder->analysis->graph;
	uint32_t class = tree->builder->class_of[slot];
	bool leaf = graph->slot_of[graph->number[slot]] != slot;
	hb_slot_set(tree->seen, slot);
	tree->found++;
	if (is_root_itself)
		return merge_into_root(tree, slot, leaf);
	if (!leaf && is_more_of_the_same(tree, slot, class)) {
		tree->merged++;
		HB_VEC_PUSH(&tree->work, graph->number[slot]);
		return NULL;
	}
	if (class && is_map_inside(tree, slot, class)) {
		if (leaf)
			return hb_tree_rows_leaf(&tree->rows, tree->builder, slot, tree->current.row);
		HB_VEC_PUSH(&tree->work, graph->number[slot]);
		return NULL;
	}
	struct group *group;
	TRY(group_of(tree, label, class, &group));
	return hb_dominated_add(tree->builder, &group->members, slot);
}

static bool is_new_child(const struct hb_tree_builder *tree, uint32_t slot, uint32_t dominator)
{
	return slot && !(tree->seen[slot >> 6] >> (slot & 63) & 1) &&
	       hb_graph_dominator_of_slot(tree->builder->analysis->graph, slot) == dominator;
}

/* --- Children of one member ------------------------------------------------------------------------------------- */

static struct hb_error *follow_root(struct hb_tree_builder *tree, uint32_t number)
{
	const struct hb_analysis *analysis = tree->builder->analysis;
	uint32_t index = number - 2;
	const struct hb_root_node *node = &analysis->roots.nodes.data[index];
	uint32_t type = node->type ? hb_types_find(analysis->types, node->type) : 0;
	size_t first = hb_roots_first_edge(&analysis->roots, index),
	       end = hb_roots_first_edge(&analysis->roots, index + 1);
	for (size_t i = first; i < end; i++) {
		const struct hb_root_edge *edge = &analysis->roots.edges.data[i];
		uint32_t slot = hb_heap_slot(analysis->heap, edge->value), label = LABEL_NONE;
		if (!is_new_child(tree, slot, number))
			continue;
		if (type && edge->from >= node->id)
			TRY(label_of_global(tree, type, edge->from - node->id, &label));
		TRY(add_child(tree, slot, label,
		              node->kind == HB_ROOT_GLOBAL && label == LABEL_NONE && (type || end - first == 1)));
	}
	return NULL;
}

static struct hb_error *follow_object(struct hb_tree_builder *tree, uint32_t number, uint64_t dominated)
{
	const struct hb_heap *heap = tree->builder->analysis->heap;
	uint32_t slot = tree->builder->analysis->graph->slot_of[number];
	const struct hb_span *span = hb_builder_span(tree->builder, slot);
	uint64_t at;
	if (!hb_heap_page(heap, hb_heap_slot_addr(span, slot), &at))
		return NULL;
	uint64_t nwords = span->elem_size / 8;
	struct hb_pointers pointers = hb_pointers_of(heap, span->kind, at, nwords, span->large_type);
	for (uint64_t start = 0; start < nwords; start += 64) {
		uint64_t bits = hb_pointers_window(&pointers, start);
		for (; bits && tree->found < dominated; bits &= bits - 1) {
			uint64_t offset = (start + (uint64_t)__builtin_ctzll(bits)) * 8;
			uint32_t child = hb_heap_slot(heap, hb_load_u64(pointers.bytes + offset)), label;
			if (!is_new_child(tree, child, number))
				continue;
			TRY(label_of(tree, span, slot, offset, &label));
			TRY(add_child(tree, child, label, false));
		}
	}
	return NULL;
}

/* Held by several things below the member together: no word of the member itself points there. */
static struct hb_error *follow_indirect(struct hb_tree_builder *tree, uint32_t number)
{
	const struct hb_dominator_tree *dominators = tree->builder->analysis->tree;
	const struct hb_graph *graph = dominators->graph;
	for (uint32_t child = dominators->first_child[number]; child; child = dominators->next_sibling[child]) {
		if (hb_graph_is_root(graph, child))
			HB_VEC_PUSH(&tree->work, child); /* a goroutine of its group */
		else if (is_new_child(tree, graph->slot_of[child], number))
			TRY(add_child(tree, graph->slot_of[child], LABEL_INDIRECT, false));
	}
	for (uint32_t i = dominators->leaf_start[number]; i < dominators->leaf_start[number + 1]; i++)
		if (is_new_child(tree, dominators->leaves[i], number))
			TRY(add_child(tree, dominators->leaves[i], LABEL_INDIRECT, false));
	return NULL;
}

static uint64_t count_dominated(const struct hb_dominator_tree *dominators, uint32_t number)
{
	uint64_t n = dominators->leaf_start[number + 1] - dominators->leaf_start[number];
	for (uint32_t child = dominators->first_child[number]; child; child = dominators->next_sibling[child])
		n++;
	return n;
}

/* The tree is mostly walked in the order of the search, so what comes soon has the numbers that follow. */
static void fetch_ahead(const struct hb_tree_builder *tree, uint32_t number)
{
	enum { AHEAD = 12 };
	const struct hb_analysis *analysis = tree->builder->analysis;
	const struct hb_graph *graph = analysis->graph;
	uint32_t slot = number + AHEAD <= graph->count ? graph->slot_of[number + AHEAD] : 0;
	uint64_t at;
	if (!slot)
		return;
	__builtin_prefetch(&graph->number[slot]);
	__builtin_prefetch(&tree->seen[slot >> 6], 1);
	__builtin_prefetch(&tree->builder->class_of[slot]);
	if (hb_heap_page(analysis->heap, hb_heap_slot_addr(hb_builder_span(tree->builder, slot), slot), &at))
		__builtin_prefetch(analysis->heap->memory + at);
}

/* Most objects dominate nothing, and what most others dominate is found early: the rest of them is not read. */
static struct hb_error *expand(struct hb_tree_builder *tree, uint32_t number)
{
	uint64_t dominated = count_dominated(tree->builder->analysis->tree, number);
	tree->found = 0;
	fetch_ahead(tree, number);
	if (!(++tree->steps & 0xffff) && hb_interrupted())
		return hb_interrupted_error();
	if (!dominated)
		return NULL;
	if (hb_graph_is_root(tree->builder->analysis->graph, number))
		TRY(follow_root(tree, number));
	else
		TRY(follow_object(tree, number, dominated));
	return tree->found < dominated ? follow_indirect(tree, number) : NULL;
}

/* --- Rows ------------------------------------------------------------------------------------------------------- */

static int by_retained(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->members.retained_bytes != y->members.retained_bytes)
		return x->members.retained_bytes > y->members.retained_bytes ? -1 : 1;
	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return x->class < y->class ? -1 : x->class > y->class;
}

static struct hb_error *make_child(struct hb_tree_builder *tree, struct group *group, struct hb_report_holder *child)
{
	struct hb_report_builder *builder = tree->builder;
	*child = (struct hb_report_holder){
	        .name = tree->names.data[LABEL_NONE],
	        .kind = "",
	        .type = hb_builder_class_name(builder, group->class),
	        .label = tree->names.data[group->label],
	        .retained_bytes = group->members.retained_bytes,
	        .retained_objects = group->members.retained_objects,
	        .fan_out = group->members.count,
	};
	if (!child->type)
		return hb_error_nomem();
	struct pending pending = {
	        .holder = child,
	        .class = group->class,
	        .depth = tree->current.depth + 1,
	        .least = tree->current.least,
	};
	if (!group->class && group->members.numbers.len) {
		uint32_t first = builder->analysis->graph->slot_of[group->members.numbers.data[0]];
		pending.untyped_size = hb_builder_span(builder, first)->elem_size;
	}
	TRY(hb_tree_rows_add(&tree->rows, child, tree->current.row, &group->members, &pending.row));
	if (!group->members.numbers.len || pending.depth >= HB_REPORT_DEPTH)
		return NULL;
	pending.members = group->members;
	HB_VEC_PUSH(&tree->pending, pending);
	group->members = (struct hb_dominated){0};
	return NULL;
}

static struct hb_error *make_children(struct hb_tree_builder *tree)
{
	struct hb_report_holder *holder = tree->current.holder;
	size_t n = 0;
	if (tree->groups.len)
		qsort(tree->groups.data, tree->groups.len, sizeof(*tree->groups.data), by_retained);
	while (n < hb_min(tree->groups.len, (size_t)MAX_CHILDREN) &&
	       tree->groups.data[n].members.retained_bytes >= tree->current.least)
		n++;
	if (!n)
		return NULL;
	holder->children = hb_arena_alloc(tree->builder->arena, n * sizeof(*holder->children));
	if (!holder->children)
		return hb_error_nomem();
	holder->nchildren = n;
	for (size_t i = 0; i < n; i++)
		TRY(make_child(tree, &tree->groups.data[i], &holder->children[i]));
	return NULL;
}

static struct hb_error *grow_row(struct hb_tree_builder *tree)
{
	tree->merged = 0;
	tree->work.len = 0;
	for (size_t i = 0; i < tree->current.members.numbers.len; i++) {
		HB_VEC_PUSH(&tree->work, tree->current.members.numbers.data[i]);
		while (tree->work.len)
			TRY(expand(tree, tree->work.data[--tree->work.len]));
	}
	tree->current.holder->fan_out += tree->merged;
	struct hb_error *err = make_children(tree);
	clear_groups(tree);
	return err;
}

struct hb_error *hb_tree_grow(struct hb_tree_builder *tree, struct hb_report_holder *holder,
                              struct hb_dominated *members)
{
	uint64_t live = tree->builder->report->live_bytes;
	struct pending top = {
	        .holder = holder,
	        .least = hb_max(holder->retained_bytes / 100 * LEAST_PERCENT, live / LEAST_IN_HEAP),
	};
	TRY(hb_tree_rows_add(&tree->rows, holder, 0, members, &top.row));
	top.members = *members;
	*members = (struct hb_dominated){0};
	if (!hb_vec_push(&tree->pending, top)) {
		hb_dominated_deinit(&top.members);
		return hb_error_nomem();
	}
	if (!strcmp(holder->kind, "shared") && top.members.numbers.len)
		tree->pending.data[tree->pending.len - 1].class =
		        tree->builder->class_of[tree->builder->analysis->graph->slot_of[top.members.numbers.data[0]]];
	while (tree->pending.len) {
		tree->current = tree->pending.data[--tree->pending.len];
		struct hb_error *err =
		        tree->current.holder->retained_bytes >= tree->current.least ? grow_row(tree) : NULL;
		hb_dominated_deinit(&tree->current.members);
		if (err)
			return err;
	}
	return NULL;
}

struct hb_error *hb_tree_allocated_at(struct hb_tree_builder *tree)
{
	return hb_tree_rows_sites(&tree->rows, tree->builder);
}

struct hb_error *hb_tree_builder_create(struct hb_report_builder *builder, struct hb_tree_builder **ret)
{
	struct hb_tree_builder *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return hb_error_nomem();
	uint32_t name;
	tree->builder = builder;
	tree->seen = hb_pages_map(hb_heap_bitmap_bytes(builder->analysis->heap));
	tree->group_index = calloc((size_t)MAX_GROUPS * 2, sizeof(*tree->group_index));
	struct hb_error *err =
	        tree->seen && tree->group_index ? hb_tree_rows_init(&tree->rows, builder) : hb_error_nomem();
	if (!err)
		err = add_name(tree, "", &name);
	if (!err)
		err = add_name(tree, "…", &name);
	if (err) {
		hb_tree_builder_destroy(tree);
		return err;
	}
	*ret = tree;
	return NULL;
}

void hb_tree_builder_destroy(struct hb_tree_builder *tree)
{
	if (!tree)
		return;
	const struct hb_analysis *analysis = tree->builder->analysis;
	hb_pages_unmap(tree->seen, hb_heap_bitmap_bytes(analysis->heap));
	for (size_t i = 0; i < tree->pending.len; i++)
		hb_dominated_deinit(&tree->pending.data[i].members);
	for (size_t i = 0; i < tree->groups.len; i++)
		hb_dominated_deinit(&tree->groups.data[i].members);
	hb_vec_deinit(&tree->pending);
	hb_vec_deinit(&tree->groups);
	hb_vec_deinit(&tree->work);
	hb_vec_deinit(&tree->names);
	hb_tree_rows_deinit(&tree->rows, analysis->graph);
	free(tree->labels);
	free(tree->group_index);
	free(tree);
}
