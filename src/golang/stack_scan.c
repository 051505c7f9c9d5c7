/* What a goroutine's stack keeps alive. The rules are those of the garbage collector: runtime/mgcmark.go scanstack and
 * scanframeworker, runtime/mgcstack.go (stack objects); 1.18-1.27, docs/stacks.md. */
#include "golang/gc_program.h"
#include "golang/stacks.h"
#include "golang/threads.h"
#include "golang/unwind.h"

/* A variable whose address was taken: alive only while something points to it. */
struct object {
	uint64_t addr, size;
	struct hb_pointer_mask mask; /* no bits: every word may be a pointer */
	uint64_t program;            /* or a GC program that makes the mask's bits, 0: none */
	const char *function;
	bool scanned;
};

struct scan {
	const struct hb_go *go;
	const struct hb_goroutine *goroutine;
	struct hb_stack_bytes stack;
	void (*visit)(void *ctx, const struct hb_stack_pointer *pointer);
	void *ctx;
	HB_VEC(struct object) objects;
	/* Addresses in the stack that were found, for finding the objects that they point to. */
	HB_VEC(uint64_t) precise, conservative;
	bool whole; /* every word is scanned anyway: objects do not matter */
	bool nomem;
	bool unsorted;   /* objects were not found in order of address */
	bool incomplete; /* something could not be read */
};

static void found(struct scan *scan, uint64_t value, uint64_t slot, const char *function, bool conservative)
{
	if (value < HB_PAGE_SIZE)
		return;
	if (value >= scan->stack.start && value < scan->stack.end) {
		if (!scan->whole &&
		    !(conservative ? hb_vec_push(&scan->conservative, value) : hb_vec_push(&scan->precise, value)))
			scan->nomem = true;
		return;
	}
	struct hb_stack_pointer pointer = {value, slot, function, conservative};
	scan->visit(scan->ctx, &pointer);
}

/* The words of [from, to) that are on the stack. */
static void found_all(struct scan *scan, uint64_t from, uint64_t to, const char *function)
{
	from = hb_max((from + 7) & ~UINT64_C(7), scan->stack.start);
	uint64_t value;
	for (uint64_t at = from; at < to && hb_stack_word(&scan->stack, at, &value); at += 8)
		found(scan, value, at, function, true);
}

/* The words from `from` on that a mask says are pointers. */
static void found_masked(struct scan *scan, uint64_t from, struct hb_pointer_mask mask, const char *function,
                         bool conservative)
{
	for (uint32_t word = 0; word < mask.words && mask.bits;) {
		uint8_t bits = mask.bits[word / 8];
		uint64_t value;
		if (!bits) {
			word += 8;
			continue;
		}
		for (uint32_t end = hb_min(word + 8, mask.words); word < end; word++, bits >>= 1)
			if ((bits & 1) && hb_stack_word(&scan->stack, from + (uint64_t)word * 8, &value))
				found(scan, value, from + (uint64_t)word * 8, function, conservative);
	}
}

/* --- Stack objects ---------------------------------------------------------------------------------------------------
 */

static void push_object(struct scan *scan, const struct hb_unwinder *frame, struct object object)
{
	/* Below sp: the frame is not set up yet. */
	if (object.addr < frame->sp || object.addr >= scan->stack.end)
		return;
	object.function = frame->code->func.name;
	if (scan->objects.len && scan->objects.data[scan->objects.len - 1].addr > object.addr)
		scan->unsorted = true;
	if (!hb_vec_push(&scan->objects, object))
		scan->nomem = true;
}

static void add_object(struct scan *scan, const struct hb_unwinder *frame, const uint8_t *record)
{
	const struct hb_go_layout *layout = scan->go->layout;
	int32_t offset = (int32_t)hb_load_u32(record + layout->stack_object.off);
	int32_t size = (int32_t)hb_load_u32(record + layout->stack_object.bytes);
	int32_t ptr_bytes = (int32_t)hb_load_u32(record + layout->stack_object.ptr_bytes);
	uint64_t gcdata = frame->code->func.module->rodata + hb_load_u32(record + layout->stack_object.gcdataoff);
	if (size <= 0 || ptr_bytes == 0)
		return;
	struct object object = {
	        .addr = (offset < 0 ? frame->varp : frame->argp) + (uint64_t)(int64_t)offset,
	        .size = (uint32_t)size,
	};
	/* Up to 1.23, a negative size of the pointer part says that gcdata is a program, not a mask. */
	if (ptr_bytes < 0) {
		object.program = gcdata;
		object.mask.words = (uint32_t) - (int64_t)ptr_bytes / 8;
	} else {
		object.mask.words = (uint32_t)ptr_bytes / 8;
		object.mask.bits = hb_snapshot_at(scan->go->snapshot, gcdata, ((uint64_t)object.mask.words + 7) / 8);
	}
	push_object(scan, frame, object);
}

