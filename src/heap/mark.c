/* Reachability alone: no numbers, no tree, so objects may be visited in any order that hides memory latency. What is
 * popped waits in a short queue, its memory being fetched, while the visits before it run. */
#include "base/progress.h"
#include "heap/marker.h"
#include "heap/scan.h"

#include <sys/mman.h>

enum {
	QUEUE = 16, /* power of two */
	POLL_MASK = 0xffff,
	ROOM = 64,
	WIDE_WINDOWS = 64,
};

struct waiting {
	uint64_t word;
	uint32_t slot; /* 0: the object is marked already, go on at `window` */
	uint32_t window;
};

struct hb_marker {
	struct hb_scan scan;
	struct hb_marker_options options;
	uint64_t *marked;
	HB_VEC(uint32_t) hits;
	struct waiting *stack;
	uint64_t top, capacity;
	struct waiting queue[QUEUE];
	uint64_t queue_at;
	uint32_t leaves[QUEUE];
	uint64_t leaf_at;
	bool out_of_memory;
};

static inline bool mark(struct hb_marker *m, uint32_t slot)
{
	uint64_t *bits = &m->marked[slot / 64], bit = 1ull << (slot & 63);
	if (*bits & bit)
		return false;
	*bits |= bit;
	if (m->options.watched && hb_slot_is_set(m->options.watched, slot) && !hb_vec_push(&m->hits, slot))
		m->out_of_memory = true;
	return true;
}

static bool reserve(struct hb_marker *m, uint64_t more)
{
	if (__builtin_expect(m->top + more <= m->capacity, 1))
		return true;
	void *grown =
	        mremap(m->stack, m->capacity * sizeof(*m->stack), m->capacity * 2 * sizeof(*m->stack), MREMAP_MAYMOVE);
	if (grown == MAP_FAILED)
		return false;
	m->stack = grown;
	m->capacity *= 2;
	return true;
}

static inline void follow(struct hb_marker *m, uint64_t value)
{
	struct hb_target_slot target = hb_scan_find(&m->scan, value);
	if (target.kind == HB_SPAN_NONE)
		return;
	__builtin_prefetch(&m->marked[target.slot / 64], 1);
	if (target.kind == HB_SPAN_NOSCAN) {
		uint32_t *place = &m->leaves[m->leaf_at++ % QUEUE];
		mark(m, *place); /* slot 0 is nobody's */
		*place = target.slot;
		return;
	}
	m->stack[m->top++] = (struct waiting){target.word, target.slot, 0};
}

static uint64_t window_of_all(uint64_t nwords)
{
	return nwords < 64 ? (1ull << nwords) - 1 : ~0ull;
}

/* Follows what one visit may; pushes the object again when there is more. */
static bool scan_wide(struct hb_marker *m, struct waiting at, const struct hb_scan_page *page)
{
	const struct hb_heap *heap = m->scan.heap;
	enum hb_span_kind kind = page->where & 7;
	uint64_t nwords = page->nwords, large_type = 0;
	if (!nwords || kind == HB_SPAN_LARGE) {
		const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, page->first_slot)];
		nwords = span->elem_size / 8;
		large_type = span->large_type;
	}
	struct hb_pointers pointers = hb_pointers_of(heap, kind, at.word * 8, nwords, large_type);
	bool all = pointers.unknown && m->options.thorough;
	if (!pointers.bits && !pointers.mask && !all)
		return true;
	uint64_t start = (uint64_t)at.window * 64;
	for (uint64_t n = 0; start < nwords && n < WIDE_WINDOWS; n++, start += 64) {
		if (!reserve(m, ROOM + 1))
			return false;
		uint64_t bits = all ? window_of_all(nwords - start) : hb_pointers_window(&pointers, start);
		for (; bits; bits &= bits - 1)
			follow(m, hb_load_u64(pointers.bytes + (start + (uint64_t)__builtin_ctzll(bits)) * 8));
	}
	if (start < nwords) {
		if (!reserve(m, 1))
			return false;
		m->stack[m->top++] = (struct waiting){at.word, 0, (uint32_t)(start / 64)};
	}
	return true;
}

static inline bool visit(struct hb_marker *m, struct waiting at)
{
	if (at.slot && (!mark(m, at.slot) || (m->options.held && hb_slot_is_set(m->options.held, at.slot))))
		return true;
	const struct hb_scan_page *page = hb_scan_page_of_word(&m->scan, at.word);
	if ((page->where & 7) != HB_SPAN_BITS)
		return scan_wide(m, at, page);
	if (!reserve(m, ROOM))
		return false;
	const uint8_t *bytes = m->scan.memory + at.word * 8;
	for (uint64_t bits = hb_scan_window(&m->scan, at.word, page->nwords); bits; bits &= bits - 1)
		follow(m, hb_load_u64(bytes + (uint64_t)__builtin_ctzll(bits) * 8));
	return true;
}

