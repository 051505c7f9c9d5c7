#include "golang/queues.h"

enum { MAX_BLOCKS = 1 << 20 };

/* What a block looks like: a link, a count, entries that begin with a func value. */
struct shape {
	uint32_t size, alllink, count, entries, entry_size;
};

/* False when the version has no such list. A cleanup's entry is the func value alone in 1.25, {call, fn, arg} later. */
static bool shape_of(const struct hb_go_layout *layout, enum hb_go_queue queue, struct shape *ret)
{
	if (queue == HB_GO_QUEUE_FINALIZERS)
		*ret = (struct shape){layout->finblock.size, layout->finblock.alllink, layout->finblock.cnt,
		                      layout->finblock.fin, layout->finalizer.size};
	else
		*ret = (struct shape){layout->cleanup_block.size, layout->cleanup_block.alllink,
		                      layout->cleanup_block.n, layout->cleanup_block.cleanups,
		                      layout->cleanup_fn.size == HB_ABSENT ? 8 : layout->cleanup_fn.size};
	return ret->size != HB_ABSENT && ret->entry_size && ret->entries < ret->size;
}

/* The number of entries of a block; false when it says more than fit. */
static bool read_count(const struct hb_go_memory *memory, const struct shape *shape, uint64_t block, uint32_t *ret)
{
	return hb_go_memory_read(memory, block + shape->count, ret, sizeof(*ret)) &&
	       *ret <= (shape->size - shape->entries) / shape->entry_size;
}

/* --- Recognising a list ----------------------------------------------------------------------------------------- */

struct search {
	const struct hb_go_memory *memory;
	const struct hb_go_layout *layout;
	enum hb_go_queue queue;
	struct shape shape;
	uint64_t text, etext;
	uint64_t data, enoptrbss; /* of the program: blocks are outside */
	uint64_t head, entries;   /* the best so far */
};

static uint64_t entry_at(const struct search *search, uint64_t block, uint32_t i)
{
	return block + search->shape.entries + (uint64_t)i * search->shape.entry_size;
}

/* A func value points to a word that holds the address of code. */
static bool is_func_value(const struct search *search, uint64_t value)
{
	uint64_t pc;
	return value % 8 == 0 && value >> 47 == 0 && hb_go_memory_u64(search->memory, value, &pc) &&
	       pc >= search->text && pc < search->etext;
}

static bool may_be_block(const struct search *search, uint64_t block)
{
	if (block < 4096 || block % 8 || block >> 47 || (block >= search->data && block < search->enoptrbss))
		return false;
	return !hb_snapshot_in_arenas(search->memory->snapshot, block);
}

/* Special records hang together in lists, too, and their fields repeat at another offset: entries behind the count are
 * empty in a block of finalizers, and its `next` leads to another block. */
static bool rest_is_empty(const struct search *search, uint64_t block, uint32_t count)
{
	const struct hb_go_layout *layout = search->layout;
	uint64_t next, fn;
	if (search->queue != HB_GO_QUEUE_FINALIZERS)
		return true;
	if (!hb_go_memory_u64(search->memory, block + layout->finblock.next, &next) ||
	    (next && !may_be_block(search, next)))
		return false;
	uint32_t fit = (search->shape.size - search->shape.entries) / search->shape.entry_size;
	for (uint32_t i = count; i < fit; i++)
		if (!hb_go_memory_u64(search->memory, entry_at(search, block, i), &fn) || fn)
			return false;
	return true;
}

/* What a finalizer is called with is in the heap; cleanups stand among them in 1.24, with nothing. */
static bool is_entry(const struct search *search, uint64_t entry, uint64_t fn)
{
	uint64_t arg;
	if (!is_func_value(search, fn))
		return false;
	if (search->queue != HB_GO_QUEUE_FINALIZERS)
		return true;
	if (!hb_go_memory_u64(search->memory, entry + search->layout->finalizer.arg, &arg))
		return false;
	return !arg || hb_snapshot_in_arenas(search->memory->snapshot, arg);
}