static int by_address(const void *a, const void *b)
{
	const struct object *left = a, *right = b;
	return (left->addr > right->addr) - (left->addr < right->addr);
}

static struct object *object_at(struct scan *scan, uint64_t addr)
{
	size_t low = hb_partition_point(scan->objects.len, i, scan->objects.data[i].addr <= addr);
	if (low == 0)
		return NULL;
	struct object *object = &scan->objects.data[low - 1];
	return addr - object->addr < object->size ? object : NULL;
}

/* The object's words by the mask that its program makes; false when the program makes none. */
static bool scan_object_by_program(struct scan *scan, const struct object *object, bool conservative)
{
	struct hb_pointer_mask mask = object->mask;
	uint64_t words = (scan->stack.end - object->addr) / 8; /* whatever the record says */
	mask.words = (uint32_t)hb_min((uint64_t)mask.words, words);
	hb_autofree uint8_t *bits = calloc(((size_t)mask.words + 7) / 8 + 1, 1);
	if (!bits) {
		scan->nomem = true;
		return true;
	}
	mask.bits = bits;
	if (!hb_gc_program_run(scan->go->snapshot, object->program, bits, mask.words))
		return false;
	found_masked(scan, object->addr, mask, object->function, conservative);
	return true;
}

static void scan_object(struct scan *scan, const struct object *object, bool conservative)
{
	if (object->mask.bits)
		found_masked(scan, object->addr, object->mask, object->function, conservative);
	else if (!object->program || !scan_object_by_program(scan, object, conservative))
		found_all(scan, object->addr, object->addr + object->size, object->function);
}

/* Scans the objects that something found so far points to, and those that they point to in turn. What is certain goes
 * first, so that an object is scanned as conservatively reached only if nothing else reaches it. */
static void scan_objects(struct scan *scan)
{
	if (scan->unsorted)
		qsort(scan->objects.data, scan->objects.len, sizeof(*scan->objects.data), by_address);
	while (scan->precise.len || scan->conservative.len) {
		bool conservative = !scan->precise.len;
		uint64_t addr = conservative ? scan->conservative.data[--scan->conservative.len]
		                             : scan->precise.data[--scan->precise.len];
		struct object *object = object_at(scan, addr);
		if (!object || object->scanned)
			continue;
		object->scanned = true;
		scan_object(scan, object, conservative);
	}
}

/* --- Frames ----------------------------------------------------------------------------------------------------------
 */

/* reflect/makefunc.go makeFuncImpl and methodValue, runtime/stkframe.go reflectMethodValue; 1.18-1.27. The stub keeps
 * the value that it calls at 0(SP), and whether the results are valid at 32(SP). */
enum { METHOD_VALUE_FN = 0, METHOD_VALUE_STACK = 8, METHOD_VALUE_ARG_LEN = 16, RESULTS_VALID = 32 };

/* The registers that the stub was called with: the highest of its locals (reflect/asm_amd64.s), an abi.RegArgs
 * (internal/abi/abi.go, abi_amd64.go: 9 integers, 15 floats, 9 pointers; only the last are scanned); 1.18-1.27. */
enum { REG_ARGS_SIZE = 272, REG_ARGS_WORDS = 33 };
static const uint8_t reg_args_mask[] = {0, 0, 0, 0xff, 0x01};

/* How many words of arguments and results the value that a stub calls has, and their mask; false when the value cannot
 * be read. A mask is in pointer-free memory of the heap, which is not captured of a live process: then it has no bits. */
