/* Getting pages of the target into the snapshot: by plan (bulk, two threads) or on demand (64 KB around a miss). */
#include "base/parallel.h"
#include "base/progress.h"
#include "snapshot/capture_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum { CHUNK = 64 * 1024 };

/* --- Regions ---------------------------------------------------------------------------------------------------------
 */

static int compare_region(const void *a, const void *b)
{
	const struct hb_region *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static struct hb_error *add_region(struct capture *capture, uint64_t start, uint64_t end, uint8_t *arena_bytes)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	struct hb_region region = {.start = start, .end = end, .bytes = arena_bytes, .in_arenas = arena_bytes != NULL};
	if (!region.bytes)
		region.bytes = hb_pages_map(end - start);
	region.pages = calloc((end - start) >> HB_PAGE_SHIFT, 1);
	struct hb_region *list = reallocarray(snapshot->regions, snapshot->nregions + 1, sizeof(*list));
	if (list)
		snapshot->regions = list;
	if (!region.bytes || !region.pages || !list) {
		if (!region.in_arenas)
			hb_pages_unmap(region.bytes, end - start);
		free(region.pages);
		return hb_error_nomem();
	}
	list[snapshot->nregions++] = region;
	qsort(list, snapshot->nregions, sizeof(*list), compare_region);
	return NULL;
}

static bool wants_region(const struct capture *capture, size_t index, bool own_only)
{
	const struct hb_mapping *mapping = &capture->target->mappings[index];
	if (!mapping->readable || mapping->shared || !strcmp(mapping->path, "[vvar]") ||
	    !strcmp(mapping->path, "[vsyscall]") || !strcmp(mapping->path, "[vvar_vclock]"))
		return false;
	if (capture_file_of(capture, index))
		return true;
	return !own_only && mapping->writable;
}

/* The part of [start, end) that no region covers: false when all of it is. Regions are sorted. */
static bool uncovered(const struct hb_snapshot *snapshot, uint64_t *start, uint64_t *end)
{
	for (size_t i = 0; i < snapshot->nregions && *start < *end; i++) {
		const struct hb_region *region = &snapshot->regions[i];
		if (region->end <= *start || region->start >= *end)
			continue;
		if (region->start <= *start)
			*start = region->end;
		else
			*end = region->start;
	}
	return *start < *end;
}

struct hb_error *capture_add_regions(struct capture *capture, bool own_only)
{
	const struct hb_target *target = capture->target;
	for (size_t i = 0; i < target->nmappings;) {
		if (!wants_region(capture, i, own_only)) {
			i++;
			continue;
		}
		uint64_t start = target->mappings[i].start, whole_end = target->mappings[i].end;
		for (i++; i < target->nmappings && target->mappings[i].start == whole_end &&
		          wants_region(capture, i, own_only);
		     i++)
			whole_end = target->mappings[i].end;
		/* What is covered already splits the run. */
		while (start < whole_end) {
			uint64_t from = start, to = whole_end;
			if (!uncovered(capture->snapshot, &from, &to))
				break;
			TRY(add_region(capture, from, to, NULL));
			start = to;
		}
	}
	return NULL;
}

enum { ARENA_SPARE = 64 };

static bool any_is_covered(const struct hb_snapshot *snapshot, const uint64_t *addr, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (size_t k = 0; k < snapshot->nregions; k++)
			if (snapshot->regions[k].start < addr[i] + (UINT64_C(1) << 26) &&
			    snapshot->regions[k].end > addr[i])
				return true;
	return false;
}

/* Arenas that continue the last ones make their region longer: stacks and large objects lie across them. */
static struct hb_error *add_arena_run(struct capture *capture, uint64_t start, uint64_t end)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	uint8_t *bytes = snapshot->arenas.bytes + ((uint64_t)snapshot->arenas.n << 26);
	struct hb_region *before = (struct hb_region *)hb_snapshot_region(snapshot, start - 1);
	if (!before || !before->in_arenas || before->bytes + (start - before->start) != bytes)
		return add_region(capture, start, end, bytes);
	size_t old = (before->end - before->start) >> HB_PAGE_SHIFT, more = (end - start) >> HB_PAGE_SHIFT;
	uint8_t *pages = realloc(before->pages, old + more);
	if (!pages)
		return hb_error_nomem();
	memset(pages + old, HB_PAGE_UNREAD, more);
	before->pages = pages;
	before->end = end;
	return NULL;
}

