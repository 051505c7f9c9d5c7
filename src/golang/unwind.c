#include "golang/unwind.h"

struct hb_stack_bytes hb_stack_bytes(const struct hb_snapshot *snapshot, uint64_t start, uint64_t end)
{
	start &= ~UINT64_C(7);
	if (start >= end)
		return (struct hb_stack_bytes){0};
	const uint8_t *bytes = hb_snapshot_at(snapshot, start, end - start);
	return bytes ? (struct hb_stack_bytes){start, end, bytes} : (struct hb_stack_bytes){0};
}

/* Works out the frame at pc and sp, called by a function of kind callee. */
static bool resolve(struct hb_unwinder *unwinder, uint64_t pc, uint64_t sp, enum hb_frame_kind callee)
{
	const struct hb_frame_code *code = hb_frame_code(unwinder->go, pc, &unwinder->scratch);
	if (!code || sp % 8 || sp < unwinder->stack.start || sp >= unwinder->stack.end)
		return false;
	uint64_t fp = sp + (uint64_t)code->sp_delta + 8;
	if (fp > unwinder->stack.end)
		return false;
	unwinder->code = code;
	unwinder->pc = pc;
	unwinder->sp = sp;
	unwinder->fp = fp;
	unwinder->argp = fp;
	unwinder->varp = fp - 8; /* below the return address, and below the saved frame pointer when there is a frame */
	if (unwinder->varp > sp)
		unwinder->varp -= 8;
	unwinder->continuation = pc;
	/* A function that faulted goes on after its deferred calls, if at all: at its deferreturn. */
	if (callee == HB_FRAME_SIGPANIC)
		unwinder->continuation = code->func.deferreturn ? code->func.entry + code->func.deferreturn + 1 : 0;
	return true;
}

bool hb_unwinder_init(struct hb_unwinder *unwinder, const struct hb_go *go, struct hb_stack_bytes stack, uint64_t pc,
                      uint64_t sp, bool exact_pc)
{
	*unwinder = (struct hb_unwinder){.go = go, .stack = stack, .innermost = true, .exact_pc = exact_pc};
	/* A call of a nil function: start in its caller. */
	if (pc == 0) {
		if (!hb_stack_word(&stack, sp, &pc))
			return false;
		sp += 8;
		unwinder->exact_pc = false;
	}
	return resolve(unwinder, pc, sp, HB_FRAME_PLAIN);
}

bool hb_unwinder_next(struct hb_unwinder *unwinder)
{
	const struct hb_frame_code *code = unwinder->code;
	if (code->func.flag & HB_FUNC_TOPFRAME) {
		unwinder->complete = true;
		return false;
	}
	/* A function that sets SP (a switch of stacks) cannot be unwound through, except before it did so: an innermost
	 * frame that is parked was parked at its entry, or has told entersyscall where it is. */
	bool at_entry = unwinder->innermost && !unwinder->exact_pc;
	if ((code->func.flag & HB_FUNC_SPWRITE) && !at_entry && code->kind != HB_FRAME_CGO_CALLBACK)
		return false;
	uint64_t caller;
	if (!hb_stack_word(&unwinder->stack, unwinder->fp - 8, &caller))
		return false;
	enum hb_frame_kind callee = code->kind;
	unwinder->innermost = false;
	unwinder->exact_pc = callee == HB_FRAME_SIGPANIC || callee == HB_FRAME_ASYNC_PREEMPT;
	return resolve(unwinder, caller, unwinder->fp, callee); /* each step moves sp up: at least the return address */
}

uint64_t hb_unwinder_lookup_pc(const struct hb_unwinder *unwinder)
{
	if (unwinder->exact_pc || unwinder->pc == unwinder->code->func.entry)
		return unwinder->pc;
	return unwinder->pc - 1;
}
