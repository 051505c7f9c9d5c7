/* Prints how much of a process heldby types and names, for coverage.py. The process's allocator notes types (shadow.py),
 * and it is at rest.
 *
 *   types pointerful|pointer-free OBJECTS BYTES OUTCOME     of reached objects, against the allocator's notes
 *   difference ADDR BYTES pointerful|pointer-free OUTCOME: what heldby says, allocated as what
 *   global …                                          as oracle-names prints them
 *   root RETAINED CERTAIN FROM FROM …<tab>NAME        a global root: where its pointers are, hexadecimal; what it shares with
 *                                                     others it does not retain
 *   other RETAINED NAME                               a root that is no global
 *   shared BYTES                                      what no single root holds
 */
#include "notes.h"
#include "report/analysis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_types(const struct note_sums *sums)
{
	for (int pointerful = 1; pointerful >= 0; pointerful--)
		for (int i = 0; i < NOTE_OUTCOMES; i++)
			printf("types %s %" PRIu64 " %" PRIu64 " %s\n", pointerful ? "pointerful" : "pointer-free",
			       sums->counts[pointerful][i], sums->bytes[pointerful][i], note_outcome_names[i]);
}

static void print_difference(const struct note_difference *difference, void *ctx)
{
	(void)ctx;
	printf("difference %" PRIx64 " %" PRIu64 " %s %s: %s, allocated as %s\n", difference->addr, difference->size,
	       difference->pointerful ? "pointerful" : "pointer-free", note_outcome_names[difference->outcome],
	       difference->what, difference->noted);
}

static void print_globals(const struct hb_globals *globals)
{
	for (size_t i = 0; i < globals->n; i++) {
		const struct hb_global *global = &globals->list[i];
		printf("global %" PRIx64 " %" PRIu64 " %d %d %" PRIx64 " %" PRIx64 "\t%s\t%s\t\n", global->addr,
		       global->size, global->certain, global->runtime_internal, global->static_of, global->type,
		       global->name, global->package);
	}
}

static void print_roots(const struct hb_analysis *analysis)
{
	const struct hb_roots *roots = &analysis->roots;
	const struct hb_graph *graph = analysis->graph;
	size_t edge = 0;
	uint64_t held = 0;
	for (uint32_t i = 0; i < roots->nodes.len; i++) {
		const struct hb_root_node *node = &roots->nodes.data[i];
		uint64_t retained = graph->retained[hb_graph_root_number(i)];
		bool is_global = node->kind == HB_ROOT_GLOBAL || (node->kind == HB_ROOT_RUNTIME && node->size);
		edge = hb_roots_first_edge(roots, i);
		if (node->parent != HB_ROOT_NONE)
			continue;
		held += retained;
		if (!is_global) {
			printf("other %" PRIu64 " %s\n", retained, node->name);
			continue;
		}
		printf("root %" PRIu64 " %d", retained, node->name_is_certain);
		for (; edge < roots->edges.len && roots->edges.data[edge].node == i; edge++)
			printf(" %" PRIx64, roots->edges.data[edge].from);
		printf("\t%s\n", node->name);
	}
	printf("shared %" PRIu64 "\n", graph->reached_bytes - held);
}

static struct hb_error *examine(const char *spec)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	struct hb_options options = {.size = sizeof(options), .max_pause_ns = 10000000000};
	struct note_sums sums;
	TRY(hb_target_open(spec, &target));
	TRY(hb_analyse(target, &options, &analysis));
	hb_autofree uint64_t *reached = calloc(1, hb_heap_bitmap_bytes(analysis->heap));
	if (!reached)
		return hb_error_nomem();
	TRY(hb_graph_mark(analysis->heap, &analysis->roots, reached));
	TRY(notes_compare(target, analysis->typing, reached, print_difference, NULL, &sums));
	print_types(&sums);
	print_globals(analysis->globals);
	print_roots(analysis);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: oracle-coverage TARGET\n");
		return 2;
	}
	struct hb_error *err = examine(argv[1]);
	if (!err)
		return 0;
	fprintf(stderr, "oracle-coverage: %s\n", err->message);
	int status = hb_error_exit_status(err);
	hb_error_destroy(err);
	return status;
}