struct hb_error *capture_add_arenas(struct capture *capture, const uint64_t *addr, uint32_t n)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	struct hb_snapshot_arenas *arenas = &snapshot->arenas;
	uint64_t size = UINT64_C(1) << 26;
	if (!arenas->bytes) {
		arenas->reserved = (size_t)(n + ARENA_SPARE) << 26;
		arenas->bytes = hb_pages_map(arenas->reserved);
		arenas->addr = calloc(n + ARENA_SPARE, sizeof(*arenas->addr));
		arenas->presence = hb_pages_map(arenas->reserved >> HB_PAGE_SHIFT);
		if (!arenas->bytes || !arenas->addr || !arenas->presence)
			return hb_error_nomem();
	}
	/* The dense order is the address order; a heap that grew downwards, or very much, needs a new plan. So does one
	 * that grew into memory that was taken for something else. */
	if ((size_t)(arenas->n + n) << 26 > arenas->reserved || (arenas->n && addr[0] < arenas->addr[arenas->n - 1]) ||
	    any_is_covered(capture->snapshot, addr, n)) {
		capture->plan_again = true;
		return hb_error_create(HB_ERR_ATTACH,
		                       "the target's heap changed too much while it was being looked at: try again");
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t first = i;
		while (i + 1 < n && addr[i + 1] == addr[i] + size)
			i++;
		TRY(add_arena_run(capture, addr[first], addr[i] + size));
		for (uint32_t k = first; k <= i; k++)
			arenas->addr[arenas->n++] = addr[k];
	}
	return NULL;
}

/* --- Page states -----------------------------------------------------------------------------------------------------
 */

/* Presence of npages pages of a region, from the plan's table for arenas where it says "present", else by asking. */
static struct hb_error *presence(struct capture *capture, const struct hb_region *region, uint64_t first,
                                 uint64_t npages, uint8_t *ret)
{
	uint64_t addr = region->start + (first << HB_PAGE_SHIFT);
	if (region->in_arenas && capture->stopped) {
		const struct hb_snapshot_arenas *arenas = &capture->snapshot->arenas;
		const uint8_t *known =
		        arenas->presence + ((uint64_t)(region->bytes - arenas->bytes) >> HB_PAGE_SHIFT) + first;
		if (!memchr(known, HB_PAGE_ABSENT, npages) && !memchr(known, HB_PAGE_SWAPPED, npages) &&
		    !memchr(known, HB_PAGE_UNCAPTURED, npages)) {
			memset(ret, HB_PAGE_PRESENT, npages);
			return NULL;
		}
	}
	return capture->target->ops->pages(capture->target, addr, npages, ret);
}

/* A page that is not in memory: of a private file mapping it is still as the file has it. */
static enum hb_page_state read_absent_page(struct capture *capture, uint64_t addr, uint8_t *to)
{
	const struct hb_mapping *mapping = hb_target_mapping(capture->target, addr);
	if (!mapping)
		return HB_PAGE_LOST;
	if (!mapping->inode)
		return HB_PAGE_ZERO;
	const struct hb_snapshot_file *file = capture_file_of(capture, (size_t)(mapping - capture->target->mappings));
	if (!file || file->fd < 0)
		return HB_PAGE_LOST;
	ssize_t n = pread(file->fd, to, HB_PAGE_SIZE, (off_t)(mapping->file_offset + (addr - mapping->start)));
	return n > 0 ? HB_PAGE_READ : HB_PAGE_LOST;
}

static struct hb_error *plan_run(struct capture *capture, uint64_t addr, uint8_t *to)
{
	capture->plan_bytes += HB_PAGE_SIZE;
	if (capture->plan.len) {
		struct hb_range *last = &capture->plan.data[capture->plan.len - 1];
		if (last->addr + last->len == addr && (uint8_t *)last->to + last->len == to && last->len < 1 << 20) {
			last->len += HB_PAGE_SIZE;
			return NULL;
		}
	}
	HB_VEC_PUSH(&capture->plan, (struct hb_range){addr, HB_PAGE_SIZE, to});
	return NULL;
}

