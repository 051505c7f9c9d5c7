/* Unwinding and what frames keep alive, on stacks made by hand. Stacks of real programs are compared with the runtime
 * by tests/oracle/run-goroutines.sh (frames) and run-objects.sh (live slots). */
#include "golang/frame_code.h"
#include "golang/threads.h"
#include "synthetic_stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void frames_follow_return_addresses(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, f.goexit + 1);
	uint64_t caller_sp = stack_push_frame(&f, 0, 0, 0, 0, 0) - OUT;
	stack_push(&f, f.caller + 0x20);
	uint64_t leaf_sp = stack_push_frame(&f, 0, 0, 0, 0, 0) - OUT;
	stack_park(&f, f.leaf + 0x40);
	struct stack_frames frames = stack_unwind(&f);
	assert_true(frames.complete);
	assert_int_equal(frames.n, 3);
	assert_string_equal(frames.list[0].func.name, "main.leaf");
	assert_int_equal(frames.list[0].sp, leaf_sp);
	assert_int_equal(frames.list[0].pc, f.leaf + 0x40);
	assert_int_equal(frames.list[0].lookup_pc, f.leaf + 0x3f);
	assert_int_equal(frames.list[0].varp, leaf_sp + OUT + LOCALS * 8);
	assert_int_equal(frames.list[0].fp, leaf_sp + FRAME + 8);
	assert_int_equal(frames.list[0].argp, frames.list[0].fp);
	assert_string_equal(frames.list[1].func.name, "main.caller");
	assert_int_equal(frames.list[1].sp, frames.list[0].fp);
	assert_int_equal(frames.list[1].pc, f.caller + 0x20);
	assert_int_equal(frames.list[1].fp, caller_sp + FRAME + 8);
	assert_string_equal(frames.list[2].func.name, "runtime.goexit");
	struct stack_frames one = {.max = 1};
	assert_null(hb_go_unwind(&f.code.go, &f.goroutine, stack_keep_frame, &one, &one.complete));
	assert_int_equal(one.n, 1); /* the visitor had enough */
	assert_false(one.complete);
	stack_tear_down(&f);
}

static void a_running_goroutine_stands_at_its_pc(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, f.goexit + 1);
	stack_park(&f, f.leaf + 2); /* before the frame is set up */
	f.goroutine.status = HB_G_RUNNING;
	f.goroutine.on_own_stack = true;
	struct stack_frames frames = stack_unwind(&f);
	assert_true(frames.complete);
	assert_int_equal(frames.n, 2);
	assert_int_equal(frames.list[0].lookup_pc, f.leaf + 2);
	assert_int_equal(frames.list[0].fp, f.sp + 8);
	assert_int_equal(frames.list[0].varp, f.sp);
	stack_tear_down(&f);
}

static void a_call_of_nil_starts_at_its_caller(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, f.goexit + 1);
	stack_push_frame(&f, 0, 0, 0, 0, 0);
	stack_push(&f, f.leaf + 0x20);
	stack_park(&f, 0);
	struct stack_frames frames = stack_unwind(&f);
	assert_true(frames.complete);
	assert_int_equal(frames.n, 2);
	assert_string_equal(frames.list[0].func.name, "main.leaf");
	stack_tear_down(&f);
}

static void what_cannot_be_unwound_is_incomplete(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp + FRAME, 0x123456); /* returns to no function */
	struct stack_frames frames = stack_unwind(&f);
	assert_false(frames.complete);
	assert_int_equal(frames.n, 1);
	code_store(&f.code, f.sp + FRAME, f.jumps + 0x10); /* returns into a function that switches stacks */
	frames = stack_unwind(&f);
	assert_false(frames.complete);
	assert_string_equal(frames.list[frames.n - 1].func.name, "runtime.gogo");
	const uint64_t bad_sps[] = {0, CODE_STACK - 8, TOP, f.sp + 4, UINT64_MAX - 7};
	for (size_t i = 0; i < hb_countof(bad_sps); i++) {
		f.goroutine.sp = bad_sps[i];
		frames = stack_unwind(&f);
		assert_false(frames.complete);
		assert_int_equal(frames.n, 0);
	}
	stack_tear_down(&f);
}

