/* What the graph costs per object, on a made heap: 40 % list nodes, 40 % tree nodes, 20 % maps of records with strings.
 *
 *   graph_bench [MILLIONS OF OBJECTS [RUNS]]      10 and 3 unless given; needs about 150 bytes of memory an object
 *
 * Objects of a size lie in the order in which the program made them, its structures taking turns of 1 to 16 objects,
 * except that one in five sits in a slot that an earlier one left somewhere else, and that one slot in ten is free.
 * Every step's best run counts: other programs on the machine make memory slower, nothing makes it faster.
 */
#include "../unit/synthetic_heap.h"
#include "base/progress.h"
#include "heap/build.h"

#include <stdio.h>

/* --- Random numbers --------------------------------------------------------------------------------------------- */

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
}

/* --- Allocating ------------------------------------------------------------------------------------------------- */

static struct synthetic_heap synthetic;
static struct hb_roots roots;

struct pool { /* the slots of one size class */
	enum hb_span_kind kind;
	uint32_t elem_size;
	uint32_t *slots;
	uint32_t nslots, used;
};

enum pool_name { LIST, DOUBLE_LIST, TREE, PARENT_TREE, GROUP, RECORD, KEY, TEXT, NPOOLS };
static struct pool pools[NPOOLS] = {
        [LIST] = {HB_SPAN_BITS, 32, NULL, 0, 0},        /* next, value */
        [DOUBLE_LIST] = {HB_SPAN_BITS, 48, NULL, 0, 0}, /* container/list: next, prev, list, value */
        [TREE] = {HB_SPAN_BITS, 32, NULL, 0, 0},        /* left, right, … */
        [PARENT_TREE] = {HB_SPAN_BITS, 64, NULL, 0, 0}, /* left, right, parent, … */
        [GROUP] = {HB_SPAN_BITS, 208, NULL, 0, 0},      /* 8 × {key string, *record} */
        [RECORD] = {HB_SPAN_BITS, 96, NULL, 0, 0},      /* two strings */
        [KEY] = {HB_SPAN_NOSCAN, 16, NULL, 0, 0},       [TEXT] = {HB_SPAN_NOSCAN, 64, NULL, 0, 0},
};

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t t = *a;
	*a = *b;
	*b = t;
}

static struct hb_span *must_span(enum hb_span_kind kind, uint64_t elem_size, uint32_t npages)
{
	struct hb_span *span = synthetic_span(&synthetic, kind, elem_size, npages, 0, NULL);
	if (!span) {
		fprintf(stderr, "the arenas are full\n");
		exit(1);
	}
	return span;
}

/* Makes spans for all pools in turn, so that neighbouring spans hold different things. */
static void make_pools(const uint32_t *objects)
{
	uint32_t left = NPOOLS;
	for (enum pool_name i = 0; i < NPOOLS; i++)
		pools[i].slots = malloc((objects[i] / 9 * 10 + 16384) * sizeof(uint32_t));
	while (left) {
		left = 0;
		for (enum pool_name i = 0; i < NPOOLS; i++) {
			struct pool *pool = &pools[i];
			if (pool->nslots / 10 * 9 >= objects[i])
				continue;
			const struct hb_span *span = must_span(pool->kind, pool->elem_size, 1);
			for (uint32_t k = 0; k < span->nelems; k++)
				pool->slots[pool->nslots++] = span->first_slot + k;
			left++;
		}
	}
	for (enum pool_name i = 0; i < NPOOLS; i++)
		for (uint32_t k = 0; k < pools[i].nslots / 10; k++)
			swap(&pools[i].slots[below(pools[i].nslots)], &pools[i].slots[below(pools[i].nslots)]);
}

struct object {
	uint32_t slot;
	const struct hb_span *span;
};

static struct object object_of(uint32_t slot)
{
	return (struct object){slot, &synthetic.heap->spans[hb_heap_span_of_slot(synthetic.heap, slot)]};
}

static struct object alloc(enum pool_name name)
{
	struct pool *pool = &pools[name];
	if (pool->used == pool->nslots) {
		fprintf(stderr, "pool %d is empty\n", (int)name);
		exit(1);
	}
	struct object object = object_of(pool->slots[pool->used++]);
	synthetic_alloc(&synthetic, object.span, object.slot);
	return object;
}

static void point(struct object from, uint64_t word, struct object to)
{
	synthetic_set_bit(&synthetic, from.span, from.slot, word, true);
	synthetic_store(&synthetic, from.span, from.slot, word, hb_heap_slot_addr(to.span, to.slot));
}

/* --- Structures ------------------------------------------------------------------------------------------------- */

static uint32_t nroots;

static void root(struct object object)
{
	synthetic_root(&roots, 0, HB_ROOT_NONE);
	synthetic_root_edge(&roots, nroots++, hb_heap_slot_addr(object.span, object.slot));
}

enum { LISTS = 16, TREES = 16, MAPS = 16 };

