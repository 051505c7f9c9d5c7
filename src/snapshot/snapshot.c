#include "snapshot/snapshot.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void hb_snapshot_destroy(struct hb_snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->nregions; i++) {
		struct hb_region *region = &snapshot->regions[i];
		if (!region->in_arenas)
			hb_pages_unmap(region->bytes, region->end - region->start);
		free(region->pages);
	}
	free(snapshot->pieces);
	hb_pages_unmap(snapshot->piece_bytes, snapshot->piece_bytes_len);
	hb_pages_unmap(snapshot->arenas.bytes, snapshot->arenas.reserved);
	hb_pages_unmap(snapshot->arenas.presence, snapshot->arenas.reserved >> HB_PAGE_SHIFT);
	free(snapshot->arenas.addr);
	free(snapshot->regions);
	free(snapshot->threads);
	free(snapshot->mappings);
	if (snapshot->exe_fd >= 0)
		close(snapshot->exe_fd);
	if (snapshot->debug_fd)
		close(snapshot->debug_fd);
	for (size_t i = 0; i < snapshot->nfiles; i++)
		if (snapshot->files[i].fd >= 0)
			close(snapshot->files[i].fd);
	free(snapshot->files);
	hb_fds_deinit(&snapshot->fds);
	hb_notes_deinit(&snapshot->notes);
	hb_arena_deinit(&snapshot->arena);
	free(snapshot);
}

void hb_snapshot_destroyp(struct hb_snapshot **snapshot)
{
	hb_snapshot_destroy(*snapshot);
	*snapshot = NULL;
}

const struct hb_region *hb_snapshot_region_from(const struct hb_snapshot *snapshot, uint64_t addr)
{
	size_t low = hb_partition_point(snapshot->nregions, i, snapshot->regions[i].end <= addr);
	return low == snapshot->nregions ? NULL : &snapshot->regions[low];
}

const struct hb_region *hb_snapshot_region(const struct hb_snapshot *snapshot, uint64_t addr)
{
	const struct hb_region *region = hb_snapshot_region_from(snapshot, addr);
	return region && region->start <= addr ? region : NULL;
}

static const void *piece_at(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t len)
{
	size_t low =
	        hb_partition_point(snapshot->npieces, i, snapshot->pieces[i].start + snapshot->pieces[i].len <= addr);
	if (low == snapshot->npieces || snapshot->pieces[low].start > addr)
		return NULL;
	const struct hb_snapshot_piece *piece = &snapshot->pieces[low];
	return len <= piece->len - (addr - piece->start) ? snapshot->piece_bytes + piece->offset + (addr - piece->start)
	                                                 : NULL;
}

const void *hb_snapshot_at(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t len)
{
	const struct hb_region *region = hb_snapshot_region(snapshot, addr);
	if (!region || len > region->end - addr)
		return NULL;
	uint64_t first = (addr - region->start) >> HB_PAGE_SHIFT;
	uint64_t last = len ? (addr - region->start + len - 1) >> HB_PAGE_SHIFT : first;
	for (uint64_t page = first; page <= last; page++)
		if (region->pages[page] != HB_PAGE_READ && region->pages[page] != HB_PAGE_ZERO)
			return snapshot->npieces ? piece_at(snapshot, addr, len) : NULL;
	return region->bytes + (addr - region->start);
}

const uint8_t *hb_snapshot_next_run(const struct hb_snapshot *snapshot, uint64_t *addr, uint64_t end, uint64_t *len)
{
	const struct hb_region *region;
	for (uint64_t at = *addr; at < end && (region = hb_snapshot_region_from(snapshot, at)); at = region->end) {
		at = hb_max(at, region->start);
		uint64_t upto = hb_min(end, region->end);
		uint64_t npages = upto > region->start ? (upto - region->start - 1) / HB_PAGE_SIZE + 1 : 0;
		uint64_t page = (at - region->start) >> HB_PAGE_SHIFT;
		while (page < npages && region->pages[page] != HB_PAGE_READ)
			page++;
		if (page >= npages)
			continue;
		*addr = hb_max(at, region->start + (page << HB_PAGE_SHIFT));
		while (page < npages && region->pages[page] == HB_PAGE_READ)
			page++;
		*len = hb_min(upto, region->start + (page << HB_PAGE_SHIFT)) - *addr;
		return region->bytes + (*addr - region->start);
	}
	return NULL;
}

#define DEFINE_SCALAR(name, T)                                               \
	bool name(const struct hb_snapshot *snapshot, uint64_t addr, T *ret) \
	{                                                                    \
		const void *at = hb_snapshot_at(snapshot, addr, sizeof(T));  \
		if (!at)                                                     \
			return false;                                        \
		memcpy(ret, at, sizeof(T));                                  \
		return true;                                                 \
	}
DEFINE_SCALAR(hb_snapshot_u8, uint8_t)
DEFINE_SCALAR(hb_snapshot_u16, uint16_t)
DEFINE_SCALAR(hb_snapshot_u32, uint32_t)
DEFINE_SCALAR(hb_snapshot_u64, uint64_t)

bool hb_snapshot_slice(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t max, uint64_t *data, uint64_t *len)
{
	const void *at = hb_snapshot_at(snapshot, addr, 16);
	if (!at)
		return false;
	uint64_t n = hb_load_u64((const char *)at + 8);
	if (n > max)
		return false;
	*data = hb_load_u64(at);
	*len = n;
	return true;
}

char *hb_snapshot_cstring(const struct hb_snapshot *snapshot, uint64_t addr, size_t max, struct hb_arena *arena)
{
	for (size_t len = 0; len < max; len++) {
		uint8_t byte;
		if (!hb_snapshot_u8(snapshot, addr + len, &byte))
			return NULL;
		if (byte)
			continue;
		const void *text = hb_snapshot_at(snapshot, addr, len + 1);
		return text ? hb_arena_strndup(arena, text, len) : NULL;
	}
	return NULL;
}
