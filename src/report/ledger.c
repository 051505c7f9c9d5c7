/* Where resident memory goes. The parts sum to RSS: each mapping's resident bytes are charged to one kind; those of the
 * Go heap are divided among live objects, stacks and what is free.
 *
 * Pages of live objects that were never touched are not resident: a megabyte that was made and not written to costs
 * nothing yet. So live objects are counted page by page.
 */
#include "report/build.h"

#include <string.h>

enum kind { GO_HEAP, GO_RUNTIME, C_HEAP, STACKS, FILES, OTHER, NKINDS };

/* --- Kinds of mappings ------------------------------------------------------------------------------------------ */

static bool in_arenas(const struct hb_heap *heap, uint64_t addr)
{
	uint64_t arena = (addr - heap->low) >> HB_ARENA_SHIFT;
	return addr >= heap->low && arena < heap->arena_span && heap->arena_map[arena];
}

/* Thread stacks of C: a thread's stack pointer lies there. */
static bool holds_thread_stack(const struct hb_snapshot *snapshot, const struct hb_mapping *mapping)
{
	for (size_t i = 0; i < snapshot->nthreads; i++) {
		const struct hb_thread *thread = &snapshot->threads[i];
		if (thread->has_registers &&
		    ((thread->registers.sp >= mapping->start && thread->registers.sp < mapping->end) ||
		     (thread->registers.tls_base >= mapping->start && thread->registers.tls_base < mapping->end)))
			return true;
	}
	return false;
}

/* Its records of spans lie where the runtime keeps what it has for itself. */
static bool holds_runtime_data(const struct hb_heap *heap, const struct hb_mapping *mapping)
{
	for (uint32_t i = 0; i < heap->nspans; i++)
		if (heap->spans[i].mspan >= mapping->start && heap->spans[i].mspan < mapping->end)
			return true;
	return false;
}

static bool is_libc(const char *path)
{
	const char *base = strrchr(path, '/');
	base = base ? base + 1 : path;
	return !strncmp(base, "libc.so", 7) || !strncmp(base, "libc-", 5) || !strncmp(base, "ld-musl", 7);
}

static bool has_c_library(const struct hb_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nmappings; i++)
		if (is_libc(snapshot->mappings[i].path))
			return true;
	return false;
}

/* Uninitialised data of a program or library: the anonymous memory right behind its file. */
static bool is_behind_file(const struct hb_snapshot *snapshot, size_t index)
{
	const struct hb_mapping *mapping = &snapshot->mappings[index];
	for (size_t i = index; i-- > 0 && snapshot->mappings[i].end == snapshot->mappings[i + 1].start;) {
		if (snapshot->mappings[i].inode)
			return mapping->writable;
		if (snapshot->mappings[i].path[0])
			return false;
	}
	return false;
}

static enum kind kind_of(const struct hb_analysis *analysis, size_t index, bool c_library)
{
	const struct hb_snapshot *snapshot = analysis->snapshot;
	const struct hb_mapping *mapping = &snapshot->mappings[index];
	if (in_arenas(analysis->heap, mapping->start))
		return GO_HEAP;
	if (mapping->inode)
		return FILES;
	/* The runtime names its memory from Go 1.25 on where the kernel lets it (runtime/set_vma_name_linux.go). */
	if (!strncmp(mapping->path, "[anon: Go: ", 11))
		return GO_RUNTIME;
	if (!strcmp(mapping->path, "[heap]") || !strncmp(mapping->path, "[anon: glibc: malloc", 20))
		return C_HEAP;
	if (!strncmp(mapping->path, "[stack", 6) || holds_thread_stack(snapshot, mapping))
		return STACKS;
	if (mapping->path[0])
		return OTHER; /* [vdso], [anon: …] of somebody else */
	if (is_behind_file(snapshot, index))
		return FILES;
	if (!c_library || holds_runtime_data(analysis->heap, mapping))
		return GO_RUNTIME;
	/* glibc's further arenas and large chunks. Without the runtime's names some of its own memory hides among them.
	 */
	return C_HEAP;
}

/* --- Parts ------------------------------------------------------------------------------------------------------ */

static uint64_t goroutine_stacks(const struct hb_analysis *analysis)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < analysis->goroutines.n; i++) {
		const struct hb_goroutine *goroutine = &analysis->goroutines.list[i];
		if (goroutine->stack_hi > goroutine->stack_lo && in_arenas(analysis->heap, goroutine->stack_lo))
			bytes += goroutine->stack_hi - goroutine->stack_lo;
	}
	return bytes;
}

/* Resident bytes of reached objects. The presence of pages was asked shortly before the stop. */
static uint64_t live_resident_bytes(const struct hb_analysis *analysis)
{
	const struct hb_heap *heap = analysis->heap;
	const struct hb_snapshot_arenas *arenas = &analysis->snapshot->arenas;
	uint64_t bytes = 0, at;
	if (!arenas->presence || arenas->bytes != heap->memory)
		return analysis->graph->reached_bytes;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (!hb_heap_page(heap, span->base, &at))
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems;
		     slot++, at += span->elem_size) {
			if (!analysis->graph->number[slot])
				continue;
			for (uint64_t from = at, end = at + span->elem_size; from < end;) {
				uint64_t page_end = (from | (HB_PAGE_SIZE - 1)) + 1,
				         part = hb_min(page_end, end) - from;
				if (arenas->presence[from >> HB_PAGE_SHIFT] == HB_PAGE_PRESENT)
					bytes += part;
				from += part;
			}
		}
	}
	return bytes;
}

static void divide(struct hb_ledger *ledger, const struct hb_analysis *analysis, const uint64_t resident[NKINDS])
{
	uint64_t left = resident[GO_HEAP];
	uint64_t stacks = hb_min(goroutine_stacks(analysis), left);
	left -= stacks;
	ledger->live_heap = hb_min(live_resident_bytes(analysis), left);
	ledger->free_heap = left - ledger->live_heap;
	ledger->stacks = stacks + resident[STACKS];
	ledger->c_heap = resident[C_HEAP];
	ledger->runtime = resident[GO_RUNTIME];
	ledger->files = resident[FILES];
	ledger->other = resident[OTHER];
}

struct hb_error *hb_build_ledger(struct hb_report_builder *builder)
{
	const struct hb_analysis *analysis = builder->analysis;
	const struct hb_snapshot *snapshot = analysis->snapshot;
	struct hb_ledger *ledger = &builder->report->ledger;
	uint64_t resident[NKINDS] = {0};
	bool c_library = has_c_library(snapshot);
	for (size_t i = 0; i < snapshot->nmappings; i++) {
		ledger->rss += snapshot->mappings[i].rss;
		if (snapshot->mappings[i].rss)
			resident[kind_of(analysis, i, c_library)] += snapshot->mappings[i].rss;
	}
	divide(ledger, analysis, resident);
	return NULL;
}
