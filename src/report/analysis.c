#include "report/analysis.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "golang/go_roots.h"
#include "golang/newer.h"
#include "golang/spans.h"
#include "growth/growth.h"
#include "snapshot/capture.h"

#include <string.h>
#include <time.h>

/* Charges the time since the last lap to a stage. */
struct lap {
	uint64_t wall, cpu;
};

static struct lap lap_start(void)
{
	return (struct lap){hb_now_ns(), hb_cpu_ns()};
}

#define LAP(analysis, lap, stage)                                       \
	do {                                                            \
		(analysis)->wall_ns.stage += hb_now_ns() - (lap)->wall; \
		(analysis)->cpu_ns.stage += hb_cpu_ns() - (lap)->cpu;   \
		*(lap) = lap_start();                                   \
	} while (0)

static struct hb_error *capture(struct hb_analysis *analysis, struct hb_target *target)
{
	struct hb_capture_options options = {.max_pause_ns = analysis->options.max_pause_ns,
	                                     .debug_file = analysis->options.debug_file,
	                                     .keep_stopped = analysis->options.keep_stopped};
	return hb_capture(target, &options, &analysis->snapshot);
}

/* With the names of a separate debug file, when one is given. */
static struct hb_error *read_globals(struct hb_analysis *analysis)
{
	const char *path = analysis->options.debug_file;
	int fd = analysis->snapshot->debug_fd;
	struct hb_error *err =
	        hb_globals_read_with(analysis->go, analysis->types, analysis->code, fd ? fd : -1, &analysis->globals);
	return err ? hb_error_wrap(err, "%s", path ? path : "naming globals") : NULL;
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct hb_error *run_typing(void *ctx)
{
	struct hb_analysis *analysis = ctx;
	uint64_t start = thread_cpu_ns();
	struct hb_error *err =
	        hb_typing_run(analysis->types, analysis->heap, &analysis->roots, analysis->code, &analysis->typing);
	analysis->cpu_ns.typing = thread_cpu_ns() - start;
	return err;
}

/* CPU and memory an object of each stage, for -v and docs/bench.md. */
static void say_cost(const struct hb_analysis *analysis)
{
	const struct hb_graph *graph = analysis->graph;
	double objects = (double)hb_max(graph->reached_objects, (uint64_t)1);
	hb_verbose(
	        "an object costs: search %.1f ns, dominators %.1f ns, retained %.1f ns, typing %.1f ns; graph %.1f B",
	        (double)graph->cpu_ns_search / objects, (double)graph->cpu_ns_dominators / objects,
	        (double)graph->cpu_ns_retained / objects, (double)analysis->cpu_ns.typing / objects,
	        (double)graph->peak_bytes / objects);
	hb_verbose(
	        "wall time: capture %.0f ms, runtime %.0f, types %.0f, code %.0f, roots %.0f, graph and typing %.0f, "
	        "findings %.0f",
	        (double)analysis->wall_ns.capture / 1e6, (double)analysis->wall_ns.runtime / 1e6,
	        (double)analysis->wall_ns.types / 1e6, (double)analysis->wall_ns.code / 1e6,
	        (double)analysis->wall_ns.roots / 1e6, (double)analysis->wall_ns.graph / 1e6,
	        (double)analysis->wall_ns.rest / 1e6);
}

/* Reachability and dominators on this thread, types on another: both only read the snapshot. */
static struct hb_error *build_graph_and_types(struct hb_analysis *analysis)
{
	struct hb_task *typing = NULL;
	hb_progress_stage("following pointers", analysis->heap->nobjects);
	TRY(hb_task_start(run_typing, analysis, &typing));
	struct hb_error *err = hb_graph_build(analysis->heap, &analysis->roots, &analysis->graph);
	struct hb_error *typing_err = hb_task_join(typing);
	if (!err)
		return typing_err;
	hb_error_destroy(typing_err);
	return err;
}

/* The linker switches the profile off in programs that never ask for it (runtime/mprof.go, disableMemoryProfiling). */
static void say_why_no_sites(struct hb_analysis *analysis)
{
	enum { MANY_SAMPLES_EXPECTED = 16 << 20 };
	if (!analysis->sites->samples.len && analysis->heap->object_bytes > MANY_SAMPLES_EXPECTED)
		hb_notes_add(&analysis->snapshot->notes, "where objects were allocated is not known: the target "
		                                         "records no memory profile (a Go program does "
		                                         "when it imports runtime/pprof or net/http/pprof)");
}

enum { LEAST_PARKED = 10 }; /* fewer goroutines are no pile of anything */

static struct hb_error *find(struct hb_analysis *analysis, bool memory_is_missing)
{
	for (size_t i = 0; i < hb_ndetectors; i++)
		TRY(hb_detectors[i]->run(analysis, &analysis->findings));
	for (size_t i = 0; i < analysis->findings.list.len; i++) {
		struct hb_finding *finding = &analysis->findings.list.data[i];
		/* What a version that nobody has read may keep alive is not known, nor what memory that is missing does. */
		if (analysis->go->newer || memory_is_missing)
			finding->verdict = hb_min(finding->verdict, HB_LIKELY);
		hb_finding_fingerprint(finding);
	}
	hb_findings_rank(&analysis->findings);
	return NULL;
}

static struct hb_error *run(struct hb_analysis *analysis, struct hb_target *target)
{
	struct lap lap = lap_start();
	TRY(capture(analysis, target));
	LAP(analysis, &lap, capture);
	hb_progress_stage("reading the runtime", 0);
	TRY(hb_go_open(analysis->snapshot, &analysis->go));
	TRY(hb_goroutines_read(analysis->go, &analysis->goroutines));
	TRY(hb_spans_read(analysis->go, &analysis->heap));
	LAP(analysis, &lap, runtime);
	hb_progress_stage("reading types", 0);
	TRY(hb_types_read(analysis->go, &analysis->types));
	LAP(analysis, &lap, types);
	hb_progress_stage("reading code", 0);
	TRY(hb_code_analyse(analysis->go, analysis->types, &analysis->code));
	TRY(read_globals(analysis));
	LAP(analysis, &lap, code);
	hb_progress_stage("reading roots", 0);
	TRY(hb_go_timers_read(analysis->go, &analysis->timers));
	TRY(hb_go_roots(analysis->go, analysis->heap, &analysis->goroutines, analysis->globals, &analysis->timers,
	                &analysis->roots));
	LAP(analysis, &lap, roots);
	TRY(build_graph_and_types(analysis));
	LAP(analysis, &lap, graph);
	hb_progress_stage("summing up", 0);
	TRY(hb_dominator_tree_build(analysis->graph, &analysis->tree));
	TRY(hb_alloc_sites_read(analysis->go, analysis->heap, &analysis->sites));
	say_why_no_sites(analysis);
	TRY(hb_poll_fds_read(analysis->go, analysis->typing, &analysis->poll_fds));
	TRY(hb_fd_table_build(analysis, &analysis->fds));
	TRY(hb_parked_read(analysis, LEAST_PARKED, &analysis->parked));
	bool memory_is_missing = analysis->snapshot->notes.partial; /* a look that fails later misses none */
	if (analysis->options.wait_ns && target->kind == HB_TARGET_LIVE)
		TRY(hb_growth_observe(analysis, target, &analysis->growth));
	TRY(find(analysis, memory_is_missing));
	LAP(analysis, &lap, rest);
	say_cost(analysis);
	return NULL;
}

struct hb_error *hb_analyse(struct hb_target *target, const struct hb_options *options, struct hb_analysis **ret)
{
	struct hb_analysis *analysis = calloc(1, sizeof(*analysis));
	if (!analysis)
		return hb_error_nomem();
	if (options)
		memcpy(&analysis->options, options, hb_min(options->size, sizeof(*options)));
	analysis->target = target;
	struct hb_error *err = run(analysis, target);
	analysis->target = NULL; /* the analysis outlives it */
	if (err && analysis->go && analysis->go->newer)
		err = hb_go_newer_explain(analysis->go->newer, &analysis->go->version, err);
	hb_progress_done();
	if (err)
		hb_analysis_destroy(analysis);
	else
		*ret = analysis;
	return err;
}

void hb_analysis_destroy(struct hb_analysis *analysis)
{
	if (!analysis)
		return;
	hb_findings_deinit(&analysis->findings);
	hb_findings_deinit(&analysis->suppressed);
	hb_parked_deinit(&analysis->parked);
	hb_fd_table_deinit(&analysis->fds);
	hb_poll_fds_deinit(&analysis->poll_fds);
	hb_growth_destroy(analysis->growth);
	hb_alloc_sites_destroy(analysis->sites);
	hb_dominator_tree_destroy(analysis->tree);
	hb_typing_destroy(analysis->typing);
	hb_graph_destroy(analysis->graph);
	hb_roots_deinit(&analysis->roots);
	hb_globals_destroy(analysis->globals);
	hb_code_facts_destroy(analysis->code);
	hb_types_destroy(analysis->types);
	hb_heap_destroy(analysis->heap);
	hb_go_timers_deinit(&analysis->timers);
	hb_goroutines_deinit(&analysis->goroutines);
	hb_go_destroy(analysis->go);
	hb_snapshot_destroy(analysis->snapshot);
	free(analysis);
}

void hb_analysis_destroyp(struct hb_analysis **analysis)
{
	hb_analysis_destroy(*analysis);
	*analysis = NULL;
}
