/* Prints what heldby's typing sees, for comparison with what a victim says of itself:
 *
 *   types EXE      every type descriptor of an executable, as the victim typelist prints them
 *   heap TARGET    the classes of the objects that roots reach: count, bytes, bytes of those with pointers, name
 *   truth TARGET   objects whose type is not the one that the program's own allocator noted (shadow.py); how many are
 *   paths TARGET CLASS…   the pointers of the objects of classes: class | name of the edge -> class that it leads to
 *
 * Coverage and cost go to stderr. TYPING_WITHOUT_CODE=1: without what the code says.
 */
#include "golang/typing.h"
#include "base/progress.h"
#include "elf_snapshot.h"
#include "golang/code.h"
#include "golang/go_roots.h"
#include "golang/spans.h"
#include "heap/graph.h"
#include "notes.h"
#include "snapshot/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void fail(const char *what)
{
	fprintf(stderr, "oracle-typing: %s\n", what);
	exit(2);
}

static void check(struct hb_error *err)
{
	if (err)
		fail(err->message);
}

static const char *const kind_names[] = {
        "invalid", "bool",   "int",       "int8",    "int16",   "int32",   "int64",     "uint",       "uint8",
        "uint16",  "uint32", "uint64",    "uintptr", "float32", "float64", "complex64", "complex128", "array",
        "chan",    "func",   "interface", "map",     "ptr",     "slice",   "string",    "struct",     "unsafe.Pointer",
};

static void print_types(const struct hb_types *types)
{
	for (uint32_t id = 1; id < types->n; id++) {
		const struct hb_type *type = &types->list[id];
		if (type->ptr_bytes && !type->mask)
			printf("no mask: ");
		printf("0x%" PRIx64 " %" PRIu64 " %" PRIu64 " %s %s \"%s\"\n", type->addr, type->size, type->ptr_bytes,
		       kind_names[type->kind], type->name, type->pkg_path);
		for (uint32_t i = 0; i < type->nfields; i++) {
			const struct hb_field *field = &types->fields[type->first_field + i];
			printf("0x%" PRIx64 ".%03u %s %" PRIu64 " 0x%" PRIx64 " %s\n", type->addr, i, field->name,
			       field->offset, types->list[field->type].addr, field->embedded ? "true" : "false");
		}
	}
}

/* --- A live process ------------------------------------------------------------------------------------------------
 */

struct process {
	struct hb_target *target;
	struct hb_snapshot *snapshot;
	struct hb_go *go;
	struct hb_heap *heap;
	struct hb_types *types;
	struct hb_code_facts *facts;
	struct hb_globals *globals;
	struct hb_goroutines goroutines;
	struct hb_roots roots;
	struct hb_typing *typing;
	uint64_t *reached; /* a bit a slot */
};

static void open_process(const char *spec, struct process *process)
{
	hb_progress_init(getenv("TYPING_VERBOSE") ? HB_VERBOSE : HB_NORMAL);
	check(hb_target_open(spec, &process->target));
	check(hb_capture(process->target, &(struct hb_capture_options){0}, &process->snapshot));
	check(hb_go_open(process->snapshot, &process->go));
	check(hb_spans_read(process->go, &process->heap));
	check(hb_types_read(process->go, &process->types));
	if (!getenv("TYPING_WITHOUT_CODE"))
		check(hb_code_analyse(process->go, process->types, &process->facts));
	check(hb_goroutines_read(process->go, &process->goroutines));
	check(hb_globals_read(process->go, process->types, process->facts, &process->globals));
	struct hb_go_timers timers = {0};
	check(hb_go_timers_read(process->go, &timers));
	check(hb_go_roots(process->go, process->heap, &process->goroutines, process->globals, &timers,
	                  &process->roots));
	hb_go_timers_deinit(&timers);
	uint64_t start = hb_cpu_ns();
	check(hb_typing_run(process->types, process->heap, &process->roots, process->facts, &process->typing));
	fprintf(stderr, "typing took %.1f ms for %" PRIu64 " objects\n", (double)(hb_cpu_ns() - start) / 1e6,
	        process->heap->nobjects);
	process->reached = calloc(1, hb_heap_bitmap_bytes(process->heap));
	check(hb_graph_mark(process->heap, &process->roots, process->reached));
}

static void close_process(struct process *process)
{
	free(process->reached);
	hb_typing_destroy(process->typing);
	hb_roots_deinit(&process->roots);
	hb_goroutines_deinit(&process->goroutines);
	hb_globals_destroy(process->globals);
	hb_code_facts_destroy(process->facts);
	hb_types_destroy(process->types);
	hb_heap_destroy(process->heap);
	hb_go_destroy(process->go);
	hb_snapshot_destroy(process->snapshot);
	hb_target_destroy(process->target);
}

static bool is_reached(const struct process *process, uint32_t slot)
{
	return process->reached[slot / 64] >> (slot % 64) & 1;
}

struct sum {
	uint64_t count, bytes, pointerful;
	uint32_t example;
};