static bool reflect_arguments(const struct scan *scan, const struct hb_unwinder *frame, struct hb_pointer_mask *ret)
{
	const struct hb_snapshot *snapshot = scan->go->snapshot;
	uint64_t value, valid, fn, stack, arg_len, bits_addr;
	uint32_t words;
	if (!hb_stack_word(&scan->stack, frame->sp, &value) ||
	    !hb_stack_word(&scan->stack, frame->sp + RESULTS_VALID, &valid) ||
	    !hb_snapshot_u64(snapshot, value + METHOD_VALUE_FN, &fn) || fn != frame->code->func.entry ||
	    !hb_snapshot_u64(snapshot, value + METHOD_VALUE_STACK, &stack) ||
	    !hb_snapshot_u64(snapshot, value + METHOD_VALUE_ARG_LEN, &arg_len) ||
	    !hb_snapshot_u32(snapshot, stack, &words) || !hb_snapshot_u64(snapshot, stack + 8, &bits_addr))
		return false;
	if (!(valid & 0xff))
		words = (uint32_t)hb_min((uint64_t)words, arg_len / 8);
	*ret = (struct hb_pointer_mask){hb_snapshot_at(snapshot, bits_addr, ((uint64_t)words + 7) / 8), words};
	return true;
}

static void scan_reflect_stub(struct scan *scan, const struct hb_unwinder *frame)
{
	enum { SOME_ARGUMENTS = 16 * 8 };
	const char *name = frame->code->func.name;
	struct hb_pointer_mask arguments;
	if (frame->code->sp_delta == 0)
		return; /* not started: then it has no arguments, and no locals yet */
	if (!reflect_arguments(scan, frame, &arguments)) {
		found_all(scan, frame->sp, frame->varp, name);
		found_all(scan, frame->argp, frame->argp + SOME_ARGUMENTS, name);
		return;
	}
	if (arguments.bits)
		found_masked(scan, frame->argp, arguments, name, false);
	else
		found_all(scan, frame->argp, frame->argp + (uint64_t)arguments.words * 8, name);
	push_object(scan, frame,
	            (struct object){.addr = frame->varp - REG_ARGS_SIZE,
	                            .size = REG_ARGS_SIZE,
	                            .mask = {reg_args_mask, REG_ARGS_WORDS}});
}

static void scan_frame_conservatively(struct scan *scan, const struct hb_unwinder *frame)
{
	const struct hb_go_func *func = &frame->code->func;
	found_all(scan, frame->sp, frame->varp, func->name);
	if (func->args > 0)
		found_all(scan, frame->argp, frame->argp + (uint32_t)func->args, func->name);
}

/* False when the tables say nothing sane about the frame. */
static bool scan_frame(struct scan *scan, const struct hb_unwinder *frame)
{
	const struct hb_frame_code *code = frame->code;
	if (frame->continuation == 0)
		return true; /* it never goes on: everything in it is dead */
	if (code->kind == HB_FRAME_REFLECT_STUB) {
		scan_reflect_stub(scan, frame);
		return true;
	}
	struct hb_frame_maps maps = frame->continuation == frame->pc
	                                    ? code->maps
	                                    : hb_frame_maps(scan->go, &code->func, frame->continuation);
	if (!maps.sane)
		return false;
	found_masked(scan, frame->varp - (uint64_t)maps.locals.words * 8, maps.locals, code->func.name, false);
	found_masked(scan, frame->argp, maps.args, code->func.name, false);
	uint32_t record = scan->go->layout->stack_object.size;
	for (uint32_t i = 0; i < code->nobjects; i++)
		add_object(scan, frame, code->objects.data + (size_t)i * record);
	return true;
}

/* Calls have maps of what their caller still needs, but for those that the compiler makes where a collection cannot begin: of
 * assembly that keeps all registers (runtime.gcWriteBarrier, duffcopy), and of write barriers in bulk
 * (cmd/compile/internal/liveness/plive.go hasStackMap; 1.18-1.27). */
static bool is_called_without_maps(const struct hb_frame_code *code, bool innermost)
{
	return code->kind == HB_FRAME_BULK_BARRIER || (innermost && (code->func.flag & HB_FUNC_ASM));
}

/* Registers that point to the stack keep alive what lies there, as words of the innermost frame do: a function that was passed
 * the address of a variable of its caller's may have it nowhere else. What registers have of the heap is the thread's. */
static void scan_registers(struct scan *scan, const struct hb_registers *registers)
{
	for (unsigned i = 0; i < registers->ngeneral; i++)
		if (registers->general[i] >= scan->stack.start && registers->general[i] < scan->stack.end)
			found(scan, registers->general[i], 0, "", true);
}

