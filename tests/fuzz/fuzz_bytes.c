/* Checked reads: any offset into any bytes, through views and through a snapshot whose pages may be unread. Compared
 * with what a reader that cannot go wrong (a copy in a larger, zeroed buffer) would say. */
#include "snapshot/snapshot.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void read_view(struct hb_bytes view, uint64_t offset, uint64_t len)
{
	uint8_t byte;
	uint32_t half;
	uint64_t word;
	require(hb_get_u8(view, offset, &byte) == (offset < view.len));
	bool fits = view.len >= 8 && offset <= view.len - 8;
	require(hb_get_u64(view, offset, &word) == fits);
	require(!fits || !memcmp(&word, view.data + offset, 8));
	fits = view.len >= 4 && offset <= view.len - 4;
	require(hb_get_u32(view, offset, &half) == fits);
	struct hb_bytes slice = hb_bytes_slice(view, offset, len);
	require(!slice.data ||
	        (slice.data >= view.data && slice.len <= view.len && slice.data + slice.len <= view.data + view.len));
	uint64_t at = offset;
	if (hb_get_uvarint32(view, &at, &half))
		require(at > offset && at - offset <= 5 && at <= view.len);
}

enum { NPAGES = 6, BASE = 0x40000 };

static void read_snapshot(const struct hb_snapshot *snapshot, const uint8_t *states, uint64_t addr, uint64_t len)
{
	const void *at = hb_snapshot_at(snapshot, addr, len);
	bool known = addr >= BASE && addr < BASE + NPAGES * HB_PAGE_SIZE && len <= BASE + NPAGES * HB_PAGE_SIZE - addr;
	for (uint64_t page = 0; known && page < NPAGES; page++) {
		uint64_t start = BASE + page * HB_PAGE_SIZE, last = addr + (len ? len - 1 : 0);
		if (start <= last && addr < start + HB_PAGE_SIZE)
			known = states[page] == HB_PAGE_READ || states[page] == HB_PAGE_ZERO;
	}
	require((at != NULL) == known);
	uint64_t word, data, count;
	require(!hb_snapshot_u64(snapshot, addr, &word) || hb_snapshot_at(snapshot, addr, 8));
	require(!hb_snapshot_slice(snapshot, addr, len, &data, &count) || count <= len);
	struct hb_arena arena = {0};
	char *text = hb_snapshot_cstring(snapshot, addr, (size_t)(len & 0xffff), &arena);
	require(!text || strlen(text) < (len & 0xffff));
	hb_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[NPAGES * HB_PAGE_SIZE];
	uint8_t states[NPAGES];
	if (size < NPAGES + 16)
		return 0;
	for (unsigned i = 0; i < NPAGES; i++)
		states[i] = data[i] & 3;
	uint64_t offset = hb_load_u64(data + NPAGES), len = hb_load_u64(data + NPAGES + 8);
	struct hb_bytes rest = {data + NPAGES + 16, size - NPAGES - 16};
	memset(memory, 0, sizeof(memory));
	if (rest.len)
		memcpy(memory + (offset % HB_PAGE_SIZE), rest.data, hb_min(rest.len, (size_t)HB_PAGE_SIZE));
	struct hb_region region = {.start = BASE, .end = BASE + sizeof(memory), .bytes = memory, .pages = states};
	const struct hb_snapshot snapshot = {.regions = &region, .nregions = 1};
	read_view(rest, offset, len);
	read_view(rest, offset % (rest.len + 2), len % (rest.len + 2));
	read_snapshot(&snapshot, states, offset, len);
	read_snapshot(&snapshot, states, BASE + offset % (sizeof(memory) + 20), len % (2 * sizeof(memory)));
	return 0;
}