static void print_classes(const struct process *process)
{
	struct hb_arena arena = {0};
	uint32_t *class_of, n;
	const char *const *names;
	check(hb_typing_classes(process->typing, &arena, &class_of, &names, &n));
	struct sum *sums = calloc(n, sizeof(*sums));
	uint64_t bytes[2] = {0}, typed[2] = {0};
	for (uint32_t i = 0; i < process->heap->nspans; i++) {
		const struct hb_span *span = &process->heap->spans[i];
		bool pointerful = span->kind != HB_SPAN_NOSCAN;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (!is_reached(process, slot))
				continue;
			struct sum *sum = &sums[class_of[slot]];
			sum->count++;
			sum->bytes += span->elem_size;
			sum->pointerful += pointerful ? span->elem_size : 0;
			bytes[pointerful] += span->elem_size;
			typed[pointerful] += class_of[slot] ? span->elem_size : 0;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (sums[i].count)
			printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", sums[i].count, sums[i].bytes,
			       sums[i].pointerful, names[i]);
	for (int pointerful = 1; pointerful >= 0; pointerful--)
		fprintf(stderr, "%s bytes reached: %" PRIu64 ", typed %.2f %%\n",
		        pointerful ? "pointerful" : "pointer-free", bytes[pointerful],
		        100.0 * (double)typed[pointerful] / (double)hb_max(bytes[pointerful], (uint64_t)1));
	fprintf(stderr, "rejected %" PRIu64 " conflicting %" PRIu64 "\n", process->typing->rejected_claims,
	        process->typing->conflicting_claims);
	free(sums);
	free(class_of);
	hb_arena_deinit(&arena);
}

/* --- Against the allocator's own notes -------------------------------------------------------------------------- */

static void print_difference(const struct note_difference *difference, void *ctx)
{
	(void)ctx;
	printf("%s: %s %" PRIu64 " B: %s, allocated as %s\n", note_outcome_names[difference->outcome],
	       difference->pointerful ? "pointerful" : "pointer-free", difference->size, difference->what,
	       difference->noted);
}

static void compare_all(const struct process *process)
{
	struct note_sums sums;
	check(notes_compare(process->target, process->typing, process->reached, print_difference, NULL, &sums));
	for (int pointerful = 1; pointerful >= 0; pointerful--)
		for (int i = 0; i < NOTE_OUTCOMES; i++)
			fprintf(stderr, "%s, %s: %" PRIu64 " objects, %" PRIu64 " bytes\n",
			        pointerful ? "pointerful" : "pointer-free", note_outcome_names[i],
			        sums.counts[pointerful][i], sums.bytes[pointerful][i]);
}

/* --- Edges -----------------------------------------------------------------------------------------------------------
 */

struct edges {
	const struct process *process;
	const struct hb_span *span;
	const uint32_t *class_of;
	const char *const *names;
	uint32_t slot;
	char last[1280];
};

/* Objects in a row have the same edges: each is printed less often. */
static void print_edge(void *ctx, uint64_t word)
{
	struct edges *edges = ctx;
	const struct hb_heap *heap = edges->process->heap;
	char name[512], line[sizeof(edges->last)];
	const uint8_t *object = hb_heap_bytes(heap, hb_heap_slot_addr(edges->span, edges->slot));
	uint32_t to = hb_heap_slot(heap, hb_load_u64(object + word * 8));
	if (!to)
		return;
	hb_typing_edge_name(edges->process->typing, edges->slot, word * 8, name, sizeof(name));
	snprintf(line, sizeof(line), "%s | %s -> %s", edges->names[edges->class_of[edges->slot]], name,
	         edges->names[edges->class_of[to]]);
	if (strcmp(line, edges->last))
		puts(line);
	memcpy(edges->last, line, sizeof(line));
}

static bool is_one_of(const char *name, char **list, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

static void print_paths(const struct process *process, char **wanted, int nwanted)
{
	struct hb_arena arena = {0};
	struct edges edges = {.process = process};
	uint32_t *class_of, n;
	check(hb_typing_classes(process->typing, &arena, &class_of, &edges.names, &n));
	edges.class_of = class_of;
	bool *is_wanted = calloc(n, sizeof(*is_wanted));
	for (uint32_t i = 0; i < n; i++)
		is_wanted[i] = is_one_of(edges.names[i], wanted, nwanted);
	for (uint32_t i = 0; i < process->heap->nspans; i++) {
		edges.span = &process->heap->spans[i];
		for (uint32_t k = 0; k < edges.span->nelems; k++) {
			edges.slot = edges.span->first_slot + k;
			if (is_reached(process, edges.slot) && is_wanted[class_of[edges.slot]])
				hb_heap_each_pointer_word(process->heap, edges.span, edges.slot, print_edge, &edges);
		}
	}
	free(is_wanted);
	free(class_of);
	hb_arena_deinit(&arena);
}

static void print_executable(const char *path)
{
	struct hb_snapshot *snapshot;
	struct hb_go *go;
	struct hb_types *types;
	check(elf_snapshot_open(path, &snapshot, &go));
	check(hb_types_read(go, &types));
	print_types(types);
	hb_types_destroy(types);
	hb_go_destroy(go);
	hb_snapshot_destroy(snapshot);
}

int main(int argc, char **argv)
{
	bool paths = argc >= 4 && !strcmp(argv[1], "paths");
	if (argc != 3 && !paths)
		fail("usage: oracle-typing types EXE | heap TARGET | truth TARGET | paths TARGET CLASS...");
	if (!strcmp(argv[1], "types")) {
		print_executable(argv[2]);
		return 0;
	}
	struct process process = {0};
	open_process(argv[2], &process);
	if (!strcmp(argv[1], "heap"))
		print_classes(&process);
	else if (!strcmp(argv[1], "truth"))
		compare_all(&process);
	else if (paths)
		print_paths(&process, argv + 3, argc - 3);
	else
		fail("no such mode");
	close_process(&process);
	return 0;
}
