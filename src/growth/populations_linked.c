/* Lists and trees of the program's own: objects of a type that leads to objects of the same type.
 *
 * Of the depth-first tree's paths, those that go from node to node belong together: the first node of each is reached from
 * something else, which is the word where a later look begins.
 */
#include "base/progress.h"
#include "growth/populations.h"
#include "heap/pointers.h"
#include "leak/headers.h"

#include <string.h>

enum { LEAST_NODES = 16 };

struct first { /* a node that something else leads to */
	uint32_t number, type;
	uint64_t nodes;
};

struct linker {
	struct hb_growth *growth;
	uint8_t *is_node; /* by type id: 1 its values are nodes, 2 pointers to them, 0 neither; 255 not known yet */
	uint32_t ntypes;
	uint32_t *first_of; /* by depth-first number: index in firsts + 1; 0: no node */
	HB_VEC(struct first) firsts;
};

enum { NODE = 1, POINTERS = 2, NOT_KNOWN = 255 };

static uint8_t is_node(struct linker *linker, uint32_t type)
{
	const struct hb_types *types = linker->growth->analysis->types;
	struct hb_links links;
	if (type >= linker->ntypes)
		return 0;
	if (linker->is_node[type] == NOT_KNOWN) {
		const struct hb_type *at = &types->list[type];
		linker->is_node[type] = 0;
		if (at->kind == HB_KIND_STRUCT && at->pkg_path[0] && !hb_type_is_of_library(types, type) &&
		    hb_links_of(types, type, &links))
			linker->is_node[type] = NODE;
		else if (at->kind == HB_KIND_POINTER && at->elem < linker->ntypes &&
		         types->list[at->elem].kind == HB_KIND_STRUCT && is_node(linker, at->elem) == NODE)
			linker->is_node[type] = POINTERS;
	}
	return linker->is_node[type];
}

/* Numbers rise from parent to child. */
static struct hb_error *follow(struct linker *linker)
{
	const struct hb_analysis *analysis = linker->growth->analysis;
	const struct hb_graph *graph = analysis->graph;
	for (uint32_t number = graph->nroots + 2; number <= graph->count; number++) {
		uint32_t type = analysis->typing->type_of[graph->slot_of[number]];
		uint8_t node = type ? is_node(linker, type) : 0;
		uint32_t above = linker->first_of[graph->parent[number]];
		uint32_t wanted = node == POINTERS ? analysis->types->list[type].elem : type;
		if (!node || (node == POINTERS && !above))
			continue;
		if (above && above <= linker->firsts.len && linker->firsts.data[above - 1].type == wanted) {
			linker->first_of[number] = above;
			linker->firsts.data[above - 1].nodes += node == NODE;
		} else if (node == NODE) {
			HB_VEC_PUSH(&linker->firsts, (struct first){number, type, 1});
			linker->first_of[number] = (uint32_t)linker->firsts.len;
		}
		if ((number & 0xfffff) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* --- The word that leads to the first node ------------------------------------------------------------------------ */

static bool word_of_root(const struct hb_analysis *analysis, uint32_t node, uint32_t slot, uint64_t *ret)
{
	for (size_t i = hb_roots_first_edge(&analysis->roots, node);
	     i < analysis->roots.edges.len && analysis->roots.edges.data[i].node == node; i++) {
		const struct hb_root_edge *edge = &analysis->roots.edges.data[i];
		if (edge->from && hb_heap_slot(analysis->heap, edge->value) == slot) {
			*ret = edge->from;
			return analysis->roots.nodes.data[node].kind == HB_ROOT_GLOBAL;
		}
	}
	return false;
}

static bool word_of_object(const struct hb_analysis *analysis, uint32_t from, uint32_t to, uint64_t *ret)
{
	const struct hb_heap *heap = analysis->heap;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, from)];
	uint64_t at, nwords = span->elem_size / 8, addr = hb_heap_slot_addr(span, from);
	if (!hb_heap_page(heap, addr, &at))
		return false;
	struct hb_pointers pointers = hb_pointers_of(heap, span->kind, at, nwords, span->large_type);
	for (uint64_t start = 0; start < nwords; start += 64)
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1) {
			uint64_t offset = (start + (uint64_t)__builtin_ctzll(bits)) * 8;
			if (hb_heap_slot(heap, hb_load_u64(pointers.bytes + offset)) == to) {
				*ret = addr + offset;
				return true;
			}
		}
	return false;
}

static struct hb_error *add(struct linker *linker, const struct first *first)
{
	const struct hb_analysis *analysis = linker->growth->analysis;
	const struct hb_graph *graph = analysis->graph;
	uint32_t parent = graph->parent[first->number], slot = graph->slot_of[first->number];
	struct hb_population population = {
	        .kind = HB_POPULATION_LINKED,
	        .type = first->type,
	        .elem = first->type,
	        .node = HB_ROOT_NONE,
	        .count0 = first->nodes,
	};
	if (hb_graph_is_root(graph, parent)) {
		population.node = parent - 2;
		if (!word_of_root(analysis, parent - 2, slot, &population.addr))
			return NULL;
	} else {
		population.slot = graph->slot_of[parent];
		if (!hb_typing_is_one(analysis->typing, population.slot) ||
		    !word_of_object(analysis, population.slot, slot, &population.addr))
			return NULL;
	}
	HB_VEC_PUSH(&linker->growth->populations, population);
	return NULL;
}

static struct hb_error *run(struct linker *linker)
{
	if (!linker->is_node || !linker->first_of)
		return hb_error_nomem();
	memset(linker->is_node, NOT_KNOWN, linker->ntypes);
	TRY(follow(linker));
	for (size_t i = 0; i < linker->firsts.len; i++)
		if (linker->firsts.data[i].nodes >= LEAST_NODES)
			TRY(add(linker, &linker->firsts.data[i]));
	return NULL;
}

struct hb_error *hb_populations_of_links(struct hb_growth *growth)
{
	struct linker linker = {.growth = growth, .ntypes = growth->analysis->types->n};
	size_t bytes = ((size_t)growth->analysis->graph->count + 1) * sizeof(*linker.first_of);
	linker.is_node = malloc(hb_max(linker.ntypes, 1u));
	linker.first_of = hb_pages_map(bytes);
	struct hb_error *err = run(&linker);
	free(linker.is_node);
	hb_pages_unmap(linker.first_of, bytes);
	hb_vec_deinit(&linker.firsts);
	return err;
}
