#include "leak/deferred_closes.h"

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

/* --- From a func value to a file ---------------------------------------------------------------------------------- */

enum { MAX_HOPS = 4, MAX_OBJECTS = 48, MAX_OBJECT_BYTES = 512 };

struct search {
	const struct hb_analysis *analysis;
	uint64_t base;              /* of the object whose words are visited */
	uint32_t list[MAX_OBJECTS]; /* slots, in the order they were come upon */
	unsigned n;
};

static void visit_word(void *ctx, uint64_t word)
{
	struct search *search = ctx;
	const struct hb_heap *heap = search->analysis->heap;
	uint32_t slot = hb_heap_slot(heap, hb_load_u64(hb_heap_bytes(heap, search->base + word * 8)));
	if (!slot || !search->analysis->graph->number[slot] || search->n == MAX_OBJECTS)
		return;
	for (unsigned i = 0; i < search->n; i++)
		if (search->list[i] == slot)
			return;
	search->list[search->n++] = slot;
}

/* The first open file on the way from an object, breadth first; small objects only: no container is looked into. */
static const struct hb_open_fd *file_of(const struct hb_analysis *analysis, uint32_t slot)
{
	struct search search = {.analysis = analysis, .list = {slot}, .n = 1};
	for (unsigned next = 0, level_end = 1, hops = 0; next < search.n && hops <= MAX_HOPS; next++) {
		const struct hb_poll_fd *found = hb_poll_fds_of_slot(&analysis->poll_fds, search.list[next]);
		const struct hb_open_fd *fd = found ? hb_fd_table_find(&analysis->fds, found->fd) : NULL;
		if (fd && fd->go == found)
			return fd;
		const struct hb_span *span =
		        &analysis->heap->spans[hb_heap_span_of_slot(analysis->heap, search.list[next])];
		search.base = hb_heap_slot_addr(span, search.list[next]);
		if (!found && span->kind != HB_SPAN_NOSCAN && span->elem_size <= MAX_OBJECT_BYTES)
			hb_heap_each_pointer_word(analysis->heap, span, search.list[next], visit_word, &search);
		if (next + 1 == level_end) {
			level_end = search.n;
			hops++;
		}
	}
	return NULL;
}

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

static struct hb_error *add_record(struct scan *scan, const struct record *record)
{
	uint32_t closure = hb_heap_slot(scan->analysis->heap, record->fn);
	const struct hb_open_fd *fd =
	        closure && scan->analysis->graph->number[closure] ? file_of(scan->analysis, closure) : NULL;
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
	for (size_t i = 0; i < scan->pending.len; i++) {
		uint32_t slot = scan->pending.data[i].closure;
		scan->blocked[slot / 64] |= UINT64_C(1) << (slot & 63);
	}
	return hb_graph_mark_without(heap, &scan->analysis->roots, scan->blocked, scan->marked);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static struct hb_error *collect(struct scan *scan, const struct frame *frame, struct hb_deferred_closes *ret)
{
	for (size_t i = frame->first; i < frame->first + frame->n; i++) {
		const struct pending *pending = &scan->pending.data[i];
		if (scan->marked[pending->owner / 64] >> (pending->owner & 63) & 1)
			continue;
		ret->closure = pending->closure;
		HB_VEC_PUSH(&ret->fds, (uint64_t)pending->fd);
	}
	size_t kept = 0;
	if (ret->fds.len)
		qsort(ret->fds.data, ret->fds.len, sizeof(*ret->fds.data), compare_u64);
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
