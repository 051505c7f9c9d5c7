/* Goroutines, their stacks and what they wait for; processors and threads. */
#include "golang/confirm_internal.h"
#include "golang/stacks.h"
#include "golang/threads.h"

#include <inttypes.h>
#include <string.h>

enum { SAMPLE = 1024, IN_USE = 1, MANUAL = 2 };

static uint8_t page_state(const struct hb_confirm *confirm, uint64_t addr)
{
	uint64_t at;
	return hb_heap_page(confirm->heap, addr, &at) ? confirm->page_states[at >> HB_HEAP_PAGE_SHIFT] : UINT8_MAX;
}

static bool is_entry(const struct hb_confirm *confirm, uint64_t pc)
{
	struct hb_go_func func;
	return hb_go_func_at(confirm->go, pc, &func) && func.entry == pc;
}

/* --- Goroutines ----------------------------------------------------------------------------------------------------------- */

/* Calls check for a sample of the live goroutines until one fails. */
static struct hb_error *each_goroutine(const struct hb_confirm *confirm,
                                       struct hb_error *(*check)(const struct hb_confirm *confirm,
                                                                 const struct hb_goroutine *goroutine, void *ctx),
                                       void *ctx)
{
	size_t step = confirm->goroutines->n / SAMPLE + 1;
	for (size_t i = 0; i < confirm->goroutines->n; i += step)
		TRY(check(confirm, &confirm->goroutines->list[i], ctx));
	return NULL;
}

/* runtime/stack.go stackalloc: a power of two, from spans of the runtime's own. */
static bool has_stack(const struct hb_confirm *confirm, const struct hb_goroutine *g)
{
	uint64_t size = g->stack_hi - g->stack_lo;
	return g->stack_hi > g->stack_lo && size >= 2048 && !(size & (size - 1)) && size <= UINT64_C(1) << 32 &&
	       page_state(confirm, g->stack_lo) == MANUAL && page_state(confirm, g->stack_hi - 1) == MANUAL;
}

/* Where it stands, if no thread runs it. */
static bool has_position(const struct hb_confirm *confirm, const struct hb_goroutine *g)
{
	if (g->status == HB_G_RUNNING || g->status == HB_G_COPYSTACK)
		return true;
	return g->sp >= g->stack_lo && g->sp < g->stack_hi && hb_go_module_of_text(confirm->go, g->pc);
}

/* runtime/runtime2.go g.waiting: the sudogs of a goroutine know it. */
static bool has_sudogs(const struct hb_confirm *confirm, const struct hb_goroutine *g)
{
	uint64_t back;
	return !g->waiting || g->status != HB_G_WAITING ||
	       (hb_snapshot_u64(confirm->go->snapshot, g->waiting + confirm->layout->sudog.g, &back) && back == g->g);
}

/* runtime/runtime2.go _defer, 1.18-1.27: records of frames on the stack, outwards, with what is to be called, if that is not in
 * the frame itself. */
static bool has_defers(const struct hb_confirm *confirm, const struct hb_goroutine *g)
{
	enum { MAX_RECORDS = 1 << 16 };
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t defer = g->status == HB_G_WAITING ? g->defer : 0, sp, fn, before = 0;
	for (unsigned n = 0; defer && n < MAX_RECORDS; n++) {
		if (!hb_snapshot_u64(confirm->go->snapshot, defer + layout->defer.sp, &sp) || sp < g->sp ||
		    sp > g->stack_hi || sp < before ||
		    !hb_snapshot_u64(confirm->go->snapshot, defer + layout->defer.fn, &fn) ||
		    (fn && !hb_confirm_is_func_value(confirm, fn)) ||
		    !hb_snapshot_u64(confirm->go->snapshot, defer + layout->defer.link, &defer))
			return false;
		before = sp;
	}
	return !defer;
}

