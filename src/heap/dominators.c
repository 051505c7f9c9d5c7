/* Semi-NCA: semidominators in descending order, then immediate dominators in ascending order (docs/dominators.md).
 *
 * Every target's incoming edges beside the tree lie in a bucket of the search's log; a bucket is sorted when its turn
 * comes. The array of links serves both halves: {ancestor, label} for path compression, then {jump, depth}.
 *
 * Root nodes have low numbers wherever they come in the depth-first order, and their forest need not fit that order. So
 * the numbers order objects only; an edge from below another root node, which in that order would come from a higher
 * number, counts as the nearest common ancestor of both root nodes. docs/dominators.md shows why that is enough.
 */
#include "heap/build.h"

enum { BUCKET = 1 << HB_LOG_SHIFT, BUCKET_MASK = BUCKET - 1, AHEAD = 16 };

struct link {
	uint32_t ancestor, label; /* descending half: label is the least semidominator between (ancestor, node] */
};

struct jump {
	uint32_t to, depth; /* ascending half: an ancestor in the dominator tree; distance from the root */
};

struct row_sort {                   /* one bucket's items in the order of their keys */
	uint32_t start[BUCKET + 1]; /* of key i: items start[i] … start[i + 1] */
	void *items;
	size_t bytes; /* mapped */
};

struct dominators {
	struct hb_build *build;
	uint32_t *parent, *idom, *number;
	struct link *links;
	uint32_t last_root;
	struct row_sort edges;  /* uint32_t: sources */
	struct row_sort leaves; /* uint64_t: items of the log */
};

/* --- Sorting a bucket ------------------------------------------------------------------------------------------- */

static bool row_sort_reserve(struct row_sort *sort, size_t bytes)
{
	if (bytes <= sort->bytes)
		return true;
	hb_pages_unmap(sort->items, sort->bytes);
	sort->items = hb_pages_map(bytes);
	sort->bytes = sort->items ? bytes : 0;
	return sort->items != NULL;
}

/* start[] holds counts, each at its key + 1: turns them into the places of each key's first item, at its key + 1 too,
 * so that placing the items advances every entry to where the next key starts. */
static void row_sort_places(struct row_sort *sort)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < BUCKET; i++) {
		uint32_t n = sort->start[i + 1];
		sort->start[i + 1] = sum;
		sum += n;
	}
}

static struct hb_error *sort_edges(struct dominators *d, uint32_t bucket)
{
	struct row_sort *sort = &d->edges;
	const struct hb_log_chunk *head = d->build->edges.heads[bucket];
	memset(sort->start, 0, sizeof(sort->start));
	if (!head)
		return NULL;
	uint64_t n = 0;
	for (const struct hb_log_chunk *chunk = head; chunk; n += chunk->n, chunk = chunk->next)
		for (uint64_t i = 0; i < chunk->n; i++)
			sort->start[(chunk->items[i] >> 32 & BUCKET_MASK) + 1]++;
	if (n >= UINT32_MAX || !row_sort_reserve(sort, n * sizeof(uint32_t)))
		return hb_error_nomem();
	row_sort_places(sort);
	uint32_t *sources = sort->items;
	for (const struct hb_log_chunk *chunk = head; chunk; chunk = chunk->next)
		for (uint64_t i = 0; i < chunk->n; i++)
			sources[sort->start[(chunk->items[i] >> 32 & BUCKET_MASK) + 1]++] = (uint32_t)chunk->items[i];
	return NULL;
}

static uint32_t leaf_key(const struct dominators *d, const struct hb_log_chunk *chunk, uint64_t i)
{
	if (i + AHEAD < chunk->n)
		__builtin_prefetch(&d->number[chunk->items[i + AHEAD] >> 32]);
	return d->number[chunk->items[i] >> 32] & BUCKET_MASK;
}

