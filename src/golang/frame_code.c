#include "golang/frame_code.h"

#include <limits.h>
#include <stdatomic.h>

/* internal/abi/symtab.go, 1.18-1.27. */
enum { PCDATA_STACK_MAP_INDEX = 1 };
enum { FUNCDATA_ARGS_POINTER_MAPS = 0, FUNCDATA_LOCALS_POINTER_MAPS = 1, FUNCDATA_STACK_OBJECTS = 2 };

/* --- Stack maps ------------------------------------------------------------------------------------------------------
 */

/* Bitmap number index of the runtime.stackmap at an address; false when there is none. */
static bool stack_map(const struct hb_go *go, uint64_t addr, int32_t index, struct hb_pointer_mask *ret)
{
	uint32_t n, nbit;
	const uint8_t *head = addr ? hb_snapshot_at(go->snapshot, addr, go->layout->stackmap.bytedata) : NULL;
	if (!head)
		return false;
	n = hb_load_u32(head + go->layout->stackmap.n);
	nbit = hb_load_u32(head + go->layout->stackmap.nbit);
	if (n == 0 || n > INT32_MAX || nbit > INT32_MAX)
		return false;
	*ret = (struct hb_pointer_mask){.words = nbit};
	if (nbit == 0)
		return true;
	if (index < 0 || (uint32_t)index >= n)
		return false;
	uint64_t bytes = ((uint64_t)nbit + 7) / 8;
	ret->bits = hb_snapshot_at(go->snapshot, addr + go->layout->stackmap.bytedata + (uint64_t)index * bytes, bytes);
	return ret->bits;
}

struct hb_frame_maps hb_frame_maps(const struct hb_go *go, const struct hb_go_func *func, uint64_t continuation)
{
	struct hb_frame_maps maps = {0};
	int32_t index = -1, sp_delta;
	/* A continuation is the address after a call, and the maps are those of the call; at the entry nothing was
	 * called, and the first maps hold. */
	uint64_t pc = continuation == func->entry ? continuation : continuation - 1;
	if (continuation != func->entry && !hb_go_pcdata(go, func, PCDATA_STACK_MAP_INDEX, pc, &index))
		return maps;
	if (index == -1)
		index = 0;
	if (!hb_go_pcvalue(func, func->pcsp, continuation, &sp_delta))
		return maps;
	/* A frame with nothing but the saved frame pointer has no locals, and needs no map. */
	uint64_t locals = hb_go_funcdata(go, func, FUNCDATA_LOCALS_POINTER_MAPS);
	if (sp_delta > 8 && !stack_map(go, locals, index, &maps.locals))
		return maps;
	uint64_t args = hb_go_funcdata(go, func, FUNCDATA_ARGS_POINTER_MAPS);
	if (func->args >= 8 && !stack_map(go, args, index, &maps.args))
		return maps;
	maps.sane = true;
	return maps;
}

static void stack_objects(const struct hb_go *go, struct hb_frame_code *code)
{
	uint64_t addr = hb_go_funcdata(go, &code->func, FUNCDATA_STACK_OBJECTS), n, bytes;
	if (!addr || !hb_snapshot_u64(go->snapshot, addr, &n) || n > UINT32_MAX ||
	    hb_mul_overflows(n, go->layout->stack_object.size, &bytes))
		return;
	code->objects = hb_snapshot_view(go->snapshot, addr + 8, bytes);
	code->nobjects = code->objects.data ? (uint32_t)n : 0;
}

/* --- Kinds -----------------------------------------------------------------------------------------------------------
 */

