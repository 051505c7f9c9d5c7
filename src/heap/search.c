/* Depth-first search straight over the heap's bytes (docs/dominators.md).
 *
 * Children are pushed with a prefetch of what their visit needs, and looked at when they are popped, so that the tree
 * is a depth-first one and a memory access is hidden behind the visits between. Objects that are wider than a window
 * are pushed again with the place to go on, which bounds the stack. Leaves never enter it.
 */
#include "heap/build.h"

#include <sys/mman.h>

enum {
	/* Stands for slots that are not allocated while the search runs, so that the visited check covers them. */
	FREE = UINT32_MAX,
	POLL_MASK = 0xffff,
	WIDE_PUSHES = 32,            /* a wide object rests after so many children … */
	WIDE_WINDOWS = 64,           /* … or so many windows without */
	ROOM = WIDE_PUSHES + 64 + 1, /* what one visit may push */
	LEAF_DELAY = 32,             /* power of two */
	PEEK_CHILDREN = 4,
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Flags in entry.word. */
static const uint64_t CONTINUED = 1ull << 63; /* go on with an object whose visit has begun */
static const uint64_t PEEKED = 1ull << 62;    /* its children are being fetched */

struct entry {
	uint64_t word; /* of the object */
	uint32_t slot; /* CONTINUED: index of the next window */
	uint32_t from; /* number of the referrer; CONTINUED: of the object itself */
};

struct leaf_reference {
	uint32_t slot, from;
};

struct search {
	struct hb_scan scan;
	uint32_t *number, *slot_of, *parent, *nwords;
	struct entry *stack;
	uint64_t top, stack_capacity, highest;
	uint32_t count, last_root;
	/* numbers of earlier phases: objects up to `floor`, root nodes below phase_root */
	uint32_t floor, phase_root;
	/* number[] of cut_targets[i] is cut_base + i while the search runs, cut_numbers[i] its real number */
	uint32_t cut_base, *cut_numbers;
	uint64_t edges, leaves, unknown;
	struct leaf_reference ring[LEAF_DELAY];
	uint64_t ring_at;
	bool out_of_memory;
	struct hb_build *build;
};

/* --- Leaves ----------------------------------------------------------------------------------------------------- */

static bool is_earlier_phase(const struct search *s, uint32_t number)
{
	return number > s->last_root ? number <= s->floor : number < s->phase_root;
}

/* A leaf that has been met before, or must not be met. */
static __attribute__((noinline)) void leaf_again(struct search *s, uint32_t slot, uint32_t from)
{
	uint32_t first = s->number[slot];
	if (first == FREE || (first >= s->cut_base && from > s->last_root)) {
		s->edges--;
		return;
	}
	if (first >= s->cut_base) {
		uint32_t *real = &s->cut_numbers[first - s->cut_base];
		if (!*real) {
			*real = from;
			s->leaves++;
			return;
		}
		first = *real;
	}
	if (first == from)
		return;
	if (is_earlier_phase(s, first))
		s->edges--;
	else if (!hb_log_put(&s->build->leaf_edges, first, (uint64_t)slot << 32 | from))
		s->out_of_memory = true;
}

static inline void leaf_settle(struct search *s, struct leaf_reference leaf)
{
	if (!s->number[leaf.slot]) {
		s->number[leaf.slot] = leaf.from;
		s->leaves++;
	} else if (s->number[leaf.slot] != leaf.from) {
		leaf_again(s, leaf.slot, leaf.from);
	}
}

static inline void leaf_put(struct search *s, uint32_t slot, uint32_t from)
{
	struct leaf_reference *place = &s->ring[s->ring_at++ % LEAF_DELAY];
	__builtin_prefetch(&s->number[slot], 1);
	if (place->slot)
		leaf_settle(s, *place);
	*place = (struct leaf_reference){slot, from};
}

static void leaves_flush(struct search *s)
{
	for (uint64_t i = 0; i < LEAF_DELAY; i++) {
		struct leaf_reference *place = &s->ring[s->ring_at++ % LEAF_DELAY];
		if (place->slot)
			leaf_settle(s, *place);
		*place = (struct leaf_reference){0};
	}
}

/* --- Visits ----------------------------------------------------------------------------------------------------- */

static bool stack_reserve(struct search *s, uint64_t more)
{
	if (__builtin_expect(s->top + more <= s->stack_capacity, 1))
		return true;
	uint64_t capacity = s->stack_capacity * 2;
	void *grown =
	        mremap(s->stack, s->stack_capacity * sizeof(*s->stack), capacity * sizeof(*s->stack), MREMAP_MAYMOVE);
	if (grown == MAP_FAILED) {
		s->out_of_memory = true;
		return false;
	}
	s->stack = grown;
	s->stack_capacity = capacity;
	return s->top + more <= capacity;
}

/* Starts reading what the visit of an object needs. */
static ALWAYS_INLINE void fetch(const struct search *s, struct hb_target_slot target)
{
	__builtin_prefetch(&s->number[target.slot], 1);
	hb_scan_prefetch(&s->scan, target.word);
}

/* The caller has reserved room. */
static ALWAYS_INLINE void follow(struct search *s, uint64_t value, uint32_t from)
{
	struct hb_target_slot target = hb_scan_find(&s->scan, value);
	if (target.kind == HB_SPAN_NONE)
		return;
	s->edges++;
	if (target.kind == HB_SPAN_NOSCAN) {
		leaf_put(s, target.slot, from);
		return;
	}
	fetch(s, target);
	s->stack[s->top++] = (struct entry){target.word, target.slot, from};
}

/* Looks at the object that waits right below the one that is visited next: its memory has arrived meanwhile, and while
 * that of the other one has not, there is time to find its children and have them fetched. */
static ALWAYS_INLINE void peek(const struct search *s, struct entry *entry)
{
	if (entry->word & (CONTINUED | PEEKED))
		return;
	uint64_t word = entry->word;
	entry->word |= PEEKED;
	const struct hb_scan_page *page = hb_scan_page_of_word(&s->scan, word);
	if ((page->where & 7) != HB_SPAN_BITS || s->number[entry->slot])
		return;
	const uint8_t *bytes = s->scan.memory + word * 8;
	uint64_t bits = hb_scan_window(&s->scan, word, page->nwords);
	for (int n = 0; bits && n < PEEK_CHILDREN; bits &= bits - 1, n++) {
		uint64_t value = hb_load_u64(bytes + (uint64_t)__builtin_ctzll(bits) * 8);
		struct hb_target_slot target = hb_scan_find(&s->scan, value);
		if (target.kind >= HB_SPAN_BITS)
			fetch(s, target);
	}
}

static inline uint32_t give_number(struct search *s, uint32_t slot, uint32_t from, uint32_t nwords)
{
	uint32_t number = ++s->count;
	s->slot_of[number] = slot;
	s->parent[number] = from;
	s->nwords[number] = nwords;
	return number;
}

/* An edge to an object that has been met before, or must not be met. Returns the number to give it a visit with, which
 * only a root's first edge to a cut target gets; 0 otherwise. */
static __attribute__((noinline)) uint32_t visit_again(struct search *s, const struct entry *entry, uint32_t nwords)
{
	uint32_t number = s->number[entry->slot];
	if (number == FREE || (number >= s->cut_base && entry->from > s->last_root)) {
		s->edges--;
		return 0;
	}
	if (number >= s->cut_base) {
		uint32_t *real = &s->cut_numbers[number - s->cut_base];
		if (!*real)
			return *real = give_number(s, entry->slot, entry->from, nwords);
		number = *real;
	}
	if (number <= s->floor)
		s->edges--;
	else if (number != entry->from && !hb_log_put(&s->build->edges, number, (uint64_t)number << 32 | entry->from))
		s->out_of_memory = true;
	return 0;
}

/* Follows an object's pointers from a window on, until it rests or is done. */
static __attribute__((noinline)) void scan_wide(struct search *s, uint64_t word, const struct hb_scan_page *page,
                                                uint32_t number, uint64_t window)
{
	const struct hb_heap *heap = s->scan.heap;
	enum hb_span_kind kind = page->where & 7;
	uint64_t nwords = page->nwords, large_type = 0;
	if (!nwords || kind == HB_SPAN_LARGE) {
		const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, page->first_slot)];
		nwords = span->elem_size / 8;
		large_type = span->large_type;
	}
	struct hb_pointers pointers = hb_pointers_of(heap, kind, word * 8, nwords, large_type);
	if (!window)
		s->unknown += pointers.unknown;
	if (!pointers.bits && !pointers.mask)
		return;
	/* The place to go on lies below the children. */
	uint64_t place = s->top++, start = window * 64;
	for (uint64_t n = 0; start < nwords && n < WIDE_WINDOWS && s->top - place <= WIDE_PUSHES; n++, start += 64)
		for (uint64_t bits = hb_pointers_window(&pointers, start); bits; bits &= bits - 1)
			follow(s, hb_load_u64(pointers.bytes + (start + (uint64_t)__builtin_ctzll(bits)) * 8), number);
	if (start < nwords)
		s->stack[place] = (struct entry){word | CONTINUED, (uint32_t)(start / 64), number};
	else
		s->stack[place] = s->stack[--s->top]; /* nothing to go on with: the last child, if any, moves down */
}

