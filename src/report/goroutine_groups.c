/* Goroutines by state, wait reason, creation site and the first frame of the program's own that they are blocked in. */
#include "base/progress.h"
#include "golang/stacks.h"
#include "report/build.h"
#include "report/sites.h"
#include "report/whereabouts.h"

#include <string.h>

enum { MAX_STACK = 64, MAX_IDS = 16, LINES_AT_ONCE = 32 };

struct key {
	const struct hb_goroutine *goroutine;
	const char *blocked_at;
	uint64_t retained;
};

/* --- Roots ------------------------------------------------------------------------------------------------------ */

struct root_of { /* what a g, or everything that one `go` statement created, is in the graph */
	uint64_t id;
	uint32_t node, members;
};

struct root_index {
	HB_VEC(struct root_of) list; /* sorted by id */
};

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct root_of *)a)->id, y = ((const struct root_of *)b)->id;
	return x < y ? -1 : x > y;
}

static struct hb_error *index_roots(const struct hb_roots *roots, enum hb_root_kind kind, struct root_index *ret)
{
	for (size_t i = 0; i < roots->nodes.len; i++) {
		const struct hb_root_node *node = &roots->nodes.data[i];
		if (node->kind == kind)
			HB_VEC_PUSH(&ret->list, (struct root_of){node->id, (uint32_t)i, 0});
		else if (node->parent != HB_ROOT_NONE && ret->list.len &&
		         ret->list.data[ret->list.len - 1].node == node->parent)
			ret->list.data[ret->list.len - 1].members++; /* members follow their group */
	}
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), by_id);
	return NULL;
}

static const struct root_of *root_of(const struct root_index *index, uint64_t id)
{
	const struct root_of wanted = {.id = id};
	return index->list.len ? bsearch(&wanted, index->list.data, index->list.len, sizeof(wanted), by_id) : NULL;
}

struct grouper {
	struct hb_report_builder *builder;
	struct hb_whereabouts places;
	struct key *keys;
	size_t nkeys;
	struct root_index goroutines, creations;
	/* while one stack is walked */
	char **stack;
	size_t nstack;
};