struct growing {
	struct object last[LISTS], doubly_head[LISTS], doubly_last[LISTS];
	struct object *nodes[2][TREES]; /* of a tree, in breadth-first order */
	uint32_t n[2][TREES];
	struct object *directory[MAPS]; /* groups */
	uint32_t ngroups[MAPS], in_group[MAPS];
};

static void grow_list(struct growing *g, uint32_t i)
{
	struct object node = alloc(LIST), *last = &g->last[i % LISTS];
	if (!last->slot)
		root(node);
	else
		point(*last, 0, node);
	*last = node;
}

static void grow_double_list(struct growing *g, uint32_t i)
{
	i %= LISTS;
	struct object node = alloc(DOUBLE_LIST);
	if (!g->doubly_last[i].slot) {
		root(node);
		g->doubly_head[i] = node;
	} else {
		point(g->doubly_last[i], 0, node);
		point(node, 1, g->doubly_last[i]);
		point(node, 2, g->doubly_head[i]);
	}
	g->doubly_last[i] = node;
}

static void grow_tree(struct growing *g, uint32_t i, bool parents, uint32_t max)
{
	i %= TREES;
	uint32_t n = g->n[parents][i]++;
	struct object node = alloc(parents ? PARENT_TREE : TREE);
	if (!g->nodes[parents][i])
		g->nodes[parents][i] = malloc((size_t)max * sizeof(struct object));
	if (!n) {
		root(node);
	} else {
		struct object parent = g->nodes[parents][i][(n - 1) / 2];
		point(parent, (n - 1) % 2, node);
		if (parents)
			point(node, 2, parent);
	}
	g->nodes[parents][i][n] = node;
}

/* An entry of a map: a key of its own, a record with two strings, one of them often shared with another record. */
static void grow_map(struct growing *g, uint32_t i, uint32_t max)
{
	static struct object recent[4096];
	uint32_t slot = below(4096);
	i %= MAPS;
	if (!g->directory[i])
		g->directory[i] = malloc((size_t)max * sizeof(struct object));
	if (g->in_group[i] % 7 == 0)
		g->directory[i][g->ngroups[i]++] = alloc(GROUP);
	uint32_t at = g->in_group[i]++ % 7;
	struct object group = g->directory[i][g->ngroups[i] - 1], record = alloc(RECORD), key = alloc(KEY);
	point(group, 1 + at * 3, key);
	point(group, 3 + at * 3, record);
	point(record, 0, key);
	if (!recent[slot].slot || below(2))
		recent[slot] = alloc(TEXT);
	point(record, 2, recent[slot]);
}

/* One array of pointers to all groups of a map. */
static void finish_maps(struct growing *g)
{
	uint64_t mask = 1;
	const struct synthetic_type *pointer = synthetic_type(&synthetic, 1, 1, &mask, true);
	for (uint32_t i = 0; i < MAPS; i++) {
		uint32_t npages = g->ngroups[i] / 1024 + 1;
		struct hb_span *span = must_span(HB_SPAN_LARGE, (uint64_t)npages << HB_HEAP_PAGE_SHIFT, npages);
		span->large_type = pointer->addr;
		synthetic_alloc(&synthetic, span, span->first_slot);
		for (uint32_t k = 0; k < g->ngroups[i]; k++)
			synthetic_store(&synthetic, span, span->first_slot, k,
			                synthetic_addr(&synthetic, g->directory[i][k].slot));
		root((struct object){span->first_slot, span});
	}
}

static void make_heap(uint32_t n)
{
	uint32_t lists = n / 5, trees = n / 5, entries = n / 15;
	uint32_t objects[NPOOLS] = {[LIST] = lists,
	                            [DOUBLE_LIST] = lists,
	                            [TREE] = trees,
	                            [PARENT_TREE] = trees,
	                            [GROUP] = entries / 7 + MAPS,
	                            [RECORD] = entries,
	                            [KEY] = entries,
	                            [TEXT] = entries};
	uint32_t narenas = n / 600000 + 4, indexes[1024];
	for (uint32_t i = 0; i < narenas; i++)
		indexes[i] = i < narenas / 2 ? i : i + 3;
	synthetic_create(&synthetic, 0xc000000000, indexes, narenas, n + n / 4 + (1 << 20), true);
	make_pools(objects);
	struct growing *g = calloc(1, sizeof(*g));
	uint32_t left[4] = {lists, lists, 2 * trees, entries}, total = 2 * lists + 2 * trees + entries;
	while (total) {
		uint32_t pick = below(total), what = 0, which = below(1 << 16), turn = below(16) + 1;
		while (pick >= left[what])
			pick -= left[what++];
		for (; turn && left[what]; turn--, left[what]--, total--) {
			if (what == 0)
				grow_list(g, which);
			else if (what == 1)
				grow_double_list(g, which);
			else if (what == 2)
				grow_tree(g, which, left[what] & 1, trees / 4);
			else
				grow_map(g, which, entries);
		}
	}
	finish_maps(g);
	synthetic_finish(&synthetic);
}

