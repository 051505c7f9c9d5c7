/* Says of each of the objects that a program lists whether heldby finds it held, for run-liveness.sh.
 *
 * usage: oracle-liveness TARGET FILE [COMMAND]
 *
 * COMMAND is run between the plan of a snapshot and its stop.
 * FILE has lines "thing KIND ADDRESS NAME", the address with all bits inverted. For each of them:
 *
 *   free|held WORDS NAME          WORDS: how many words of goroutines' stacks in use have its address, whatever they mean
 *   unknown 0 NAME                there is no object
 *   by NAME: goroutine ID FUNCTION SLOT [conservative]    what keeps it
 *   by NAME: thread SLOT conservative
 *   by NAME: ROOT
 *   word NAME: goroutine ID STATUS ADDRESS sp SP stack LO-HI    each of the WORDS
 * and of the process:
 *
 *   status STATUS N               goroutines, by status
 *   handlers N                    threads that stand on their signal stack
 */
#include "golang/stacks.h"
#include "golang/threads.h"
#include "report/analysis.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THINGS = 1024 };

struct thing {
	uint64_t addr;
	char name[128];
	uint32_t slot; /* in the heap, 0: no object */
	uint64_t words;
};

struct examination {
	const struct hb_analysis *analysis;
	struct thing things[MAX_THINGS];
	size_t n;
	const struct hb_goroutine *goroutine; /* that is looked at */
};

static bool read_things(const char *path, struct examination *ret)
{
	FILE *file = fopen(path, "r");
	if (!file)
		return false;
	struct thing *thing = ret->things;
	while (ret->n < MAX_THINGS &&
	       fscanf(file, "thing %*s %" SCNx64 " %127[^\n]\n", &thing->addr, thing->name) == 2) {
		thing->addr = ~thing->addr;
		thing = &ret->things[++ret->n];
	}
	bool all = feof(file);
	fclose(file);
	return all && ret->n;
}

static struct thing *thing_at(struct examination *examination, uint64_t addr)
{
	uint32_t slot = hb_heap_slot(examination->analysis->heap, addr);
	for (size_t i = 0; slot && i < examination->n; i++)
		if (examination->things[i].slot == slot)
			return &examination->things[i];
	return NULL;
}

static void count_words(struct examination *examination, const struct hb_goroutine *goroutine)
{
	for (uint64_t at = hb_max(goroutine->sp, goroutine->stack_lo); at < goroutine->stack_hi; at += 8) {
		uint64_t word;
		struct thing *thing;
		if (!hb_snapshot_u64(examination->analysis->snapshot, at, &word) ||
		    !(thing = thing_at(examination, word)))
			continue;
		thing->words++;
		printf("word %s: goroutine %" PRIu64 " %s %" PRIx64 " sp %" PRIx64 " stack %" PRIx64 "-%" PRIx64 "\n",
		       thing->name, goroutine->id, hb_g_status_name(goroutine->status), at, goroutine->sp,
		       goroutine->stack_lo, goroutine->stack_hi);
	}
}

static void print_keeper(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct examination *examination = ctx;
	const struct thing *thing = thing_at(examination, pointer->value);
	if (!thing)
		return;
	printf("by %s: ", thing->name);
	if (examination->goroutine)
		printf("goroutine %" PRIu64 " %s", examination->goroutine->id, pointer->function);
	else
		printf("thread");
	printf(" %" PRIx64 "%s\n", pointer->slot, pointer->conservative ? " conservative" : "");
}

static struct hb_error *print_keepers(struct examination *examination)
{
	const struct hb_analysis *analysis = examination->analysis;
	struct hb_stack_reading reading;
	for (size_t i = 0; i < analysis->goroutines.n; i++) {
		examination->goroutine = &analysis->goroutines.list[i];
		TRY(hb_go_scan_stack(analysis->go, examination->goroutine, print_keeper, examination, &reading));
	}
	examination->goroutine = NULL;
	TRY(hb_go_scan_threads(analysis->go, &analysis->goroutines, print_keeper, examination));
	for (size_t i = 0; i < analysis->roots.edges.len; i++) {
		const struct hb_root_edge *edge = &analysis->roots.edges.data[i];
		const struct thing *thing = thing_at(examination, edge->value);
		if (thing)
			printf("by %s: %s\n", thing->name, analysis->roots.nodes.data[edge->node].name);
	}
	return NULL;
}

