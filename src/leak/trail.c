#include "leak/trail.h"
#include "golang/go_roots.h"
#include "heap/pointers.h"
#include "report/format.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 512, MAX_STEPS = 12 };

static uint32_t outermost(const struct hb_roots *roots, uint32_t node)
{
	while (roots->nodes.data[node].parent != HB_ROOT_NONE)
		node = roots->nodes.data[node].parent;
	return node;
}

void hb_trail_holder(const struct hb_analysis *analysis, uint32_t node, char *buf, size_t size)
{
	node = outermost(&analysis->roots, node);
	const struct hb_root_node *root = &analysis->roots.nodes.data[node];
	uint32_t type = root->type ? hb_types_find(analysis->types, root->type) : 0;
	const char *kind = "";
	if (root->kind == HB_ROOT_GLOBAL && root->name_is_certain)
		kind = "global ";
	else if (root->kind == HB_ROOT_GOROUTINE_GROUP)
		kind = hb_root_is_main(root) ? "" : "goroutines created by ";
	else if (root->kind == HB_ROOT_TIMER_GROUP || root->kind == HB_ROOT_TIMER)
		kind = "timers of ";
	snprintf(buf, size, "%s%s%s%s", kind, root->name, type ? " " : "",
	         type ? analysis->types->list[type].name : "");
	hb_say_byte(buf);
}

uint32_t hb_trail_innermost_root(const struct hb_analysis *analysis, uint32_t slot)
{
	const struct hb_graph *graph = analysis->graph;
	uint32_t number = slot ? graph->number[slot] : 0;
	if (!number || graph->slot_of[number] != slot)
		return HB_ROOT_NONE;
	while (number > 1 && !hb_graph_is_root(graph, number))
		number = graph->parent[number];
	return number > 1 ? number - 2 : HB_ROOT_NONE;
}

uint32_t hb_trail_root(const struct hb_analysis *analysis, uint32_t slot)
{
	uint32_t node = hb_trail_innermost_root(analysis, slot);
	return node == HB_ROOT_NONE ? HB_ROOT_NONE : outermost(&analysis->roots, node);
}

/* --- Names of steps --------------------------------------------------------------------------------------------- */

/* The first word of `from` that points into `to`; false when none does. */
static bool edge_offset(const struct hb_heap *heap, uint32_t from, uint32_t to, uint64_t *ret)
{
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, from)];
	uint64_t at, nwords = span->elem_size / 8;
	if (!hb_heap_page(heap, hb_heap_slot_addr(span, from), &at))
		return false;
	struct hb_pointers pointers = hb_pointers_of(heap, span->kind, at, nwords, span->large_type);
	for (uint64_t start = 0; start < nwords; start += 64)
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1) {
			*ret = (start + (uint64_t)__builtin_ctzll(bits)) * 8;
			if (hb_heap_slot(heap, hb_load_u64(pointers.bytes + *ret)) == to)
				return true;
		}
	return false;
}

static void generalise(char *path)
{
	char *out = path;
	for (const char *in = path; *in;) {
		char c = *in++;
		*out++ = c;
		if (c != '[' || *in < '0' || *in > '9')
			continue;
		in += strspn(in, "0123456789");
		*out++ = '*';
	}
	*out = 0;
}

void hb_trail_global_step(const struct hb_analysis *analysis, uint32_t node, uint64_t addr, char *buf, size_t size)
{
	const struct hb_root_node *root = &analysis->roots.nodes.data[node];
	uint32_t type = root->type ? hb_types_find(analysis->types, root->type) : 0;
	char path[MAX_NAME] = "";
	if (size)
		buf[0] = 0;
	if (!type || addr < root->id)
		return;
	uint32_t inner = hb_type_path(analysis->types, type, addr - root->id, path, sizeof(path));
	generalise(path);
	if (*path)
		snprintf(buf, size, "%s%s %s", *path == '[' ? "" : ".", path, analysis->types->list[inner].name);
}

/* The class of an object: its description up to the numbers that differ from one to the next. */
static void class_name(const struct hb_analysis *analysis, uint32_t slot, char *buf, size_t size)
{
	hb_typing_describe(analysis->typing, slot, buf, size);
	char *numbers = strstr(buf, " (");
	if (numbers)
		*numbers = 0;
}

static struct hb_error *add_step(struct hb_finding *finding, const char *edge, const char *class)
{
	char *text;
	if (asprintf(&text, "%s%s%s", edge, *edge && *class ? " " : "", class) < 0)
		return hb_error_nomem();
	hb_say_byte(text);
	if (finding->path.len && !strcmp(finding->path.data[finding->path.len - 1], text)) {
		free(text);
		return NULL;
	}
	if (!hb_vec_push(&finding->path, text)) {
		free(text);
		return hb_error_nomem();
	}
	return NULL;
}

