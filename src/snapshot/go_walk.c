/* Which pages of a Go process must be frozen: the page heap's metadata, the spans that hold pointers, the stacks.
 *
 * The same walk runs twice: on the running target, to learn where everything is (a torn read costs nothing: all is
 * checked and all is read again), and in the stop, when nothing moves. docs/capture.md.
 */
#include "base/progress.h"
#include "golang/ancestors.h"
#include "golang/arena_bits.h"
#include "golang/newer.h"
#include "golang/queues.h"
#include "golang/specials.h"
#include "golang/type_descriptor.h"
#include "snapshot/capture_internal.h"

#include <string.h>

enum { MAX_SPANS = 1u << 28 };

/* --- Modules ---------------------------------------------------------------------------------------------------------
 */

/* Which words of data and bss are pointers: the runtime unpacks the linker's program into memory of its own when it
 * starts (runtime/symtab.go modulesinit, 1.18-1.27). */
void capture_go_modules(struct capture *capture)
{
	const struct hb_go_layout *layout = capture->go.layout;
	const uint32_t starts[] = {layout->moduledata.data, layout->moduledata.bss};
	const uint32_t ends[] = {layout->moduledata.edata, layout->moduledata.ebss};
	const uint32_t masks[] = {layout->moduledata.gcdatamask + 8, layout->moduledata.gcbssmask + 8};
	for (size_t i = 0; i < capture->go.nmodules; i++) {
		const uint8_t *at = capture_want(capture, capture->go.moduledata[i], layout->moduledata.size);
		for (size_t k = 0; at && k < hb_countof(masks); k++) {
			uint64_t words = (hb_load_u64(at + ends[k]) - hb_load_u64(at + starts[k])) / 8;
			capture_want(capture, hb_load_u64(at + masks[k]), (words + 7) / 8);
		}
	}
}

/* --- Finalizers and cleanups that are due ----------------------------------------------------------------------- */

static void want_block(void *ctx, uint64_t block, uint64_t size)
{
	capture_want(ctx, block, size);
}

/* Blocks of finalizers whose layout nobody vouches for cannot be recognised here: whatever the program's data leads to
 * outside the heap is made available, for confirm_specials.c to look at. */
static void want_possible_blocks(struct capture *capture, uint32_t from, uint32_t to)
{
	enum { BLOCK = 4096 };
	struct hb_go_memory memory = {capture->snapshot, capture->target};
	uint64_t module = capture->go.moduledata[0], text, start, end, value;
	if (!hb_go_memory_u64(&memory, module + capture->go.layout->moduledata.text, &text) ||
	    !hb_go_memory_u64(&memory, module + from, &start) || !hb_go_memory_u64(&memory, module + to, &end))
		return;
	for (uint64_t at = (start + 7) & ~UINT64_C(7); at + 8 <= end; at += 8)
		if (hb_snapshot_u64(capture->snapshot, at, &value) && value >= BLOCK && value % 8 == 0 &&
		    !(value >> 47) && (value < text || value >= end) &&
		    !hb_snapshot_in_arenas(capture->snapshot, value))
			capture_want(capture, value, BLOCK);
}

void capture_go_queues(struct capture *capture)
{
	const struct hb_go_layout *layout = capture->go.layout;
	if (capture->go.newer && !capture->go.newer->described.structs[HB_STRUCT_finblock]) {
		want_possible_blocks(capture, layout->moduledata.bss, layout->moduledata.ebss);
		want_possible_blocks(capture, layout->moduledata.noptrbss, layout->moduledata.enoptrbss);
	}
	struct hb_go_memory memory = {capture->snapshot, capture->target};
	for (unsigned queue = 0; queue < HB_GO_QUEUES; queue++) {
		if (!capture->stopped || capture->target->kind == HB_TARGET_CORE)
			capture->queues[queue] = hb_go_queue_find(&memory, &capture->go, queue);
		hb_go_queue_blocks(&memory, capture->go.layout, queue, capture->queues[queue], want_block, capture);
	}
}

/* --- Spans -----------------------------------------------------------------------------------------------------------
 */

struct span_walk {
	struct capture *capture;
	uint64_t *scan_pages; /* bit a heap page (8 KB) of dense arena memory: holds objects with pointers */
	size_t words;
	struct hb_region region; /* the one the last span was in; a copy: the list of regions may move */
	uint64_t unreadable;
	struct hb_special_guard guard;
};

static void mark_pages(struct span_walk *walk, uint64_t start, uint64_t npages)
{
	if (start < walk->region.start || start >= walk->region.end) {
		const struct hb_region *found = hb_snapshot_region(walk->capture->snapshot, start);
		walk->region = found ? *found : (struct hb_region){0};
	}
	const struct hb_region *region = &walk->region;
	if (!region->in_arenas || npages > (region->end - start) >> 13) {
		walk->unreadable++;
		return;
	}
	uint64_t first =
	        ((uint64_t)(region->bytes - walk->capture->snapshot->arenas.bytes) + (start - region->start)) >> 13;
	for (uint64_t page = first; page < first + npages; page++)
		walk->scan_pages[page >> 6] |= UINT64_C(1) << (page & 63);
}

