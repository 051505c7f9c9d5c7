/* Maps and channels: what lies between their headers and their contents. */
#include "golang/typing_internal.h"

void hb_typer_follow_directory(struct hb_typer *typer, const uint8_t *header, uint32_t map)
{
	/* internal/runtime/maps/map.go, 1.24-1.27: dirLen 0 means one group and no table. */
	const struct hb_go_layout *layout = typer->go->layout;
	uint64_t pointer = hb_load_u64(header + layout->map.dir_ptr), len = hb_load_u64(header + layout->map.dir_len);
	if (!len)
		hb_typer_claim(typer, pointer, typer->types->list[map].group, 1, false);
	else
		hb_typer_claim(typer, pointer, hb_typer_pseudo(typer, HB_ROLE_DIRECTORY, map), len, false);
}

void hb_typer_follow_groups(struct hb_typer *typer, const uint8_t *table, uint32_t group)
{
	const struct hb_go_layout *layout = typer->go->layout;
	const uint8_t *groups = table + layout->map_table.groups;
	uint64_t mask = hb_load_u64(groups + layout->map_groups.length_mask);
	if (mask < UINT32_MAX)
		hb_typer_claim(typer, hb_load_u64(groups + layout->map_groups.data), group, mask + 1, false);
}

/* runtime/map.go hmap: B, the logarithm of the number of buckets, at offset 9; buckets at 16, those before a growth
 * at 24. Overflow buckets that were allocated along with them follow. */
void hb_typer_follow_buckets(struct hb_typer *typer, const uint8_t *header, uint32_t bucket)
{
	uint64_t size = typer->types->list[bucket].size;
	for (int i = 0; i < 2; i++) {
		uint64_t buckets = hb_load_u64(header + 16 + 8 * i);
		struct hb_target_slot found = hb_scan_find(&typer->scan, buckets);
		if (!found.kind || !size)
			continue;
		struct hb_claim whole = {.word = found.word, .kind = (uint8_t)found.kind};
		uint64_t room = hb_typer_slot_size(typer, &whole) - hb_typer_header(&whole);
		hb_typer_claim(typer, buckets, bucket, room / size, false);
	}
}

/* runtime/chan.go makechan: a channel whose buffer has no pointers, or that has no buffer, is one pointer-free object.
 */
void hb_typer_claim_channel(struct hb_typer *typer, uint64_t addr, uint32_t elem)
{
	struct hb_target_slot found = hb_scan_find(&typer->scan, addr);
	if (!found.kind)
		return;
	enum hb_role role = found.kind == HB_SPAN_NOSCAN ? HB_ROLE_CHAN_INLINE : HB_ROLE_CHAN;
	hb_typer_claim(typer, addr, hb_typer_pseudo(typer, role, elem), 1, false);
}

void hb_typer_follow_buffer(struct hb_typer *typer, const uint8_t *channel, uint32_t elem)
{
	const struct hb_go_layout *layout = typer->go->layout;
	if (hb_load_u64(channel + layout->hchan.elemtype) != typer->types->list[elem].addr)
		return;
	uint64_t room = hb_load_u64(channel + layout->hchan.dataqsiz);
	hb_typer_claim(typer, hb_load_u64(channel + layout->hchan.buf), elem, room, true);
}