/* How many entries the list at `block` has; 0 when it is none. */
static uint64_t measure(const struct search *search, uint64_t block)
{
	uint64_t entries = 0, previous = 0, fn;
	for (uint64_t n = 0; block; n++) {
		uint32_t count;
		if (n == MAX_BLOCKS || !may_be_block(search, block) ||
		    !read_count(search->memory, &search->shape, block, &count) || !rest_is_empty(search, block, count))
			return 0;
		/* Blocks do not overlap. */
		if (previous && (block > previous ? block - previous : previous - block) < search->shape.size)
			return 0;
		for (uint32_t i = 0; i < count; i++) {
			uint64_t entry = entry_at(search, block, i);
			if (!hb_go_memory_u64(search->memory, entry, &fn) || (fn && !is_entry(search, entry, fn)))
				return 0;
			entries += fn != 0; /* an entry is cleared when it runs, before it leaves the queue */
		}
		previous = block;
		if (!hb_go_memory_u64(search->memory, block + search->shape.alllink, &block))
			return 0;
	}
	return entries;
}

/* The word of [start, end) that heads the longest list: other words point at later blocks of the same one. */
static void search_section(struct search *search, uint64_t start, uint64_t end)
{
	const uint8_t *bytes;
	uint64_t addr = (start + 7) & ~UINT64_C(7), run;
	for (; (bytes = hb_snapshot_next_run(search->memory->snapshot, &addr, end, &run)); addr += run) {
		for (uint64_t i = 0; i + 8 <= run; i += 8) {
			uint64_t block = hb_load_u64(bytes + i), entries;
			if (may_be_block(search, block) && (entries = measure(search, block)) > search->entries) {
				search->entries = entries;
				search->head = addr + i;
			}
		}
	}
}

uint64_t hb_go_queue_find(const struct hb_go_memory *memory, const struct hb_go_location *location,
                          enum hb_go_queue queue)
{
	const struct hb_go_layout *layout = location->layout;
	struct search search = {.memory = memory, .layout = layout, .queue = queue};
	uint64_t module = location->moduledata[0], bss, ebss, noptrbss;
	if (!shape_of(layout, queue, &search.shape) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.text, &search.text) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.etext, &search.etext) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.noptrdata, &search.data) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.bss, &bss) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.ebss, &ebss) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.noptrbss, &noptrbss) ||
	    !hb_go_memory_u64(memory, module + layout->moduledata.enoptrbss, &search.enoptrbss))
		return 0;
	search_section(&search, bss, ebss);
	search_section(&search, noptrbss, search.enoptrbss);
	return search.head;
}

/* --- Walking it ------------------------------------------------------------------------------------------------- */

void hb_go_queue_blocks(const struct hb_go_memory *memory, const struct hb_go_layout *layout, enum hb_go_queue queue,
                        uint64_t head, void (*visit)(void *ctx, uint64_t block, uint64_t size), void *ctx)
{
	struct shape shape;
	uint64_t block;
	if (!head || !shape_of(layout, queue, &shape) || !hb_go_memory_u64(memory, head, &block))
		return;
	for (uint64_t n = 0; block && n < MAX_BLOCKS; n++) {
		visit(ctx, block, shape.size);
		if (!hb_go_memory_u64(memory, block + shape.alllink, &block))
			return;
	}
}

void hb_go_queue_words(const struct hb_go_memory *memory, const struct hb_go_layout *layout, enum hb_go_queue queue,
                       uint64_t block, void (*visit)(void *ctx, uint64_t value), void *ctx)
{
	struct shape shape;
	uint32_t count;
	uint64_t value;
	if (!shape_of(layout, queue, &shape) || !read_count(memory, &shape, block, &count))
		return;
	for (uint64_t at = 0; at < (uint64_t)count * shape.entry_size; at += 8)
		if (hb_go_memory_u64(memory, block + shape.entries + at, &value))
			visit(ctx, value);
}
