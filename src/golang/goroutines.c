#include "golang/goroutines.h"

#include "golang/pclntab.h"
#include "golang/threads.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

const char *hb_g_status_name(enum hb_g_status status)
{
	switch (status) {
	case HB_G_IDLE:
		return "idle";
	case HB_G_RUNNABLE:
		return "runnable";
	case HB_G_RUNNING:
		return "running";
	case HB_G_SYSCALL:
		return "syscall";
	case HB_G_WAITING:
		return "waiting";
	case HB_G_DEAD:
	case HB_G_DEADEXTRA:
		return "dead";
	case HB_G_COPYSTACK:
		return "copystack";
	case HB_G_PREEMPTED:
		return "preempted";
	case HB_G_LEAKED:
		return "leaked";
	}
	return "unknown";
}

/* runtime/traceback.go isSystemGoroutine as runtime.NumGoroutine applies it: when a goroutine is created. (Later on the
 * runtime shows those that run finalizers and cleanups, and still does not count them.) 1.18-1.27. */
bool hb_goroutine_is_system(const struct hb_go *go, uint64_t startpc)
{
	struct hb_go_func func;
	if (!startpc || !hb_go_func_at(go, startpc, &func) || strncmp(func.name, "runtime.", 8) != 0)
		return false;
	return strcmp(func.name, "runtime.main") != 0 && strcmp(func.name, "runtime.corostart") != 0 &&
	       strcmp(func.name, "runtime.handleAsyncEvent") != 0;
}

static uint64_t word(const uint8_t *g, uint32_t offset)
{
	return offset == HB_ABSENT ? 0 : hb_load_u64(g + offset);
}

/* The fields of one g struct, without what needs the rest of the process. */
static void read_g(const struct hb_go_layout *layout, uint64_t address, const uint8_t *g, struct hb_goroutine *ret)
{
	*ret = (struct hb_goroutine){
	        .g = address,
	        .id = word(g, layout->g.goid),
	        .stack_lo = word(g, layout->g.stack + layout->stack.lo),
	        .stack_hi = word(g, layout->g.stack + layout->stack.hi),
	        .sp = word(g, layout->g.sched + layout->gobuf.sp),
	        .pc = word(g, layout->g.sched + layout->gobuf.pc),
	        .ctxt = word(g, layout->g.sched + layout->gobuf.ctxt),
	        .syscallsp = word(g, layout->g.syscallsp),
	        .syscallpc = word(g, layout->g.syscallpc),
	        .waiting = word(g, layout->g.waiting),
	        .defer = word(g, layout->g.defer),
	        .panic = word(g, layout->g.panic),
	        .param = word(g, layout->g.param),
	        .m = word(g, layout->g.m),
	        .gopc = word(g, layout->g.gopc),
	        .startpc = word(g, layout->g.startpc),
	        .parent_id = word(g, layout->g.parent_goid),
	        .waitsince = (int64_t)word(g, layout->g.waitsince),
	        .select_done = hb_load_u32(g + layout->g.select_done),
	        .status = hb_load_u32(g + layout->g.atomicstatus) & ~(uint32_t)HB_G_SCAN,
	        .wait_reason_number = g[layout->g.waitreason],
	        .wait_reason = "",
	        .thread = -1,
	};
	if (ret->status == HB_G_WAITING || ret->status == HB_G_LEAKED)
		ret->wait_reason = ret->wait_reason_number < layout->nwait_reasons
		                           ? layout->wait_reasons[ret->wait_reason_number]
		                           : "unknown wait reason";
	else if (ret->status != HB_G_SYSCALL)
		ret->waitsince = 0; /* of an earlier wait */
	/* Also on the way out of a system call, when it may be runnable (runtime/proc.go exitsyscall; 1.18-1.27). */
	if (ret->syscallsp && ret->status != HB_G_RUNNING) {
		ret->sp = ret->syscallsp;
		ret->pc = ret->syscallpc;
	}
}

bool hb_g_is_live(enum hb_g_status status)
{
	switch (status) {
	case HB_G_RUNNABLE:
	case HB_G_RUNNING:
	case HB_G_SYSCALL:
	case HB_G_WAITING:
	case HB_G_COPYSTACK:
	case HB_G_PREEMPTED:
	case HB_G_LEAKED:
		return true;
	case HB_G_IDLE:
	case HB_G_DEAD:
	case HB_G_DEADEXTRA:
		return false;
	}
	return false;
}

struct id_order {
	uint64_t id;
	size_t index;
};

