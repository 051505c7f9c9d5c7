#include "heap/log.h"

enum { BLOCK_CHUNKS = 255 };

struct hb_log_block { /* just under 1 MB */
	struct hb_log_chunk chunks[BLOCK_CHUNKS];
	struct hb_log_block *next;
	size_t used;
};

struct hb_error *hb_log_init(struct hb_log *log, uint32_t max_key)
{
	*log = (struct hb_log){.nbuckets = (max_key >> HB_LOG_SHIFT) + 1};
	log->heads = calloc(log->nbuckets, sizeof(struct hb_log_chunk *));
	return log->heads ? NULL : hb_error_nomem();
}

void hb_log_deinit(struct hb_log *log)
{
	for (struct hb_log_block *block = log->blocks, *next; block; block = next) {
		next = block->next;
		hb_pages_unmap(block, sizeof(*block));
	}
	free(log->heads);
	*log = (struct hb_log){0};
}

bool hb_log_grow(struct hb_log *log, uint32_t bucket)
{
	struct hb_log_block *block = log->blocks;
	if (!block || block->used == BLOCK_CHUNKS) {
		block = hb_pages_map(sizeof(*block));
		if (!block)
			return false;
		block->next = log->blocks;
		log->blocks = block;
		log->bytes += sizeof(*block);
	}
	struct hb_log_chunk *chunk = &block->chunks[block->used++];
	chunk->next = log->heads[bucket];
	log->heads[bucket] = chunk;
	return true;
}