static struct hb_error *drain(struct hb_marker *m)
{
	uint64_t idle = 0;
	for (uint64_t steps = 1; m->top || idle < QUEUE; steps++) {
		if (!(steps & POLL_MASK) && hb_interrupted())
			return hb_interrupted_error();
		struct waiting *place = &m->queue[m->queue_at++ % QUEUE], due = *place;
		*place = (struct waiting){0};
		if (m->top) {
			*place = m->stack[--m->top];
			hb_scan_prefetch(&m->scan, place->word);
			idle = 0;
		} else {
			idle++;
		}
		if ((due.slot || due.window) && !visit(m, due))
			return hb_error_nomem();
	}
	return NULL;
}

/* --- In steps ----------------------------------------------------------------------------------------------------- */

struct hb_error *hb_marker_create(const struct hb_heap *heap, const struct hb_marker_options *options, uint64_t *marked,
                                  struct hb_marker **ret)
{
	struct hb_marker *m = calloc(1, sizeof(*m));
	if (!m)
		return hb_error_nomem();
	m->options = *options;
	m->marked = marked;
	m->capacity = 1 << 14;
	struct hb_error *err = hb_scan_init(&m->scan, heap);
	if (!err && !(m->stack = hb_pages_map(m->capacity * sizeof(*m->stack))))
		err = hb_error_nomem();
	if (err) {
		hb_marker_destroy(m);
		return err;
	}
	/* Slots that are not allocated, or blocked, count as marked until the end, so that nothing looks at them. */
	const uint64_t *blocked = options->blocked;
	size_t nwords = hb_heap_bitmap_bytes(heap) / sizeof(*marked);
	for (size_t i = 0; i < nwords; i++)
		marked[i] = ~heap->allocated[i] | (blocked ? blocked[i] : 0);
	*ret = m;
	return NULL;
}

void hb_marker_destroy(struct hb_marker *m)
{
	if (!m)
		return;
	hb_pages_unmap(m->stack, m->capacity * sizeof(*m->stack));
	hb_scan_deinit(&m->scan);
	hb_vec_deinit(&m->hits);
	free(m);
}

struct hb_error *hb_marker_add(struct hb_marker *m, uint64_t value)
{
	if (!reserve(m, 1))
		return hb_error_nomem();
	follow(m, value);
	return NULL;
}

struct hb_error *hb_marker_open(struct hb_marker *m, uint32_t slot)
{
	const struct hb_heap *heap = m->scan.heap;
	if (!slot || slot > heap->nslots || !hb_heap_allocated(heap, slot))
		return NULL;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	struct hb_target_slot at = hb_scan_find(&m->scan, hb_heap_slot_addr(span, slot));
	if (at.kind == HB_SPAN_NONE || at.kind == HB_SPAN_NOSCAN)
		return NULL;
	return visit(m, (struct waiting){at.word, 0, 0}) ? NULL : hb_error_nomem();
}

struct hb_error *hb_marker_run(struct hb_marker *m)
{
	TRY(drain(m));
	for (int i = 0; i < QUEUE; i++) {
		mark(m, m->leaves[i]);
		m->leaves[i] = 0;
	}
	return m->out_of_memory ? hb_error_nomem() : NULL;
}

bool hb_marker_has(const struct hb_marker *m, uint32_t slot)
{
	return hb_slot_is_set(m->marked, slot);
}

uint32_t hb_marker_hit(struct hb_marker *m)
{
	return m->hits.len ? m->hits.data[--m->hits.len] : 0;
}

void hb_marker_finish(struct hb_marker *m)
{
	const uint64_t *allocated = m->scan.heap->allocated, *blocked = m->options.blocked;
	size_t nwords = hb_heap_bitmap_bytes(m->scan.heap) / sizeof(*m->marked);
	for (size_t i = 0; i < nwords; i++)
		m->marked[i] &= allocated[i] & ~(blocked ? blocked[i] : 0);
}

/* --- At once ------------------------------------------------------------------------------------------------------ */

struct hb_error *hb_graph_mark(const struct hb_heap *heap, const struct hb_roots *roots, uint64_t *marked)
{
	return hb_graph_mark_without(heap, roots, NULL, marked);
}

static struct hb_error *mark_roots(struct hb_marker *m, const struct hb_roots *roots)
{
	for (size_t i = 0; i < roots->edges.len; i++)
		TRY(hb_marker_add(m, roots->edges.data[i].value));
	return hb_marker_run(m);
}

struct hb_error *hb_graph_mark_without(const struct hb_heap *heap, const struct hb_roots *roots,
                                       const uint64_t *blocked, uint64_t *marked)
{
	struct hb_marker *m;
	TRY(hb_marker_create(heap, &(struct hb_marker_options){.blocked = blocked}, marked, &m));
	struct hb_error *err = mark_roots(m, roots);
	hb_marker_finish(m);
	hb_marker_destroy(m);
	return err;
}