static struct hb_error *make_keys(struct grouper *grouper)
{
	const struct hb_analysis *analysis = grouper->builder->analysis;
	struct hb_report *report = grouper->builder->report;
	grouper->keys = calloc(analysis->goroutines.n + 1, sizeof(*grouper->keys));
	if (!grouper->keys)
		return hb_error_nomem();
	for (size_t i = 0; i < analysis->goroutines.n; i++) {
		const struct hb_goroutine *goroutine = &analysis->goroutines.list[i];
		if (goroutine->system)
			continue;
		const struct root_of *root = root_of(&grouper->goroutines, goroutine->g);
		struct key *key = &grouper->keys[grouper->nkeys++];
		report->goroutines_total++;
		report->by_status[goroutine->status & 15]++;
		key->goroutine = goroutine;
		key->blocked_at = hb_whereabouts_blocked_at(&grouper->places, goroutine);
		key->retained = root ? analysis->graph->retained[hb_graph_root_number(root->node)] : 0;
		if (grouper->places.out_of_memory)
			return hb_error_nomem();
		if ((i & 1023) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- Groups ----------------------------------------------------------------------------------------------------------
 */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int same_group(const struct key *a, const struct key *b)
{
	int order = compare_numbers(a->goroutine->gopc, b->goroutine->gopc);
	if (!order)
		order = compare_numbers((uintptr_t)a->blocked_at, (uintptr_t)b->blocked_at);
	if (!order)
		order = (int)a->goroutine->status - (int)b->goroutine->status;
	if (!order)
		order = strcmp(a->goroutine->wait_reason, b->goroutine->wait_reason);
	return order;
}

static int by_group(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = same_group(x, y);
	return order ? order : compare_numbers(x->goroutine->id, y->goroutine->id);
}

/* When a group is everything that one `go` statement created, it holds what they hold together, too. */
static uint64_t retained_together(const struct grouper *grouper, uint64_t gopc, uint64_t count)
{
	const struct root_of *group = root_of(&grouper->creations, gopc);
	if (!group || group->members != count)
		return 0;
	return grouper->builder->analysis->graph->retained[hb_graph_root_number(group->node)];
}

static bool visit_all(void *ctx, const struct hb_go_frame *frame)
{
	struct grouper *grouper = ctx;
	struct hb_go_line lines[LINES_AT_ONCE];
	size_t n = hb_go_lines(grouper->builder->analysis->go, frame->lookup_pc, lines, hb_countof(lines));
	for (size_t i = 0; i < n && grouper->nstack < MAX_STACK; i++) {
		char *text = hb_site_text(grouper->builder->arena, &lines[i]);
		if (!text)
			return false;
		grouper->stack[grouper->nstack++] = text;
	}
	return grouper->nstack < MAX_STACK;
}

static struct hb_error *take_stack(struct grouper *grouper, const struct hb_goroutine *goroutine,
                                   struct hb_report_goroutines *ret)
{
	bool complete;
	grouper->stack = ret->stack = hb_arena_alloc(grouper->builder->arena, MAX_STACK * sizeof(char *));
	if (!ret->stack)
		return hb_error_nomem();
	grouper->nstack = 0;
	hb_error_destroy(hb_go_unwind(grouper->builder->analysis->go, goroutine, visit_all, grouper, &complete));
	ret->nstack = grouper->nstack;
	return NULL;
}

static void take_times(const struct hb_goroutines *all, const struct key *keys, struct hb_report_goroutines *ret)
{
	for (uint64_t i = 0; i < ret->count; i++) {
		int64_t since = keys[i].goroutine->waitsince;
		if (since <= 0 || all->now <= since)
			continue;
		uint64_t seconds = (uint64_t)(all->now - since) / 1000000000u;
		if (!ret->since_s_max || seconds < ret->since_s_min)
			ret->since_s_min = seconds;
		ret->since_s_max = hb_max(ret->since_s_max, seconds);
	}
}

static struct hb_error *make_group(struct grouper *grouper, const struct key *keys, uint64_t count,
                                   struct hb_report_goroutines *ret)
{
	struct hb_report_builder *builder = grouper->builder;
	const struct hb_goroutine *first = keys[0].goroutine;
	ret->count = count;
	ret->state = hb_g_status_name(first->status);
	ret->wait_reason = hb_arena_strdup(builder->arena, first->wait_reason);
	ret->created_by = hb_creation_site(builder->arena, builder->analysis->go, first);
	ret->blocked_at = hb_arena_strdup(builder->arena, keys[0].blocked_at ? keys[0].blocked_at : "");
	ret->nids = hb_min(count, (uint64_t)MAX_IDS);
	ret->ids = hb_arena_alloc(builder->arena, MAX_IDS * sizeof(*ret->ids));
	if (!ret->wait_reason || !ret->created_by || !ret->blocked_at || !ret->ids)
		return hb_error_nomem();
	for (size_t i = 0; i < ret->nids; i++)
		ret->ids[i] = keys[i].goroutine->id;
	for (uint64_t i = 0; i < count; i++) {
		ret->retained_bytes += keys[i].retained;
		ret->stack_bytes += keys[i].goroutine->stack_hi - keys[i].goroutine->stack_lo;
	}
	uint64_t together = retained_together(grouper, first->gopc, count);
	ret->retained_bytes = hb_max(ret->retained_bytes, together);
	take_times(&builder->analysis->goroutines, keys, ret);
	return take_stack(grouper, first, ret);
}

static int by_count(const void *a, const void *b)
{
	const struct hb_report_goroutines *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	int order = -compare_numbers(x->retained_bytes, y->retained_bytes);
	return order ? order : compare_numbers(x->ids[0], y->ids[0]);
}

static struct hb_error *make_groups(struct grouper *grouper)
{
	struct hb_report *report = grouper->builder->report;
	size_t ngroups = 0;
	for (size_t i = 0; i < grouper->nkeys; i++)
		ngroups += !i || same_group(&grouper->keys[i - 1], &grouper->keys[i]) != 0;
	report->goroutines = hb_arena_alloc(grouper->builder->arena, (ngroups + 1) * sizeof(*report->goroutines));
	if (!report->goroutines)
		return hb_error_nomem();
	for (size_t i = 0, next; i < grouper->nkeys; i = next) {
		for (next = i + 1; next < grouper->nkeys; next++)
			if (same_group(&grouper->keys[i], &grouper->keys[next]) != 0)
				break;
		TRY(make_group(grouper, &grouper->keys[i], next - i, &report->goroutines[report->ngoroutines++]));
	}
	if (report->ngoroutines)
		qsort(report->goroutines, report->ngoroutines, sizeof(*report->goroutines), by_count);
	return NULL;
}

struct hb_error *hb_build_goroutines(struct hb_report_builder *builder)
{
	struct grouper grouper = {.builder = builder, .places = {.go = builder->analysis->go, .arena = builder->arena}};
	struct hb_error *err = index_roots(&builder->analysis->roots, HB_ROOT_GOROUTINE, &grouper.goroutines);
	if (!err)
		err = index_roots(&builder->analysis->roots, HB_ROOT_GOROUTINE_GROUP, &grouper.creations);
	if (!err)
		err = make_keys(&grouper);
	if (!err && grouper.nkeys)
		qsort(grouper.keys, grouper.nkeys, sizeof(*grouper.keys), by_group);
	if (!err)
		err = make_groups(&grouper);
	hb_vec_deinit(&grouper.goroutines.list);
	hb_vec_deinit(&grouper.creations.list);
	free(grouper.keys);
	hb_whereabouts_deinit(&grouper.places);
	return err;
}
