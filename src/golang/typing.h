/* Typing: which Go type each object has, from whatever points at it (facts-types.md), with every claim checked against
 * the heap's own pointer bitmap.
 *
 * A claim says "n values of type T start at this address". It is exact when it starts at the object's start, its size
 * rounds up to the object's size class, its pointer mask equals the heap's bits, and the rest of the slot has none.
 */
#pragma once
#include "golang/types.h"
#include "heap/heap.h"
#include "heap/roots.h"

struct hb_code_facts; /* golang/code.h */

struct hb_typing {
	struct hb_types *types; /* borrowed; heap-made types are added to it */
	const struct hb_heap *heap;
	uint32_t *type_of; /* by slot: type id of the element, 0 unknown. nslots + 1 entries */
	/* Objects that hold n > 1 elements or a closure, map group …: how the type is to be read, by slot in a hash.
	 * For display: hb_typing_name. */
	struct hb_typing_extra *extra;
	uint64_t typed_bytes,
	        pointerful_bytes; /* of allocated pointerful objects; reached ones are counted by the caller */
	uint64_t rejected_claims, conflicting_claims;
	struct hb_arena arena;
};

enum hb_claim_source { /* what first gave an object its type; for coverage tables and -v */
	               HB_CLAIM_NONE,
	               HB_CLAIM_HEADER,
	               HB_CLAIM_INTERFACE,
	               HB_CLAIM_CHANNEL,
	               HB_CLAIM_CLOSURE,
	               HB_CLAIM_GLOBAL,
	               HB_CLAIM_CODE,
	               HB_CLAIM_DWARF,
	               HB_CLAIM_STACK,
	               HB_CLAIM_RULE,
	               HB_CLAIM_SLAB,
	               HB_CLAIM_RUNTIME,
	               HB_CLAIM_FIELD,
	               HB_CLAIM_LAYOUT, /* the only type that can have been allocated there */
};

/* facts: code facts and typed globals; NULL = none yet. Runs beside hb_graph_build on another thread: it reads the heap
 * only. */
struct hb_error *hb_typing_run(struct hb_types *types, const struct hb_heap *heap, const struct hb_roots *roots,
                               const struct hb_code_facts *facts, struct hb_typing **ret) HB_MUST_CHECK;
void hb_typing_destroy(struct hb_typing *typing);
void hb_typing_destroyp(struct hb_typing **typing);

/* What an object is, for people: "main.Session", "[]*os.File (cap 4,096)", "map[string]int groups", "closure of
 * main.handle.func1", "[]byte", "untyped 96-byte object". Pointer-free objects are named by the field that holds them
 * when it is known. */
void hb_typing_describe(const struct hb_typing *typing, uint32_t slot, char *buf, size_t size);

/* The name of the edge stored at byte offset `offset` of an object: ".byID", "[*]", "{key}", "{value}", ".next";
 * "" unknown. What lies between a map header and its entries has empty names, so that a path reads like Go. */
void hb_typing_edge_name(const struct hb_typing *typing, uint32_t slot, uint64_t offset, char *buf, size_t size);

/* Dense class ids for histograms: class_of[slot] (0 = untyped), names[class]. Objects of n elements of T are "[]T". */
struct hb_error *hb_typing_classes(const struct hb_typing *typing, struct hb_arena *arena, uint32_t **class_of,
                                   const char *const **names, uint32_t *nclasses) HB_MUST_CHECK;

/* The map type of an object that is the header of a map; the element type of one that is a channel. 0: it is none, or
 * nobody knows. */
uint32_t hb_typing_map_of(const struct hb_typing *typing, uint32_t slot);
uint32_t hb_typing_channel_of(const struct hb_typing *typing, uint32_t slot);
/* True for what lies between a map's header and its entries. */
bool hb_typing_is_in_map(const struct hb_typing *typing, uint32_t slot);
/* True when it is one value of its type: not an array of them, nothing of the runtime's. */
bool hb_typing_is_one(const struct hb_typing *typing, uint32_t slot);
