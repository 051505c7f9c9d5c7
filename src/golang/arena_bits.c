#include "golang/arena_bits.h"
#include "base/progress.h"

enum { PAGE_WORDS = 1024, WINDOW = 64 };

static bool is_nibbles(const struct hb_go_layout *layout)
{
	return layout->heap_arena.no_more_ptrs == HB_ABSENT;
}

/* --- Where it is -------------------------------------------------------------------------------------------------- */

uint64_t hb_go_heap_arena(const struct hb_go_memory *memory, const struct hb_go_layout *layout, uint64_t mheap,
                          uint64_t arena)
{
	uint64_t table, heap_arena;
	if (!hb_go_memory_u64(memory, mheap + layout->mheap.arenas, &table) ||
	    !hb_go_memory_u64(memory, hb_go_heap_arena_entry(table, arena), &heap_arena))
		return 0;
	return heap_arena;
}

struct hb_arena_bits_ranges hb_go_arena_bits_of(const struct hb_go_layout *layout, uint64_t heap_arena, uint64_t first,
                                                uint64_t npages)
{
	uint64_t bits = heap_arena + layout->heap_arena.bitmap;
	if (is_nibbles(layout))
		return (struct hb_arena_bits_ranges){.bits = bits + first * PAGE_WORDS / 4,
		                                     .bits_len = npages * PAGE_WORDS / 4};
	return (struct hb_arena_bits_ranges){
	        .bits = bits + first * PAGE_WORDS / 8,
	        .bits_len = npages * PAGE_WORDS / 8,
	        .ends = heap_arena + layout->heap_arena.no_more_ptrs + first * PAGE_WORDS / WINDOW / 8,
	        .ends_len = npages * PAGE_WORDS / WINDOW / 8,
	};
}

/* --- What it says ------------------------------------------------------------------------------------------------- */

struct arena_bits {
	const struct hb_go *go;
	struct hb_heap *heap;
	uint64_t *heap_arenas; /* by dense arena, 0: not known */
	bool nibbles;
	uint64_t lost; /* spans without a bitmap */
	/* The part of one arena that is looked at: local words [from, to), whose bitmap begins at bits and ends. */
	uint64_t from, to;
	const uint8_t *bits, *ends;
};

/* Every other nibble of 8 bytes, side by side. */
static uint32_t nibbles_of(uint64_t bytes)
{
	bytes &= UINT64_C(0x0f0f0f0f0f0f0f0f);
	bytes = (bytes | bytes >> 4) & UINT64_C(0x00ff00ff00ff00ff);
	bytes = (bytes | bytes >> 8) & UINT64_C(0x0000ffff0000ffff);
	return (uint32_t)(bytes | bytes >> 16);
}

