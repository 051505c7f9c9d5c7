#include "leak/near_fd.h"

enum { MAX_OBJECTS = 48, MAX_OBJECT_BYTES = 512 };

struct search {
	const struct hb_analysis *analysis;
	uint64_t base;              /* of the object whose words are visited */
	uint32_t list[MAX_OBJECTS]; /* slots, in the order they were come upon */
	unsigned n;
};

static void visit_word(void *ctx, uint64_t word)
{
	struct search *search = ctx;
	const struct hb_heap *heap = search->analysis->heap;
	uint32_t slot = hb_heap_slot(heap, hb_load_u64(hb_heap_bytes(heap, search->base + word * 8)));
	if (!slot || !search->analysis->graph->number[slot] || search->n == MAX_OBJECTS)
		return;
	for (unsigned i = 0; i < search->n; i++)
		if (search->list[i] == slot)
			return;
	search->list[search->n++] = slot;
}

const struct hb_open_fd *hb_near_fd(const struct hb_analysis *analysis, uint32_t slot, unsigned max_hops)
{
	struct search search = {.analysis = analysis, .list = {slot}, .n = 1};
	for (unsigned next = 0, level_end = 1, hops = 0; next < search.n && hops <= max_hops; next++) {
		const struct hb_poll_fd *found = hb_poll_fds_of_slot(&analysis->poll_fds, search.list[next]);
		const struct hb_open_fd *fd = found ? hb_fd_table_find(&analysis->fds, found->fd) : NULL;
		if (fd && fd->go == found)
			return fd;
		const struct hb_span *span =
		        &analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, search.list[next])];
		search.base = hb_heap_slot_addr(span, search.list[next]);
		if (!found && span->kind != HB_SPAN_NOSCAN && span->elem_size <= MAX_OBJECT_BYTES)
			hb_heap_each_pointer_word(analysis->heap, span, search.list[next], visit_word, &search);
		if (next + 1 == level_end) {
			level_end = search.n;
			hops++;
		}
	}
	return NULL;
}