static enum hb_frame_kind kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum hb_frame_kind kind;
	} special[] = {
	        {"runtime.sigpanic", HB_FRAME_SIGPANIC},
	        {"runtime.asyncPreempt", HB_FRAME_ASYNC_PREEMPT},
	        {"runtime.debugCallV2", HB_FRAME_ASYNC_PREEMPT},
	        {"runtime.cgocallback", HB_FRAME_CGO_CALLBACK},
	        {"reflect.makeFuncStub", HB_FRAME_REFLECT_STUB},
	        {"reflect.methodValueCall", HB_FRAME_REFLECT_STUB},
	        /* runtime/proc.go, runtime/lock_futex.go, runtime/netpoll_epoll.go; 1.18-1.27 */
	        {"runtime.mPark", HB_FRAME_IDLE},
	        {"runtime.notesleep", HB_FRAME_IDLE},
	        {"runtime.notetsleep", HB_FRAME_IDLE},
	        {"runtime.notetsleepg", HB_FRAME_IDLE},
	        {"runtime.notetsleep_internal", HB_FRAME_IDLE},
	        {"runtime.sysmon", HB_FRAME_IDLE},
	        {"runtime.netpoll", HB_FRAME_IDLE},
	        {"runtime.templateThread", HB_FRAME_IDLE},
	        /* runtime/mbarrier.go; 1.18-1.27, the first two 1.21- */
	        {"runtime.wbZero", HB_FRAME_BULK_BARRIER},
	        {"runtime.wbMove", HB_FRAME_BULK_BARRIER},
	        {"runtime.typedmemmove", HB_FRAME_BULK_BARRIER},
	        {"runtime.typedmemclr", HB_FRAME_BULK_BARRIER},
	        /* runtime/asm_amd64.s; 1.18-1.27 */
	        {"runtime.mcall", HB_FRAME_SWITCH},
	        {"runtime.systemstack", HB_FRAME_SWITCH},
	        {"runtime.morestack", HB_FRAME_SWITCH},
	        /* runtime/sys_linux_amd64.s, runtime/time_linux_amd64.s; 1.18-1.27 */
	        {"runtime.nanotime1", HB_FRAME_VDSO_CALLER},
	        {"runtime.walltime", HB_FRAME_VDSO_CALLER},
	        {"time.now", HB_FRAME_VDSO_CALLER},
	};
	for (size_t i = 0; i < hb_countof(special); i++)
		if (!strcmp(name, special[i].name))
			return special[i].kind;
	return HB_FRAME_PLAIN;
}

/* --- Cache -----------------------------------------------------------------------------------------------------------
 */

enum { CACHE_SLOTS = 1 << 15, CACHE_PROBES = 8 };

/* Slots are filled once and never changed, so that a reader needs no lock. A full neighbourhood just is not cached. */
struct hb_frame_cache {
	_Atomic(struct hb_frame_code *) slots[CACHE_SLOTS];
};

struct hb_frame_cache *hb_frame_cache_create(void)
{
	return calloc(1, sizeof(struct hb_frame_cache));
}

void hb_frame_cache_destroy(struct hb_frame_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		free(atomic_load_explicit(&cache->slots[i], memory_order_relaxed));
	free(cache);
}

static size_t slot_of(uint64_t pc, unsigned probe)
{
	return (((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 40) + probe) % CACHE_SLOTS;
}

static const struct hb_frame_code *cache_find(struct hb_frame_cache *cache, uint64_t pc)
{
	for (unsigned probe = 0; probe < CACHE_PROBES; probe++) {
		const struct hb_frame_code *code =
		        atomic_load_explicit(&cache->slots[slot_of(pc, probe)], memory_order_acquire);
		if (!code || code->pc == pc)
			return code;
	}
	return NULL;
}

/* Returns the cached copy, or code itself when there is no room. */
static const struct hb_frame_code *cache_add(struct hb_frame_cache *cache, const struct hb_frame_code *code)
{
	struct hb_frame_code *copy = malloc(sizeof(*copy));
	if (!copy)
		return code;
	*copy = *code;
	for (unsigned probe = 0; probe < CACHE_PROBES; probe++) {
		struct hb_frame_code *expected = NULL;
		if (atomic_compare_exchange_strong_explicit(&cache->slots[slot_of(code->pc, probe)], &expected, copy,
		                                            memory_order_acq_rel, memory_order_acquire))
			return copy;
		if (expected->pc == code->pc) { /* another thread was faster */
			free(copy);
			return expected;
		}
	}
	free(copy);
	return code;
}

const struct hb_frame_code *hb_frame_code(const struct hb_go *go, uint64_t pc, struct hb_frame_code *scratch)
{
	const struct hb_frame_code *cached = go->frame_cache ? cache_find(go->frame_cache, pc) : NULL;
	if (cached)
		return cached;
	*scratch = (struct hb_frame_code){.pc = pc};
	if (!hb_go_func_at(go, pc, &scratch->func))
		return NULL;
	/* No frame table: not Go's own code (race detector), nothing to unwind through. */
	if (scratch->func.pcsp == 0)
		return NULL;
	if (!hb_go_pcvalue(&scratch->func, scratch->func.pcsp, pc, &scratch->sp_delta) || scratch->sp_delta < 0 ||
	    scratch->sp_delta % 8 != 0)
		return NULL;
	scratch->kind = kind_of(scratch->func.name);
	scratch->maps = hb_frame_maps(go, &scratch->func, pc);
	stack_objects(go, scratch);
	return go->frame_cache ? cache_add(go->frame_cache, scratch) : scratch;
}
