/* Reachability alone: no numbers, no tree, so objects may be visited in any order that hides memory latency. What is
 * popped waits in a short queue, its memory being fetched, while the visits before it run. */
#include "base/progress.h"
#include "heap/graph.h"
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

struct marking {
	struct hb_scan scan;
	uint64_t *marked;
	struct waiting *stack;
	uint64_t top, capacity;
	struct waiting queue[QUEUE];
	uint64_t queue_at;
	uint32_t leaves[QUEUE];
	uint64_t leaf_at;
};

static inline bool mark(struct marking *m, uint32_t slot)
{
	uint64_t *bits = &m->marked[slot / 64], bit = 1ull << (slot & 63);
	if (*bits & bit)
		return false;
	*bits |= bit;
	return true;
}

static bool reserve(struct marking *m, uint64_t more)
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

static inline void follow(struct marking *m, uint64_t value)
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

/* Follows what one visit may; pushes the object again when there is more. */
static bool scan_wide(struct marking *m, struct waiting at, const struct hb_scan_page *page)
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
	if (!pointers.bits && !pointers.mask)
		return true;
	uint64_t start = (uint64_t)at.window * 64;
	for (uint64_t n = 0; start < nwords && n < WIDE_WINDOWS; n++, start += 64) {
		if (!reserve(m, ROOM + 1))
			return false;
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1)
			follow(m, hb_load_u64(pointers.bytes + (start + (uint64_t)__builtin_ctzll(bits)) * 8));
	}
	if (start < nwords) {
		if (!reserve(m, 1))
			return false;
		m->stack[m->top++] = (struct waiting){at.word, 0, (uint32_t)(start / 64)};
	}
	return true;
}

static inline bool visit(struct marking *m, struct waiting at)
{
	if (at.slot && !mark(m, at.slot))
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

static struct hb_error *drain(struct marking *m)
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

static struct hb_error *run(struct marking *m, const struct hb_roots *roots)
{
	for (size_t i = 0; i < roots->edges.len; i++) {
		if (!reserve(m, 1))
			return hb_error_nomem();
		follow(m, roots->edges.data[i].value);
	}
	TRY(drain(m));
	for (int i = 0; i < QUEUE; i++)
		mark(m, m->leaves[i]);
	return NULL;
}

struct hb_error *hb_graph_mark(const struct hb_heap *heap, const struct hb_roots *roots, uint64_t *marked)
{
	return hb_graph_mark_without(heap, roots, NULL, marked);
}

struct hb_error *hb_graph_mark_without(const struct hb_heap *heap, const struct hb_roots *roots,
                                       const uint64_t *blocked, uint64_t *marked)
{
	struct marking m = {.marked = marked, .capacity = 1 << 14};
	TRY(hb_scan_init(&m.scan, heap));
	/* Slots that are not allocated, or blocked, count as marked until the end, so that nothing looks at them. */
	size_t nwords = hb_heap_bitmap_bytes(heap) / sizeof(*marked);
	for (size_t i = 0; i < nwords; i++)
		marked[i] = ~heap->allocated[i] | (blocked ? blocked[i] : 0);
	m.stack = hb_pages_map(m.capacity * sizeof(*m.stack));
	struct hb_error *err = m.stack ? run(&m, roots) : hb_error_nomem();
	for (size_t i = 0; i < nwords; i++)
		marked[i] &= heap->allocated[i] & ~(blocked ? blocked[i] : 0);
	hb_pages_unmap(m.stack, m.capacity * sizeof(*m.stack));
	hb_scan_deinit(&m.scan);
	return err;
}