static const char *moment(const struct capture *capture)
{
	return capture->stopped ? "in the stop" : "before the stop";
}

/* For -v: what nobody expects is hard to see again. */
static void count_lost(struct capture *capture, uint64_t addr, uint8_t there)
{
	enum { SAID = 8 };
	uint64_t n = capture->snapshot->unread_bytes / HB_PAGE_SIZE;
	capture->snapshot->unread_bytes += HB_PAGE_SIZE;
	if (n >= SAID)
		return;
	const struct hb_mapping *mapping = hb_target_mapping(capture->target, addr);
	hb_verbose("the page at 0x%" PRIx64 " %s (%s)%s", addr,
	           there == HB_PAGE_SWAPPED ? "is swapped out or not in the core"
	           : mapping                ? "cannot be read from its file"
	                                    : "is in no mapping",
	           moment(capture), n + 1 == SAID ? "; no more such pages are told of" : "");
}

/* Plans or settles the unread pages among npages ≤ 4096 pages of one region. */
static struct hb_error *plan_pages(struct capture *capture, const struct hb_region *region, uint64_t first,
                                   uint64_t npages)
{
	uint8_t there[4096];
	bool asked = false;
	for (uint64_t i = 0; i < npages; i++) {
		uint64_t page = first + i, addr = region->start + (page << HB_PAGE_SHIFT);
		if (region->pages[page] != HB_PAGE_UNREAD)
			continue;
		if (!asked) {
			TRY(presence(capture, region, first, npages, there));
			asked = true;
		}
		uint8_t *to = region->bytes + (page << HB_PAGE_SHIFT);
		if (there[i] == HB_PAGE_UNCAPTURED)
			continue;
		if (there[i] == HB_PAGE_PRESENT) {
			TRY(plan_run(capture, addr, to));
			region->pages[page] = HB_PAGE_READ;
		} else if (there[i] == HB_PAGE_ABSENT) {
			region->pages[page] = (uint8_t)read_absent_page(capture, addr, to);
		} else {
			region->pages[page] = HB_PAGE_LOST;
		}
		if (region->pages[page] == HB_PAGE_LOST)
			count_lost(capture, addr, there[i]);
	}
	return NULL;
}

struct hb_error *capture_plan(struct capture *capture, uint64_t addr, uint64_t len)
{
	while (len) {
		const struct hb_region *region = hb_snapshot_region(capture->snapshot, addr);
		if (!region)
			return NULL;
		uint64_t first = (addr - region->start) >> HB_PAGE_SHIFT;
		uint64_t part = hb_min(len, region->end - addr);
		uint64_t last = (addr - region->start + part - 1) >> HB_PAGE_SHIFT;
		for (uint64_t page = first; page <= last; page += 4096)
			TRY(plan_pages(capture, region, page, hb_min((uint64_t)4096, last - page + 1)));
		addr += part;
		len -= part;
	}
	return NULL;
}

/* --- Pieces ----------------------------------------------------------------------------------------------------------
 */

struct hb_error *capture_add_piece(struct capture *capture, uint64_t addr, uint64_t len)
{
	/* A page that is not there (a stack that was swapped out) is asked about page by page. */
	const struct hb_region *region = hb_snapshot_region(capture->snapshot, addr);
	if (!region || len > region->end - addr)
		return capture_plan(capture, addr, len);
	uint64_t first = (addr - region->start) >> HB_PAGE_SHIFT;
	uint64_t npages = ((addr - region->start + len - 1) >> HB_PAGE_SHIFT) - first + 1;
	uint8_t there[64];
	if (npages > hb_countof(there))
		return capture_plan(capture, addr, len);
	TRY(presence(capture, region, first, npages, there));
	for (uint64_t i = 0; i < npages; i++)
		if (there[i] != HB_PAGE_PRESENT || region->pages[first + i] != HB_PAGE_UNREAD)
			return capture_plan(capture, addr, len);
	HB_VEC_PUSH(&capture->pieces, (struct hb_snapshot_piece){addr, capture->piece_bytes, len});
	capture->piece_bytes += len;
	return NULL;
}

