/* H801: what the globals of each package hold. Globals of one package that hold something together do not count it: a lower bound. */
#include "report/build.h"

#include <string.h>

struct share {
	const char *name;
	uint64_t bytes;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct share *)a)->name, ((const struct share *)b)->name);
}

static int by_size(const void *a, const void *b)
{
	const struct hb_report_package *x = a, *y = b;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Every global that holds something, with its package. */
static size_t collect(const struct hb_report_builder *builder, struct share *ret)
{
	const struct hb_analysis *analysis = builder->analysis;
	size_t n = 0;
	for (size_t i = 0; i < analysis->roots.nodes.len; i++) {
		const struct hb_root_node *node = &analysis->roots.nodes.data[i];
		uint64_t bytes = analysis->graph->retained[hb_graph_root_number((uint32_t)i)];
		const struct hb_global *global = NULL;
		if (node->kind != HB_ROOT_GLOBAL || !bytes)
			continue;
		if (analysis->globals)
			global = hb_globals_at(analysis->globals, node->id);
		ret[n++] = (struct share){global && *global->package ? global->package : "unknown", bytes};
	}
	return n;
}

struct hb_error *hb_build_packages(struct hb_report_builder *builder)
{
	struct hb_report *report = builder->report;
	hb_autofree struct share *shares = calloc(builder->analysis->roots.nodes.len + 1, sizeof(*shares));
	if (!shares)
		return hb_error_nomem();
	size_t n = collect(builder, shares);
	qsort(shares, n, sizeof(*shares), by_name);
	report->packages = hb_arena_alloc(builder->arena, (n + 1) * sizeof(*report->packages));
	if (!report->packages)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		if (!i || strcmp(shares[i].name, shares[i - 1].name) != 0) {
			char *name = hb_arena_strdup(builder->arena, shares[i].name);
			if (!name)
				return hb_error_nomem();
			report->packages[report->npackages++] = (struct hb_report_package){.name = name};
		}
		report->packages[report->npackages - 1].retained_bytes += shares[i].bytes;
		report->packages[report->npackages - 1].globals++;
	}
	qsort(report->packages, report->npackages, sizeof(*report->packages), by_size);
	return NULL;
}
