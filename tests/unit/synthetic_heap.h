/* Heaps made by hand: spans of every kind, with objects, pointers and garbage where a test wants them.
 *
 * Spans are added at rising addresses, so slots have their final numbers at once:
 *   create(arenas) → span() … → alloc(), point() … → finish() → heap->…
 * The values written are a target's: addresses, not local pointers.
 */
#pragma once
#include "heap/heap.h"
#include "heap/roots.h"

struct synthetic_type {
	uint64_t addr, size_words, ptr_words;
	const uint64_t *mask;
};

struct synthetic_heap {
	struct hb_heap *heap;
	struct synthetic_type types[64];
	unsigned ntypes;
	uint64_t next; /* dense offset where the next span may start */
	size_t spans_cap;
	void *mapping;
	size_t mapping_bytes, bitmap_bytes;
};

/* Arenas at base + indexes[i] * 64 MB, rising; pages around the local memory are not accessible. Ends the test program
 * when memory is short. */
void synthetic_create(struct synthetic_heap *s, uint64_t base, const uint32_t *indexes, uint32_t narenas,
                      uint32_t nslots_max, bool inline_marks);
void synthetic_destroy(struct synthetic_heap *s);

/* Leaves pages unused before the next span. */
void synthetic_skip(struct synthetic_heap *s, uint32_t npages);

/* A span of npages with as many slots as fit, at most max_slots (0: any number); NULL when the arenas are full. Spans
 * cross from one arena to the next when their addresses do. type: HB_SPAN_LARGE. The pointer is good until the next
 * call. */
struct hb_span *synthetic_span(struct synthetic_heap *s, enum hb_span_kind kind, uint64_t elem_size, uint32_t npages,
                               uint32_t max_slots, const struct synthetic_type *type);

/* A type for HEADER and LARGE objects; known: its mask is in the heap's table. The mask is copied. */
const struct synthetic_type *synthetic_type(struct synthetic_heap *s, uint64_t size_words, uint64_t ptr_words,
                                            const uint64_t *mask, bool known);

void synthetic_alloc(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot);
/* First word of a HEADER object. */
void synthetic_set_header(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot, uint64_t type);
/* Stores a word and says nothing about it. */
void synthetic_store(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot, uint64_t word,
                     uint64_t value);
/* BITS and ARENA_BITS: makes the word a pointer (or not). Where the bitmaps of BITS are is up to heap->bits_in_arenas, set
 * before the first span is made. */
void synthetic_set_bit(struct synthetic_heap *s, const struct hb_span *span, uint32_t slot, uint64_t word, bool on);

/* Page table and totals. */
void synthetic_finish(struct synthetic_heap *s);

uint64_t synthetic_addr(const struct synthetic_heap *s, uint32_t slot);

/* --- Roots ------------------------------------------------------------------------------------------------------ */
uint32_t synthetic_root(struct hb_roots *roots, uint8_t phase, uint32_t parent);
void synthetic_root_edge(struct hb_roots *roots, uint32_t node, uint64_t value); /* by rising node */
