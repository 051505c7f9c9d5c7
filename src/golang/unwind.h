/* Walking the frames of one stack. The steps are those of runtime/traceback.go (unwinder; gentraceback before 1.21),
 * 1.18-1.27, x86-64; docs/stacks.md.
 */
#pragma once
#include "golang/frame_code.h"
#include "golang/goroutines.h"
#include "golang/stacks.h"

/* The readable part of a stack: [start, end) at bytes. */
struct hb_stack_bytes {
	uint64_t start, end;
	const uint8_t *bytes;
};
/* From start (rounded down to a word) to end; empty when that is not in the snapshot as a whole. */
struct hb_stack_bytes hb_stack_bytes(const struct hb_snapshot *snapshot, uint64_t start, uint64_t end);

static inline bool hb_stack_word(const struct hb_stack_bytes *stack, uint64_t addr, uint64_t *ret)
{
	if (addr < stack->start || addr >= stack->end || stack->end - addr < 8)
		return false;
	*ret = hb_load_u64(stack->bytes + (addr - stack->start));
	return true;
}

struct hb_unwinder {
	const struct hb_go *go;
	struct hb_stack_bytes stack;
	/* The current frame. */
	const struct hb_frame_code *code;
	uint64_t pc, sp, fp, varp, argp;
	uint64_t continuation; /* where it goes on; 0: it never does */
	bool innermost;
	bool exact_pc; /* pc is an instruction, not a return address */
	/* How it ended. */
	bool complete; /* the outermost frame was reached */
	struct hb_frame_code scratch;
};

/* Positions at the innermost frame; false when there is none. exact_pc: pc is the instruction where a thread stands,
 * not where a parked goroutine (or a system call) will return to. */
bool hb_unwinder_init(struct hb_unwinder *unwinder, const struct hb_go *go, struct hb_stack_bytes stack, uint64_t pc,
                      uint64_t sp, bool exact_pc);
/* To the caller; false at the end, or where the walk cannot go on. */
bool hb_unwinder_next(struct hb_unwinder *unwinder);
/* What to look up the source position with (runtime/traceback.go symPC). */
uint64_t hb_unwinder_lookup_pc(const struct hb_unwinder *unwinder);
