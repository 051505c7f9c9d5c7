#include "golang/go_roots.h"
#include "base/order.h"
#include "base/progress.h"
#include "golang/pclntab.h"
#include "golang/queues.h"
#include "golang/specials.h"
#include "golang/stacks.h"
#include "golang/threads.h"

#include <string.h>

struct builder {
	const struct hb_go *go;
	const struct hb_heap *heap;
	const struct hb_goroutines *goroutines;
	const struct hb_globals *globals;
	const struct hb_go_timers *timers;
	struct hb_roots *roots;
	uint32_t node; /* the one that edges go to */
	uint64_t imprecise_stacks, incomplete_stacks;
	uint64_t unread_globals; /* words of data and bss that may be pointers */
	bool out_of_memory;
};

/* --- Nodes and edges -------------------------------------------------------------------------------------------------
 */

static struct hb_error *add_node(struct builder *builder, struct hb_root_node node)
{
	if (builder->roots->nodes.len >= HB_ROOT_NONE - 2)
		return hb_error_create(HB_ERR_CORRUPT, "there are more roots than heldby can number");
	HB_VEC_PUSH(&builder->roots->nodes, node);
	builder->node = (uint32_t)builder->roots->nodes.len - 1;
	return NULL;
}

static struct hb_error *add_named_node(struct builder *builder, enum hb_root_kind kind, uint8_t phase, const char *name)
{
	return add_node(
	        builder,
	        (struct hb_root_node){
	                .kind = kind, .phase = phase, .parent = HB_ROOT_NONE, .name = name, .name_is_certain = true});
}

/* Values outside the heap hold nothing and are dropped; the caller's node gets the rest. */
static void add_edge(struct builder *builder, uint64_t value, uint64_t from)
{
	uint32_t slot = hb_heap_slot(builder->heap, value);
	if (slot && hb_heap_allocated(builder->heap, slot) &&
	    !hb_vec_push(&builder->roots->edges, (struct hb_root_edge){value, from, builder->node}))
		builder->out_of_memory = true;
}

/* --- Globals ---------------------------------------------------------------------------------------------------------
 */

static struct hb_error *start_global(struct builder *builder, const struct hb_global *global, uint64_t addr,
                                     uint8_t phase)
{
	bool internal = phase == 2;
	if (!global)
		return add_node(builder, (struct hb_root_node){.kind = HB_ROOT_GLOBAL,
		                                               .phase = phase,
		                                               .parent = HB_ROOT_NONE,
		                                               .id = addr,
		                                               .name = "unnamed global"});
	return add_node(builder, (struct hb_root_node){.kind = internal ? HB_ROOT_RUNTIME : HB_ROOT_GLOBAL,
	                                               .phase = phase,
	                                               .parent = HB_ROOT_NONE,
	                                               .id = global->addr,
	                                               .size = global->size,
	                                               .name = global->name,
	                                               .name_is_certain = global->certain,
	                                               .type = global->type});
}

static uint8_t phase_of(const struct hb_global *global)
{
	return !global ? 0 : global->runtime_internal ? 2 : global->is_pool ? 1 : 0;
}