/* --- Paths ------------------------------------------------------------------------------------------------------ */

struct trail {
	HB_VEC(uint32_t) slots; /* from the object up to the first one below the root */
};

/* The way up, without what repeats: in a list a million nodes long every node has the class of the one before. */
static struct hb_error *climb(const struct hb_analysis *analysis, uint32_t slot, struct trail *trail, uint32_t *root)
{
	const struct hb_graph *graph = analysis->graph;
	uint32_t number = graph->number[slot];
	while (number > 1 && !hb_graph_is_root(graph, number)) {
		uint32_t at = graph->slot_of[number];
		size_t n = trail->slots.len;
		/* Of a run of one type the two ends are enough. */
		if (n >= 2 && analysis->typing->type_of[at] &&
		    analysis->typing->type_of[at] == analysis->typing->type_of[trail->slots.data[n - 1]] &&
		    analysis->typing->type_of[at] == analysis->typing->type_of[trail->slots.data[n - 2]])
			trail->slots.data[n - 1] = at;
		else
			HB_VEC_PUSH(&trail->slots, at);
		number = graph->parent[number];
	}
	*root = number > 1 ? number - 2 : HB_ROOT_NONE;
	return NULL;
}

/* The step from a root node to the first object, which the root's own type describes when it has one. */
static struct hb_error *first_step(const struct hb_analysis *analysis, uint32_t root, uint32_t slot,
                                   struct hb_finding *finding)
{
	const struct hb_roots *roots = &analysis->roots;
	char edge[MAX_NAME] = "", class[MAX_NAME];
	for (size_t i = 0; i < roots->edges.len; i++) {
		const struct hb_root_edge *at = &roots->edges.data[i];
		if (at->node != root || hb_heap_slot(analysis->heap, at->value) != slot)
			continue;
		hb_trail_global_step(analysis, root, at->from, edge, sizeof(edge));
		break;
	}
	if (*edge)
		return add_step(finding, edge, "");
	if (roots->nodes.data[root].kind == HB_ROOT_GLOBAL && roots->nodes.data[root].type)
		return NULL;
	class_name(analysis, slot, class, sizeof(class));
	return add_step(finding, "", class);
}

/* Names the edge from one object to another, and the other's class. False without a name: the inside of a map, or part of something
 * untyped. */
static bool name_step(const struct hb_analysis *analysis, uint32_t from, uint32_t to, char edge[MAX_NAME],
                      char class[MAX_NAME])
{
	uint64_t offset;
	*edge = 0;
	if (edge_offset(analysis->heap, from, to, &offset))
		hb_typing_edge_name(analysis->typing, from, offset, edge, MAX_NAME);
	class_name(analysis, to, class, MAX_NAME);
	return *edge;
}

struct hb_error *hb_trail_step(const struct hb_analysis *analysis, uint32_t from, uint32_t to,
                               struct hb_finding *finding)
{
	char edge[MAX_NAME], class[MAX_NAME];
	return name_step(analysis, from, to, edge, class) ? add_step(finding, edge, class) : NULL;
}

static struct hb_error *add_steps(const struct hb_analysis *analysis, const struct trail *trail,
                                  struct hb_finding *finding)
{
	size_t shown = 0;
	for (size_t i = trail->slots.len - 1; i-- > 0;) {
		char edge[MAX_NAME], class[MAX_NAME];
		if (!name_step(analysis, trail->slots.data[i + 1], trail->slots.data[i], edge, class))
			continue;
		if (shown++ == MAX_STEPS)
			return add_step(finding, "…", "");
		TRY(add_step(finding, edge, class));
	}
	return NULL;
}

struct hb_error *hb_trail_object(const struct hb_analysis *analysis, uint32_t slot, struct hb_finding *finding)
{
	struct trail trail = {0};
	uint32_t root = HB_ROOT_NONE;
	struct hb_error *err = climb(analysis, slot, &trail, &root);
	if (!err && trail.slots.len && root != HB_ROOT_NONE)
		err = first_step(analysis, root, trail.slots.data[trail.slots.len - 1], finding);
	if (!err && trail.slots.len)
		err = add_steps(analysis, &trail, finding);
	hb_vec_deinit(&trail.slots);
	return err;
}

struct hb_error *hb_trail_path(const struct hb_analysis *analysis, uint32_t slot, uint64_t offset, const char *last,
                               struct hb_finding *finding)
{
	char edge[MAX_NAME];
	TRY(hb_trail_object(analysis, slot, finding));
	hb_typing_edge_name(analysis->typing, slot, offset, edge, sizeof(edge));
	return add_step(finding, edge, last);
}