/* Visits what is on the stack until it is empty. */
static struct hb_error *drain(struct search *s)
{
	for (uint64_t steps = 1; s->top; steps++) {
		if (!(steps & POLL_MASK)) {
			s->highest = hb_max(s->highest, s->top);
			if (s->out_of_memory)
				break;
			TRY(hb_build_poll((s->count + s->leaves) / 2));
		}
		struct entry entry = s->stack[--s->top];
		if (s->top)
			peek(s, &s->stack[s->top - 1]);
		uint64_t word = entry.word & ~(CONTINUED | PEEKED), window = 0;
		const struct hb_scan_page *page = hb_scan_page_of_word(&s->scan, word);
		uint32_t number;
		if (entry.word & CONTINUED) {
			number = entry.from;
			window = entry.slot;
		} else if (!s->number[entry.slot]) {
			s->number[entry.slot] = number = give_number(s, entry.slot, entry.from, page->nwords);
		} else {
			number = visit_again(s, &entry, page->nwords);
			if (!number)
				continue;
		}
		if (!stack_reserve(s, ROOM))
			break;
		if ((page->where & 7) != HB_SPAN_BITS) {
			scan_wide(s, word, page, number, window);
			continue;
		}
		uint64_t bits = hb_scan_window(&s->scan, word, page->nwords);
		for (const uint8_t *bytes = s->scan.memory + word * 8; bits; bits &= bits - 1)
			follow(s, hb_load_u64(bytes + (uint64_t)__builtin_ctzll(bits) * 8), number);
	}
	return s->out_of_memory ? hb_error_nomem() : NULL;
}

