/* Allocation sites: the target's own memory-profile buckets, joined to objects by their profile specials.
 *
 * The runtime samples one allocation in MemProfileRate bytes (512 KB by default) and hangs a `special` of kind profile
 * on the object, pointing at a bucket with the allocation stack (runtime/mprof.go, runtime/mheap.go).
 */
#pragma once
#include "golang/runtime.h"
#include "heap/heap.h"

struct hb_alloc_sample {
	uint32_t slot;
	uint32_t stack; /* index in stacks */
};
struct hb_alloc_stack {
	uint32_t first_pc, npcs;         /* in pcs; return addresses, innermost first */
	uint64_t samples, sampled_bytes; /* of live objects, raw */
	double objects, bytes;           /* scaled as pprof scales them */
};
struct hb_alloc_sites {
	HB_VEC(struct hb_alloc_sample) samples; /* sorted by slot */
	HB_VEC(struct hb_alloc_stack) stacks;
	HB_VEC(uint64_t) pcs;
	uint64_t rate; /* MemProfileRate, 0: unknown or profiling off */
};
struct hb_error *hb_alloc_sites_read(const struct hb_go *go, const struct hb_heap *heap,
                                     struct hb_alloc_sites **ret) HB_MUST_CHECK;
void hb_alloc_sites_destroy(struct hb_alloc_sites *sites);
