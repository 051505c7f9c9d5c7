/* Append-only logs of 8-byte items, sorted roughly as they are written: an item goes to the bucket of its key's upper
 * bits, and a reader sorts one bucket at a time. This replaces an array of incoming edges, which would have to be
 * counted first.
 */
#pragma once
#include "base/memory.h"

enum {
	HB_LOG_SHIFT = 16, /* keys of a bucket: small enough to sort in the second-level cache */
	HB_LOG_CHUNK = 510,
};

struct hb_log_chunk { /* 4 KB */
	struct hb_log_chunk *next;
	uint64_t n;
	uint64_t items[HB_LOG_CHUNK];
};

struct hb_log {
	struct hb_log_chunk **heads; /* a list a bucket */
	uint32_t nbuckets;
	struct hb_log_block *blocks; /* where chunks come from */
	uint64_t items;
	uint64_t bytes; /* of blocks */
};

/* Keys are 0 … max_key. */
struct hb_error *hb_log_init(struct hb_log *log, uint32_t max_key) HB_MUST_CHECK;
void hb_log_deinit(struct hb_log *log);

/* Puts an empty chunk at the head of a bucket; false when out of memory. */
bool hb_log_grow(struct hb_log *log, uint32_t bucket);

static inline bool hb_log_put(struct hb_log *log, uint32_t key, uint64_t item)
{
	uint32_t bucket = key >> HB_LOG_SHIFT;
	struct hb_log_chunk *chunk = log->heads[bucket];
	if (__builtin_expect(!chunk || chunk->n == HB_LOG_CHUNK, 0)) {
		if (!hb_log_grow(log, bucket))
			return false;
		chunk = log->heads[bucket];
	}
	chunk->items[chunk->n++] = item;
	return true;
}