static void a_switch_of_stacks_can_be_left_where_it_was_parked(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, f.goexit + 1);
	stack_push_frame(&f, 0, 0, 0, 0, 0);
	stack_push(&f, f.leaf + 0x20);
	stack_park(&f, f.jumps + 0x10); /* at the check for stack space: sp is still what it was */
	assert_true(stack_unwind(&f).complete);
	f.goroutine.on_own_stack = true; /* anywhere in it */
	assert_false(stack_unwind(&f).complete);
	stack_tear_down(&f);
}

static void maps_say_which_slots_are_live(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_two_frames(&f, 0x20, 0x20);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x18), 1);  /* caller, first map: word 1 */
	assert_int_equal(stack_holds(0x30), 1);  /* leaf, first map: word 0 */
	assert_int_equal(stack_holds(0x100), 1); /* arguments, first map: word 0 */
	assert_int_equal(stack_holds(0x110), 1);
	assert_int_equal(stack_found.n, 4);
	stack_tear_down(&f);

	stack_set_up(&f);
	stack_two_frames(&f, 0x40, 0x40);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x48), 1); /* leaf, second map: word 3 */
	assert_int_equal(stack_holds(0x108), 1);
	assert_int_equal(stack_holds(0x118), 1);
	assert_int_equal(stack_found.n, 3); /* nothing of caller's */
	assert_string_equal(stack_found.list[0].function, "main.leaf");
	assert_int_equal(stack_found.list[0].slot, f.sp + OUT + 24);
	stack_tear_down(&f);
}

static void an_answer_from_the_cache_is_the_same(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	f.code.go.frame_cache = hb_frame_cache_create();
	assert_non_null(f.code.go.frame_cache);
	stack_two_frames(&f, 0x20, 0x20);
	for (unsigned round = 0; round < 3; round++) {
		assert_true(stack_scan(&f)->reading.precise);
		assert_int_equal(stack_found.n, 4);
		assert_int_equal(stack_unwind(&f).n, 3);
	}
	f.goroutine.pc = f.leaf + 0x40;
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x48), 1);
	assert_int_equal(stack_holds(0x30), 0);
	hb_frame_cache_destroy(f.code.go.frame_cache);
	stack_tear_down(&f);
}

static void a_goroutine_that_never_ran_uses_the_first_map(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, HEAP + 0x108);
	stack_push(&f, HEAP + 0x100);
	stack_push(&f, f.goexit + 1);
	stack_park(&f, f.leaf);
	f.goroutine.status = HB_G_RUNNABLE;
	f.goroutine.ctxt = HEAP + 0x200; /* its closure */
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x100), 1);
	assert_int_equal(stack_holds(0x200), 1);
	assert_int_equal(stack_found.n, 2);
	stack_tear_down(&f);
}

static void stack_objects_live_while_something_points_to_them(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	uint64_t caller = stack_two_frames(&f, 0x40, 0x20),
	         leaf = f.sp + OUT; /* none of caller's locals is live by itself */
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x18), 0);
	assert_int_equal(stack_holds(0x28), 0);
	/* leaf's live word points to one, then to the other. */
	code_store(&f.code, leaf, caller);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x18), 1);
	assert_int_equal(stack_holds(0x28), 0);
	code_store(&f.code, leaf, caller + 16);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x18), 0);
	assert_int_equal(stack_holds(0x28), 1);
	/* An interior pointer will do; objects lead to each other, also in a circle, and to arguments. */
	uint64_t arguments = caller + LOCALS * 8 + 16;
	code_store(&f.code, leaf, caller + 24);
	code_store(&f.code, caller + 24, caller);
	code_store(&f.code, caller + 8, caller + 16);
	assert_true(stack_scan(&f)->reading.precise);
	code_store(&f.code, caller + 8, arguments);
	f.goroutine.pc = f.leaf + 0x20;
	code_store(&f.code, leaf - OUT + FRAME, f.caller + 0x20); /* now only the first argument is live by itself */
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x108), 1);
	/* A word that is no pointer says nothing. */
	code_store(&f.code, leaf, HEAP);
	code_store(&f.code, leaf + 8, caller + 16);
	code_store(&f.code, leaf - OUT + FRAME, f.caller + 0x40);
	code_store(&f.code, caller + 24, HEAP + 0x28);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x28), 0);
	stack_tear_down(&f);
}

