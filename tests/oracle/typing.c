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

static const uint64_t shadow_start = 0x600000000000, shadow_heap = 0xc000000000,
                      shadow_size = 1ull << 33; /* shadow.py */

enum outcome { SAME, SAME_SHAPE, PART_OF_IT, NOT_NOTED, UNTYPED, WRONG, NOUTCOMES };
static const char *const outcome_names[] = {
        "the same",
        "the same but for go.shape or a runtime box",
        "its first part or the other way round",
        "not noted",
        "untyped",
        "wrong",
};

static uint32_t element_of(const struct hb_types *types, uint32_t id)
{
	while (types->list[id].kind == HB_KIND_ARRAY)
		id = types->list[id].elem;
	return id;
}

static bool begins_with(const struct hb_types *types, uint32_t outer, uint32_t inner)
{
	for (int depth = 0; outer && depth < 64; depth++) {
		if (outer == inner)
			return true;
		const struct hb_type *type = &types->list[outer];
		const struct hb_field *field = types->fields + type->first_field, *end = field + type->nfields;
		while (field < end && !types->list[field->type].size)
			field++;
		outer = type->kind == HB_KIND_ARRAY ? type->elem : field < end ? field->type : 0;
	}
	return false;
}

static bool same_layout(const struct hb_type *a, const struct hb_type *b)
{
	return a->size == b->size && a->ptr_bytes == b->ptr_bytes &&
	       (!a->ptr_bytes || !memcmp(a->mask, b->mask, (a->mask_words + 7) / 8));
}

/* What the program allocated for the pseudo types: the runtime's own structs. */
static bool stands_for(const struct hb_type *claimed, const struct hb_type *noted)
{
	static const struct {
		const char *suffix, *noted;
	} pairs[] = {
	        {" table", "maps.table"},        {" directory", "*maps.table"},
	        {" directory", "[]*maps.table"}, {"", "maps.Map"},
	        {"", "runtime.hchan"},           {"", "runtime.hmap"},
	        {" extra", "runtime.mapextra"},  {" overflow header", "[]*runtime.bmap"},
	        {" overflow", "*runtime.bmap"},
	};
	size_t len = strlen(claimed->name);
	for (size_t i = 0; i < hb_countof(pairs); i++)
		if (claimed->addr >> 63 && !strcmp(noted->name, pairs[i].noted) && len > strlen(pairs[i].suffix) &&
		    !strcmp(claimed->name + len - strlen(pairs[i].suffix), pairs[i].suffix))
			return true;
	return false;
}

static enum outcome compare(const struct process *process, uint32_t slot, uint64_t note)
{
	const struct hb_types *types = process->types;
	char text[256];
	hb_typing_describe(process->typing, slot, text, sizeof(text));
	uint32_t type = process->typing->type_of[slot], noted = note > 1 ? hb_types_find(types, note) : 0;
	if (!type || !strcmp(text, "closure") || !strcmp(text, "map") ||
	    (types->list[type].addr >> 63 && !strncmp(text, "closure", 7)))
		return UNTYPED;
	if (!noted)
		return NOT_NOTED;
	if (stands_for(&types->list[type], &types->list[noted]))
		return SAME;
	type = element_of(types, type);
	noted = element_of(types, noted);
	/* A string's bytes may have been made as a []byte. */
	bool bytes = types->list[type].kind == HB_KIND_UINT8 && types->list[noted].kind == HB_KIND_UINT8;
	if (type == noted || bytes)
		return SAME;
	const struct hb_type *a = &types->list[type], *b = &types->list[noted];
	if (same_layout(a, b) && (strstr(b->name, "go.shape.") || strstr(b->name, "InterfacePtr")))
		return SAME_SHAPE;
	if (begins_with(types, type, noted) || begins_with(types, noted, type))
		return PART_OF_IT;
	return WRONG;
}

static void compare_all(const struct process *process)
{
	uint64_t counts[2][NOUTCOMES] = {0}, bytes[2][NOUTCOMES] = {0};
	for (uint32_t i = 0; i < process->heap->nspans; i++) {
		const struct hb_span *span = &process->heap->spans[i];
		bool pointerful = span->kind != HB_SPAN_NOSCAN;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			uint64_t addr = hb_heap_slot_addr(span, slot) + (span->kind == HB_SPAN_HEADER ? 8 : 0), note;
			if (!is_reached(process, slot) || addr - shadow_heap >= shadow_size)
				continue;
			check(hb_target_read(process->target, shadow_start + (addr - shadow_heap), &note,
			                     sizeof(note)));
			enum outcome outcome = compare(process, slot, note);
			/* Blocks of the tiny allocator have several owners. */
			if (!pointerful && span->elem_size == 16)
				outcome = NOT_NOTED;
			counts[pointerful][outcome]++;
			bytes[pointerful][outcome] += span->elem_size;
			if (outcome == SAME || outcome == SAME_SHAPE || (outcome == NOT_NOTED && !pointerful))
				continue;
			char text[256];
			hb_typing_describe(process->typing, slot, text, sizeof(text));
			uint32_t noted = hb_types_find(process->types, note);
			printf("%s: %s %" PRIu64 " B: %s, allocated as %s\n", outcome_names[outcome],
			       pointerful ? "pointerful" : "pointer-free", span->elem_size, text,
			       note == 0   ? "nothing"
			       : note == 1 ? "memory without type"
			       : noted     ? process->types->list[noted].name
			                   : "a type that is not known");
		}
	}
	for (int pointerful = 1; pointerful >= 0; pointerful--)
		for (int i = 0; i < NOUTCOMES; i++)
			fprintf(stderr, "%s, %s: %" PRIu64 " objects, %" PRIu64 " bytes\n",
			        pointerful ? "pointerful" : "pointer-free", outcome_names[i], counts[pointerful][i],
			        bytes[pointerful][i]);
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