/* --- Measuring -------------------------------------------------------------------------------------------------- */

static uint64_t status_bytes(const char *field)
{
	char line[256];
	uint64_t kb = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			kb = strtoull(line + strlen(field) + 1, NULL, 10);
	if (file)
		fclose(file);
	return kb * 1024;
}

static void reset_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");
	if (file) {
		fputs("5", file);
		fclose(file);
	}
}

static void must(struct hb_error *err)
{
	if (err) {
		fprintf(stderr, "%s\n", err->message);
		exit(1);
	}
}

enum step { STEP_MARK, STEP_SEARCH, STEP_DOMINATORS, STEP_RETAINED, STEP_GRAPH, STEP_TREE, STEP_SUMS, NSTEPS };

struct results {
	uint64_t ns[NSTEPS], resident_graph, resident_tree;
	struct hb_graph graph; /* its numbers, not its arrays */
};

static void lap(struct results *results, enum step step, uint64_t ns)
{
	if (!results->ns[step] || ns < results->ns[step])
		results->ns[step] = ns;
}

static void measure_mark(struct results *results)
{
	uint64_t *marked = hb_pages_map(hb_heap_bitmap_bytes(synthetic.heap)), start = hb_thread_cpu_ns();
	must(hb_graph_mark(synthetic.heap, &roots, marked));
	lap(results, STEP_MARK, hb_thread_cpu_ns() - start);
	hb_pages_unmap(marked, hb_heap_bitmap_bytes(synthetic.heap));
}

static void measure(struct results *results, const uint32_t *class_of)
{
	struct hb_graph *graph;
	struct hb_dominator_tree *tree;
	struct hb_class_sums sums[64];
	measure_mark(results); /* the first run reads the heap's pages into this process */
	reset_peak();
	uint64_t before = status_bytes("VmRSS:"), start = hb_thread_cpu_ns();
	must(hb_graph_build(synthetic.heap, &roots, &graph));
	lap(results, STEP_GRAPH, hb_thread_cpu_ns() - start);
	lap(results, STEP_SEARCH, graph->cpu_ns_search);
	lap(results, STEP_DOMINATORS, graph->cpu_ns_dominators);
	lap(results, STEP_RETAINED, graph->cpu_ns_retained);
	results->resident_graph = status_bytes("VmHWM:") - before;
	before = status_bytes("VmRSS:");
	start = hb_thread_cpu_ns();
	must(hb_dominator_tree_build(graph, &tree));
	lap(results, STEP_TREE, hb_thread_cpu_ns() - start);
	results->resident_tree = status_bytes("VmRSS:") - before;
	start = hb_thread_cpu_ns();
	must(hb_graph_class_sums(tree, class_of, 64, sums));
	lap(results, STEP_SUMS, hb_thread_cpu_ns() - start);
	if (!hb_graph_is_valid(graph)) {
		printf("the graph is not valid\n");
		exit(1);
	}
	results->graph = *graph;
	hb_dominator_tree_destroy(tree);
	hb_graph_destroy(graph);
}

static void print(const struct results *results)
{
	static const char *const names[] = {"mark",       "search",         "dominators", "retained",
	                                    "graph, all", "dominator tree", "class sums"};
	const struct hb_graph *graph = &results->graph;
	double n = (double)graph->reached_objects;
	printf("%.1f M objects (%.0f %% leaves), %.2f edges an object, %.2f GB, %u slots\n", n / 1e6,
	       100.0 * (double)graph->leaves / n, (double)graph->edges / n, (double)graph->reached_bytes / 1e9,
	       synthetic.heap->nslots);
	printf("an object, CPU of the calling thread:\n");
	for (enum step step = 0; step < NSTEPS; step++)
		printf("  %-16s %7.1f ns\n", names[step], (double)results->ns[step] / n);
	printf("  %-16s %7.1f bytes (%.1f resident)\n", "graph, peak", (double)graph->peak_bytes / n,
	       (double)results->resident_graph / n);
	printf("  %-16s %7.1f bytes resident\n", "dominator tree", (double)results->resident_tree / n);
}

int main(int argc, char **argv)
{
	double millions = argc > 1 ? atof(argv[1]) : 10;
	int runs = argc > 2 ? atoi(argv[2]) : 3;
	struct results results = {0};
	make_heap((uint32_t)(millions * 1e6));
	uint32_t *class_of = malloc(((size_t)synthetic.heap->nslots + 1) * sizeof(*class_of));
	for (uint32_t i = 0; i <= synthetic.heap->nslots; i++)
		class_of[i] = (uint32_t)object_of(i).span->elem_size / 16 % 64;
	for (int i = 0; i < runs; i++)
		measure(&results, class_of);
	print(&results);
	free(class_of);
	return 0;
}
