#include "leak/wait_channels.h"
#include "base/order.h"

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

struct context_type {
	uint32_t type;
	uint64_t done; /* offset of the channel: the data word of an atomic.Value */
};

/* As in contexts.c: cancelCtx, and what embeds it. */
static unsigned find_types(const struct hb_types *types, struct context_type *ret)
{
	static const char *const names[] = {"context.cancelCtx", "context.timerCtx", "context.afterFuncCtx"};
	uint32_t base = hb_types_by_name(types, names[0], "context");
	const struct hb_field *done = base ? hb_types_field(types, &types->list[base], "done") : NULL;
	unsigned n = 0;
	for (size_t i = 0; done && i < hb_countof(names); i++) {
		uint32_t type = hb_types_by_name(types, names[i], "context");
		const struct hb_field *inner =
		        type && type != base ? hb_types_field(types, &types->list[type], "cancelCtx") : NULL;
		if (type && (type == base || (inner && inner->type == base)) &&
		    (inner ? inner->offset : 0) + done->offset + 16 <= types->list[type].size)
			ret[n++] = (struct context_type){type, (inner ? inner->offset : 0) + done->offset + 8};
	}
	return n;
}

struct hb_error *hb_context_channels(const struct hb_analysis *analysis, struct hb_addresses *ret)
{
	const struct hb_heap *heap = analysis->heap;
	struct context_type types[3];
	unsigned ntypes = find_types(analysis->types, types);
	for (uint32_t i = 0; ntypes && i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind != HB_SPAN_BITS)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++)
			for (unsigned k = 0; k < ntypes; k++)
				if (analysis->typing->type_of[slot] == types[k].type)
					HB_VEC_PUSH(&ret->list,
					            hb_load_u64(hb_heap_bytes(heap, hb_heap_slot_addr(span, slot) +
					                                                    types[k].done)));
	}
	sort(ret);
	return NULL;
}
