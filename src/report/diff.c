/* The model of a comparison: rows of both reports are matched by name, containers also by address. */
#include "report/diff.h"
#include "growth/places.h"
#include "leak/growth.h"

#include <string.h>

enum { LEAST_ELEMENTS = 8, MAX_CONTAINERS = 20000 };

struct row {
	const char *kind;
	char *name;
	uint64_t count, bytes;
};

struct rows {
	HB_VEC(struct row) list;
};

struct differ {
	struct hb_diff *diff;
	struct rows before, after;
};

/* --- Rows --------------------------------------------------------------------------------------------------------- */

static struct hb_error *add_row(struct differ *differ, struct rows *rows, const char *kind, const char *name,
                                uint64_t count, uint64_t bytes)
{
	char *copy = hb_arena_strdup(&differ->diff->arena, name);
	if (!copy)
		return hb_error_nomem();
	HB_VEC_PUSH(&rows->list, (struct row){kind, copy, count, bytes});
	return NULL;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->kind, y->kind);
	return order ? order : strcmp(x->name, y->name);
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return hb_add_overflows(a, b, &sum) ? UINT64_MAX : sum;
}

/* One row a name. */
static void sum_up(struct rows *rows)
{
	size_t n = 0;
	if (rows->list.len)
		qsort(rows->list.data, rows->list.len, sizeof(*rows->list.data), compare_rows);
	for (size_t i = 0; i < rows->list.len; i++) {
		struct row *row = &rows->list.data[i];
		if (n && !compare_rows(&rows->list.data[n - 1], row)) {
			rows->list.data[n - 1].count = add_saturating(rows->list.data[n - 1].count, row->count);
			rows->list.data[n - 1].bytes = add_saturating(rows->list.data[n - 1].bytes, row->bytes);
		} else {
			rows->list.data[n++] = *row;
		}
	}
	rows->list.len = n;
}

static int compare_changes(const void *a, const void *b)
{
	const struct hb_change *x = a, *y = b;
	int64_t more_x = (int64_t)(x->bytes_after - x->bytes_before),
	        more_y = (int64_t)(y->bytes_after - y->bytes_before);
	if (more_x != more_y)
		return more_x > more_y ? -1 : 1;
	uint64_t count_x = x->after - x->before, count_y = y->after - y->before;
	if (count_x != count_y)
		return count_x > count_y ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Both lists have one row a name, in order. */
static struct hb_error *match(struct differ *differ, uint64_t least, struct hb_changes *ret)
{
	sum_up(&differ->before);
	sum_up(&differ->after);
	for (size_t i = 0, k = 0; i < differ->after.list.len; i++) {
		const struct row *after = &differ->after.list.data[i];
		while (k < differ->before.list.len && compare_rows(&differ->before.list.data[k], after) < 0)
			k++;
		bool known = k < differ->before.list.len && !compare_rows(&differ->before.list.data[k], after);
		const struct row none = {.name = after->name}, *before = known ? &differ->before.list.data[k] : &none;
		if (after->count < before->count || after->count - before->count < least)
			continue;
		HB_VEC_PUSH(&ret->list, (struct hb_change){after->kind, after->name, before->count, after->count,
		                                           before->bytes, after->bytes});
	}
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), compare_changes);
	differ->before.list.len = differ->after.list.len = 0;
	return NULL;
}

/* --- Containers --------------------------------------------------------------------------------------------------- */

/* "global main.store *main.Store .byID map[string]*main.Session" */
static struct hb_error *name_of(struct differ *differ, const struct hb_analysis *analysis,
                                const struct hb_population *population, const char **ret)
{
	struct hb_finding finding = {0};
	struct hb_error *err = hb_growth_place(analysis, population, &finding);
	const char *name = err ? NULL : hb_arena_strdup(&differ->diff->arena, finding.holder);
	for (size_t i = 0; i < finding.path.len && name; i++)
		name = hb_arena_printf(&differ->diff->arena, "%s %s", name, finding.path.data[i]);
	hb_finding_deinit(&finding);
	*ret = name;
	return err ? err : name ? NULL : hb_error_nomem();
}

struct known { /* a container of the first moment */
	const struct hb_population *population;
	const char *name;
};

