/* The 64 MB arenas of a heap. runtime/malloc.go: arenaIndex(p) = (p - arenaBaseOffset) / heapArenaBytes; arenaBaseOffset =
 * 0xffff800000000000 on linux/amd64, heapArenaBytes = 64 MB. mheap.allArenas (heapArenas from 1.26 on) lists the indices in
 * use, but not those of user arenas (runtime/arena.go, 1.20-1.27), which only programs built with GOEXPERIMENT=arenas have.
 */
#include "base/order.h"
#include "golang/arena_bits.h"
#include "snapshot/capture_internal.h"

#include <string.h>

struct addresses {
	HB_VEC(uint64_t) list;
};

/* From the target itself while it runs: it may have grown since its data was read, and before the arenas are known there
 * are no regions for the memory that lists them. */
static bool read_now(struct capture *capture, uint64_t addr, void *to, size_t len)
{
	struct hb_go_memory memory = {capture->snapshot, capture->target};
	if (capture->stopped)
		return hb_go_memory_read(&memory, addr, to, len);
	struct hb_error *err = hb_target_read(capture->target, addr, to, len);
	hb_error_destroy(err);
	return !err;
}

static struct hb_error *add_address(struct capture *capture, uint64_t index, struct addresses *ret)
{
	uint64_t addr = (index << HB_ARENA_SHIFT) + UINT64_C(0xffff800000000000);
	if (addr >> 47 || hb_snapshot_in_arenas(capture->snapshot, addr))
		return NULL;
	HB_VEC_PUSH(&ret->list, addr);
	return NULL;
}

static struct hb_error *add_listed(struct capture *capture, struct addresses *ret)
{
	uint64_t header[2] = {0};
	bool have = read_now(capture, capture->go.mheap + capture->go.layout->mheap.all_arenas, header, sizeof(header));
	hb_autofree uint8_t *list = have && header[1] && header[1] < 1u << 22 ? malloc(header[1] * 8) : NULL;
	if (!list || !read_now(capture, header[0], list, header[1] * 8))
		return hb_error_create(HB_ERR_CORRUPT, "the list of heap arenas cannot be read");
	for (uint64_t i = 0; i < header[1]; i++)
		TRY(add_address(capture, hb_load_u64(list + i * 8), ret));
	return NULL;
}

/* --- User arenas ------------------------------------------------------------------------------------------------- */

enum { ENTRIES = HB_PAGE_SIZE / 8 };

/* A page of the table: in the stop by way of the snapshot, which keeps it for those who examine it later. */
static bool read_table_page(struct capture *capture, uint64_t addr, uint64_t entries[ENTRIES])
{
	const void *at = capture->stopped ? capture_want(capture, addr, HB_PAGE_SIZE) : NULL;
	if (!capture->stopped)
		return read_now(capture, addr, entries, HB_PAGE_SIZE);
	if (at)
		memcpy(entries, at, HB_PAGE_SIZE);
	return at;
}

/* mheap.arenas has an entry for every arena of the address space, of user arenas, too (runtime/malloc.go sysAlloc). Its
 * table lies on pages of its own, few of which were ever touched; lower addresses are the upper half. */
static struct hb_error *add_unlisted(struct capture *capture, struct addresses *ret)
{
	enum { HALF = 1 << 21, CHUNK = 4096 };
	uint64_t table;
	if (!read_now(capture, capture->go.mheap + capture->go.layout->mheap.arenas, &table, 8) ||
	    table % HB_PAGE_SIZE || table >> 47)
		return hb_error_create(HB_ERR_CORRUPT, "the table of heap arenas cannot be read");
	uint8_t there[CHUNK];
	uint64_t start = table + HALF * 8, npages = HALF / ENTRIES;
	for (uint64_t page = 0; page < npages; page++) {
		uint64_t entries[ENTRIES], addr = start + page * HB_PAGE_SIZE;
		if (page % CHUNK == 0)
			TRY(capture->target->ops->pages(capture->target, addr, hb_min((uint64_t)CHUNK, npages - page),
			                                there));
		if (there[page % CHUNK] == HB_PAGE_SWAPPED && capture->stopped)
			capture->snapshot->unread_bytes += HB_PAGE_SIZE;
		if (there[page % CHUNK] != HB_PAGE_PRESENT || !read_table_page(capture, addr, entries))
			continue;
		for (unsigned i = 0; i < ENTRIES; i++)
			if (entries[i])
				TRY(add_address(capture, HALF + page * ENTRIES + i, ret));
	}
	return NULL;
}

/* --- Together ---------------------------------------------------------------------------------------------------- */

static struct hb_error *find(struct capture *capture, struct addresses *ret)
{
	TRY(add_listed(capture, ret));
	return hb_go_has_experiment(capture->go.version.experiments, "arenas") ? add_unlisted(capture, ret) : NULL;
}

/* Goroutine 1 is an object of the heap like any other (runtime/proc.go malg, 1.18-1.27), unless the allocator takes all
 * memory from the system and never gives it back (runtime/malloc.go, debug.sbrk). */
static struct hb_error *check_first_goroutine(struct capture *capture)
{
	uint64_t list, g;
	if (!read_now(capture, capture->go.allgs, &list, 8) || !read_now(capture, list, &g, 8) ||
	    hb_snapshot_in_arenas(capture->snapshot, g))
		return NULL;
	return hb_error_create(
	        HB_ERR_UNSUPPORTED,
	        "this is a %s program whose objects are outside the Go heap, as GODEBUG=sbrk=1 puts them: there "
	        "nothing tells what is an object; start it without to examine it",
	        capture->go.version.text);
}

struct hb_error *capture_go_arenas(struct capture *capture)
{
	struct addresses fresh = {0};
	struct hb_error *err = find(capture, &fresh);
	HB_VEC_SORT_UNIQUE(&fresh.list, 0, hb_compare_u64);
	if (!err && fresh.list.len)
		err = capture_add_arenas(capture, fresh.list.data, (uint32_t)fresh.list.len);
	hb_vec_deinit(&fresh.list);
	return err || capture->stopped ? err : check_first_goroutine(capture);
}
