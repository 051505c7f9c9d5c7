#include "leak/deferred_closes.h"
#include "base/order.h"
#include "leak/near_fd.h"

enum { MAX_HOPS = 4 };

/* A deferred call and the open file that its func value leads to. */
struct pending {
	uint32_t closure, owner; /* slots: of the func value; of the os.file or net.netFD */
	int64_t fd;
};

struct frame { /* one call of one function, with many of them */
	const struct hb_goroutine *goroutine;
	uint64_t pc;
	size_t first, n; /* in pending */
};

struct scan {
	const struct hb_analysis *analysis;
	size_t least;
	HB_VEC(struct pending) pending;
	HB_VEC(struct frame) frames;
	uint64_t *blocked, *marked;
	struct hb_deferred_list *ret;
};

/* --- The deferred calls of a goroutine ---------------------------------------------------------------------------- */

struct record {
	uint64_t sp, pc, fn;
};

static bool read_record(const struct hb_analysis *analysis, uint64_t addr, struct record *ret, uint64_t *link)
{
	const struct hb_go_layout *layout = analysis->go->layout;
	const uint8_t *record = hb_snapshot_at(analysis->snapshot, addr, layout->defer.size);
	if (!record)
		return false;
	*ret = (struct record){hb_load_u64(record + layout->defer.sp), hb_load_u64(record + layout->defer.pc),
	                       hb_load_u64(record + layout->defer.fn)};
	*link = hb_load_u64(record + layout->defer.link);
	return true;
}

/* How many records from `at` on are of one call. */
static uint32_t count_pile(const struct hb_analysis *analysis, uint64_t at, uint32_t most)
{
	struct record record;
	uint64_t sp = 0;
	uint32_t n = 0;
	while (at && n < most && read_record(analysis, at, &record, &at) && (!n || record.sp == sp)) {
		sp = record.sp;
		n++;
	}
	return n;
}

void hb_deferred_piles(const struct hb_analysis *analysis, size_t least, void (*visit)(void *ctx, uint32_t closure),
                       void *ctx)
{
	uint32_t left = analysis->heap->nslots; /* no more records than objects, whatever a broken list says */
	for (size_t i = 0; i < analysis->goroutines.n; i++) {
		uint64_t at = analysis->goroutines.list[i].defer;
		struct record record;
		for (uint32_t n; at && left && (n = count_pile(analysis, at, left)) > 0; left -= n)
			for (uint32_t k = 0; k < n && read_record(analysis, at, &record, &at); k++) {
				uint32_t closure = n >= least ? hb_heap_slot(analysis->heap, record.fn) : 0;
				if (closure)
					visit(ctx, closure);
			}
	}
}

static struct hb_error *add_record(struct scan *scan, const struct record *record)
{
	uint32_t closure = hb_heap_slot(scan->analysis->heap, record->fn);
	const struct hb_open_fd *fd = closure && scan->analysis->graph->number[closure]
	                                      ? hb_near_fd(scan->analysis, closure, MAX_HOPS)
	                                      : NULL;
	if (fd)
		HB_VEC_PUSH(&scan->pending, (struct pending){closure, fd->go->slot, fd->number});
	return NULL;
}

/* A frame that has not enough of them is forgotten. */
static struct hb_error *end_frame(struct scan *scan, const struct frame *frame)
{
	size_t n = scan->pending.len - frame->first;
	if (n < scan->least) {
		scan->pending.len = frame->first;
		return NULL;
	}
	HB_VEC_PUSH(&scan->frames, *frame);
	scan->frames.data[scan->frames.len - 1].n = n;
	return NULL;
}

/* runtime/runtime2.go _defer: newest first, so that those of one call (one sp) follow each other. Torn or hostile lists
 * may loop: no goroutine has more calls than the heap has objects. */