/* Special records hang off the span in a list (runtime/mheap.go): finalizers, cleanups, weak handles, profile samples.
 */
static void walk_specials(struct span_walk *walk, uint64_t special)
{
	const struct hb_go_layout *layout = walk->capture->go.layout;
	enum { LARGEST_SPECIAL = 64 };
	for (hb_special_guard_start(&walk->guard); special;) {
		const uint8_t *at = hb_special_guard_passes(&walk->guard, special)
		                            ? capture_want(walk->capture, special, LARGEST_SPECIAL)
		                            : NULL;
		if (!at) {
			walk->unreadable++;
			return;
		}
		if (at[layout->special.kind] == layout->kinds.profile) {
			uint64_t bucket = hb_load_u64(at + layout->special_profile.bucket);
			const uint8_t *head = capture_want(walk->capture, bucket, layout->bucket.size);
			if (head) /* the stack and the record follow */
				capture_want(walk->capture, bucket + layout->bucket.size,
				             hb_min(hb_load_u64(head + layout->bucket.nstk), (uint64_t)1024) * 8);
		}
		special = hb_load_u64(at + layout->special.next);
	}
}

/* The pointers of a large object are described by its type. Where the compiler had written a program instead of a mask (up
 * to 1.23), the runtime unrolls it into pages of its own, with a type in front that has no more than the mask
 * (runtime/mbitmap.go heapSetType, 1.22-1.23). They go with the object. */
static void walk_large_type(struct span_walk *walk, const uint8_t *span)
{
	const struct hb_go_layout *layout = walk->capture->go.layout;
	if (layout->mspan.large_type == HB_ABSENT || span[layout->mspan.spanclass] != 0)
		return;
	uint64_t addr = hb_load_u64(span + layout->mspan.large_type), mask, len;
	if (!hb_snapshot_in_arenas(walk->capture->snapshot, addr))
		return;
	const uint8_t *type = capture_want(walk->capture, addr, HB_TYPE_BYTES);
	if (type && hb_descriptor_mask(layout->minor, type, &mask, &len) && mask - addr == HB_TYPE_BYTES)
		capture_want(walk->capture, mask, len);
}

static void walk_span(struct span_walk *walk, uint64_t addr)
{
	const struct hb_go_layout *layout = walk->capture->go.layout;
	const uint8_t *span = capture_want(walk->capture, addr, layout->mspan.size);
	if (!span) {
		walk->unreadable++;
		return;
	}
	if (span[layout->mspan.state] != 1) /* mSpanInUse; 2 is a stack or other manual span, 0 dead */
		return;
	uint64_t start = hb_load_u64(span + layout->mspan.start_addr);
	uint64_t npages = hb_load_u64(span + layout->mspan.npages);
	uint64_t nelems = hb_load_u16(span + layout->mspan.nelems);
	if (start % 8192 || npages == 0 || npages >> 40)
		return;
	uint64_t bits = (nelems + 63) / 64 * 8;
	capture_want(walk->capture, hb_load_u64(span + layout->mspan.alloc_bits), bits);
	capture_want(walk->capture, hb_load_u64(span + layout->mspan.gcmark_bits), bits);
	walk_specials(walk, hb_load_u64(span + layout->mspan.specials));
	walk_large_type(walk, span);
	if (!(span[layout->mspan.spanclass] & 1) || walk->capture->options->everything)
		mark_pages(walk, start, npages);
}

static struct hb_error *plan_or_prefault(struct capture *capture, bool plan, uint64_t addr, uint64_t len,
                                         uint64_t *bytes)
{
	*bytes += len;
	if (plan)
		return capture_plan(capture, addr, len);
	capture_prefault(capture, addr, len);
	return NULL;
}

/* Up to 1.21 the pointer bitmaps are outside the spans. */
static struct hb_error *with_bitmap(struct capture *capture, bool plan, uint64_t heap_arena, unsigned first,
                                    unsigned npages, uint64_t *bytes)
{
	struct hb_arena_bits_ranges ranges = hb_go_arena_bits_of(capture->go.layout, heap_arena, first, npages);
	TRY(plan_or_prefault(capture, plan, ranges.bits, ranges.bits_len, bytes));
	return ranges.ends_len ? plan_or_prefault(capture, plan, ranges.ends, ranges.ends_len, bytes) : NULL;
}