static int by_id(const void *a, const void *b)
{
	const struct id_order *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

/* A million goroutines are 200 MB: only their ids are compared and moved around. allgs is nearly sorted already. */
static struct hb_error *sort_by_id(struct hb_goroutines *goroutines)
{
	size_t n = goroutines->n, sorted = 1;
	while (sorted < n && goroutines->list[sorted - 1].id <= goroutines->list[sorted].id)
		sorted++;
	if (sorted >= n)
		return NULL;
	hb_autofree struct id_order *order = calloc(n, sizeof(*order));
	struct hb_goroutine *list = calloc(n, sizeof(*list));
	if (!order || !list) {
		free(list);
		return hb_error_nomem();
	}
	for (size_t i = 0; i < n; i++)
		order[i] = (struct id_order){goroutines->list[i].id, i};
	qsort(order, n, sizeof(*order), by_id);
	for (size_t i = 0; i < n; i++)
		list[i] = goroutines->list[order[i].index];
	free(goroutines->list);
	goroutines->list = list;
	return NULL;
}

struct thread_of_m {
	uint64_t m;
	int thread;
};

static int by_m(const void *a, const void *b)
{
	const struct thread_of_m *left = a, *right = b;
	return (left->m > right->m) - (left->m < right->m);
}

static bool has_thread(const struct hb_goroutine *goroutine)
{
	return goroutine->m && (goroutine->status == HB_G_RUNNING || goroutine->status == HB_G_SYSCALL);
}

static void assign_thread(const struct hb_go *go, struct hb_goroutine *goroutine, int index)
{
	const struct hb_thread *thread = &go->snapshot->threads[index];
	goroutine->thread = index;
	if (goroutine->status != HB_G_RUNNING || !thread->has_registers || thread->registers.sp < goroutine->stack_lo ||
	    thread->registers.sp >= goroutine->stack_hi)
		return;
	goroutine->sp = thread->registers.sp;
	goroutine->pc = thread->registers.pc;
	goroutine->on_own_stack = true;
}

/* The threads that goroutines run on; those that run get their thread's registers as position. */
static struct hb_error *find_threads(const struct hb_go *go, struct hb_goroutines *goroutines)
{
	size_t nthreads = go->snapshot->nthreads, n = 0;
	hb_autofree uint64_t *candidates = calloc(goroutines->n + 1, sizeof(*candidates));
	hb_autofree struct thread_of_m *index = calloc(nthreads + 1, sizeof(*index));
	if (!candidates || !index)
		return hb_error_nomem();
	for (size_t i = 0; i < goroutines->n; i++)
		if (has_thread(&goroutines->list[i]))
			candidates[n++] = goroutines->list[i].m;
	TRY(hb_go_threads_read(go, candidates, n, &goroutines->threads));
	const struct hb_go_thread *threads = goroutines->threads;
	for (size_t i = 0; i < nthreads; i++)
		index[i] = (struct thread_of_m){threads[i].m, (int)i};
	qsort(index, nthreads, sizeof(*index), by_m);
	for (size_t i = 0; i < goroutines->n; i++) {
		struct hb_goroutine *goroutine = &goroutines->list[i];
		struct thread_of_m key = {.m = goroutine->m};
		const struct thread_of_m *found =
		        has_thread(goroutine) ? bsearch(&key, index, nthreads, sizeof(*index), by_m) : NULL;
		if (found && threads[found->thread].curg == goroutine->g)
			assign_thread(go, goroutine, found->thread);
	}
	return NULL;
}

/* The runtime's clock is CLOCK_MONOTONIC (runtime.nanotime1): of a live target it was what ours was then. */
static int64_t clock_at(const struct hb_snapshot *snapshot)
{
	struct timespec monotonic, real;
	if (snapshot->kind != HB_TARGET_LIVE || clock_gettime(CLOCK_MONOTONIC, &monotonic) ||
	    clock_gettime(CLOCK_REALTIME, &real))
		return 0;
	int64_t since = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec - (int64_t)snapshot->taken_ns;
	return (int64_t)monotonic.tv_sec * 1000000000 + monotonic.tv_nsec - since;
}

static struct hb_error *read_list(const struct hb_go *go, struct hb_goroutines *ret)
{
	uint64_t data, len, bytes;
	if (!go->allgs || !hb_snapshot_slice(go->snapshot, go->allgs, HB_MOST_GOROUTINES, &data, &len) ||
	    hb_mul_overflows(len, 8, &bytes))
		return hb_error_create(HB_ERR_CORRUPT, "the list of goroutines (runtime.allgs) cannot be read");
	const uint8_t *addresses = len ? hb_snapshot_at(go->snapshot, data, bytes) : NULL;
	if (len && !addresses)
		return hb_error_create(HB_ERR_CORRUPT, "the list of %" PRIu64 " goroutines is not in the snapshot",
		                       len);
	ret->list = calloc(hb_max(len, UINT64_C(1)), sizeof(*ret->list));
	ret->dead_gs = calloc(hb_max(len, UINT64_C(1)), sizeof(*ret->dead_gs));
	if (!ret->list || !ret->dead_gs)
		return hb_error_nomem();
	uint64_t lost = 0, startpc = 0;
	bool system = false;
	for (uint64_t i = 0; i < len; i++) {
		uint64_t address = hb_load_u64(addresses + i * 8);
		if (!address)
			continue; /* being appended: the length is there first */
		const uint8_t *g = hb_snapshot_at(go->snapshot, address, go->layout->g.size);
		struct hb_goroutine *goroutine = &ret->list[ret->n];
		if (!g) {
			lost++;
			continue;
		}
		read_g(go->layout, address, g, goroutine);
		if (!hb_g_is_live(goroutine->status)) {
			ret->dead_gs[ret->ndead++] = address;
			continue;
		}
		/* Most goroutines were started by the same few functions. */
		if (goroutine->startpc != startpc)
			system = hb_goroutine_is_system(go, startpc = goroutine->startpc);
		goroutine->system = system;
		ret->n++;
	}
	if (lost)
		hb_notes_add_partial(go->notes, "%" PRIu64 " of %" PRIu64 " goroutines could not be read", lost, len);
	return sort_by_id(ret);
}

struct hb_error *hb_goroutines_read(const struct hb_go *go, struct hb_goroutines *ret)
{
	struct hb_goroutines goroutines = {.now = clock_at(go->snapshot)};
	struct hb_error *err = read_list(go, &goroutines);
	if (!err)
		err = find_threads(go, &goroutines);
	if (err)
		hb_goroutines_deinit(&goroutines);
	else
		*ret = goroutines;
	return err;
}

void hb_goroutines_deinit(struct hb_goroutines *goroutines)
{
	free(goroutines->list);
	free(goroutines->dead_gs);
	free(goroutines->threads);
	*goroutines = (struct hb_goroutines){0};
}