static struct hb_error *scan_goroutine(struct scan *scan, const struct hb_goroutine *goroutine)
{
	struct frame frame = {goroutine, 0, scan->pending.len, 0};
	uint64_t at = goroutine->defer, sp = 0;
	struct record record;
	for (uint32_t steps = 0; at && steps <= scan->analysis->heap->nslots; steps++) {
		if (!read_record(scan->analysis, at, &record, &at))
			break;
		if (record.sp != sp) {
			TRY(end_frame(scan, &frame));
			frame = (struct frame){goroutine, record.pc, scan->pending.len, 0};
			sp = record.sp;
		}
		TRY(add_record(scan, &record));
	}
	return end_frame(scan, &frame);
}

/* --- What only they lead to --------------------------------------------------------------------------------------- */

static struct hb_error *mark_without_closures(struct scan *scan)
{
	const struct hb_heap *heap = scan->analysis->heap;
	scan->blocked = hb_pages_map(hb_heap_bitmap_bytes(heap));
	scan->marked = hb_pages_map(hb_heap_bitmap_bytes(heap));
	if (!scan->blocked || !scan->marked)
		return hb_error_nomem();
	for (size_t i = 0; i < scan->pending.len; i++)
		hb_slot_set(scan->blocked, scan->pending.data[i].closure);
	return hb_graph_mark_without(heap, &scan->analysis->roots, scan->blocked, scan->marked);
}

static struct hb_error *collect(struct scan *scan, const struct frame *frame, struct hb_deferred_closes *ret)
{
	for (size_t i = frame->first; i < frame->first + frame->n; i++) {
		const struct pending *pending = &scan->pending.data[i];
		if (hb_slot_is_set(scan->marked, pending->owner))
			continue;
		ret->closure = pending->closure;
		HB_VEC_PUSH(&ret->fds, (uint64_t)pending->fd);
	}
	size_t kept = 0;
	if (ret->fds.len)
		qsort(ret->fds.data, ret->fds.len, sizeof(*ret->fds.data), hb_compare_u64);
	for (size_t i = 0; i < ret->fds.len; i++)
		if (!kept || ret->fds.data[kept - 1] != ret->fds.data[i])
			ret->fds.data[kept++] = ret->fds.data[i];
	ret->fds.len = kept;
	return NULL;
}

static struct hb_error *take_frames(struct scan *scan)
{
	for (size_t i = 0; i < scan->frames.len; i++) {
		const struct frame *frame = &scan->frames.data[i];
		struct hb_deferred_closes closes = {.goroutine = frame->goroutine, .pc = frame->pc};
		struct hb_error *err = collect(scan, frame, &closes);
		if (!err && closes.fds.len >= scan->least && !hb_vec_push(&scan->ret->list, closes))
			err = hb_error_nomem();
		if (err || closes.fds.len < scan->least)
			hb_vec_deinit(&closes.fds);
		TRY(err);
	}
	return NULL;
}

static struct hb_error *run(struct scan *scan)
{
	const struct hb_goroutines *goroutines = &scan->analysis->goroutines;
	for (size_t i = 0; i < goroutines->n; i++)
		if (goroutines->list[i].defer)
			TRY(scan_goroutine(scan, &goroutines->list[i]));
	if (!scan->frames.len)
		return NULL;
	TRY(mark_without_closures(scan));
	return take_frames(scan);
}

struct hb_error *hb_deferred_closes_find(const struct hb_analysis *analysis, size_t least, struct hb_deferred_list *ret)
{
	struct scan scan = {.analysis = analysis, .least = least, .ret = ret};
	struct hb_error *err = analysis->poll_fds.list.len < least ? NULL : run(&scan);
	hb_vec_deinit(&scan.pending);
	hb_vec_deinit(&scan.frames);
	hb_pages_unmap(scan.blocked, hb_heap_bitmap_bytes(analysis->heap));
	hb_pages_unmap(scan.marked, hb_heap_bitmap_bytes(analysis->heap));
	return err;
}

void hb_deferred_list_deinit(struct hb_deferred_list *list)
{
	for (size_t i = 0; i < list->list.len; i++)
		hb_vec_deinit(&list->list.data[i].fds);
	hb_vec_deinit(&list->list);
}