/* The pointer words of data or bss, by the mask the linker made for the collector (one bit a word). */
static struct hb_error *scan_section(struct builder *builder, uint64_t start, uint64_t end, uint64_t mask_addr,
                                     uint8_t phase)
{
	uint64_t nwords = (end - start) / 8;
	const uint8_t *mask = hb_snapshot_at(builder->go->snapshot, mask_addr, (nwords + 7) / 8);
	if (!nwords)
		return NULL;
	if (!mask) {
		hb_notes_add_partial(builder->go->notes,
		                     "the pointer mask of %llu bytes of global data was not captured: globals "
		                     "are missing",
		                     (unsigned long long)(end - start));
		return NULL;
	}
	const struct hb_global *current = NULL;
	uint64_t current_end = 0;
	bool started = false;
	for (uint64_t i = 0; i < nwords; i++) {
		uint64_t addr = start + i * 8, value;
		if (!(mask[i / 8] >> (i % 8) & 1))
			continue;
		if (!hb_snapshot_u64(builder->go->snapshot, addr, &value)) {
			builder->unread_globals += phase == 0; /* every section is scanned once a phase */
			continue;
		}
		if (!value || !hb_heap_slot(builder->heap, value))
			continue;
		const struct hb_global *global = addr < current_end ? current : hb_globals_at(builder->globals, addr);
		if (phase_of(global) != phase)
			continue;
		if (!started || global != current || !global) {
			TRY(start_global(builder, global, addr, phase));
			started = true;
			current = global;
			current_end = global && global->size ? global->addr + global->size : 0;
		}
		add_edge(builder, value, addr);
	}
	return NULL;
}

static struct hb_error *scan_globals(struct builder *builder, uint8_t phase)
{
	for (size_t i = 0; i < builder->go->nmodules; i++) {
		const struct hb_go_module *module = &builder->go->modules[i];
		TRY(scan_section(builder, module->data, module->edata, module->gcdatamask, phase));
		TRY(scan_section(builder, module->bss, module->ebss, module->gcbssmask, phase));
	}
	return NULL;
}

/* --- Goroutines ------------------------------------------------------------------------------------------------------
 */

