#include "golang/specials.h"
#include "heap/heap.h"

struct hb_special_guard hb_special_guard(const struct hb_snapshot *snapshot)
{
	enum { SMALLEST = 16 }; /* bytes of a record */
	struct hb_special_guard guard = {0};
	for (size_t i = 0; i < snapshot->nregions; i++)
		if (!snapshot->regions[i].in_arenas)
			guard.left += (snapshot->regions[i].end - snapshot->regions[i].start) / SMALLEST;
	return guard;
}

void hb_special_guard_start(struct hb_special_guard *guard)
{
	guard->mark = 0;
	guard->steps = 0;
	guard->most = 1;
}

bool hb_special_guard_passes(struct hb_special_guard *guard, uint64_t record)
{
	if (record == guard->mark || !guard->left)
		return false;
	guard->left--;
	if (++guard->steps == guard->most) { /* twice as far each time: any circle is walked whole one day */
		guard->mark = record;
		guard->steps = 0;
		guard->most *= 2;
	}
	return true;
}

/* 16 bits up to 1.23: the kind follows at once. */
static bool read_offset(const struct hb_go *go, uint64_t special, uint64_t *ret)
{
	uint32_t at = go->layout->special.offset;
	uint16_t narrow;
	if (go->layout->special.kind - at >= 8)
		return hb_snapshot_u64(go->snapshot, special + at, ret);
	if (!hb_snapshot_u16(go->snapshot, special + at, &narrow))
		return false;
	*ret = narrow;
	return true;
}

struct hb_specials hb_specials(const struct hb_go *go)
{
	return (struct hb_specials){.go = go, .guard = hb_special_guard(go->snapshot)};
}

void hb_specials_start(struct hb_specials *specials, const struct hb_span *span)
{
	specials->next = span->specials;
	specials->broken = false;
	hb_special_guard_start(&specials->guard);
}

bool hb_specials_next(struct hb_specials *specials)
{
	const struct hb_go *go = specials->go;
	uint64_t addr = specials->next;
	if (!addr)
		return false;
	specials->addr = addr;
	specials->broken = !hb_special_guard_passes(&specials->guard, addr) ||
	                   !hb_snapshot_u8(go->snapshot, addr + go->layout->special.kind, &specials->kind) ||
	                   !read_offset(go, addr, &specials->offset) ||
	                   !hb_snapshot_u64(go->snapshot, addr + go->layout->special.next, &specials->next);
	if (specials->broken)
		specials->next = 0;
	return !specials->broken;
}

uint32_t hb_specials_roots(const struct hb_specials *specials, uint64_t *ret)
{
	const struct hb_go_layout *layout = specials->go->layout;
	if (specials->kind == layout->kinds.finalizer) {
		*ret = specials->addr + layout->special_finalizer.fn;
		return 1;
	}
	if (specials->kind == layout->kinds.weak_handle) {
		*ret = specials->addr + layout->special_weak.handle;
		return 1;
	}
	if (specials->kind != layout->kinds.cleanup)
		return 0;
	*ret = specials->addr + layout->special_cleanup.fn;
	return layout->cleanup_fn.size == HB_ABSENT ? 1 : layout->cleanup_fn.size / 8;
}

uint32_t hb_specials_slot(const struct hb_specials *specials, const struct hb_span *span)
{
	uint64_t index = specials->offset / span->elem_size;
	return index < span->nelems ? span->first_slot + (uint32_t)index : 0;
}