static struct hb_error *sort_leaves(struct dominators *d, uint32_t bucket)
{
	struct row_sort *sort = &d->leaves;
	const struct hb_log_chunk *head = d->build->leaf_edges.heads[bucket];
	memset(sort->start, 0, sizeof(sort->start));
	if (!head)
		return NULL;
	uint64_t n = 0;
	for (const struct hb_log_chunk *chunk = head; chunk; n += chunk->n, chunk = chunk->next)
		for (uint64_t i = 0; i < chunk->n; i++)
			sort->start[leaf_key(d, chunk, i) + 1]++;
	if (n >= UINT32_MAX || !row_sort_reserve(sort, n * sizeof(uint64_t)))
		return hb_error_nomem();
	row_sort_places(sort);
	uint64_t *items = sort->items;
	for (const struct hb_log_chunk *chunk = head; chunk; chunk = chunk->next)
		for (uint64_t i = 0; i < chunk->n; i++)
			items[sort->start[leaf_key(d, chunk, i) + 1]++] = chunk->items[i];
	return NULL;
}

/* --- Descending: semidominators --------------------------------------------------------------------------------- */

/* The least semidominator on the tree path from `from` up to, but not including, its first ancestor <= limit; shortens
 * the path for the next time. The way back down is kept in the links themselves: paths may be millions long. */
static uint32_t evaluate(struct link *links, uint32_t from, uint32_t limit)
{
	uint32_t at = from, below = 0;
	while (links[at].ancestor > limit) {
		uint32_t above = links[at].ancestor;
		links[at].ancestor = below;
		below = at;
		at = above;
	}
	uint32_t ancestor = links[at].ancestor, label = links[at].label;
	while (below) {
		uint32_t next = links[below].ancestor;
		if (links[below].label > label)
			links[below].label = label;
		label = links[below].label;
		links[below].ancestor = ancestor;
		below = next;
	}
	return label;
}

static uint32_t common_root(const struct dominators *d, uint32_t a, uint32_t b)
{
	while (a != b) {
		uint32_t *deeper = a > b ? &a : &b;
		*deeper = d->parent[*deeper];
	}
	return a;
}

/* What an edge from `source` says about the semidominator of object `target` (or of a leaf just behind it), which the
 * search found below root node `root`. */
static inline uint32_t candidate(struct dominators *d, uint32_t source, uint32_t target, uint32_t root)
{
	if (source <= d->last_root)
		return common_root(d, source, root);
	if (source <= target)
		return source;
	uint32_t least = evaluate(d->links, source, target), above = d->links[source].ancestor;
	if (above <= d->last_root && above != root)
		least = hb_min(least, common_root(d, above, root));
	return least;
}

static void semidominator(struct dominators *d, uint32_t target, uint32_t root, uint32_t first, uint32_t end)
{
	const uint32_t *sources = d->edges.items;
	uint32_t least = d->links[target].label;
	for (uint32_t i = end; i-- > first;) {
		if (i >= AHEAD)
			__builtin_prefetch(&d->links[sources[i - AHEAD]]);
		uint32_t found = candidate(d, sources[i], target, root);
		least = hb_min(least, found);
	}
	d->links[target].label = least;
	d->idom[target] = least; /* for the ascending half */
}

/* The further referrers of leaves whose first one is `target`: each gives way to what it says. */
static void leaf_semidominators(struct dominators *d, uint32_t target, uint32_t root, uint32_t first, uint32_t end)
{
	uint64_t *items = d->leaves.items;
	uint32_t limit = hb_max(target, d->last_root);
	for (uint32_t i = first; i < end; i++)
		items[i] = items[i] >> 32 << 32 | candidate(d, (uint32_t)items[i], limit, root);
}

static void put_leaves_back(struct dominators *d, uint32_t bucket)
{
	const uint64_t *items = d->leaves.items;
	for (struct hb_log_chunk *chunk = d->build->leaf_edges.heads[bucket]; chunk; chunk = chunk->next) {
		memcpy(chunk->items, items, chunk->n * sizeof(*items));
		items += chunk->n;
	}
}

