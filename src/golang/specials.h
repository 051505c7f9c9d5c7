/* Special records: what the runtime knows of one object beyond its bytes (finalizer, cleanup, weak handle, profile sample).
 * They hang off the span in a list, by offset. runtime/mheap.go special; 1.18-1.27.
 */
#pragma once
#include "golang/runtime.h"

/* The byte offset in the span of the object that a record is about; false when it is not in the snapshot. */
static inline bool hb_go_special_offset(const struct hb_go *go, uint64_t special, uint64_t *ret)
{
	uint32_t at = go->layout->special.offset;
	uint16_t narrow;
	if (go->layout->special.kind - at >= 8) /* 16 bits up to 1.23: the kind follows at once */
		return hb_snapshot_u64(go->snapshot, special + at, ret);
	if (!hb_snapshot_u16(go->snapshot, special + at, &narrow))
		return false;
	*ret = narrow;
	return true;
}