static struct hb_error *check_goroutine(const struct hb_confirm *confirm, const struct hb_goroutine *g, void *ctx)
{
	if (!g->id || g->id >> 48)
		return hb_disagrees("a goroutine has the number %" PRIu64, g->id);
	if (!has_stack(confirm, g))
		return hb_disagrees("the stack of goroutine %" PRIu64 " is not in memory for stacks", g->id);
	if (!has_position(confirm, g))
		return hb_disagrees("goroutine %" PRIu64 " does not stand in code, on its stack", g->id);
	/* Threads that C made get goroutines that nothing started (runtime/proc.go oneNewExtraM, 1.18-1.27). */
	if ((g->startpc || g->gopc) &&
	    (!is_entry(confirm, g->startpc) || (g->id != 1 && !hb_go_module_of_text(confirm->go, g->gopc))))
		return hb_disagrees("goroutine %" PRIu64 " was not started by code", g->id);
	if (g->parent_id >> 48 || (g->id == 1 && g->parent_id))
		return hb_disagrees("goroutine %" PRIu64 " was started by goroutine %" PRIu64, g->id, g->parent_id);
	if (!has_sudogs(confirm, g))
		return hb_disagrees("what goroutine %" PRIu64 " waits with is of another goroutine", g->id);
	if (!has_defers(confirm, g))
		return hb_disagrees("the deferred calls of goroutine %" PRIu64 " are not of its frames", g->id);
	return NULL;
}

static bool is_status(uint32_t status)
{
	return status <= HB_G_WAITING || status == HB_G_DEAD || (status >= HB_G_COPYSTACK && status <= HB_G_DEADEXTRA);
}

struct hb_error *hb_confirm_goroutines(const struct hb_confirm *confirm)
{
	const struct hb_go_layout *layout = confirm->layout;
	const struct hb_goroutines *all = confirm->goroutines;
	uint64_t data, len, g;
	uint32_t status;
	if (!hb_snapshot_slice(confirm->go->snapshot, confirm->go->allgs, HB_MOST_GOROUTINES, &data, &len))
		return hb_disagrees("the list of goroutines cannot be read");
	for (uint64_t i = 0; i < len; i++)
		if (hb_snapshot_u64(confirm->go->snapshot, data + i * 8, &g) && g &&
		    hb_snapshot_u32(confirm->go->snapshot, g + layout->g.atomicstatus, &status) &&
		    !is_status(status & ~UINT32_C(0x1000)))
			return hb_disagrees("a goroutine is in state %u", status);
	if (!all->n || all->list[0].id != 1)
		return hb_disagrees("it has no goroutine 1");
	for (size_t i = 1; i < all->n; i++)
		if (all->list[i].id == all->list[i - 1].id)
			return hb_disagrees("two goroutines have the number %" PRIu64, all->list[i].id);
	return each_goroutine(confirm, check_goroutine, NULL);
}

/* --- Stacks ----------------------------------------------------------------------------------------------------------------- */

struct walk {
	uint64_t outermost; /* entry of the function below runtime.goexit */
	uint64_t entry;     /* of the frame before */
	size_t nframes;
};

static bool visit_frame(void *ctx, const struct hb_go_frame *frame)
{
	struct walk *walk = ctx;
	walk->outermost = walk->entry;
	walk->entry = frame->func.entry;
	walk->nframes++;
	return true;
}

static void ignore_pointer(void *ctx, const struct hb_stack_pointer *pointer)
{
}

struct stacks {
	uint64_t walked, wrong;
};

/* From where it stands a goroutine goes back to the function that it was started with; below that is runtime.goexit.
 * Those of threads that C made were not started. */
static struct hb_error *check_stack(const struct hb_confirm *confirm, const struct hb_goroutine *g, void *ctx)
{
	struct stacks *stacks = ctx;
	struct walk walk = {0};
	bool complete = false;
	struct hb_stack_reading reading = {0};
	if (g->status == HB_G_RUNNING || g->status == HB_G_COPYSTACK || !g->startpc)
		return NULL;
	TRY(hb_go_unwind(confirm->go, g, visit_frame, &walk, &complete));
	TRY(hb_go_scan_stack(confirm->go, g, ignore_pointer, NULL, &reading));
	stacks->walked++;
	stacks->wrong += !complete || !reading.precise || (walk.nframes > 1 && walk.outermost != g->startpc);
	return NULL;
}

struct hb_error *hb_confirm_stacks(const struct hb_confirm *confirm)
{
	struct stacks stacks = {0};
	TRY(each_goroutine(confirm, check_stack, &stacks));
	if (stacks.wrong > stacks.walked / 64)
		return hb_disagrees("the stacks of %" PRIu64 " of %" PRIu64
		                    " goroutines do not lead to where they were started",
		                    stacks.wrong, stacks.walked);
	return NULL;
}