void capture_reserve_pieces(struct capture *capture, uint64_t bytes)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	snapshot->piece_bytes = hb_pages_map(bytes);
	snapshot->piece_bytes_len = snapshot->piece_bytes ? bytes : 0;
	if (snapshot->piece_bytes)
		madvise(snapshot->piece_bytes, bytes & ~UINT64_C(4095), MADV_POPULATE_WRITE);
}

struct hb_error *capture_read_late(struct capture *capture, uint64_t addr, uint64_t len)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	uint64_t needed = capture->piece_bytes + len;
	if (needed > snapshot->piece_bytes_len) {
		uint64_t grown = hb_max(needed, snapshot->piece_bytes_len * 2);
		uint8_t *bytes = hb_pages_map(grown);
		if (!bytes)
			return hb_error_nomem();
		if (capture->piece_bytes)
			memcpy(bytes, snapshot->piece_bytes, capture->piece_bytes);
		hb_pages_unmap(snapshot->piece_bytes, snapshot->piece_bytes_len);
		snapshot->piece_bytes = bytes;
		snapshot->piece_bytes_len = grown;
	}
	struct hb_error *err = hb_target_read(capture->target, addr, snapshot->piece_bytes + capture->piece_bytes, len);
	if (err) {
		hb_error_destroy(err);
		return NULL;
	}
	HB_VEC_PUSH(&capture->pieces, (struct hb_snapshot_piece){addr, capture->piece_bytes, len});
	capture->piece_bytes = needed;
	return NULL;
}

static int compare_piece(const void *a, const void *b)
{
	const struct hb_snapshot_piece *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static struct hb_error *make_room_for_pieces(struct capture *capture)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	if (capture->piece_bytes <= snapshot->piece_bytes_len)
		return NULL;
	hb_pages_unmap(snapshot->piece_bytes, snapshot->piece_bytes_len);
	snapshot->piece_bytes_len = 0;
	snapshot->piece_bytes = hb_pages_map(capture->piece_bytes);
	if (!snapshot->piece_bytes)
		return hb_error_nomem();
	snapshot->piece_bytes_len = capture->piece_bytes;
	return NULL;
}

struct hb_error *capture_plan_pieces(struct capture *capture)
{
	TRY(make_room_for_pieces(capture));
	for (size_t i = 0; i < capture->pieces.len; i++) {
		const struct hb_snapshot_piece *piece = &capture->pieces.data[i];
		HB_VEC_PUSH(&capture->plan, (struct hb_range){piece->start, piece->len,
		                                              capture->snapshot->piece_bytes + piece->offset});
		capture->plan_bytes += piece->len;
	}
	return NULL;
}

void capture_settle_pieces(struct capture *capture)
{
	if (capture->pieces.len)
		qsort(capture->pieces.data, capture->pieces.len, sizeof(*capture->pieces.data), compare_piece);
	capture->snapshot->npieces = capture->pieces.len;
	capture->snapshot->pieces = hb_take(capture->pieces.data);
}

/* --- Bulk reads ------------------------------------------------------------------------------------------------------
 */

struct bulk {
	struct capture *capture;
	size_t per_item;
	_Atomic uint64_t unread;
};

static struct hb_error *bulk_read(void *ctx, size_t item)
{
	struct bulk *bulk = ctx;
	size_t first = item * bulk->per_item;
	size_t n = hb_min(bulk->per_item, bulk->capture->plan.len - first);
	uint64_t unread = 0;
	struct hb_error *err =
	        bulk->capture->target->ops->read(bulk->capture->target, &bulk->capture->plan.data[first], n, &unread);
	bulk->unread += unread;
	return err;
}

struct hb_error *capture_read_plan(struct capture *capture)
{
	if (!capture->plan.len)
		return NULL;
	/* Small items, so that the two threads end at about the same time; full batches, where ranges are tiny. */
	struct bulk bulk = {.capture = capture, .per_item = capture->plan.len > 8192 ? 1024 : 16};
	size_t items = (capture->plan.len + bulk.per_item - 1) / bulk.per_item;
	TRY(hb_parallel_for(items, bulk_read, &bulk));
	capture->snapshot->unread_bytes += bulk.unread;
	if (bulk.unread)
		hb_verbose("%" PRIu64 " bytes %s could not be read", (uint64_t)bulk.unread, moment(capture));
	if (capture->stopped)
		capture->snapshot->bytes_copied += capture->plan_bytes;
	capture->plan.len = 0;
	capture->plan_bytes = 0;
	return NULL;
}