/* The heapArena of a dense arena, where pointer bitmaps are there; else 0. */
static uint64_t heap_arena_of(struct capture *capture, uint64_t arena)
{
	const struct hb_go_layout *layout = capture->go.layout;
	const uint8_t *table = NULL, *entry = NULL;
	if (hb_go_has_arena_bits(layout))
		table = capture_want(capture, capture->go.mheap + layout->mheap.arenas, 8);
	if (table)
		entry = capture_want(capture, hb_go_heap_arena_entry(hb_load_u64(table), arena), 8);
	return entry ? hb_load_u64(entry) : 0;
}

/* Runs of set bits become planned ranges or prefaulted memory. */
static struct hb_error *each_run(struct span_walk *walk, bool plan, uint64_t *bytes)
{
	const struct hb_snapshot_arenas *arenas = &walk->capture->snapshot->arenas;
	*bytes = 0;
	for (uint32_t arena = 0; arena < arenas->n; arena++) {
		const uint64_t *bits = walk->scan_pages + (size_t)arena * (8192 / 64);
		uint64_t heap_arena = heap_arena_of(walk->capture, arenas->addr[arena]);
		for (unsigned page = 0; page < 8192;) {
			if (!(bits[page >> 6] >> (page & 63))) {
				page = (page | 63) + 1;
				continue;
			}
			page += (unsigned)__builtin_ctzll(bits[page >> 6] >> (page & 63));
			unsigned end = page;
			while (end < 8192 && bits[end >> 6] >> (end & 63) & 1)
				end++;
			uint64_t addr = arenas->addr[arena] + ((uint64_t)page << 13), len = (uint64_t)(end - page)
			                                                                    << 13;
			TRY(plan_or_prefault(walk->capture, plan, addr, len, bytes));
			if (heap_arena)
				TRY(with_bitmap(walk->capture, plan, heap_arena, page, end - page, bytes));
			page = end;
		}
	}
	return NULL;
}

struct hb_error *capture_go_spans(struct capture *capture, bool plan, uint64_t *scan_bytes)
{
	const struct hb_go_layout *layout = capture->go.layout;
	const uint8_t *header = capture_want(capture, capture->go.mheap + layout->mheap.allspans, 16);
	uint64_t len = header ? hb_load_u64(header + 8) : 0;
	const uint8_t *list = len && len < MAX_SPANS ? capture_want(capture, hb_load_u64(header), len * 8) : NULL;
	if (!list)
		return hb_error_create(HB_ERR_CORRUPT, "the list of heap spans cannot be read");
	struct span_walk walk = {.capture = capture,
	                         .words = (size_t)capture->snapshot->arenas.n * (8192 / 64),
	                         .guard = hb_special_guard(capture->snapshot)};
	walk.scan_pages = calloc(walk.words, 8);
	if (!walk.scan_pages)
		return hb_error_nomem();
	struct hb_error *err = NULL;
	for (uint64_t i = 0; i < len && !err; i++) {
		walk_span(&walk, hb_load_u64(list + i * 8));
		if ((i & 0xffff) == 0xffff && hb_interrupted())
			err = hb_interrupted_error();
	}
	if (!err)
		err = each_run(&walk, plan, scan_bytes);
	if (!err && capture->stopped && walk.unreadable)
		hb_notes_add_partial(
		        &capture->snapshot->notes,
		        "%llu records of the target's heap tables could not be read: some objects are missing",
		        (unsigned long long)walk.unreadable);
	free(walk.scan_pages);
	return err;
}

/* --- Processors ------------------------------------------------------------------------------------------------------
 */

void capture_go_processors(struct capture *capture)
{
	enum { MAX_PS = 1 << 16 };
	const struct hb_go_layout *layout = capture->go.layout;
	const uint8_t *header = capture->go.allp ? capture_want(capture, capture->go.allp, 16) : NULL;
	uint64_t len = header ? hb_load_u64(header + 8) : 0;
	const uint8_t *list = len && len <= MAX_PS ? capture_want(capture, hb_load_u64(header), len * 8) : NULL;
	for (uint64_t i = 0; list && i < len; i++) {
		const uint8_t *mcache = capture_want(capture, hb_load_u64(list + i * 8) + layout->p.mcache, 8);
		if (mcache)
			capture_want(capture, hb_load_u64(mcache), layout->mcache.tiny + 8);
	}
}

/* --- Stacks ----------------------------------------------------------------------------------------------------------
 */

/* The stacks of those who started it, which are pointer-free: there are some with GODEBUG=tracebackancestors alone
 * (golang/ancestors.h). */