static struct hb_error *descend(struct dominators *d)
{
	const struct hb_graph *graph = d->build->graph;
	uint64_t reached = graph->count + graph->leaves, done = 0;
	uint32_t node = graph->nroots - 1;
	for (uint32_t bucket = graph->count >> HB_LOG_SHIFT; bucket != UINT32_MAX; bucket--) {
		uint32_t low = bucket << HB_LOG_SHIFT, high = hb_min(low | BUCKET_MASK, graph->count);
		TRY(sort_edges(d, bucket));
		TRY(sort_leaves(d, bucket));
		for (uint32_t target = high; target >= low && target > 1; target--) {
			uint32_t key = target & BUCKET_MASK, root = target;
			if (target > d->last_root) {
				while (d->build->before_root[node] >= target)
					node--;
				root = hb_graph_root_number(node);
				semidominator(d, target, root, d->edges.start[key], d->edges.start[key + 1]);
			}
			leaf_semidominators(d, target, root, d->leaves.start[key], d->leaves.start[key + 1]);
		}
		put_leaves_back(d, bucket);
		done += high - low;
		TRY(hb_build_poll((reached + done) / 2));
	}
	return NULL;
}

/* --- Ascending: immediate dominators ---------------------------------------------------------------------------- */

/* The nearest dominator of `from`, itself included, that is <= limit. Every step jumps if it may: the number of steps
 * is logarithmic in the tree's depth, where a plain walk up makes lists quadratic. */
static inline uint32_t climb(const struct jump *jumps, const uint32_t *idom, uint32_t from, uint32_t limit)
{
	while (from > limit) {
		uint32_t far = jumps[from].to;
		from = far >= limit ? far : idom[from];
	}
	return from;
}

/* Myers's skew-binary jump pointers: two equal jumps in a row are joined into one. */
static inline struct jump jump_of_child(const struct jump *jumps, uint32_t dominator)
{
	struct jump of = jumps[dominator], next = jumps[of.to];
	bool join = of.depth - next.depth == next.depth - jumps[next.to].depth;
	return (struct jump){join ? next.to : dominator, of.depth + 1};
}

static struct hb_error *ascend(struct dominators *d)
{
	struct jump *jumps = (struct jump *)(void *)d->links;
	uint32_t count = d->build->graph->count;
	jumps[0] = (struct jump){0, 0};
	jumps[1] = (struct jump){1, 0};
	d->idom[1] = 0;
	for (uint32_t i = 2; i <= count; i++) {
		uint32_t dominator = i <= d->last_root ? d->parent[i] : climb(jumps, d->idom, d->parent[i], d->idom[i]);
		d->idom[i] = dominator;
		jumps[i] = jump_of_child(jumps, dominator);
		if (!(i & BUCKET_MASK) && hb_interrupted())
			return hb_interrupted_error();
	}
	const struct hb_log *log = &d->build->leaf_edges;
	for (uint32_t bucket = 0; bucket < log->nbuckets; bucket++)
		for (const struct hb_log_chunk *chunk = log->heads[bucket]; chunk; chunk = chunk->next)
			for (uint64_t i = 0; i < chunk->n; i++) {
				if (i + AHEAD < chunk->n)
					__builtin_prefetch(&d->number[chunk->items[i + AHEAD] >> 32], 1);
				uint32_t *number = &d->number[chunk->items[i] >> 32];
				*number = climb(jumps, d->idom, *number, (uint32_t)chunk->items[i]);
			}
	return NULL;
}

static struct hb_error *run(struct dominators *d)
{
	uint32_t count = d->build->graph->count;
	for (uint32_t i = 1; i <= count; i++)
		d->links[i] = (struct link){d->parent[i], d->parent[i]};
	TRY(descend(d));
	return ascend(d);
}

struct hb_error *hb_dominators_run(struct hb_build *build)
{
	struct hb_graph *graph = build->graph;
	hb_autofree struct dominators *d = calloc(1, sizeof(*d));
	if (!d)
		return hb_error_nomem();
	d->build = build;
	d->parent = graph->parent;
	d->idom = graph->idom;
	d->number = graph->number;
	d->links = (struct link *)(void *)graph->retained;
	d->last_root = build->last_root;
	struct hb_error *err = run(d);
	build->sort_bytes = sizeof(*d) + d->edges.bytes + d->leaves.bytes;
	hb_pages_unmap(d->edges.items, d->edges.bytes);
	hb_pages_unmap(d->leaves.items, d->leaves.bytes);
	return err;
}
