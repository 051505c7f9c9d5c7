#include "leak/wait_channels.h"
#include "base/order.h"
#include "leak/context_types.h"

size_t hb_wait_channels(const struct hb_analysis *analysis, const struct hb_goroutine *goroutine,
                        uint64_t ret[static HB_WAIT_CASES])
{
	const struct hb_go_layout *layout = analysis->go->layout;
	uint64_t sudog = goroutine->waiting, channel;
	size_t n = 0;
	while (sudog) {
		if (n == HB_WAIT_CASES || !hb_snapshot_u64(analysis->snapshot, sudog + layout->sudog.c, &channel) ||
		    !hb_snapshot_u64(analysis->snapshot, sudog + layout->sudog.waitlink, &sudog))
			return 0;
		ret[n++] = channel;
	}
	return n;
}

/* --- Sets --------------------------------------------------------------------------------------------------------- */

static void sort(struct hb_addresses *addresses)
{
	if (addresses->list.len)
		qsort(addresses->list.data, addresses->list.len, sizeof(*addresses->list.data), hb_compare_u64);
}

bool hb_addresses_have(const struct hb_addresses *addresses, uint64_t addr)
{
	return addresses->list.len &&
	       bsearch(&addr, addresses->list.data, addresses->list.len, sizeof(addr), hb_compare_u64);
}

struct hb_error *hb_timer_channels(const struct hb_analysis *analysis, struct hb_addresses *ret)
{
	for (size_t i = 0; i < analysis->timers.list.len; i++)
		if (analysis->timers.list.data[i].kind == HB_TIMER_CHANNEL)
			HB_VEC_PUSH(&ret->list, analysis->timers.list.data[i].arg);
	sort(ret);
	return NULL;
}

/* --- Contexts ----------------------------------------------------------------------------------------------------- */

struct hb_error *hb_context_channels(const struct hb_analysis *analysis, struct hb_addresses *ret)
{
	const struct hb_heap *heap = analysis->heap;
	struct hb_context_type types[HB_CONTEXT_TYPES];
	unsigned ntypes = hb_context_types(analysis->types, types);
	for (uint32_t i = 0; ntypes && i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind != HB_SPAN_BITS)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			for (unsigned k = 0; k < ntypes; k++)
				if (analysis->typing->type_of[slot] == types[k].type)
					/* the data word of the atomic.Value */
					HB_VEC_PUSH(&ret->list, hb_heap_slot_word(heap, slot, types[k].done + 8));
	}
	sort(ret);
	return NULL;
}