/* --- Wait reasons ------------------------------------------------------------------------------------------------------------ */

/* Who parks says why: the caller of gopark or goparkunlock and how the reason begins; 1.18-1.27. */
static const struct {
	const char *function, *reason;
} parkings[] = {
        {"runtime.forcegchelper", "force gc (idle)"}, /* runtime/proc.go */
        {"runtime.bgsweep", "GC sweep wait"},         /* runtime/mgcsweep.go */
        {"runtime.chanrecv", "chan receive"},         /* runtime/chan.go */
        {"runtime.chansend", "chan send"},
        {"runtime.selectgo", "select"}, /* runtime/select.go */
        {"runtime.block", "select (no cases)"},
        {"time.Sleep", "sleep"},                           /* runtime/time.go */
        {"runtime.netpollblock", "IO wait"},               /* runtime/netpoll.go */
        {"sync.runtime_notifyListWait", "sync.Cond.Wait"}, /* runtime/sema.go */
};

static bool visit_caller(void *ctx, const struct hb_go_frame *frame)
{
	const char **caller = ctx;
	*caller = frame->func.name;
	return !strcmp(*caller, "runtime.gopark") || !strcmp(*caller, "runtime.goparkunlock");
}

struct reasons {
	uint64_t known;
};

static struct hb_error *check_reason(const struct hb_confirm *confirm, const struct hb_goroutine *g, void *ctx)
{
	struct reasons *reasons = ctx;
	const char *caller = "";
	bool complete;
	if (g->status != HB_G_WAITING)
		return NULL;
	if (g->wait_reason_number >= confirm->layout->nwait_reasons)
		return hb_disagrees("goroutine %" PRIu64 " waits for reason %u of %u", g->id, g->wait_reason_number,
		                    confirm->layout->nwait_reasons);
	TRY(hb_go_unwind(confirm->go, g, visit_caller, &caller, &complete));
	for (size_t i = 0; i < hb_countof(parkings); i++) {
		if (strcmp(caller, parkings[i].function) != 0)
			continue;
		reasons->known++;
		if (strncmp(g->wait_reason, parkings[i].reason, strlen(parkings[i].reason)) != 0)
			return hb_disagrees("goroutine %" PRIu64 " waits in %s, and its reason is '%s'", g->id, caller,
			                    g->wait_reason);
	}
	return NULL;
}

struct hb_error *hb_confirm_wait_reasons(const struct hb_confirm *confirm)
{
	struct reasons reasons = {0};
	TRY(each_goroutine(confirm, check_reason, &reasons));
	return reasons.known ? NULL : hb_disagrees("no goroutine waits in a function of the runtime that heldby knows");
}

/* --- Processors ---------------------------------------------------------------------------------------------------------------- */

/* Each class has a span of its own in mcache.alloc (runtime/mcache.go, 1.18-1.27), or the one that is always full, which is in
 * the program's data. */
static struct hb_error *check_mcache(const struct hb_confirm *confirm, uint64_t mcache)
{
	const struct hb_go_layout *layout = confirm->layout;
	enum { CLASSES = 136 };
	uint64_t span, tiny;
	uint8_t state, class;
	for (unsigned i = 0; i < CLASSES; i++) {
		if (!hb_snapshot_u64(confirm->go->snapshot, mcache + layout->mcache.alloc + i * 8, &span) ||
		    !hb_snapshot_u8(confirm->go->snapshot, span + layout->mspan.state, &state) ||
		    !hb_snapshot_u8(confirm->go->snapshot, span + layout->mspan.spanclass, &class))
			return hb_disagrees("a processor's spans cannot be read");
		if (state == IN_USE && class != i)
			return hb_disagrees("a processor's span of class %u is of class %u", i, class);
	}
	if (!hb_snapshot_u64(confirm->go->snapshot, mcache + layout->mcache.tiny, &tiny))
		return hb_disagrees("a processor's spans cannot be read");
	uint32_t slot = hb_heap_slot(confirm->heap, tiny);
	const struct hb_span *block = slot ? &confirm->heap->spans[hb_heap_span_of_slot(confirm->heap, slot)] : NULL;
	if (tiny && (!block || block->elem_size != 16 || block->kind != HB_SPAN_NOSCAN))
		return hb_disagrees("a processor's block of tiny objects is no such block");
	return NULL;
}

