/* H501, H502: what is open although nobody can use it. docs/detectors/files.md, connections.md.
 *
 *   forgotten  nothing leads to the os.File or the connection any more: no variable, no goroutine, no timer, no finalizer of
 *              something else. Nobody can read it, write it or close it; only the collector will, some day     proven
 *   deferred   only deferred calls of one function that goes on lead to them: they close when it returns       likely
 *
 * Whether a descriptor is open is for the kernel to say. Of a core nobody can ask it: likely at most.
 */
#include "base/order.h"
#include "leak/deferred_closes.h"
#include "leak/detectors.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"
#include "report/sites.h"

#include <stdio.h>
#include <string.h>

enum {
	LEAST_FORGOTTEN = 10,
	LEAST_DEFERRED = 32,
	STANDARD_FDS = 3, /* input, output, error: never closed */
};

static struct hb_error *add_fds(struct hb_finding *finding, const uint64_t *fds, size_t n)
{
	for (size_t i = 0; i < hb_min(n, (size_t)HB_FINDING_FDS); i++)
		HB_VEC_PUSH(&finding->fds, fds[i]);
	return NULL;
}

/* What they are, and how much of what the process may have. */
static struct hb_error *say_what(const struct hb_analysis *analysis, const uint64_t *fds, size_t n, const char *words,
                                 struct hb_finding *finding)
{
	char count[32], all[32], limit[32];
	hb_autofree char *places = hb_fd_table_places(&analysis->fds, fds, n);
	if (!places)
		return hb_error_nomem();
	if (*places)
		TRY(hb_finding_because(finding, hb_say("%s: %s", words, places)));
	if (!analysis->snapshot->fds.known || !analysis->snapshot->fds.limit)
		return NULL;
	hb_format_count(n, count, sizeof(count));
	hb_format_count(analysis->fds.list.len, all, sizeof(all));
	hb_format_count(analysis->snapshot->fds.limit, limit, sizeof(limit));
	return hb_finding_because(
	        finding, hb_say("they are %s of %s open descriptors; the process may have %s", count, all, limit));
}

/* --- Forgotten ---------------------------------------------------------------------------------------------------- */

struct forgotten {
	HB_VEC(uint64_t) fds;
	HB_VEC(uint32_t) slots; /* rising */
	uint64_t bytes;
};

static struct hb_error *collect_forgotten(const struct hb_analysis *analysis, enum hb_poll_fd_kind kind,
                                          struct forgotten *ret)
{
	for (size_t i = 0; i < analysis->fds.list.len; i++) {
		const struct hb_open_fd *fd = &analysis->fds.list.data[i];
		if (fd->reach != HB_FD_UNREACHED || fd->go->kind != kind || fd->number < STANDARD_FDS)
			continue;
		HB_VEC_PUSH(&ret->fds, (uint64_t)fd->number);
		HB_VEC_PUSH(&ret->slots, fd->go->slot);
		ret->bytes += analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, fd->go->slot)].elem_size;
	}
	if (ret->slots.len)
		qsort(ret->slots.data, ret->slots.len, sizeof(*ret->slots.data), hb_compare_u32);
	return NULL;
}

static struct hb_error *describe_forgotten(const struct hb_analysis *analysis, enum hb_poll_fd_kind kind,
                                           const struct forgotten *forgotten, struct hb_finding *finding)
{
	bool files = kind == HB_POLL_FILE;
	char count[32];
	size_t n = forgotten->fds.len;
	hb_format_count(n, count, sizeof(count));
	finding->rule = files ? "H501" : "H502";
	finding->verdict = analysis->snapshot->fds.known ? HB_PROVEN : HB_LIKELY;
	finding->count = n;
	finding->bytes = forgotten->bytes;
	finding->holder =
	        strdup(files ? "nothing but the finalizers of os.File" : "nothing but the finalizers of package net");
	if (!finding->holder)
		return hb_error_nomem();
	TRY(hb_finding_title(finding, hb_say("%s %s were not closed, and nobody can close them any more", count,
	                                     files ? "files" : "connections")));
	TRY(hb_finding_sites(analysis, forgotten->slots.data, NULL, n, finding));
	TRY(hb_finding_because(finding,
	                       hb_say("no variable, goroutine or other object leads to them: they stay open until the "
	                              "collector happens to find them")));
	TRY(say_what(analysis, forgotten->fds.data, n, files ? "where" : "with", finding));
	TRY(add_fds(finding, forgotten->fds.data, n));
	return hb_finding_help(finding,
	                       files ? "close what you open on every path: f, err := os.Open(name); if err != nil { "
	                               "return err }; defer f.Close()"
	                             : "close every connection on every path: defer conn.Close()");
}