static void a_large_object_is_described_by_a_program(void **state)
{
	struct stack_fixture f;
	stack_set_up_with(&f, stack_object_with_program);
	uint64_t caller = stack_two_frames(&f, 0x40, 0x20);
	code_store(&f.code, f.sp + OUT, caller + 24); /* leaf's live word */
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x10), 0);
	assert_int_equal(stack_holds(0x18), 1);
	assert_int_equal(stack_holds(0x20), 1);
	assert_int_equal(stack_holds(0x28), 0);
	stack_tear_down(&f);
}

/* The value that a stub calls, in the heap: makeFuncImpl { fn, stack *bitVector, argLen }. Its function has four words of
 * arguments and results, two of which are arguments; words 0, 2 and 3 are pointers. */
static void store_made_function(struct stack_fixture *f, uint64_t value)
{
	uint64_t vector = value + 0x100, bits = value + 0x200;
	code_store(&f->code, value, f->stub);
	code_store(&f->code, value + 8, vector);
	code_store(&f->code, value + 16, 16);
	code_store(&f->code, vector, 4);
	code_store(&f->code, vector + 8, bits);
	code_store(&f->code, bits, 0xd);
}

static void a_reflect_stub_is_described_by_what_it_calls(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	uint64_t value = CODE_DATA + 0x1000;
	store_made_function(&f, value);
	for (uint64_t i = 4; i-- > 0;)
		stack_push(&f, HEAP + 0x100 + i * 8); /* arguments and results */
	stack_push(&f, f.goexit + 1);
	stack_push(&f, 0xfeed);
	for (uint64_t i = REG_ARGS / 8; i-- > 0;)
		stack_push(&f, HEAP + 0x200 + i * 8);
	uint64_t registers = f.sp;
	stack_push(&f, 0); /* the results are not valid */
	stack_push(&f, HEAP + 0x800);
	stack_push(&f, 0);
	stack_push(&f, 0);
	stack_push(&f, value);
	uint64_t stub = f.sp;
	stack_push(&f, f.stub + 0x20);
	stack_push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	stack_park(&f, f.leaf + 0x20);
	/* The arguments by the mask, no results; nothing of the frame while nothing points to the registers. */
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x100), 1);
	assert_int_equal(stack_holds(0x108), 0);
	assert_int_equal(stack_holds(0x110), 0);
	assert_int_equal(stack_holds(0x800), 0);
	for (uint64_t i = 0; i < REG_ARGS / 8; i++)
		assert_int_equal(stack_holds(0x200 + i * 8), 0);
	code_store(&f.code, stub + 32, 1);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x110), 1);
	assert_int_equal(stack_holds(0x118), 1);
	/* Of the registers, only those that are said to be pointers. */
	code_store(&f.code, stub - 8 - FRAME + OUT, registers);
	assert_true(stack_scan(&f)->reading.precise);
	for (uint64_t i = 0; i < REG_ARGS / 8; i++)
		assert_int_equal(stack_holds(0x200 + i * 8), i >= 24 && i < 33);
	/* The mask is lost, then the value. */
	code_store(&f.code, value + 0x108, 0x10000);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x108), 2);
	assert_int_equal(stack_holds(0x200), 0);
	code_store(&f.code, stub, 0x10000);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x800), 2);
	stack_tear_down(&f);
}

static void a_reflect_stub_that_has_not_started_holds_nothing(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, HEAP + 0x100);
	stack_push(&f, f.goexit + 1);
	stack_park(&f, f.stub);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_found.n, 0);
	stack_tear_down(&f);
}

static void a_function_that_faulted_goes_on_at_its_deferreturn(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, f.goexit + 1);
	stack_push_frame(&f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, 0);
	stack_push(&f, f.faults + 0x21); /* where it faulted: the first map would say word 0 */
	stack_park(&f, f.sigpanic + 0x20);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x10), 0);
	assert_int_equal(stack_holds(0x20), 1);                                /* the map at its deferreturn: word 2 */
	assert_int_equal(stack_unwind(&f).list[1].lookup_pc, f.faults + 0x21); /* not a return address */
	stack_tear_down(&f);

	stack_set_up(&f);
	stack_push(&f, f.goexit + 1);
	stack_push_frame(&f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, 0);
	stack_push(&f, f.leaf + 0x21); /* has no deferred calls: never goes on */
	stack_park(&f, f.sigpanic + 0x20);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_found.n, 0);
	stack_tear_down(&f);
}

