#include "golang/profile.h"
#include "golang/specials.h"

#include <math.h>
#include <string.h>

/* runtime/mprof.go: at most maxStack (32; profstackdepth up to 1024 from 1.23) frames a bucket. */
enum { MAX_FRAMES = 1024 };
static const uint64_t DEFAULT_RATE = 512 * 1024; /* runtime.MemProfileRate */

struct stack_key {
	uint64_t hash;
	uint32_t stack; /* index + 1 */
};

struct reader {
	const struct hb_go *go;
	const struct hb_heap *heap;
	struct hb_alloc_sites *sites;
	struct stack_key *index; /* open addressing by hash of the pcs */
	uint32_t index_log2;
};

static uint64_t hash_pcs(const uint8_t *pcs, uint64_t n)
{
	uint64_t hash = 1469598103934665603u;
	for (uint64_t i = 0; i < n; i++) {
		hash = (hash ^ hb_load_u64(pcs + i * 8)) * 1099511628211u;
		hash ^= hash >> 29;
	}
	return hash;
}

static bool same_pcs(const struct hb_alloc_sites *sites, const struct hb_alloc_stack *stack, const uint8_t *pcs,
                     uint64_t n)
{
	return stack->npcs == n && !memcmp(sites->pcs.data + stack->first_pc, pcs, n * 8);
}

static struct hb_error *grow_index(struct reader *reader)
{
	uint32_t log2 = reader->index_log2 ? reader->index_log2 + 1 : 10;
	struct stack_key *grown = calloc((size_t)1 << log2, sizeof(*grown));
	if (!grown)
		return hb_error_nomem();
	for (size_t i = 0; reader->index && i < (size_t)1 << reader->index_log2; i++) {
		if (!reader->index[i].stack)
			continue;
		size_t at = reader->index[i].hash >> (64 - log2);
		while (grown[at].stack)
			at = (at + 1) & (((size_t)1 << log2) - 1);
		grown[at] = reader->index[i];
	}
	free(reader->index);
	reader->index = grown;
	reader->index_log2 = log2;
	return NULL;
}

/* The stack with these pcs; made when it is new. Buckets are keyed by stack and size, so several share one. */
static struct hb_error *find_stack(struct reader *reader, const uint8_t *pcs, uint64_t n, uint32_t *ret)
{
	struct hb_alloc_sites *sites = reader->sites;
	if (!reader->index || sites->stacks.len * 2 >= (size_t)1 << reader->index_log2)
		TRY(grow_index(reader));
	uint64_t hash = hash_pcs(pcs, n);
	size_t at = hash >> (64 - reader->index_log2);
	for (; reader->index[at].stack; at = (at + 1) & (((size_t)1 << reader->index_log2) - 1)) {
		*ret = reader->index[at].stack - 1;
		if (reader->index[at].hash == hash && same_pcs(sites, &sites->stacks.data[*ret], pcs, n))
			return NULL;
	}
	struct hb_alloc_stack stack = {.first_pc = (uint32_t)sites->pcs.len, .npcs = (uint32_t)n};
	for (uint64_t i = 0; i < n; i++)
		HB_VEC_PUSH(&sites->pcs, hb_load_u64(pcs + i * 8));
	HB_VEC_PUSH(&sites->stacks, stack);
	*ret = (uint32_t)sites->stacks.len - 1;
	reader->index[at] = (struct stack_key){hash, *ret + 1};
	return NULL;
}

/* One sample stands for 1 / (1 − e^(−size/rate)) objects of its size: runtime/pprof/protomem.go, scaleHeapSample. */
static double scale(uint64_t size, uint64_t rate)
{
	return size && rate > 1 ? 1 / (1 - exp(-(double)size / (double)rate)) : 1;
}

static struct hb_error *read_sample(struct reader *reader, const struct hb_span *span, const struct hb_specials *record)
{
	const struct hb_go_layout *layout = reader->go->layout;
	const struct hb_snapshot *snapshot = reader->go->snapshot;
	uint64_t bucket, size, nstk;
	uint32_t slot = hb_specials_slot(record, span), stack;
	if (!hb_snapshot_u64(snapshot, record->addr + layout->special_profile.bucket, &bucket) ||
	    !hb_snapshot_u64(snapshot, bucket + layout->bucket.bytes, &size) ||
	    !hb_snapshot_u64(snapshot, bucket + layout->bucket.nstk, &nstk) || nstk > MAX_FRAMES || !slot)
		return NULL;
	const uint8_t *pcs = hb_snapshot_at(snapshot, bucket + layout->bucket.size, nstk * 8);
	if (!pcs || !hb_heap_allocated(reader->heap, slot))
		return NULL;
	TRY(find_stack(reader, pcs, nstk, &stack));
	struct hb_alloc_stack *sum = &reader->sites->stacks.data[stack];
	sum->samples++;
	sum->sampled_bytes += size;
	sum->objects += scale(size, reader->sites->rate);
	sum->bytes += (double)size * scale(size, reader->sites->rate);
	HB_VEC_PUSH(&reader->sites->samples, (struct hb_alloc_sample){slot, stack});
	return NULL;
}

static int compare_samples(const void *a, const void *b)
{
	const struct hb_alloc_sample *x = a, *y = b;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static struct hb_error *read_all(struct reader *reader)
{
	struct hb_specials specials = hb_specials(reader->go);
	for (uint32_t i = 0; i < reader->heap->nspans; i++) {
		const struct hb_span *span = &reader->heap->spans[i];
		for (hb_specials_start(&specials, span); hb_specials_next(&specials);)
			if (specials.kind == reader->go->layout->kinds.profile)
				TRY(read_sample(reader, span, &specials));
	}
	if (reader->sites->samples.len)
		qsort(reader->sites->samples.data, reader->sites->samples.len, sizeof(struct hb_alloc_sample),
		      compare_samples);
	return NULL;
}

struct hb_error *hb_alloc_sites_read(const struct hb_go *go, const struct hb_heap *heap, struct hb_alloc_sites **ret)
{
	struct hb_alloc_sites *sites = calloc(1, sizeof(*sites));
	if (!sites)
		return hb_error_nomem();
	sites->rate = DEFAULT_RATE;
	struct reader reader = {.go = go, .heap = heap, .sites = sites};
	struct hb_error *err = read_all(&reader);
	free(reader.index);
	if (err)
		hb_alloc_sites_destroy(sites);
	else
		*ret = sites;
	return err;
}

void hb_alloc_sites_destroy(struct hb_alloc_sites *sites)
{
	if (!sites)
		return;
	hb_vec_deinit(&sites->samples);
	hb_vec_deinit(&sites->stacks);
	hb_vec_deinit(&sites->pcs);
	free(sites);
}