/* --- Roots ------------------------------------------------------------------------------------------------------ */

static void number_roots(struct search *s, const struct hb_roots *roots)
{
	give_number(s, 0, 0, 0);
	for (size_t i = 0; i < roots->nodes.len; i++) {
		uint32_t parent = roots->nodes.data[i].parent;
		give_number(s, 0, parent == HB_ROOT_NONE ? 1 : hb_graph_root_number(parent), 0);
	}
	s->floor = s->count;
}

static struct hb_error *visit_root(struct search *s, uint32_t node)
{
	const struct hb_roots *roots = s->build->roots;
	for (size_t i = hb_roots_first_edge(roots, node); i < roots->edges.len && roots->edges.data[i].node == node;
	     i++) {
		if (!stack_reserve(s, 1))
			return hb_error_nomem();
		follow(s, roots->edges.data[i].value, hb_graph_root_number(node));
	}
	s->highest = hb_max(s->highest, s->top);
	return drain(s);
}

static struct hb_error *visit_roots(struct search *s)
{
	const struct hb_build *build = s->build;
	uint8_t phase = 0;
	s->phase_root = 2;
	for (uint32_t node = 0; node < build->graph->nroots; node++) {
		if (build->roots->nodes.data[node].phase != phase) {
			leaves_flush(s);
			phase = build->roots->nodes.data[node].phase;
			s->floor = s->count;
			s->phase_root = hb_graph_root_number(node);
		}
		build->before_root[node] = s->count;
		TRY(visit_root(s, node));
	}
	leaves_flush(s);
	return s->out_of_memory ? hb_error_nomem() : NULL;
}

/* --- Slots that are no ordinary targets ------------------------------------------------------------------------- */

/* Sets number[] of every slot that is not allocated. */
static void number_free_slots(uint32_t *number, const struct hb_heap *heap, uint32_t value)
{
	for (uint64_t first = 0; first <= heap->nslots; first += 64) {
		uint64_t unused = ~heap->allocated[first / 64];
		if (!first)
			unused &= ~1ull; /* slot 0 is none */
		if (heap->nslots - first < 63)
			unused &= (2ull << (heap->nslots - first)) - 1;
		for (; unused; unused &= unused - 1)
			number[first + (uint64_t)__builtin_ctzll(unused)] = value;
	}
}

/* Of a slot that is listed twice, the last place counts, in both passes. */
static void number_cut_targets(struct search *s, bool real)
{
	const uint32_t *slots = s->build->roots->cut_targets.data;
	size_t n = s->build->roots->cut_targets.len;
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = slots[i];
		if (slot <= s->scan.heap->nslots && hb_heap_allocated(s->scan.heap, slot))
			s->number[slot] = real ? s->cut_numbers[i] : s->cut_base + (uint32_t)i;
	}
}

static struct hb_error *run(struct search *s)
{
	struct hb_build *build = s->build;
	number_free_slots(s->number, build->heap, FREE);
	number_cut_targets(s, false);
	number_roots(s, build->roots);
	TRY(visit_roots(s));
	number_cut_targets(s, true);
	number_free_slots(s->number, build->heap, 0);
	return NULL;
}

struct hb_error *hb_search_run(struct hb_build *build)
{
	struct hb_graph *graph = build->graph;
	size_t ncuts = build->roots->cut_targets.len;
	struct search s = {
	        .scan = build->scan,
	        .build = build,
	        .number = graph->number,
	        .slot_of = graph->slot_of,
	        .parent = graph->parent,
	        .nwords = graph->retained_objects,
	        .last_root = build->last_root,
	        .cut_base = FREE - (uint32_t)ncuts,
	        .stack_capacity = 1 << 14,
	};
	s.stack = hb_pages_map(s.stack_capacity * sizeof(*s.stack));
	s.cut_numbers = calloc(ncuts + 1, sizeof(*s.cut_numbers));
	struct hb_error *err = s.stack && s.cut_numbers ? run(&s) : hb_error_nomem();
	graph->count = s.count;
	graph->edges = s.edges;
	graph->leaves = s.leaves;
	graph->unknown_objects = s.unknown;
	build->stack_bytes = hb_max(s.highest, s.top) * sizeof(*s.stack);
	hb_pages_unmap(s.stack, s.stack_capacity * sizeof(*s.stack));
	free(s.cut_numbers);
	return err;
}