static void a_preempted_function_is_scanned_conservatively(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_push(&f, HEAP + 0x108);
	stack_push(&f, HEAP + 0x100);
	stack_push(&f, f.goexit + 1);
	stack_push_frame(&f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, HEAP + 0x110);
	stack_push(&f, f.caller + 0x20);
	stack_push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	stack_push(&f, f.leaf + 0x21);
	stack_park(&f, f.preempt + 0x20);
	assert_true(stack_scan(&f)->reading.precise);
	const uint64_t words[] = {0x30, 0x38, 0x40, 0x48, 0x110, 0x118, 0x120, 0x128};
	for (size_t i = 0; i < hb_countof(words); i++)
		assert_int_equal(stack_holds(words[i]), 2);
	assert_int_equal(stack_holds(0x18), 1); /* the caller did stop at a call */
	assert_int_equal(stack_holds(0x100), 1);
	assert_int_equal(stack_found.n, hb_countof(words) + 2);
	stack_tear_down(&f);
}

static void vector_registers_of_a_preempted_goroutine(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	const struct hb_go_layout *layout = f.code.go.layout;
	stack_two_frames(&f, 0x40, 0x40);
	uint64_t saved = CODE_DATA + 0x4000;
	code_store(&f.code, CODE_DATA + layout->g.xregs, saved);
	code_store(&f.code, saved + layout->xreg_state.regs + 64, HEAP + 0x500);
	stack_scan(&f);
	assert_int_equal(stack_holds(0x500), 0);
	f.code.regions[1].bytes[layout->g.async_safe_point] = 1;
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x500), 2);
	f.code.go.layout = hb_go_layout(26); /* takes them for numbers */
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x500), 0);
	f.code.go.layout = layout;
	code_store(&f.code, CODE_DATA + layout->g.xregs, 0x10000); /* not in the snapshot */
	assert_false(stack_scan(&f)->reading.precise);
	stack_tear_down(&f);
}

static void store_defer(struct stack_fixture *f, uint64_t addr, uint64_t fn, uint64_t link, bool heap)
{
	const struct hb_go_layout *layout = f->code.go.layout;
	code_store(&f->code, addr + layout->defer.fn, fn);
	code_store(&f->code, addr + layout->defer.link, link);
	f->code.regions[1].bytes[addr - CODE_DATA + layout->defer.heap] = heap;
}

static void defers_and_panics_hold_what_they_need(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	uint64_t caller = stack_two_frames(&f, 0x40, 0x40);
	uint64_t first = CODE_DATA + 0x1000, second = CODE_DATA + 0x2000;
	store_defer(&f, first, HEAP + 0x600, second, true);
	store_defer(&f, second, HEAP + 0x608, first, false); /* a loop */
	f.goroutine.defer = first;
	assert_false(stack_scan(&f)->reading.precise);
	code_store(&f.code, second + f.code.go.layout->defer.link, 0);
	assert_true(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x600), 1);
	assert_int_equal(stack_holds(0x608), 1);
	size_t firsts = 0, seconds = 0;
	for (size_t i = 0; i < stack_found.n; i++) {
		firsts += stack_found.list[i].value == first;
		seconds += stack_found.list[i].value == second;
	}
	assert_int_equal(firsts, 1);     /* a record in the heap holds itself */
	assert_int_equal(seconds, 1);    /* one on the stack is held by the link alone */
	f.goroutine.panic = caller + 16; /* a panic is a stack object */
	stack_scan(&f);
	assert_int_equal(stack_holds(0x28), 1);
	f.goroutine.defer = 0x10000; /* not in the snapshot */
	assert_false(stack_scan(&f)->reading.precise);
	assert_false(stack_found.reading.complete);
	stack_tear_down(&f);
}

static void without_sane_frames_every_word_counts(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp - 8, HEAP + 0x700); /* below sp: dead in any case */
	code_store(&f.code, f.sp + FRAME, 0x123456);
	assert_false(stack_scan(&f)->reading.precise);
	const uint64_t words[] = {0x10, 0x18, 0x20, 0x28, 0x38, 0x40, 0x48, 0x100, 0x108, 0x110, 0x118};
	for (size_t i = 0; i < hb_countof(words); i++)
		assert_int_not_equal(stack_holds(words[i]), 0);
	assert_int_equal(stack_holds(0x700), 0);
	f.goroutine.sp = 0; /* nobody knows where */
	assert_false(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x700), 2);
	assert_true(stack_found.reading.complete);
	f.goroutine.stack_lo -= 0x3000; /* there is no memory in front: the rest is read all the same */
	assert_int_equal(stack_scan(&f)->reading.complete, false);
	assert_int_equal(stack_holds(0x700), 2);
	stack_tear_down(&f);
}