static void print_process(const struct hb_analysis *analysis)
{
	for (unsigned status = 0; status <= HB_G_DEADEXTRA; status++) {
		size_t n = 0;
		for (size_t i = 0; i < analysis->goroutines.n; i++)
			n += analysis->goroutines.list[i].status == status;
		if (n)
			printf("status %s %zu\n", hb_g_status_name(status), n);
	}
	size_t handlers = 0;
	for (size_t i = 0; i < analysis->snapshot->nthreads; i++)
		handlers += hb_go_stack_has(analysis->goroutines.threads[i].gsignal_stack,
		                            analysis->snapshot->threads[i].registers.sp);
	printf("handlers %zu\n", handlers);
}

static struct hb_error *print_all(struct examination *examination)
{
	const struct hb_analysis *analysis = examination->analysis;
	hb_autofree uint64_t *marked = calloc(((uint64_t)analysis->heap->nslots + 64) / 64, sizeof(*marked));
	if (!marked)
		return hb_error_nomem();
	TRY(hb_graph_mark(analysis->heap, &analysis->roots, marked));
	for (size_t i = 0; i < examination->n; i++) {
		uint32_t slot = hb_heap_slot(analysis->heap, examination->things[i].addr);
		if (slot && hb_heap_allocated(analysis->heap, slot))
			examination->things[i].slot = slot;
	}
	for (size_t i = 0; i < analysis->goroutines.n; i++)
		count_words(examination, &analysis->goroutines.list[i]);
	for (size_t i = 0; i < examination->n; i++) {
		const struct thing *thing = &examination->things[i];
		uint32_t slot = thing->slot;
		bool held = marked[slot >> 6] >> (slot & 63) & 1;
		/* Reachability alone and the dominator graph must agree. */
		bool sane = slot && held == (analysis->graph->number[slot] != 0);
		printf("%s %" PRIu64 " %s\n", !sane ? "unknown" : held ? "held" : "free", thing->words, thing->name);
	}
	print_process(analysis);
	return print_keepers(examination);
}

static struct hb_error *obey(const char *command)
{
	return command && system(command) != 0 ? hb_error_create(HB_ERR_IO, "'%s' failed", command) : NULL;
}

/* What is done while the snapshot is planned, when the files are known; then the mappings are read again. */
static const char *while_planning;
static struct hb_target *planned;

void __real_hb_progress_stage(const char *name, uint64_t total);
void __wrap_hb_progress_stage(const char *name, uint64_t total);

void __wrap_hb_progress_stage(const char *name, uint64_t total)
{
	if (while_planning && !strcmp(name, "planning")) {
		struct hb_error *err = obey(while_planning);
		if (!err)
			err = planned->ops->refresh_mappings(planned);
		if (err)
			errx(1, "%s", err->message);
		while_planning = NULL;
	}
	__real_hb_progress_stage(name, total);
}

static struct hb_error *examine(const char *spec, const char *things, struct examination *examination)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	struct hb_options options = {.size = sizeof(options), .max_pause_ns = UINT64_MAX};
	TRY(hb_target_open(spec, &target));
	planned = target;
	TRY(hb_analyse(target, &options, &analysis));
	examination->analysis = analysis;
	if (!read_things(things, examination))
		return hb_error_create(HB_ERR_USAGE, "'%s' is no list of things", things);
	TRY(print_all(examination));
	for (size_t i = 0; i < analysis->snapshot->notes.texts.len; i++)
		fprintf(stderr, "note: %s\n", analysis->snapshot->notes.texts.data[i]);
	return NULL;
}

/* What a capture calls last before it stops the target (--wrap). */
struct hb_error *__real_hb_fds_list(int pid, struct hb_fds *ret);
struct hb_error *__wrap_hb_fds_list(int pid, struct hb_fds *ret);
static const char *before_stop;

struct hb_error *__wrap_hb_fds_list(int pid, struct hb_fds *ret)
{
	const char *command = before_stop;
	before_stop = NULL;
	TRY(obey(command));
	return __real_hb_fds_list(pid, ret);
}

int main(int argc, char **argv)
{
	static struct examination examination;
	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: oracle-liveness TARGET FILE [BEFORE_STOP [WHILE_PLANNING]]\n");
		return 2;
	}
	before_stop = argv[3];
	while_planning = argc > 4 ? argv[4] : NULL;
	struct hb_error *err = examine(argv[1], argv[2], &examination);
	if (err) {
		fprintf(stderr, "oracle-liveness: %s\n", err->message);
		int status = hb_error_exit_status(err);
		hb_error_destroy(err);
		return status;
	}
	return 0;
}