static uint64_t below(uint64_t n)
{
	return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

/* Pointer bits of the 64 words from `window` on, as far as they belong to the object [start, end): none behind its last
 * pointer. *more: whether the object's next 64 words may have any. */
static uint64_t read_window(const struct arena_bits *arena, uint64_t window, uint64_t start, uint64_t end, bool *more)
{
	uint64_t at = window - arena->from, bits;
	uint64_t own = below(hb_min(end - window, (uint64_t)WINDOW));
	if (start > window)
		own &= ~below(start - window);
	if (!arena->nibbles) {
		bits = hb_load_u64(arena->bits + at / 8);
		*more = !(arena->ends[at / WINDOW / 8] >> (at / WINDOW % 8) & 1);
		return bits & own;
	}
	uint64_t low = hb_load_u64(arena->bits + at / 4), high = hb_load_u64(arena->bits + at / 4 + 8);
	bits = nibbles_of(low) | (uint64_t)nibbles_of(high) << 32;
	uint64_t scan = nibbles_of(low >> 4) | (uint64_t)nibbles_of(high >> 4) << 32;
	uint64_t stops = ~scan & own;
	*more = !stops;
	return stops ? bits & own & below((uint64_t)__builtin_ctzll(stops)) : bits & own;
}

/* Looks at the part of a span that is in the arena of a local word; false when its bitmap is not in the snapshot. */
static bool enter_arena(struct arena_bits *arena, const struct hb_span *span, uint64_t span_word, uint64_t word)
{
	enum { ARENA_WORDS = 1 << (HB_ARENA_SHIFT - 3) };
	uint64_t dense = word / ARENA_WORDS, first = hb_max(span_word, dense * ARENA_WORDS);
	uint64_t end = hb_min(span_word + (uint64_t)span->npages * PAGE_WORDS, (dense + 1) * ARENA_WORDS);
	const struct hb_snapshot *snapshot = arena->go->snapshot;
	uint64_t heap_arena = arena->heap_arenas[dense];
	struct hb_arena_bits_ranges ranges = hb_go_arena_bits_of(
	        arena->go->layout, heap_arena, first % ARENA_WORDS / PAGE_WORDS, (end - first) / PAGE_WORDS);
	arena->bits = heap_arena ? hb_snapshot_at(snapshot, ranges.bits, ranges.bits_len) : NULL;
	arena->ends = arena->bits && ranges.ends_len ? hb_snapshot_at(snapshot, ranges.ends, ranges.ends_len) : NULL;
	arena->from = first;
	arena->to = end;
	return arena->bits && (arena->nibbles || arena->ends);
}

static bool read_object(struct arena_bits *arena, const struct hb_span *span, uint64_t span_word, uint64_t start)
{
	uint64_t end = start + span->elem_size / 8;
	bool more = true;
	for (uint64_t window = start & ~(uint64_t)(WINDOW - 1); window < end && more; window += WINDOW) {
		if ((window < arena->from || window >= arena->to) && !enter_arena(arena, span, span_word, window))
			return false;
		arena->heap->arena_bits[window / 64] |= read_window(arena, window, start, end, &more);
	}
	return true;
}

static void read_span(struct arena_bits *arena, const struct hb_span *span)
{
	uint64_t at;
	if (!hb_heap_page(arena->heap, span->base, &at))
		return;
	arena->from = arena->to = 0;
	for (uint32_t i = 0; i < span->nelems; i++)
		if (hb_heap_allocated(arena->heap, span->first_slot + i) &&
		    !read_object(arena, span, at / 8, (at + i * span->elem_size) / 8)) {
			arena->lost++;
			return;
		}
}

static struct hb_error *read_spans(struct arena_bits *arena)
{
	const struct hb_heap *heap = arena->heap;
	struct hb_go_memory memory = {arena->go->snapshot, NULL};
	for (uint32_t i = 0; i < heap->narenas; i++)
		arena->heap_arenas[i] =
		        hb_go_heap_arena(&memory, arena->go->layout, arena->go->mheap, heap->arena_addr[i]);
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_BITS || span->kind == HB_SPAN_ARENA_BITS)
			read_span(arena, span);
		if ((i & 1023) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	if (arena->lost)
		hb_notes_add_partial(
		        arena->go->notes,
		        "the pointer bitmaps of %llu heap spans were not captured: what their objects hold "
		        "is missing",
		        (unsigned long long)arena->lost);
	return NULL;
}

struct hb_error *hb_go_arena_bits_read(const struct hb_go *go, struct hb_heap *heap)
{
	hb_autofree uint64_t *heap_arenas = calloc(hb_max(heap->narenas, 1u), sizeof(*heap_arenas));
	heap->arena_bits = hb_pages_map(hb_heap_arena_bits_bytes(heap));
	if (!heap_arenas || !heap->arena_bits)
		return hb_error_nomem();
	struct arena_bits arena = {
	        .go = go, .heap = heap, .heap_arenas = heap_arenas, .nibbles = is_nibbles(go->layout)};
	return read_spans(&arena);
}
