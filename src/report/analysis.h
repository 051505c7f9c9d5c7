/* All stages of one examination, in the order they run: open → capture → runtime → types → roots → graph ∥ typing →
 * names → sites → findings. Owns every stage; const for detectors and renderers. */
#pragma once
#include "golang/code.h"
#include "golang/goroutines.h"
#include "golang/names.h"
#include "golang/poll_fds.h"
#include "golang/profile.h"
#include "golang/timers.h"
#include "golang/typing.h"
#include "heap/graph.h"
#include "leak/fd_table.h"
#include "leak/finding.h"
#include "leak/parked.h"
#include "snapshot/snapshot.h"

struct hb_growth; /* growth/growth.h */

struct hb_options {
	size_t size;            /* sizeof(struct hb_options): callers built against an older header stay valid */
	uint64_t max_pause_ns;  /* refuse when the prediction is above; 0 = default 50 ms … see docs */
	bool show_data;         /* keys and string contents may be shown */
	unsigned top;           /* rows of each list; 0 = default */
	const char *debug_file; /* separate debug info, NULL none */
	uint64_t wait_ns;       /* look again in a window of that length; 0: one look */
	bool keep_stopped;      /* the target stays stopped after the capture, until it is destroyed: it ends anyhow */
	uint64_t every_ns;      /* of the looks in the window; 0: in its middle and at its end */
	/* Called after each of them, when it has been judged; may be NULL. An error ends the examination. */
	struct hb_error *(*after_look)(void *ctx, const struct hb_growth *growth);
	void *after_look_ctx;
};

struct hb_analysis {
	struct hb_options options;
	struct hb_target *target; /* borrowed, while detectors run: it may have gone on since, or ended; then NULL */
	struct hb_snapshot *snapshot;
	struct hb_go *go;
	struct hb_types *types;
	struct hb_goroutines goroutines;
	struct hb_go_timers timers;
	struct hb_heap *heap;
	struct hb_roots roots;
	struct hb_code_facts *code;
	struct hb_globals *globals;
	struct hb_graph *graph;
	struct hb_dominator_tree *tree;
	struct hb_typing *typing;
	struct hb_alloc_sites *sites;
	struct hb_poll_fds poll_fds;
	struct hb_fd_table fds;
	struct hb_parked_list parked;
	struct hb_growth *growth; /* what later looks saw; NULL: there were none */
	struct hb_findings findings, suppressed;
	struct {
		uint64_t capture, runtime, types, code, roots, graph, typing, rest;
	} cpu_ns, wall_ns;
};
/* Runs everything on an open target (which is detached after the capture). */
struct hb_error *hb_analyse(struct hb_target *target, const struct hb_options *options,
                            struct hb_analysis **ret) HB_MUST_CHECK;
void hb_analysis_destroy(struct hb_analysis *analysis);
void hb_analysis_destroyp(struct hb_analysis **analysis);
