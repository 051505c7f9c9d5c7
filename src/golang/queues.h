/* Finalizers and cleanups that are due: their objects are garbage already, and what they need is kept by the queue
 * alone.
 *
 * runtime/mfinal.go allfin (1.18-1.27) and runtime/mcleanup.go gcCleanups.all (1.25-1.27) are lists of blocks in memory
 * of the runtime's own; the collector takes their entries for roots. Go 1.24 puts cleanups among the finalizers. A list
 * whose blocks are all empty cannot be told from other data without symbols: then there is nothing to find either.
 */
#pragma once
#include "golang/locate.h"

/* Finds the word of the program's data that heads a list, by shape; 0 when there is none. The snapshot must know its
 * arenas: no block is in the heap. */
uint64_t hb_go_queue_find(const struct hb_go_memory *memory, const struct hb_go_location *location,
                          enum hb_go_queue queue);

/* Calls visit for every block of the list that starts at the word `head` (0: none). */
void hb_go_queue_blocks(const struct hb_go_memory *memory, const struct hb_go_layout *layout, enum hb_go_queue queue,
                        uint64_t head, void (*visit)(void *ctx, uint64_t block, uint64_t size), void *ctx);

/* Calls visit for every word of a block's entries. */
void hb_go_queue_words(const struct hb_go_memory *memory, const struct hb_go_layout *layout, enum hb_go_queue queue,
                       uint64_t block, void (*visit)(void *ctx, uint64_t value), void *ctx);