static void lost_pages_do_not_hide_the_others(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_two_frames(&f, 0x20, 0x20);
	f.goroutine.sp = CODE_STACK;
	code_store(&f.code, CODE_STACK + 64, HEAP + 0x700);
	code_store(&f.code, CODE_STACK + HB_PAGE_SIZE + 64, HEAP + 0x708);
	f.code.regions[2].pages[1] = HB_PAGE_LOST;
	assert_false(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x700), 2);
	assert_int_equal(stack_holds(0x708), 0);
	assert_int_equal(stack_holds(0x40), 2);
	stack_tear_down(&f);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* Whatever tables and stacks say, scanning ends and stays inside (which the sanitizers watch). */
static void hostile_stacks_do_no_harm(void **state)
{
	uint64_t random = 88172645463325252;
	for (unsigned round = 0; round < 3000; round++) {
		struct stack_fixture f;
		stack_set_up(&f);
		stack_two_frames(&f, round & 1 ? 0x20 : 0x40, round & 2 ? 0x20 : 0x40);
		const uint64_t interesting[] = {
		        0,   f.sp,    f.goexit + 1, f.leaf + 0x20, f.caller + 0x40, f.preempt + 1, f.sigpanic + 1,
		        TOP, TOP - 8, CODE_STACK,   UINT64_MAX,    CODE_DATA,       HEAP};
		for (unsigned i = 0; i < 6; i++)
			code_store(&f.code, f.sp + next_random(&random) % 16 * 8,
			           interesting[next_random(&random) % hb_countof(interesting)]);
		struct code_buffer *buffers[] = {&f.code.pctab, &f.code.pclntable};
		for (unsigned i = 0; i < round % 5; i++) {
			struct code_buffer *buffer = buffers[next_random(&random) % hb_countof(buffers)];
			buffer->bytes[next_random(&random) % buffer->len] = (uint8_t)next_random(&random);
			f.code.regions[0].bytes[next_random(&random) % f.code.rodata_len] =
			        (uint8_t)next_random(&random);
		}
		f.goroutine.defer = interesting[next_random(&random) % hb_countof(interesting)];
		f.goroutine.panic = interesting[next_random(&random) % hb_countof(interesting)];
		assert_in_range(stack_unwind(&f).n, 0, hb_countof(((struct stack_frames *)0)->list));
		stack_scan(&f);
		stack_tear_down(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(frames_follow_return_addresses),
	        cmocka_unit_test(a_running_goroutine_stands_at_its_pc),
	        cmocka_unit_test(a_call_of_nil_starts_at_its_caller),
	        cmocka_unit_test(what_cannot_be_unwound_is_incomplete),
	        cmocka_unit_test(a_switch_of_stacks_can_be_left_where_it_was_parked),
	        cmocka_unit_test(maps_say_which_slots_are_live),
	        cmocka_unit_test(an_answer_from_the_cache_is_the_same),
	        cmocka_unit_test(a_goroutine_that_never_ran_uses_the_first_map),
	        cmocka_unit_test(stack_objects_live_while_something_points_to_them),
	        cmocka_unit_test(a_large_object_is_described_by_a_program),
	        cmocka_unit_test(a_reflect_stub_is_described_by_what_it_calls),
	        cmocka_unit_test(a_reflect_stub_that_has_not_started_holds_nothing),
	        cmocka_unit_test(a_function_that_faulted_goes_on_at_its_deferreturn),
	        cmocka_unit_test(a_preempted_function_is_scanned_conservatively),
	        cmocka_unit_test(vector_registers_of_a_preempted_goroutine),
	        cmocka_unit_test(defers_and_panics_hold_what_they_need),
	        cmocka_unit_test(without_sane_frames_every_word_counts),
	        cmocka_unit_test(lost_pages_do_not_hide_the_others),
	        cmocka_unit_test(hostile_stacks_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
