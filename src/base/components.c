#include "base/components.h"
#include "base/memory.h"

struct search {
	const uint64_t *first;
	const uint32_t *to;
	uint32_t *index, *low; /* by node; index 0: not visited */
	uint64_t *edge;        /* the next to look at */
	uint32_t *component;   /* 0: not yet, which on the stack means that it may still grow */
	HB_VEC(uint32_t) stack, path;
	uint32_t next, ncomponents;
};

static struct hb_error *enter(struct search *s, uint32_t node)
{
	s->index[node] = s->low[node] = ++s->next;
	s->edge[node] = s->first[node];
	HB_VEC_PUSH(&s->stack, node);
	HB_VEC_PUSH(&s->path, node);
	return NULL;
}

static void leave(struct search *s, uint32_t node)
{
	s->path.len--;
	if (s->path.len) {
		uint32_t parent = s->path.data[s->path.len - 1];
		s->low[parent] = hb_min(s->low[parent], s->low[node]);
	}
	if (s->low[node] != s->index[node])
		return;
	uint32_t member;
	s->ncomponents++;
	do {
		member = s->stack.data[--s->stack.len];
		s->component[member] = s->ncomponents;
	} while (member != node);
}

static struct hb_error *visit_from(struct search *s, uint32_t start)
{
	TRY(enter(s, start));
	while (s->path.len) {
		uint32_t node = s->path.data[s->path.len - 1];
		if (s->edge[node] == s->first[node + 1]) {
			leave(s, node);
			continue;
		}
		uint32_t next = s->to[s->edge[node]++];
		if (!s->index[next])
			TRY(enter(s, next));
		else if (!s->component[next])
			s->low[node] = hb_min(s->low[node], s->index[next]);
	}
	return NULL;
}

struct hb_error *hb_components_find(uint32_t nnodes, const uint64_t *first, const uint32_t *to, uint32_t *ret_component)
{
	size_t n = (size_t)nnodes + 1;
	hb_autofree uint32_t *index = calloc(n, sizeof(*index)), *low = calloc(n, sizeof(*low));
	hb_autofree uint64_t *edge = calloc(n, sizeof(*edge));
	struct search s = {
	        .first = first, .to = to, .index = index, .low = low, .edge = edge, .component = ret_component};
	if (!index || !low || !edge)
		return hb_error_nomem();
	struct hb_error *err = NULL;
	for (uint32_t node = 0; node < nnodes; node++)
		ret_component[node] = 0;
	for (uint32_t node = 0; !err && node < nnodes; node++)
		if (!index[node])
			err = visit_from(&s, node);
	hb_vec_deinit(&s.stack);
	hb_vec_deinit(&s.path);
	return err;
}
