/* Stacks: unwinding by pclntab, and what each frame keeps alive by its stack maps.
 *
 * runtime/traceback.go, runtime/stkframe.go, runtime/stack.go (1.18-1.27); see docs/stacks.md. Dead slots hold nothing.
 * Goroutines that run, and frames at or above an async preemption, are scanned conservatively.
 */
#pragma once
#include "golang/goroutines.h"
#include "golang/pclntab.h"

struct hb_go_frame {
	struct hb_go_func func;
	uint64_t pc;        /* return address into this frame, or the exact pc of the innermost one */
	uint64_t lookup_pc; /* what to pass to hb_go_lines */
	uint64_t sp, fp, varp, argp;
};

/* Walks a parked goroutine's frames, innermost first, until visit returns false. Sets *complete to whether the
 * outermost frame (a TOPFRAME function) was reached. */
struct hb_error *hb_go_unwind(const struct hb_go *go, const struct hb_goroutine *goroutine,
                              bool (*visit)(void *ctx, const struct hb_go_frame *frame), void *ctx,
                              bool *complete) HB_MUST_CHECK;

/* One pointer-sized value that a goroutine keeps alive. */
struct hb_stack_pointer {
	uint64_t value;
	uint64_t slot;        /* address it is stored at; 0: a register, ctxt, a defer record */
	const char *function; /* of the frame, "" for none; snapshot lifetime */
	bool conservative;
};
/* How a stack was read. */
struct hb_stack_reading {
	bool precise;  /* by the compiler's stack maps; else every word of it may be a pointer */
	bool complete; /* nothing of it, or of its defer records, is missing from the snapshot */
};
/* Calls visit for every word the goroutine's stack holds alive (values are not filtered: they may be nil, point into
 * the stack itself, or outside the heap). Includes live stack objects, defer records, panics, sched.ctxt. Falls back to
 * the whole stack, conservatively, when unwinding fails or something is missing: *ret says. */
struct hb_error *hb_go_scan_stack(const struct hb_go *go, const struct hb_goroutine *goroutine,
                                  void (*visit)(void *ctx, const struct hb_stack_pointer *pointer), void *ctx,
                                  struct hb_stack_reading *ret) HB_MUST_CHECK;
/* A position on a system stack. */
struct hb_go_position {
	uint64_t pc, sp;
	bool exact;                           /* pc is where a thread stands, not a return address */
	const struct hb_registers *registers; /* the thread's; NULL: they hold nothing of Go's */
};
/* The same for a system stack, from a position up to stack_hi: the innermost frame conservatively, those that called it by
 * their maps. False when that was not possible to the end. */
struct hb_error *hb_go_scan_system_stack(const struct hb_go *go, const struct hb_go_position *from, uint64_t stack_hi,
                                         void (*visit)(void *ctx, const struct hb_stack_pointer *pointer), void *ctx,
                                         bool *precise) HB_MUST_CHECK;
/* Registers of threads, g0 and gsignal stacks where they may hold pointers (facts: idle scheduler threads and threads
 * inside a syscall wrapper hold none). */
struct hb_error *hb_go_scan_threads(const struct hb_go *go, const struct hb_goroutines *goroutines,
                                    void (*visit)(void *ctx, const struct hb_stack_pointer *pointer),
                                    void *ctx) HB_MUST_CHECK;