static struct hb_error *find_forgotten(const struct hb_analysis *analysis, enum hb_poll_fd_kind kind,
                                       struct hb_findings *findings)
{
	struct forgotten forgotten = {0};
	struct hb_error *err = collect_forgotten(analysis, kind, &forgotten);
	if (!err && forgotten.fds.len >= LEAST_FORGOTTEN) {
		struct hb_finding finding = {0};
		err = hb_findings_add(findings, &finding, describe_forgotten(analysis, kind, &forgotten, &finding));
	}
	hb_vec_deinit(&forgotten.fds);
	hb_vec_deinit(&forgotten.slots);
	return err;
}

/* --- Deferred ----------------------------------------------------------------------------------------------------- */

static struct hb_error *say_where_deferred(const struct hb_analysis *analysis, const struct hb_deferred_closes *closes,
                                           char *function, size_t size, struct hb_finding *finding)
{
	char file[512];
	struct hb_go_line line;
	snprintf(function, size, "its function");
	if (!closes->pc || !hb_go_lines(analysis->go, closes->pc - 1, &line, 1))
		return NULL;
	hb_short_names(line.function, function, size);
	hb_short_path(line.file, file, sizeof(file));
	return hb_finding_step(finding, hb_say("deferred calls of %s  %s:%d", line.function, file, line.line));
}

static struct hb_error *say_goroutine(const struct hb_analysis *analysis, const struct hb_goroutine *goroutine,
                                      struct hb_finding *finding)
{
	struct hb_arena arena = {0};
	HB_VEC_PUSH(&finding->goroutines, goroutine->id);
	struct hb_error *err = hb_finding_created(finding, hb_creation_site(&arena, analysis->go, goroutine));
	hb_arena_deinit(&arena);
	return err;
}

static struct hb_error *describe_deferred(const struct hb_analysis *analysis, const struct hb_deferred_closes *closes,
                                          struct hb_finding *finding)
{
	char count[32], function[512];
	size_t n = closes->fds.len;
	hb_format_count(n, count, sizeof(count));
	finding->rule = "H501";
	finding->verdict = HB_LIKELY;
	finding->count = n;
	TRY(hb_finding_holder(analysis, hb_trail_root(analysis, closes->closure), finding));
	TRY(say_where_deferred(analysis, closes, function, sizeof(function), finding));
	TRY(hb_finding_title(finding, hb_say("%s files stay open until %s returns", count, function)));
	TRY(say_goroutine(analysis, closes->goroutine, finding));
	TRY(hb_finding_because(finding,
	                       hb_say("one call of %s has deferred the close of each; a deferred call runs when its "
	                              "function returns, not when its loop goes round",
	                              function)));
	TRY(hb_finding_because(finding, hb_say("nothing but these deferred calls leads to them: nobody can use them")));
	TRY(say_what(analysis, closes->fds.data, n, "where", finding));
	TRY(add_fds(finding, closes->fds.data, n));
	return hb_finding_help(finding,
	                       "put the body of the loop into a function of its own, or close without defer at "
	                       "its end");
}

static struct hb_error *find_deferred(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct hb_deferred_list deferred = {0};
	struct hb_error *err = hb_deferred_closes_find(analysis, LEAST_DEFERRED, &deferred);
	for (size_t i = 0; !err && i < deferred.list.len; i++) {
		struct hb_finding finding = {0};
		err = hb_findings_add(findings, &finding,
		                      describe_deferred(analysis, &deferred.list.data[i], &finding));
	}
	hb_deferred_list_deinit(&deferred);
	return err;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	TRY(find_forgotten(analysis, HB_POLL_FILE, findings));
	TRY(find_forgotten(analysis, HB_POLL_CONNECTION, findings));
	return find_deferred(analysis, findings);
}

const struct hb_detector hb_detector_files = {
        .rule = "H501",
        .name = "files and connections that were not closed",
        .run = run,
};
