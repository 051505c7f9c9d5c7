#include "golang/stacks.h"

#include "golang/unwind.h"

struct hb_error *hb_go_unwind(const struct hb_go *go, const struct hb_goroutine *goroutine,
                              bool (*visit)(void *ctx, const struct hb_go_frame *frame), void *ctx, bool *complete)
{
	struct hb_unwinder unwinder;
	*complete = false;
	if (goroutine->sp < goroutine->stack_lo || goroutine->sp >= goroutine->stack_hi)
		return NULL;
	struct hb_stack_bytes stack = hb_stack_bytes(go->snapshot, goroutine->sp, goroutine->stack_hi);
	for (bool more = hb_unwinder_init(&unwinder, go, stack, goroutine->pc, goroutine->sp, goroutine->on_own_stack);
	     more; more = hb_unwinder_next(&unwinder)) {
		struct hb_go_frame frame = {
		        .func = unwinder.code->func,
		        .pc = unwinder.pc,
		        .lookup_pc = hb_unwinder_lookup_pc(&unwinder),
		        .sp = unwinder.sp,
		        .fp = unwinder.fp,
		        .varp = unwinder.varp,
		        .argp = unwinder.argp,
		};
		if (!visit(ctx, &frame))
			return NULL;
	}
	*complete = unwinder.complete;
	return NULL;
}
