/* What threads hold besides the goroutines' stacks. The garbage collector needs none of this, for it stops threads
 * where they choose; heldby stops them anywhere. docs/stacks.md. */
#include "golang/live_vectors.h"
#include "golang/stacks.h"
#include "golang/threads.h"
#include "golang/unwind.h"
#include "target/registers.h"

struct thread_scan {
	const struct hb_go *go;
	void (*visit)(void *ctx, const struct hb_stack_pointer *pointer);
	void *ctx;
	struct hb_error *err;
};

static void found(const struct thread_scan *scan, uint64_t value, uint64_t slot)
{
	if (value < HB_PAGE_SIZE)
		return;
	struct hb_stack_pointer pointer = {.value = value, .slot = slot, .function = "", .conservative = true};
	scan->visit(scan->ctx, &pointer);
}

/* Every word of [from, to) that is in the snapshot. */
static void scan_words(const struct thread_scan *scan, uint64_t from, uint64_t to)
{
	from &= ~UINT64_C(7);
	while (from < to) {
		const struct hb_region *region = hb_snapshot_region(scan->go->snapshot, from);
		if (!region)
			return;
		uint64_t end = hb_min(to, (from & ~(uint64_t)(HB_PAGE_SIZE - 1)) + HB_PAGE_SIZE);
		const uint8_t *words = hb_snapshot_at(scan->go->snapshot, from, end - from);
		for (uint64_t at = 0; words && at + 8 <= end - from; at += 8)
			found(scan, hb_load_u64(words + at), from + at);
		from = end;
	}
}

/* Whether the thread waits for work: then its scheduler's frames hold nothing that it will use. */
static bool is_idle(const struct hb_go *go, const struct hb_registers *registers, struct hb_go_stack g0)
{
	enum { SOME_FRAMES = 64 };
	struct hb_unwinder frame;
	struct hb_stack_bytes stack = hb_stack_bytes(go->snapshot, registers->sp, g0.hi);
	bool more = hb_unwinder_init(&frame, go, stack, registers->pc, registers->sp, true);
	for (unsigned i = 0; more && i < SOME_FRAMES; i++) {
		if (frame.code->kind == HB_FRAME_IDLE)
			return true;
		more = hb_unwinder_next(&frame);
	}
	return false;
}

/* Whether the collector may look at the thread's goroutine at any moment, without the thread having a part in it: the
 * goroutine has told entersyscall that it leaves Go, or the runtime works for it on the system stack and says so
 * (runtime/proc.go reentersyscall, casGToWaiting; mgcmark.go scanstack; 1.18-1.27). Then its frames have all that it
 * needs, and neither C nor the system stack holds anything of Go's. */
static bool goroutine_stands(const struct hb_go *go, const struct hb_go_thread *thread)
{
	uint32_t status;
	if (!thread->curg || !hb_snapshot_u32(go->snapshot, thread->curg + go->layout->g.atomicstatus, &status))
		return false;
	status &= ~(uint32_t)HB_G_SCAN;
	return status == HB_G_SYSCALL || status == HB_G_WAITING;
}

/* Whether the thread is in the vDSO, whose frames and registers hold nothing of Go's: who called it has said where it is, on the
 * stack that it was on (runtime/time_linux_amd64.s, sys_linux_amd64.s; 1.18-1.27). */
static bool is_in_vdso(const struct hb_frame_code *code, const struct hb_go_thread *thread)
{
	return thread->vdso_sp && (!code || code->kind == HB_FRAME_VDSO_CALLER);
}

/* code: where it stands; NULL: not in Go's text. Assembly may keep pointers in vector registers for longer (memmove); what asks for
 * the time does not. */
static void scan_registers(struct thread_scan *scan, const struct hb_registers *registers,
                           const struct hb_frame_code *code)
{
	bool compiled = code && (!(code->func.flag & HB_FUNC_ASM) || code->kind == HB_FRAME_VDSO_CALLER);
	uint32_t vectors = compiled ? hb_live_vectors(scan->go, registers->pc) : UINT32_MAX;
	for (unsigned i = 0; i < registers->ngeneral; i++)
		if (i < HB_GENERAL_COUNT || (vectors >> (i - HB_GENERAL_COUNT) / 2 & 1))
			found(scan, registers->general[i], 0);
}

/* The system stack from where the thread stands on it. */
static void scan_system_stack(struct thread_scan *scan, const struct hb_registers *registers,
                              const struct hb_go_thread *thread, bool in_vdso)
{
	bool precise = false;
	struct hb_go_position from = {.pc = registers->pc, .sp = registers->sp, .exact = true, .registers = registers};
	if (in_vdso)
		from = (struct hb_go_position){.pc = thread->vdso_pc, .sp = thread->vdso_sp};
	if (in_vdso && !hb_go_stack_has(thread->g0_stack, from.sp))
		return;
	scan->err = hb_go_scan_system_stack(scan->go, &from, thread->g0_stack.hi, scan->visit, scan->ctx, &precise);
	if (!scan->err && !precise)
		scan_words(scan, registers->sp, thread->g0_stack.hi);
}

static void scan_thread(struct thread_scan *scan, const struct hb_registers *registers,
                        const struct hb_go_thread *thread)
{
	struct hb_frame_code scratch;
	if (goroutine_stands(scan->go, thread))
		return;
	const struct hb_frame_code *code = hb_frame_code(scan->go, registers->pc, &scratch);
	/* Go has no callee-saved registers: in a system call that a Go function makes, no register is live. */
	bool waits = registers->in_syscall && code, in_vdso = is_in_vdso(code, thread);
	if (!waits && !in_vdso)
		scan_registers(scan, registers, code);
	if (hb_go_stack_has(thread->gsignal_stack, registers->sp)) {
		/* The handler interrupted the thread anywhere; its registers then are on the signal stack. */
		scan_words(scan, registers->sp, thread->gsignal_stack.hi);
		scan_words(scan, thread->g0_stack.lo, thread->g0_stack.hi);
	} else if (hb_go_stack_has(thread->g0_stack, registers->sp) &&
	           !(waits && is_idle(scan->go, registers, thread->g0_stack))) {
		scan_system_stack(scan, registers, thread, in_vdso);
	}
}

struct hb_error *hb_go_scan_threads(const struct hb_go *go, const struct hb_goroutines *goroutines,
                                    void (*visit)(void *ctx, const struct hb_stack_pointer *pointer), void *ctx)
{
	struct thread_scan scan = {.go = go, .visit = visit, .ctx = ctx};
	const struct hb_snapshot *snapshot = go->snapshot;
	for (size_t i = 0; i < snapshot->nthreads && !scan.err; i++)
		if (snapshot->threads[i].has_registers)
			scan_thread(&scan, &snapshot->threads[i].registers, &goroutines->threads[i]);
	return scan.err;
}