static struct hb_error *plan_ancestors(struct capture *capture, uint64_t slice)
{
	const uint8_t *header = slice ? capture_want(capture, slice, 16) : NULL;
	uint64_t n = header ? hb_load_u64(header + 8) : 0;
	if (!n || n > HB_MOST_ANCESTORS)
		return NULL;
	const uint8_t *list = capture_want(capture, hb_load_u64(header), n * HB_ANCESTOR_SIZE);
	for (uint64_t i = 0; list && i < n; i++) {
		const uint8_t *pcs = list + i * HB_ANCESTOR_SIZE + HB_ANCESTOR_PCS;
		uint64_t npcs = hb_load_u64(pcs + 8);
		if (npcs && npcs <= HB_MOST_ANCESTOR_PCS)
			TRY(capture_plan(capture, hb_load_u64(pcs), npcs * 8));
	}
	return NULL;
}

static struct hb_error *plan_goroutine(struct capture *capture, uint64_t g)
{
	const struct hb_go_layout *layout = capture->go.layout;
	const uint8_t *at = capture_want(capture, g, layout->g.size);
	if (!at)
		return NULL; /* goroutines.c counts and says so */
	uint32_t status = hb_load_u32(at + layout->g.atomicstatus) & ~UINT32_C(0x1000);
	if (status == 0 || status == 6) /* _Gidle, _Gdead */
		return NULL;
	/* The vector registers of a preempted goroutine are outside the heap (runtime/preempt_xreg.go, 1.26+). */
	if (layout->g.xregs != HB_ABSENT && at[layout->g.async_safe_point] && hb_load_u64(at + layout->g.xregs))
		TRY(capture_plan(capture, hb_load_u64(at + layout->g.xregs), layout->xreg_state.size));
	if (layout->g.ancestors != HB_ABSENT)
		TRY(plan_ancestors(capture, hb_load_u64(at + layout->g.ancestors)));
	uint64_t lo = hb_load_u64(at + layout->g.stack), hi = hb_load_u64(at + layout->g.stack + 8);
	uint64_t sp = hb_load_u64(at + layout->g.sched + layout->gobuf.sp);
	uint64_t syscallsp = hb_load_u64(at + layout->g.syscallsp);
	if (syscallsp)
		sp = hb_min(sp, syscallsp);
	if (status == 2 || sp < lo || sp > hi) /* running: anywhere on its stack */
		sp = lo;
	if (hi <= sp || hi - sp > UINT64_C(1) << 33)
		return NULL;
	if (status == 2 || capture->options->everything)
		return capture_plan(capture, sp & ~UINT64_C(4095), hi - (sp & ~UINT64_C(4095)));
	return capture_add_piece(capture, sp & ~UINT64_C(7), hi - (sp & ~UINT64_C(7)));
}

/* A thread's own stack above its stack pointer (g0, gsignal, C), and the thread-local words that lead to its g. */
static struct hb_error *plan_thread(struct capture *capture, const struct hb_thread *thread)
{
	enum { RED_ZONE = 128, MOST = 256 * 1024 };
	if (!thread->has_registers)
		return NULL;
	uint64_t sp = (thread->registers.sp - RED_ZONE) & ~UINT64_C(4095), tls = thread->registers.tls_base;
	const struct hb_region *region = hb_snapshot_region(capture->snapshot, sp);
	if (region)
		TRY(capture_plan(capture, sp, hb_min((uint64_t)MOST, region->end - sp)));
	if (tls >= 8192)
		TRY(capture_plan(capture, (tls - 4096) & ~UINT64_C(4095), 8192));
	return NULL;
}

struct hb_error *capture_go_stacks(struct capture *capture)
{
	const uint8_t *header = capture_want(capture, capture->go.allgs, 16);
	uint64_t len = header ? hb_load_u64(header + 8) : 0;
	uint64_t data = header ? hb_load_u64(header) : 0;
	if (len > HB_MOST_GOROUTINES)
		return hb_error_create(HB_ERR_CORRUPT, "the list of goroutines says it has %llu entries",
		                       (unsigned long long)len);
	for (uint64_t i = 0; i < len; i++) {
		const uint8_t *entry = capture_want(capture, data + i * 8, 8);
		if (entry)
			TRY(plan_goroutine(capture, hb_load_u64(entry)));
	}
	for (size_t i = 0; i < capture->target->nthreads; i++)
		TRY(plan_thread(capture, &capture->target->threads[i]));
	return capture_plan_pieces(capture);
}

void capture_go_prefault_stacks(struct capture *capture)
{
	/* Used bytes of a parked goroutine: one or two frames of its own, gopark below. A stack has 2 kB of the heap at least (runtime/stack.go
	 * stackMin, 1.18-1.27), so that no more memory is taken than the heap is worth, whatever the list says. */
	enum { TYPICAL_STACK = 512, SMALLEST_STACK = 2048 };
	const uint8_t *header = capture_want(capture, capture->go.allgs, 16);
	uint64_t room = ((uint64_t)capture->snapshot->arenas.n << 26) / SMALLEST_STACK;
	uint64_t len = header ? hb_min(hb_load_u64(header + 8), room) : 0;
	capture_reserve_pieces(capture, len * TYPICAL_STACK);
}