static int compare_by_creation(const void *a, const void *b)
{
	const struct hb_goroutine *x = *(const struct hb_goroutine *const *)a,
	                          *y = *(const struct hb_goroutine *const *)b;
	if (x->gopc != y->gopc)
		return x->gopc < y->gopc ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* The function whose `go` statement made them: "main.(*Server).run"; what starts the program has none. */
static const char *creator_name(const struct builder *builder, const struct hb_goroutine *goroutine)
{
	struct hb_go_line line;
	if (goroutine->id == 1)
		return HB_ROOT_MAIN;
	if (goroutine->gopc && hb_go_lines(builder->go, goroutine->gopc - 1, &line, 1))
		return line.function;
	return "an unknown function";
}

static void visit_stack_pointer(void *ctx, const struct hb_stack_pointer *pointer)
{
	add_edge(ctx, pointer->value, pointer->slot);
}

static struct hb_error *add_goroutine(struct builder *builder, const struct hb_goroutine *goroutine, uint32_t group)
{
	struct hb_stack_reading reading;
	TRY(add_node(builder, (struct hb_root_node){.kind = HB_ROOT_GOROUTINE,
	                                            .parent = group,
	                                            .id = goroutine->g,
	                                            .name = "",
	                                            .name_is_certain = true}));
	add_edge(builder, goroutine->g, 0);
	TRY(hb_go_scan_stack(builder->go, goroutine, visit_stack_pointer, builder, &reading));
	builder->incomplete_stacks += !reading.complete;
	builder->imprecise_stacks += reading.complete && !reading.precise && goroutine->status != HB_G_RUNNING;
	return NULL;
}

static struct hb_error *add_goroutines(struct builder *builder)
{
	const struct hb_goroutines *all = builder->goroutines;
	hb_autofree const struct hb_goroutine **order = calloc(hb_max(all->n, (size_t)1), sizeof(*order));
	if (!order)
		return hb_error_nomem();
	for (size_t i = 0; i < all->n; i++)
		order[i] = &all->list[i];
	qsort(order, all->n, sizeof(*order), compare_by_creation);
	uint32_t group = HB_ROOT_NONE;
	for (size_t i = 0; i < all->n; i++) {
		if (!i || order[i]->gopc != order[i - 1]->gopc) {
			TRY(add_node(builder, (struct hb_root_node){.kind = HB_ROOT_GOROUTINE_GROUP,
			                                            .parent = HB_ROOT_NONE,
			                                            .id = order[i]->gopc,
			                                            .name = creator_name(builder, order[i]),
			                                            .name_is_certain = true}));
			group = builder->node;
		}
		TRY(add_goroutine(builder, order[i], group));
		if ((i & 4095) == 0 && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

/* What threads hold in registers and on their own stacks right now. */
static struct hb_error *add_threads(struct builder *builder)
{
	TRY(add_named_node(builder, HB_ROOT_RUNTIME, 0, "threads (registers and system stacks)"));
	return hb_go_scan_threads(builder->go, builder->goroutines, visit_stack_pointer, builder);
}

/* --- Timers ----------------------------------------------------------------------------------------------------------
 */

/* Deadlines of the network poller live outside the heap. */
static struct hb_error *add_timers(struct builder *builder)
{
	const char *group = NULL;
	for (size_t i = 0; i < builder->timers->list.len; i++) {
		const struct hb_go_timer *timer = &builder->timers->list.data[i];
		if (!hb_heap_slot(builder->heap, timer->addr))
			continue;
		if (!group || strcmp(group, timer->callback) != 0) {
			group = timer->callback;
			TRY(add_named_node(builder, HB_ROOT_TIMER_GROUP, 0, group));
		}
		add_edge(builder, timer->addr, 0);
	}
	return NULL;
}

/* --- Specials --------------------------------------------------------------------------------------------------------
 */

struct object_visit {
	struct builder *builder;
	uint64_t base;
};

static void visit_object_word(void *ctx, uint64_t word)
{
	struct object_visit *visit = ctx;
	uint64_t value;
	if (hb_snapshot_u64(visit->builder->go->snapshot, visit->base + word * 8, &value))
		add_edge(visit->builder, value, visit->base + word * 8);
}

/* Runs over the special records of one kind. runtime/mgcmark.go markrootSpans: of an object with a finalizer everything
 * it points to is a root, but not the object; the finalizer's func value is; a weak handle's indirection object is; a
 * cleanup's func value (and argument, 1.26+) is. */
static void add_special(struct builder *builder, const struct hb_span *span, const struct hb_specials *record)
{
	uint64_t at, value;
	uint32_t n = hb_specials_roots(record, &at), slot = hb_specials_slot(record, span);
	for (uint32_t i = 0; i < n; i++)
		if (hb_snapshot_u64(builder->go->snapshot, at + i * 8, &value))
			add_edge(builder, value, 0);
	if (record->kind == builder->go->layout->kinds.finalizer && slot) {
		struct object_visit visit = {builder, hb_heap_slot_addr(span, slot)};
		hb_heap_each_pointer_word(builder->heap, span, slot, visit_object_word, &visit);
	}
}

static struct hb_error *add_specials(struct builder *builder, uint32_t kind, const char *name)
{
	struct hb_specials specials = hb_specials(builder->go);
	if (kind == HB_ABSENT)
		return NULL;
	TRY(add_named_node(builder, HB_ROOT_FINALIZER, 1, name));
	for (uint32_t i = 0; i < builder->heap->nspans; i++) {
		const struct hb_span *span = &builder->heap->spans[i];
		for (hb_specials_start(&specials, span); hb_specials_next(&specials);)
			if (specials.kind == kind)
				add_special(builder, span, &specials);
	}
	return NULL;
}

/* --- Finalizers and cleanups that are due ----------------------------------------------------------------------- */

struct queue_visit {
	struct builder *builder;
	enum hb_go_queue queue;
};

static void visit_queued_word(void *ctx, uint64_t value)
{
	add_edge(ctx, value, 0);
}

static void visit_queue_block(void *ctx, uint64_t block, uint64_t size)
{
	const struct queue_visit *visit = ctx;
	const struct hb_go *go = visit->builder->go;
	hb_go_queue_words(&(struct hb_go_memory){go->snapshot, NULL}, go->layout, visit->queue, block,
	                  visit_queued_word, visit->builder);
}

/* runtime/mgcmark.go fixedRootFinalizers, fixedRootCleanups. */
static struct hb_error *add_queues(struct builder *builder)
{
	static const char *const names[HB_GO_QUEUES] = {"finalizers that are due", "cleanups that are due"};
	const struct hb_go *go = builder->go;
	for (unsigned queue = 0; queue < HB_GO_QUEUES; queue++) {
		if (!go->queues[queue])
			continue;
		TRY(add_named_node(builder, HB_ROOT_FINALIZER, 1, names[queue]));
		hb_go_queue_blocks(&(struct hb_go_memory){go->snapshot, NULL}, go->layout, queue, go->queues[queue],
		                   visit_queue_block, &(struct queue_visit){builder, queue});
	}
	return NULL;
}

/* --- The runtime's own ------------------------------------------------------------------------------------------ */

/* Each p's cache of tiny allocations: the block that the next few tiny objects go into (runtime/mcache.go,
 * gcMarkTinyAllocs). Nobody need point at it yet. */
static struct hb_error *add_tiny_blocks(struct builder *builder)
{
	const struct hb_go_layout *layout = builder->go->layout;
	const struct hb_snapshot *snapshot = builder->go->snapshot;
	uint64_t ps, nps, p, mcache, tiny;
	if (!builder->go->allp || !hb_snapshot_slice(snapshot, builder->go->allp, 1 << 16, &ps, &nps))
		return NULL;
	TRY(add_named_node(builder, HB_ROOT_RUNTIME, 2, HB_ROOT_TINY_BLOCKS));
	for (uint64_t i = 0; i < nps; i++)
		if (hb_snapshot_u64(snapshot, ps + i * 8, &p) &&
		    hb_snapshot_u64(snapshot, p + layout->p.mcache, &mcache) &&
		    hb_snapshot_u64(snapshot, mcache + layout->mcache.tiny, &tiny))
			add_edge(builder, tiny, 0);
	return NULL;
}

/* g structs are never freed: the runtime keeps them for the next goroutine. */
static struct hb_error *add_dead_goroutines(struct builder *builder)
{
	TRY(add_named_node(builder, HB_ROOT_RUNTIME, 2, "ended goroutines (kept for reuse)"));
	for (size_t i = 0; i < builder->goroutines->ndead; i++)
		add_edge(builder, builder->goroutines->dead_gs[i], 0);
	return NULL;
}

/* --- Cuts ------------------------------------------------------------------------------------------------------- */

static struct hb_error *cut(struct builder *builder, uint64_t addr)
{
	uint32_t slot = hb_heap_slot(builder->heap, addr);
	if (slot)
		HB_VEC_PUSH(&builder->roots->cut_targets, slot);
	return NULL;
}

/* allgs, allm, channel queues and so on all lead to g structs: only the goroutine itself is charged with its g. */
static struct hb_error *cut_goroutines(struct builder *builder)
{
	const struct hb_goroutines *all = builder->goroutines;
	for (size_t i = 0; i < all->n; i++)
		TRY(cut(builder, all->list[i].g));
	for (size_t i = 0; i < all->ndead; i++)
		TRY(cut(builder, all->dead_gs[i]));
	return NULL;
}

/* The p structs, which pending timers and others point to, lead to every cache of the scheduler. */
static struct hb_error *cut_processors(struct builder *builder)
{
	uint64_t ps, nps, p;
	if (!builder->go->allp || !hb_snapshot_slice(builder->go->snapshot, builder->go->allp, 1 << 16, &ps, &nps))
		return NULL;
	TRY(add_named_node(builder, HB_ROOT_RUNTIME, 2, "processors (runtime.allp)"));
	for (uint64_t i = 0; i < nps; i++) {
		if (!hb_snapshot_u64(builder->go->snapshot, ps + i * 8, &p))
			break;
		TRY(cut(builder, p));
		add_edge(builder, p, 0);
	}
	return NULL;
}

static struct hb_error *cut_thread(struct builder *builder, uint64_t m, size_t first)
{
	uint32_t slot = hb_heap_slot(builder->heap, m);
	bool known = !slot;
	for (size_t k = first; k < builder->roots->cut_targets.len && !known; k++)
		known = builder->roots->cut_targets.data[k] == slot;
	if (known)
		return NULL;
	TRY(cut(builder, m));
	add_edge(builder, m, 0);
	return NULL;
}

/* The m structs: every g that runs or is in a syscall points to one, and they are linked to each other. (Their link,
 * m.alllink, moved between 1.24.0 and 1.24.10: the threads lead to them as well.) */
static struct hb_error *cut_threads(struct builder *builder)
{
	const struct hb_goroutines *all = builder->goroutines;
	size_t first = builder->roots->cut_targets.len;
	TRY(add_named_node(builder, HB_ROOT_RUNTIME, 2, "threads (runtime.allm)"));
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].m)
			TRY(cut_thread(builder, all->list[i].m, first));
	for (size_t i = 0; all->threads && i < builder->go->snapshot->nthreads; i++)
		if (all->threads[i].m)
			TRY(cut_thread(builder, all->threads[i].m, first));
	return NULL;
}

static struct hb_error *add_cuts(struct builder *builder)
{
	TRY(cut_processors(builder));
	TRY(cut_threads(builder));
	TRY(cut_goroutines(builder));
	qsort(builder->roots->cut_targets.data, builder->roots->cut_targets.len, sizeof(uint32_t), hb_compare_u32);
	return NULL;
}

/* --- Together --------------------------------------------------------------------------------------------------- */

static struct hb_error *build(struct builder *builder)
{
	const struct hb_go_special_kinds *kinds = &builder->go->layout->kinds;
	TRY(scan_globals(builder, 0));
	TRY(add_goroutines(builder));
	TRY(add_threads(builder));
	TRY(add_timers(builder));
	TRY(scan_globals(builder, 1));
	TRY(add_specials(builder, kinds->finalizer, HB_ROOT_FINALIZERS));
	TRY(add_specials(builder, kinds->cleanup, HB_ROOT_CLEANUPS));
	TRY(add_specials(builder, kinds->weak_handle, HB_ROOT_WEAK_POINTERS));
	TRY(add_queues(builder));
	TRY(scan_globals(builder, 2));
	TRY(add_tiny_blocks(builder));
	TRY(add_dead_goroutines(builder));
	TRY(add_cuts(builder));
	if (builder->unread_globals)
		hb_notes_add_partial(builder->go->notes,
		                     "%llu words of global variables could not be read: what only they hold seems free",
		                     (unsigned long long)builder->unread_globals);
	if (builder->incomplete_stacks)
		hb_notes_add_partial(builder->go->notes,
		                     "parts of %llu goroutine stacks could not be read: what only they hold seems free",
		                     (unsigned long long)builder->incomplete_stacks);
	if (builder->imprecise_stacks)
		hb_notes_add(builder->go->notes,
		             "%llu goroutine stacks could not be unwound and were read conservatively: they may "
		             "seem to hold more than they do",
		             (unsigned long long)builder->imprecise_stacks);
	return builder->out_of_memory ? hb_error_nomem() : NULL;
}

struct hb_error *hb_go_roots(const struct hb_go *go, const struct hb_heap *heap, const struct hb_goroutines *goroutines,
                             const struct hb_globals *globals, const struct hb_go_timers *timers, struct hb_roots *ret)
{
	*ret = (struct hb_roots){0};
	struct builder builder = {
	        .go = go, .heap = heap, .goroutines = goroutines, .globals = globals, .timers = timers, .roots = ret};
	struct hb_error *err = build(&builder);
	if (err)
		hb_roots_deinit(ret);
	return err;
}