/* runtime/time.go timers: a heap of four branches by time, of timers that know it (1.23+). */
static struct hb_error *check_timers(const struct hb_confirm *confirm, uint64_t timers, bool *sane)
{
	const struct hb_go_layout *layout = confirm->layout;
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	uint32_t each = layout->timer_when.size;
	uint64_t heap, n, when, before, timer, back;
	uint32_t len;
	*sane = false;
	if (!hb_snapshot_slice(snapshot, timers + layout->timers.heap, 1u << 30, &heap, &n) ||
	    !hb_snapshot_u32(snapshot, timers + layout->timers.len, &len) || len != n)
		return NULL;
	for (uint64_t i = 0; i < hb_min(n, (uint64_t)SAMPLE); i++) {
		if (!hb_snapshot_u64(snapshot, heap + i * each + layout->timer_when.when, &when) ||
		    !hb_snapshot_u64(snapshot, heap + (i ? (i - 1) / 4 : 0) * each + layout->timer_when.when,
		                     &before) ||
		    !hb_snapshot_u64(snapshot, heap + i * each + layout->timer_when.timer, &timer) || when < before ||
		    !hb_snapshot_u64(snapshot, timer + layout->timer.ts, &back) || back != timers)
			return NULL;
	}
	*sane = true;
	return NULL;
}

struct hb_error *hb_confirm_processors(const struct hb_confirm *confirm)
{
	const struct hb_go_layout *layout = confirm->layout;
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	uint64_t data, n, p, mcache, torn = 0;
	if (!confirm->go->allp || !hb_snapshot_slice(snapshot, confirm->go->allp, 1 << 16, &data, &n) || !n)
		return hb_disagrees("its processors were not found");
	for (uint64_t i = 0; i < n; i++) {
		uint32_t status;
		bool sane = true;
		if (!hb_snapshot_u64(snapshot, data + i * 8, &p) ||
		    !hb_snapshot_u32(snapshot, p + layout->p.status, &status) || status > 4 ||
		    !hb_snapshot_u64(snapshot, p + layout->p.mcache, &mcache))
			return hb_disagrees("processor %" PRIu64 " makes no sense", i);
		if (mcache)
			TRY(check_mcache(confirm, mcache));
		if (layout->timer_when.size != HB_ABSENT)
			TRY(check_timers(confirm, p + layout->p.timers, &sane));
		torn += !sane;
	}
	if (torn > hb_confirm_threads_at_work(confirm))
		return hb_disagrees("the timers of %" PRIu64 " of %" PRIu64 " processors make no sense", torn, n);
	return NULL;
}

/* --- Threads ------------------------------------------------------------------------------------------------------------------- */

/* Who parks gives its thread away (runtime/proc.go dropg, 1.18-1.27), but for who stops the world or marks meanwhile: these go on
 * on theirs (casGToWaiting). */
static bool has_parked(const struct hb_confirm *confirm, const struct hb_goroutine *g)
{
	uint64_t curg;
	return g->status != HB_G_WAITING || !g->m ||
	       (hb_snapshot_u64(confirm->go->snapshot, g->m + confirm->layout->m.curg, &curg) && curg == g->g);
}

/* What runs, runs on a thread, whose stack is the goroutine's or one of its own. */
struct hb_error *hb_confirm_threads(const struct hb_confirm *confirm)
{
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	uint64_t running = 0, lost = 0, known = 0, registers = 0, kept = 0;
	for (size_t i = 0; i < confirm->goroutines->n; i++) {
		const struct hb_goroutine *g = &confirm->goroutines->list[i];
		bool runs = g->status == HB_G_RUNNING || g->status == HB_G_SYSCALL;
		running += runs;
		lost += runs && g->thread < 0;
		kept += !has_parked(confirm, g);
	}
	for (size_t i = 0; i < snapshot->nthreads; i++) {
		registers += snapshot->threads[i].has_registers;
		known += confirm->goroutines->threads[i].m != 0;
	}
	if (registers && !known)
		return hb_disagrees("none of its %" PRIu64 " threads could be found in its own list", registers);
	if (kept > hb_confirm_threads_at_work(confirm))
		return hb_disagrees("%" PRIu64 " goroutines wait, and have threads that do something else", kept);
	if (registers && lost > running / 4)
		return hb_disagrees("%" PRIu64 " of %" PRIu64 " goroutines run on no thread", lost, running);
	return NULL;
}
