#include "leak/contents.h"
#include "target/target.h"

#include <string.h>

static bool all_present(struct hb_target *target, uint64_t addr, uint64_t len)
{
	enum { MOST = 16 };
	uint8_t there[MOST];
	uint64_t first = addr >> HB_PAGE_SHIFT, npages = ((addr + len - 1) >> HB_PAGE_SHIFT) - first + 1;
	if (npages > MOST)
		return false;
	struct hb_error *err = target->ops->pages(target, first << HB_PAGE_SHIFT, npages, there);
	bool present = !err;
	for (uint64_t i = 0; present && i < npages; i++)
		present = there[i] == HB_PAGE_PRESENT;
	hb_error_destroy(err);
	return present;
}

bool hb_contents_read(const struct hb_analysis *analysis, uint64_t addr, uint64_t len, void *to)
{
	const void *captured = hb_snapshot_at(analysis->snapshot, addr, len);
	if (captured)
		memcpy(to, captured, len);
	if (captured || !len)
		return true;
	if (!analysis->target || addr > UINT64_MAX - len || !all_present(analysis->target, addr, len))
		return false;
	struct hb_error *err = hb_target_read(analysis->target, addr, to, len);
	hb_error_destroy(err);
	return !err;
}
