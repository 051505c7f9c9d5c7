#include "naive_graph.h"

/* One step of spreading from every reached node, until nothing changes. */
static void spread(const struct random_heap *r, const struct true_edge *edges, uint32_t nedges, bool *reached)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < nedges; i++)
			if (reached[edges[i].from] && !reached[edges[i].to])
				reached[edges[i].to] = changed = true;
	}
}

static bool is_object(const struct random_heap *r, uint32_t node)
{
	return node > r->nroots;
}

static bool is_cut(const struct random_heap *r, struct true_edge edge)
{
	return r->nodes[edge.to].cut && is_object(r, edge.from);
}

static void find_reached(struct naive_graph *g, const struct random_heap *r)
{
	static struct true_edge kept[MAX_EDGES];
	uint32_t nkept = 0;
	for (uint32_t i = 0; i < r->nedges; i++)
		if (!is_cut(r, r->edges[i]))
			kept[nkept++] = r->edges[i];
	g->reached[0] = true;
	for (int phase = 0; phase < HB_ROOT_PHASES; phase++) {
		for (uint32_t i = 1; i <= r->nroots; i++)
			if (r->nodes[i].phase == phase)
				g->reached[i] = true;
		spread(r, kept, nkept, g->reached);
		for (uint32_t i = 0; i < r->nnodes; i++)
			if (!g->reached[i])
				g->phase[i] = phase + 1;
	}
	for (uint32_t i = 0; i <= r->nroots; i++)
		g->marked[i] = true;
	spread(r, r->edges, r->nedges, g->marked);
}

bool naive_edge_counts(const struct naive_graph *g, const struct random_heap *r, struct true_edge edge)
{
	return g->reached[edge.from] && !is_cut(r, edge) && g->phase[edge.to] >= g->phase[edge.from];
}

static void find_dominators(struct naive_graph *g, const struct random_heap *r)
{
	static struct true_edge edges[MAX_EDGES + MAX_NODES];
	uint32_t nedges = 0;
	for (uint32_t i = 1; i <= r->nroots; i++)
		edges[nedges++] = (struct true_edge){r->nodes[i].parent, i};
	for (uint32_t i = 0; i < r->nedges; i++)
		if (naive_edge_counts(g, r, r->edges[i])) {
			edges[nedges++] = r->edges[i];
			g->edges++;
		}
	for (uint32_t without = 0; without < r->nnodes; without++) {
		static struct true_edge kept[MAX_EDGES + MAX_NODES];
		bool reached[MAX_NODES] = {true};
		uint32_t nkept = 0;
		for (uint32_t i = 0; i < nedges; i++)
			if (edges[i].from != without && edges[i].to != without)
				kept[nkept++] = edges[i];
		reached[0] = without != 0;
		spread(r, kept, nkept, reached);
		for (uint32_t i = 0; i < r->nnodes; i++)
			g->dominates[without][i] =
			        g->reached[without] && g->reached[i] && (!reached[i] || i == without);
	}
}

static uint32_t dominator_count(const struct naive_graph *g, const struct random_heap *r, uint32_t node)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->nnodes; i++)
		n += g->dominates[i][node];
	return n;
}

void naive_graph_of(struct naive_graph *g, const struct random_heap *r)
{
	memset(g, 0, sizeof(*g));
	find_reached(g, r);
	find_dominators(g, r);
	uint32_t depth[MAX_NODES];
	for (uint32_t i = 0; i < r->nnodes; i++)
		depth[i] = dominator_count(g, r, i);
	for (uint32_t node = 1; node < r->nnodes; node++)
		for (uint32_t i = 0; i < r->nnodes; i++)
			if (i != node && g->dominates[i][node] && depth[i] + 1 == depth[node])
				g->idom[node] = i;
	for (uint32_t i = 0; i < r->nnodes; i++)
		for (uint32_t node = r->nroots + 1; node < r->nnodes; node++)
			if (g->dominates[i][node]) {
				g->retained[i] += r->nodes[node].size;
				g->retained_objects[i]++;
			}
}
