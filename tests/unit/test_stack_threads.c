/* Stacks of goroutines that run, and the system stacks of threads, made by hand. */
#include "golang/threads.h"
#include "synthetic_stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t leafs_words[] = {0x30, 0x38, 0x40, 0x48, 0x110, 0x118, 0x120, 0x128};

static void a_running_goroutine_is_scanned_from_its_sp(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp - 8, HEAP + 0x700);
	struct hb_thread thread = {.tid = 1, .has_registers = true, .registers = {.sp = f.sp, .pc = f.leaf + 0x20}};
	f.code.snapshot.threads = &thread;
	f.code.snapshot.nthreads = 1;
	f.goroutine.status = HB_G_RUNNING;
	f.goroutine.thread = 0;
	f.goroutine.on_own_stack = true;
	assert_false(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x700), 0);
	assert_int_equal(stack_holds(0x40), 2);
	f.goroutine.on_own_stack = false; /* its thread is on another stack, and not on that of its g0 */
	assert_false(stack_scan(&f)->reading.precise);
	assert_int_equal(stack_holds(0x700), 2);
	stack_tear_down(&f);
}

static bool scan_system_stack(const struct stack_fixture *f, uint64_t pc, const struct hb_registers *registers)
{
	struct hb_go_position from = {.pc = pc, .sp = f->sp, .exact = true, .registers = registers};
	bool precise;
	stack_found.n = 0;
	assert_null(hb_go_scan_system_stack(&f->code.go, &from, TOP, stack_keep_pointer, &stack_found, &precise));
	return precise;
}

/* On a system stack the thread may stand anywhere in the innermost function; those that called it stand at calls. */
static void system_stacks_are_scanned_by_maps_but_for_the_innermost_frame(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	stack_two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp - 8, HEAP + 0x700);
	assert_true(scan_system_stack(&f, f.leaf + 0x20, NULL));
	for (size_t i = 0; i < hb_countof(leafs_words); i++)
		assert_int_equal(stack_holds(leafs_words[i]), 2);
	assert_int_equal(stack_holds(0x18), 1);
	assert_int_equal(stack_holds(0x100), 1);
	assert_int_equal(stack_found.n, hb_countof(leafs_words) + 2);
	assert_false(scan_system_stack(&f, f.jumps + 0x20, NULL)); /* who knows where it goes on */
	assert_false(scan_system_stack(&f, 1, NULL));              /* not in Go's text */
	stack_tear_down(&f);
}

/* A function that was passed the address of its caller's variable may have it in a register alone. */
static void registers_keep_variables_alive(void **state)
{
	struct stack_fixture f;
	struct hb_registers registers = {0};
	stack_set_up(&f);
	uint64_t locals = stack_two_frames(&f, 0x20, 0x20);
	assert_true(scan_system_stack(&f, f.leaf + 0x20, &registers));
	assert_int_equal(stack_holds(0x108), 0);
	registers.general[registers.ngeneral++] = locals + LOCALS * 8 + 16; /* the caller's arguments */
	assert_true(scan_system_stack(&f, f.leaf + 0x20, &registers));
	assert_int_equal(stack_holds(0x108), 2);
	stack_tear_down(&f);
}

/* A call that has no map: of assembly that keeps registers, of a write barrier in bulk. */
static void what_is_called_without_maps_says_nothing_of_its_caller(void **state)
{
	for (unsigned barrier = 0; barrier < 2; barrier++) {
		struct stack_fixture f;
		stack_set_up(&f);
		stack_two_frames(&f, 0x20, 0x20);
		stack_push(&f, f.leaf + 0x21);
		assert_true(scan_system_stack(&f, (barrier ? f.barrier : f.assembly) + 0x20, NULL));
		for (size_t i = 0; i < hb_countof(leafs_words); i++)
			assert_int_equal(stack_holds(leafs_words[i]), 2);
		assert_int_equal(stack_holds(0x18), 1);
		assert_int_equal(stack_holds(0x10), 0);
		stack_tear_down(&f);
	}
}

/* There is nothing above the switch to a system stack, whatever lies there. */
static void system_stacks_end_at_the_switch(void **state)
{
	struct stack_fixture f;
	stack_set_up(&f);
	for (unsigned i = 0; i < 4; i++)
		stack_push(&f, HEAP + 0x700);
	stack_push(&f, f.switches + 0x20);
	stack_push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	stack_push(&f, f.caller + 0x20);
	stack_push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	assert_true(scan_system_stack(&f, f.leaf + 0x20, NULL));
	assert_int_equal(stack_holds(0x30), 2);
	for (size_t i = 0; i < stack_found.n;
	     i++) /* the first of those words are where the caller's arguments would be */
		assert_true(stack_found.list[i].slot < TOP - 16 - 2 * 8);
	stack_tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_running_goroutine_is_scanned_from_its_sp),
	        cmocka_unit_test(system_stacks_are_scanned_by_maps_but_for_the_innermost_frame),
	        cmocka_unit_test(registers_keep_variables_alive),
	        cmocka_unit_test(what_is_called_without_maps_says_nothing_of_its_caller),
	        cmocka_unit_test(system_stacks_end_at_the_switch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