static int compare_known(const void *a, const void *b)
{
	const struct hb_population *x = ((const struct known *)a)->population,
	                           *y = ((const struct known *)b)->population;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static const char *type_name(const struct hb_report *report, const struct hb_population *population)
{
	return report->analysis->types->list[population->type].name;
}

/* The same container has the same name, even if it was reached by another path this time. */
static const char *known_as(const struct hb_diff *diff, const struct known *known, size_t n,
                            const struct hb_population *population)
{
	const struct known wanted = {.population = population};
	const struct known *found =
	        n && diff->same_process ? bsearch(&wanted, known, n, sizeof(*known), compare_known) : NULL;
	if (!found || strcmp(type_name(diff->before, found->population), type_name(diff->after, population)) != 0)
		return NULL;
	return found->name;
}

/* The runtime's own lists are nobody's. */
static bool counts(const struct hb_analysis *analysis, const struct hb_population *population)
{
	uint32_t root = hb_population_root(analysis->growth, population);
	return population->count0 >= LEAST_ELEMENTS && root != HB_ROOT_NONE &&
	       analysis->roots.nodes.data[root].kind != HB_ROOT_RUNTIME;
}

static struct hb_error *add_before(struct differ *differ, struct known *known, size_t *n)
{
	const struct hb_analysis *analysis = differ->diff->before->analysis;
	const struct hb_growth *growth = analysis->growth;
	for (size_t i = 0; i < growth->populations.len && *n < MAX_CONTAINERS; i++) {
		const struct hb_population *population = &growth->populations.data[i];
		const char *name;
		if (!counts(analysis, population))
			continue;
		TRY(name_of(differ, analysis, population, &name));
		known[(*n)++] = (struct known){population, name};
		TRY(add_row(differ, &differ->before, hb_population_kind_name(population->kind), name,
		            population->count0, hb_population_bytes(analysis->growth, population)));
	}
	if (*n)
		qsort(known, *n, sizeof(*known), compare_known);
	return NULL;
}

static struct hb_error *diff_containers(struct differ *differ)
{
	const struct hb_analysis *analysis = differ->diff->after->analysis;
	hb_autofree struct known *known = calloc(MAX_CONTAINERS, sizeof(*known));
	size_t n = 0, added = 0;
	if (!known)
		return hb_error_nomem();
	TRY(add_before(differ, known, &n));
	for (size_t i = 0; i < analysis->growth->populations.len && added < MAX_CONTAINERS; i++) {
		const struct hb_population *population = &analysis->growth->populations.data[i];
		if (!counts(analysis, population))
			continue;
		const char *name = known_as(differ->diff, known, n, population);
		if (!name)
			TRY(name_of(differ, analysis, population, &name));
		TRY(add_row(differ, &differ->after, hb_population_kind_name(population->kind), name, population->count0,
		            hb_population_bytes(analysis->growth, population)));
		added++;
	}
	return match(differ, LEAST_ELEMENTS, &differ->diff->containers);
}

/* --- The rest ----------------------------------------------------------------------------------------------------- */

static struct hb_error *diff_types(struct differ *differ)
{
	const struct hb_report *reports[2] = {differ->diff->before, differ->diff->after};
	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < reports[k]->ntypes; i++) {
			const struct hb_report_type *type = &reports[k]->types[i];
			TRY(add_row(differ, k ? &differ->after : &differ->before, "", type->name, type->count,
			            type->retained_bytes));
		}
	return match(differ, LEAST_ELEMENTS, &differ->diff->types);
}

static struct hb_error *diff_holders(struct differ *differ)
{
	const struct hb_report *reports[2] = {differ->diff->before, differ->diff->after};
	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < reports[k]->nholders; i++) {
			const struct hb_report_holder *holder = &reports[k]->holders[i];
			char *name = hb_arena_printf(&differ->diff->arena, "%s %s", holder->kind, holder->name);
			if (!name)
				return hb_error_nomem();
			TRY(add_row(differ, k ? &differ->after : &differ->before, "", name, holder->retained_objects,
			            holder->retained_bytes));
		}
	return match(differ, LEAST_ELEMENTS, &differ->diff->holders);
}

static struct hb_error *diff_goroutines(struct differ *differ)
{
	const struct hb_report *reports[2] = {differ->diff->before, differ->diff->after};
	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < reports[k]->ngoroutines; i++) {
			const struct hb_report_goroutines *group = &reports[k]->goroutines[i];
			char *name = hb_arena_printf(
			        &differ->diff->arena, "created by %s, at %s",
			        group->created_by && *group->created_by ? group->created_by : "the runtime",
			        group->blocked_at && *group->blocked_at ? group->blocked_at : group->state);
			if (!name)
				return hb_error_nomem();
			TRY(add_row(differ, k ? &differ->after : &differ->before, "", name, group->count,
			            add_saturating(group->retained_bytes, group->stack_bytes)));
		}
	return match(differ, 4, &differ->diff->goroutines);
}

static bool is_same_process(const struct hb_analysis *a, const struct hb_analysis *b)
{
	return a->snapshot->pid && a->snapshot->pid == b->snapshot->pid && a->go->build_id[0] &&
	       !strcmp(a->go->build_id, b->go->build_id);
}

struct hb_error *hb_diff_build(const struct hb_report *before, const struct hb_report *after, struct hb_diff **ret)
{
	struct hb_diff *diff = calloc(1, sizeof(*diff));
	if (!diff)
		return hb_error_nomem();
	diff->before = before;
	diff->after = after;
	diff->same_process = is_same_process(before->analysis, after->analysis);
	struct differ differ = {.diff = diff};
	struct hb_error *err = diff_containers(&differ);
	if (!err)
		err = diff_types(&differ);
	if (!err)
		err = diff_holders(&differ);
	if (!err)
		err = diff_goroutines(&differ);
	hb_vec_deinit(&differ.before.list);
	hb_vec_deinit(&differ.after.list);
	if (err)
		hb_diff_destroy(diff);
	else
		*ret = diff;
	return err;
}

void hb_diff_destroy(struct hb_diff *diff)
{
	if (!diff)
		return;
	hb_vec_deinit(&diff->containers.list);
	hb_vec_deinit(&diff->types.list);
	hb_vec_deinit(&diff->holders.list);
	hb_vec_deinit(&diff->goroutines.list);
	hb_arena_deinit(&diff->arena);
	free(diff);
}