/* Every frame by its maps, from `frame` on; false when that was not possible to the end. interrupted: the innermost is of a function
 * that stands anywhere, not at a call. */
static bool scan_frames(struct scan *scan, struct hb_unwinder *frame, bool interrupted)
{
	bool conservative = interrupted;
	for (bool more = true; more; more = hb_unwinder_next(frame)) {
		/* A preempted function did not stop at a call, so there are no maps for where it stands: the frame that
		 * the signal injected holds its registers, and its own frame comes next. */
		bool injected = frame->code->kind == HB_FRAME_ASYNC_PREEMPT;
		if (injected || conservative)
			scan_frame_conservatively(scan, frame);
		else if (!scan_frame(scan, frame))
			return false;
		conservative = injected || (interrupted && is_called_without_maps(frame->code, frame->innermost));
	}
	return frame->complete;
}

/* --- Around the frames -----------------------------------------------------------------------------------------------
 */

static void scan_defers(struct scan *scan)
{
	const struct hb_go_layout *layout = scan->go->layout;
	uint64_t defer = scan->goroutine->defer, mark = 0, steps = 0, until_mark = 1;
	while (defer) {
		const uint8_t *record = hb_snapshot_at(scan->go->snapshot, defer, layout->defer.size);
		/* Torn or hostile data may loop: then the chain comes back to a record that was marked on the way. */
		if (!record || defer == mark) {
			scan->incomplete = true;
			return;
		}
		if (++steps == until_mark) {
			mark = defer;
			until_mark *= 2;
		}
		uint64_t link = hb_load_u64(record + layout->defer.link);
		found(scan, hb_load_u64(record + layout->defer.fn), 0, "", false);
		found(scan, link, 0, "", false);
		if (record[layout->defer.heap])
			found(scan, defer, 0, "", false);
		defer = link;
	}
}

/* The vector registers of a preempted goroutine are outside its stack from 1.26 on; before, asyncPreempt kept them in its
 * frame. 1.26 does not scan them: it takes them for numbers (runtime/preempt_xreg.go; mgcmark.go scanstack). */
static void scan_saved_vectors(struct scan *scan)
{
	const struct hb_go_layout *layout = scan->go->layout;
	uint8_t async;
	uint64_t state;
	enum { SCANS_VECTORS = 27 };
	if (layout->minor < SCANS_VECTORS || layout->g.xregs == HB_ABSENT || layout->xreg_state.size == HB_ABSENT ||
	    !hb_snapshot_u8(scan->go->snapshot, scan->goroutine->g + layout->g.async_safe_point, &async) || !async ||
	    !hb_snapshot_u64(scan->go->snapshot, scan->goroutine->g + layout->g.xregs, &state) || !state)
		return;
	uint32_t size = layout->xreg_state.size - layout->xreg_state.regs;
	const uint8_t *words = hb_snapshot_at(scan->go->snapshot, state + layout->xreg_state.regs, size);
	if (!words) {
		scan->incomplete = true;
		return;
	}
	for (uint32_t at = 0; at + 8 <= size; at += 8)
		found(scan, hb_load_u64(words + at), 0, "", true);
}

static void scan_deinit(struct scan *scan)
{
	hb_vec_deinit(&scan->objects);
	hb_vec_deinit(&scan->precise);
	hb_vec_deinit(&scan->conservative);
}

static void scan_around(struct scan *scan)
{
	found(scan, scan->goroutine->ctxt, 0, "", false);
	scan_saved_vectors(scan);
	scan_defers(scan);
	found(scan, scan->goroutine->panic, 0, "", false); /* panics are stack objects */
}

/* Every word of the stack from `start` on, page by page where parts are not in the snapshot. */
static void scan_whole(struct scan *scan, uint64_t start)
{
	uint64_t end = scan->goroutine->stack_hi;
	scan->stack = hb_stack_bytes(scan->go->snapshot, start, end);
	if (scan->stack.bytes) {
		found_all(scan, start, end, "");
		return;
	}
	scan->incomplete = true;
	while (start < end) {
		const struct hb_region *region = hb_snapshot_region_from(scan->go->snapshot, start);
		if (!region || region->start >= end)
			return;
		start = hb_max(start, region->start);
		uint64_t next = hb_min(end, (start & ~(uint64_t)(HB_PAGE_SIZE - 1)) + HB_PAGE_SIZE);
		scan->stack = hb_stack_bytes(scan->go->snapshot, start, next);
		if (scan->stack.bytes)
			found_all(scan, start, next, "");
		start = next;
	}
}

