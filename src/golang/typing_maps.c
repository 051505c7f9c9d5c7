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

/* runtime/map.go hmap, 1.18-1.23; runtime/map_noswiss.go (GOEXPERIMENT=noswissmap), 1.24-1.25, has clearSeq before extra. */
bool hb_old_map_layout(const struct hb_go *go, struct hb_old_map *ret)
{
	const struct hb_go_layout *layout = go->layout;
	if (layout->hmap.size == HB_ABSENT) {
		*ret = (struct hb_old_map){.size = 56,
		                           .count = 0,
		                           .b = 9,
		                           .buckets = 16,
		                           .oldbuckets = 24,
		                           .nevacuate = 32,
		                           .extra = 48,
		                           .extra_size = 24,
		                           .overflow = 0,
		                           .oldoverflow = 8,
		                           .next_overflow = 16};
		return go->version.minor <= 25;
	}
	*ret = (struct hb_old_map){
	        .size = layout->hmap.size,
	        .count = layout->hmap.count,
	        .b = layout->hmap.b,
	        .buckets = layout->hmap.buckets,
	        .oldbuckets = layout->hmap.oldbuckets,
	        .nevacuate = layout->hmap.nevacuate,
	        .extra = layout->hmap.extra,
	        .extra_size = layout->map_extra.size,
	        .overflow = layout->map_extra.overflow,
	        .oldoverflow = layout->map_extra.oldoverflow,
	        .next_overflow = layout->map_extra.next_overflow,
	};
	return true;
}

/* runtime/map.go makeBucketArray, 1.18-1.25: from 16 buckets on a sixteenth is added for overflow, and what is left of the
 * size class is used for more. */
uint64_t hb_typer_count_buckets(const struct hb_typer *typer, uint64_t addr, uint64_t size, uint8_t b)
{
	struct hb_target_slot found = hb_scan_find(&typer->scan, addr);
	struct hb_claim whole = {.word = found.word, .kind = (uint8_t)found.kind};
	if (!found.kind || !size || b > 40)
		return 0;
	uint64_t slot_size = hb_typer_slot_size(typer, &whole), header = hb_typer_header(&whole), n = 1ull << b;
	if (b >= 4) {
		uint64_t room = (slot_size - header) / size;
		n = room >= n + n / 16 ? room : 0;
	}
	return n && n <= slot_size / size && hb_typer_is_class_of(typer, n * size + header, slot_size) ? n : 0;
}

void hb_typer_follow_buckets(struct hb_typer *typer, const uint8_t *header, uint32_t map)
{
	struct hb_old_map old;
	uint32_t bucket = typer->types->list[map].group;
	uint64_t size = typer->types->list[bucket].size;
	if (!hb_old_map_layout(typer->go, &old))
		return;
	uint8_t b = header[old.b];
	uint64_t buckets = hb_load_u64(header + old.buckets), before = hb_load_u64(header + old.oldbuckets);
	hb_typer_claim(typer, buckets, bucket, hb_typer_count_buckets(typer, buckets, size, b), false);
	if (!before)
		return;
	/* hashGrow: half as many before, or as many when only overflow buckets were too many. */
	uint64_t n = b ? hb_typer_count_buckets(typer, before, size, b - 1) : 0;
	hb_typer_claim(typer, before, bucket, n ? n : hb_typer_count_buckets(typer, before, size, b), false);
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