struct hb_error *capture_plan_refresh(struct capture *capture)
{
	capture->snapshot->unread_bytes = capture->unread_for_good;
	for (size_t i = 0; i < capture->snapshot->nregions; i++) {
		struct hb_region *region = &capture->snapshot->regions[i];
		uint64_t npages = (region->end - region->start) >> HB_PAGE_SHIFT;
		if (region->in_arenas) {
			memset(region->pages, HB_PAGE_UNREAD, npages);
			continue;
		}
		const struct hb_mapping *mapping = NULL;
		for (uint64_t page = 0; page < npages; page++) {
			uint64_t addr = region->start + (page << HB_PAGE_SHIFT);
			if (!mapping || addr >= mapping->end)
				mapping = hb_target_mapping(capture->target, addr);
			if (region->pages[page] == HB_PAGE_UNREAD || (mapping && !mapping->writable))
				continue;
			if (region->pages[page] == HB_PAGE_READ && mapping && !mapping->inode)
				TRY(plan_run(capture, addr, region->bytes + (page << HB_PAGE_SHIFT)));
			else /* zero, lost, gone, or as the file had it: ask again when needed */
				region->pages[page] = HB_PAGE_UNREAD;
		}
	}
	return NULL;
}

/* --- On demand -------------------------------------------------------------------------------------------------------
 */

static bool all_there(const struct hb_region *region, uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page <= last; page++)
		if (region->pages[page] != HB_PAGE_READ && region->pages[page] != HB_PAGE_ZERO)
			return false;
	return true;
}

struct hb_error *capture_follow_mappings(struct capture *capture)
{
	capture->mappings_are_new = capture->stopped;
	TRY(capture->target->ops->refresh_mappings(capture->target));
	TRY(capture_go_arenas(capture)); /* first: what became an arena meanwhile is no ordinary region */
	return capture_add_regions(capture, false);
}

/* Memory that was mapped between the plan and the stop. */
static const struct hb_region *region_or_new(struct capture *capture, uint64_t addr)
{
	const struct hb_region *region = hb_snapshot_region(capture->snapshot, addr);
	if (region || capture->mappings_are_new || addr >> 47 || addr < HB_PAGE_SIZE || !capture->snapshot->arenas.n)
		return region;
	hb_error_destroy(capture_follow_mappings(capture));
	return hb_snapshot_region(capture->snapshot, addr);
}

const void *capture_want(struct capture *capture, uint64_t addr, uint64_t len)
{
	const struct hb_region *region = region_or_new(capture, addr);
	if (!region || !len || len > region->end - addr)
		return NULL;
	uint64_t first = (addr - region->start) >> HB_PAGE_SHIFT;
	uint64_t last = (addr - region->start + len - 1) >> HB_PAGE_SHIFT;
	if (!all_there(region, first, last)) {
		uint64_t start = hb_max(addr & ~(uint64_t)(CHUNK - 1), region->start);
		uint64_t end = hb_min((addr + len + CHUNK - 1) & ~(uint64_t)(CHUNK - 1), region->end);
		struct hb_error *err = capture_plan(capture, start, end - start);
		if (!err)
			err = capture_read_plan(capture);
		hb_error_destroy(err);
		if (err || !all_there(region, first, last))
			return NULL;
	}
	return region->bytes + (addr - region->start);
}

void capture_prefault(struct capture *capture, uint64_t addr, uint64_t len)
{
	const struct hb_region *region = hb_snapshot_region(capture->snapshot, addr);
	if (!region || len > region->end - addr)
		return;
	uint8_t *bytes = region->bytes + (addr - region->start);
	if (!madvise(bytes, len, MADV_POPULATE_WRITE))
		return;
	for (uint64_t at = 0; at < len; at += HB_PAGE_SIZE)
		((volatile uint8_t *)bytes)[at] = 0;
}