/* Where the live part of a stack begins whose goroutine is not parked. On its own stack: at the thread's sp. Switched
 * to the stack of g0: where it said it was, unless the switch is one that does not say (calls of the vDSO, and C code
 * of the race detector). In a signal handler, or without registers: anywhere. */
static uint64_t running_start(const struct hb_go *go, const struct hb_goroutine *goroutine)
{
	bool sp_in_stack = goroutine->sp >= goroutine->stack_lo && goroutine->sp < goroutine->stack_hi;
	if (!sp_in_stack || goroutine->thread < 0)
		return goroutine->stack_lo;
	if (goroutine->on_own_stack)
		return goroutine->sp;
	const struct hb_thread *thread = &go->snapshot->threads[goroutine->thread];
	struct hb_go_stack g0 = hb_go_g0_stack(go, goroutine->m);
	struct hb_frame_code scratch;
	const struct hb_frame_code *code =
	        thread->has_registers ? hb_frame_code(go, thread->registers.pc, &scratch) : NULL;
	if (!code || code->kind == HB_FRAME_VDSO_CALLER || !hb_go_stack_has(g0, thread->registers.sp))
		return goroutine->stack_lo;
	return goroutine->sp;
}

struct hb_error *hb_go_scan_stack(const struct hb_go *go, const struct hb_goroutine *goroutine,
                                  void (*visit)(void *ctx, const struct hb_stack_pointer *pointer), void *ctx,
                                  struct hb_stack_reading *ret)
{
	struct scan scan = {.go = go, .goroutine = goroutine, .visit = visit, .ctx = ctx};
	struct hb_unwinder frame;
	bool sp_in_stack = goroutine->sp >= goroutine->stack_lo && goroutine->sp < goroutine->stack_hi;
	bool parked = sp_in_stack && goroutine->status != HB_G_RUNNING;
	/* While a stack is being copied, pointers into it are of either copy: there is no telling what points to what.
	 */
	if (parked && goroutine->status != HB_G_COPYSTACK)
		scan.stack = hb_stack_bytes(go->snapshot, goroutine->sp, goroutine->stack_hi);
	bool precise = scan.stack.bytes &&
	               hb_unwinder_init(&frame, go, scan.stack, goroutine->pc, goroutine->sp, false) &&
	               scan_frames(&scan, &frame, false);
	if (precise) {
		scan_around(&scan);
		scan_objects(&scan);
	} else {
		uint64_t start = goroutine->stack_lo;
		if (parked)
			start = goroutine->sp;
		else if (goroutine->status == HB_G_RUNNING)
			start = running_start(go, goroutine);
		scan.whole = true;
		scan_whole(&scan, start);
		scan_around(&scan);
	}
	*ret = (struct hb_stack_reading){.precise = precise && !scan.incomplete, .complete = !scan.incomplete};
	bool nomem = scan.nomem;
	scan_deinit(&scan);
	return nomem ? hb_error_nomem() : NULL;
}

struct hb_error *hb_go_scan_system_stack(const struct hb_go *go, const struct hb_go_position *from, uint64_t stack_hi,
                                         void (*visit)(void *ctx, const struct hb_stack_pointer *pointer), void *ctx,
                                         bool *precise)
{
	struct scan scan = {.go = go, .visit = visit, .ctx = ctx};
	struct hb_unwinder frame;
	scan.stack = hb_stack_bytes(go->snapshot, from->sp, stack_hi);
	*precise = scan.stack.bytes && hb_unwinder_init(&frame, go, scan.stack, from->pc, from->sp, from->exact) &&
	           (scan_frames(&scan, &frame, true) || frame.code->kind == HB_FRAME_SWITCH);
	if (*precise && from->registers)
		scan_registers(&scan, from->registers);
	if (*precise)
		scan_objects(&scan);
	bool nomem = scan.nomem;
	scan_deinit(&scan);
	return nomem ? hb_error_nomem() : NULL;
}
