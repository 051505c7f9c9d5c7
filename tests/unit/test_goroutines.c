/* Goroutines and the threads they run on, from g and m structs made by hand. Real ones are compared with the runtime by
 * tests/oracle/run-goroutines.sh. */
#include "golang/goroutines.h"
#include "golang/stacks.h"
#include "golang/threads.h"
#include "synthetic_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	ALLGS = CODE_DATA,
	LIST = CODE_DATA + 0x100,
	GS = CODE_DATA + 0x1000,
	MS = CODE_DATA + 0x8000,
	TLS = CODE_DATA + 0xf000
};
enum { SPACING = 0x800, STACK_BYTES = 0x1000 };

struct fixture {
	struct code code;
	uint64_t user, main, background;
	uint64_t n; /* goroutines */
	struct hb_thread threads[3];
};

static uint64_t function(struct code *code, const char *name)
{
	return code_function(code, &(struct code_function){.name = name, .bytes = 16});
}

static void set_up(struct fixture *f, unsigned minor)
{
	*f = (struct fixture){0};
	struct code *code = &f->code;
	code_init(code, minor);
	f->user = function(code, "main.work");
	f->main = function(code, "runtime.main");
	f->background = function(code, "runtime.bgsweep");
	code_finish(code);
	code->go.allgs = ALLGS;
	code->snapshot.threads = f->threads;
	code_store(code, ALLGS, LIST);
}

static void tear_down(struct fixture *f)
{
	code_deinit(&f->code);
}

static void store_u32(struct fixture *f, uint64_t addr, uint32_t value)
{
	memcpy(f->code.regions[1].bytes + (addr - CODE_DATA), &value, 4);
}

/* Adds a g; its stack is number n of the stack region. Returns its address. */
static uint64_t add_g(struct fixture *f, uint64_t id, uint32_t status, uint64_t startpc)
{
	const struct hb_go_layout *layout = f->code.go.layout;
	uint64_t g = GS + f->n * SPACING;
	code_store(&f->code, g + layout->g.goid, id);
	code_store(&f->code, g + layout->g.startpc, startpc);
	code_store(&f->code, g + layout->g.stack + layout->stack.lo, CODE_STACK + f->n * STACK_BYTES);
	code_store(&f->code, g + layout->g.stack + layout->stack.hi, CODE_STACK + (f->n + 1) * STACK_BYTES);
	store_u32(f, g + layout->g.atomicstatus, status);
	code_store(&f->code, LIST + f->n++ * 8, g);
	code_store(&f->code, ALLGS + 8, f->n);
	return g;
}

/* Makes m number n with its g0 (a g that is not in allgs). */
static uint64_t add_m(struct fixture *f, unsigned n, uint64_t curg, uint64_t procid)
{
	const struct hb_go_layout *layout = f->code.go.layout;
	uint64_t m = MS + (uint64_t)n * SPACING * 2, g0 = m + SPACING;
	code_store(&f->code, m + layout->m.g0, g0);
	code_store(&f->code, m + layout->m.curg, curg);
	code_store(&f->code, m + layout->m.procid, procid);
	code_store(&f->code, g0 + layout->g.m, m);
	code_store(&f->code, g0 + layout->g.stack + layout->stack.lo, CODE_STACK + (8 + n) * STACK_BYTES);
	code_store(&f->code, g0 + layout->g.stack + layout->stack.hi, CODE_STACK + (9 + n) * STACK_BYTES);
	if (curg)
		code_store(&f->code, curg + layout->g.m, m);
	return m;
}

static struct hb_thread *add_thread(struct fixture *f, int tid, uint64_t sp)
{
	struct hb_thread *thread = &f->threads[f->code.snapshot.nthreads++];
	*thread = (struct hb_thread){.tid = tid, .has_registers = true, .registers = {.sp = sp, .pc = f->user + 4}};
	return thread;
}

static struct hb_goroutines read_all(const struct fixture *f)
{
	struct hb_goroutines goroutines = {0};
	struct hb_error *err = hb_goroutines_read(&f->code.go, &goroutines);
	if (err)
		fail_msg("%s", err->message);
	return goroutines;
}

static void live_ones_are_listed_by_id(void **state)
{
	for (unsigned minor = hb_go_oldest_minor(); minor <= hb_go_newest_minor(); minor++) {
		struct fixture f;
		set_up(&f, minor);
		add_g(&f, 1, 4, f.main);
		add_g(&f, 90, 0x1000 | 1, f.user); /* runnable, being scanned */
		uint64_t dead = add_g(&f, 5, 6, f.user);
		add_g(&f, 17, 3, f.user);
		add_g(&f, 4, 4, f.background);
		add_g(&f, 18, 77, f.user); /* no such status */
		struct hb_goroutines all = read_all(&f);
		assert_int_equal(all.n, 4);
		const uint64_t ids[] = {1, 4, 17, 90};
		const enum hb_g_status statuses[] = {HB_G_WAITING, HB_G_WAITING, HB_G_SYSCALL, HB_G_RUNNABLE};
		for (size_t i = 0; i < all.n; i++) {
			assert_int_equal(all.list[i].id, ids[i]);
			assert_int_equal(all.list[i].status, statuses[i]);
			assert_int_equal(all.list[i].system, ids[i] == 4);
			assert_int_equal(all.list[i].thread, -1);
		}
		assert_int_equal(all.ndead, 2);
		assert_int_equal(all.dead_gs[0], dead);
		hb_goroutines_deinit(&all);
		tear_down(&f);
	}
}

static void a_waiting_one_says_why(void **state)
{
	struct fixture f;
	set_up(&f, 26);
	uint32_t waitreason = f.code.go.layout->g.waitreason;
	uint64_t first = add_g(&f, 1, 4, f.user), second = add_g(&f, 2, 4, f.user), third = add_g(&f, 3, 1, f.user);
	f.code.regions[1].bytes[first - CODE_DATA + waitreason] = 19; /* runtime2.go, 1.26: waitReasonChanReceive */
	f.code.regions[1].bytes[second - CODE_DATA + waitreason] = 255;
	f.code.regions[1].bytes[third - CODE_DATA + waitreason] = 19;
	struct hb_goroutines all = read_all(&f);
	assert_string_equal(all.list[0].wait_reason, "chan receive");
	assert_string_equal(all.list[1].wait_reason, "unknown wait reason");
	assert_string_equal(all.list[2].wait_reason, ""); /* it waits no more */
	hb_goroutines_deinit(&all);
	tear_down(&f);
}

static void in_a_system_call_it_stands_where_it_entered(void **state)
{
	struct fixture f;
	set_up(&f, hb_go_newest_minor());
	const struct hb_go_layout *layout = f.code.go.layout;
	const uint32_t statuses[] = {3, 1, 4}; /* also when it comes out of one */
	for (size_t i = 0; i < hb_countof(statuses); i++) {
		uint64_t g = add_g(&f, i + 1, statuses[i], f.user);
		code_store(&f.code, g + layout->g.sched + layout->gobuf.sp, CODE_STACK + 0x100);
		code_store(&f.code, g + layout->g.sched + layout->gobuf.pc, f.main);
		code_store(&f.code, g + layout->g.syscallsp, i < 2 ? CODE_STACK + 0x200 : 0);
		code_store(&f.code, g + layout->g.syscallpc, i < 2 ? f.user : 0);
	}
	struct hb_goroutines all = read_all(&f);
	assert_int_equal(all.list[0].sp, CODE_STACK + 0x200);
	assert_int_equal(all.list[0].pc, f.user);
	assert_int_equal(all.list[1].sp, CODE_STACK + 0x200);
	assert_int_equal(all.list[2].sp, CODE_STACK + 0x100);
	assert_int_equal(all.list[2].pc, f.main);
	hb_goroutines_deinit(&all);
	tear_down(&f);
}

/* Thread 0: its g is in thread-local storage. Thread 1: only its thread id is known. Thread 2: not even that, as in a
 * pid namespace, but it stands on the stack of its goroutine. */
static void threads_are_found_in_three_ways(void **state)
{
	struct fixture f;
	set_up(&f, hb_go_newest_minor());
	uint64_t gs[3], ms[3];
	for (unsigned i = 0; i < 3; i++) {
		gs[i] = add_g(&f, i + 1, 2, f.user);
		ms[i] = add_m(&f, i, gs[i], i == 1 ? 1001 : 5 + i);
	}
	struct hb_thread *thread = add_thread(&f, 1000, CODE_STACK + 0x80);
	thread->registers.tls_base = TLS;
	code_store(&f.code, TLS - 0x40, gs[0]);                 /* somewhere below the thread pointer, as with cgo */
	code_store(&f.code, TLS - 8, gs[1] + 8);                /* no g */
	add_thread(&f, 1001, CODE_STACK + 9 * STACK_BYTES + 8); /* on the stack of its g0 */
	add_thread(&f, 1002, CODE_STACK + 2 * STACK_BYTES + 8);
	struct hb_goroutines all = read_all(&f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(all.threads[i].m, ms[i]);
		assert_int_equal(all.threads[i].curg, gs[i]);
		assert_int_equal(all.list[i].thread, i);
		assert_int_equal(all.list[i].on_own_stack, i != 1);
	}
	assert_int_equal(all.list[0].sp, CODE_STACK + 0x80);
	assert_int_equal(all.list[0].pc, f.user + 4);
	hb_goroutines_deinit(&all);
	tear_down(&f);
}

static void a_thread_of_c_has_no_m(void **state)
{
	struct fixture f;
	set_up(&f, hb_go_newest_minor());
	uint64_t g = add_g(&f, 1, 2, f.user);
	add_m(&f, 0, g, 1000);
	struct hb_thread *thread = add_thread(&f, 999, 0x7f0000000000);
	thread->registers.tls_base = TLS;
	/* A g whose m runs another one is not that of this thread. */
	uint64_t other = add_g(&f, 2, 4, f.user);
	code_store(&f.code, other + f.code.go.layout->g.m, MS);
	code_store(&f.code, TLS - 16, other);
	struct hb_goroutines all = read_all(&f);
	assert_int_equal(all.threads[0].m, 0);
	assert_int_equal(all.list[0].thread, -1);
	assert_false(all.list[0].on_own_stack);
	hb_goroutines_deinit(&all);
	tear_down(&f);
}

static void store_vdso(struct fixture *f, uint64_t m, uint64_t sp, uint64_t pc)
{
	const struct hb_go_layout *layout = f->code.go.layout;
	code_store(&f->code, m + layout->m.vdso_sp, sp);
	code_store(&f->code, m + layout->m.vdso_pc, pc);
}

/* m.vdsoSP is elsewhere in some patch releases: what is there must be a position. */
static void a_call_of_the_vdso_is_believed_where_it_makes_sense(void **state)
{
	struct fixture f;
	set_up(&f, hb_go_newest_minor());
	uint64_t g = add_g(&f, 7, 2, f.user), m = add_m(&f, 0, g, 50), g0_stack = CODE_STACK + 8 * STACK_BYTES;
	const struct {
		uint64_t sp, pc;
		bool believed;
	} table[] = {
	        {g0_stack + 0x800, f.user + 4, true},
	        {CODE_STACK + 0x800, f.user + 4, true}, /* on the goroutine's own */
	        {0, 0, false},
	        {g0_stack + 0x800, CODE_DATA, false},
	        {CODE_DATA, f.user + 4, false},
	        {g0_stack + STACK_BYTES, f.user + 4, false},
	};
	add_thread(&f, 50, g0_stack + 0x400);
	for (size_t i = 0; i < hb_countof(table); i++) {
		store_vdso(&f, m, table[i].sp, table[i].pc);
		struct hb_goroutines all = read_all(&f);
		assert_int_equal(all.threads[0].m, m);
		assert_int_equal(all.threads[0].vdso_sp, table[i].believed ? table[i].sp : 0);
		assert_int_equal(all.threads[0].vdso_pc, table[i].believed ? table[i].pc : 0);
		hb_goroutines_deinit(&all);
	}
	tear_down(&f);
}

static void what_is_missing_is_said(void **state)
{
	struct fixture f;
	struct hb_goroutines all = {0};
	set_up(&f, hb_go_newest_minor());
	add_g(&f, 1, 4, f.main);
	code_store(&f.code, LIST + 8, 0x123000); /* not in the snapshot */
	code_store(&f.code, LIST + 16, 0);
	code_store(&f.code, ALLGS + 8, 3);
	all = read_all(&f);
	assert_int_equal(all.n, 1);
	assert_true(f.code.snapshot.notes.partial);
	hb_goroutines_deinit(&all);

	const uint64_t lengths[] = {CODE_REGION, UINT64_C(1) << 31, UINT64_MAX / 8 + 2, UINT64_MAX};
	for (size_t i = 0; i < hb_countof(lengths); i++) {
		code_store(&f.code, ALLGS + 8, lengths[i]);
		struct hb_error *err = hb_goroutines_read(&f.code.go, &all);
		assert_non_null(err);
		assert_int_equal(err->code, HB_ERR_CORRUPT);
		hb_error_destroy(err);
	}
	f.code.go.allgs = 0;
	struct hb_error *err = hb_goroutines_read(&f.code.go, &all);
	assert_non_null(err);
	hb_error_destroy(err);
	tear_down(&f);
}

enum { IN_REGISTER = 0x880000, ON_SYSTEM_STACK = 0x880008 };

struct found {
	bool in_register, on_system_stack;
};

static void note_value(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct found *found = ctx;
	found->in_register |= pointer->value == IN_REGISTER;
	found->on_system_stack |= pointer->value == ON_SYSTEM_STACK;
}

/* A thread on the stack of its g0, with a goroutine in this status. */
static struct found scan_system_stack(uint32_t status)
{
	struct fixture f;
	set_up(&f, hb_go_newest_minor());
	uint64_t g = add_g(&f, 1, status, f.main), sp = CODE_STACK + 8 * STACK_BYTES + 0x800;
	add_m(&f, 0, g, 100);
	code_store(&f.code, sp + 8, ON_SYSTEM_STACK);
	struct hb_thread *thread = add_thread(&f, 100, sp);
	thread->registers.general[0] = IN_REGISTER;
	thread->registers.ngeneral = 1;
	thread->registers.tls_base = TLS;
	code_store(&f.code, TLS - 8, g);
	struct hb_goroutines all = read_all(&f);
	assert_int_not_equal(all.threads[0].m, 0);
	struct found found = {0};
	assert_null(hb_go_scan_threads(&f.code.go, &all, note_value, &found));
	hb_goroutines_deinit(&all);
	tear_down(&f);
	return found;
}

static void a_thread_holds_nothing_whose_goroutine_the_collector_may_scan(void **state)
{
	struct found running = scan_system_stack(HB_G_RUNNING), syscall = scan_system_stack(HB_G_SYSCALL),
	             waiting = scan_system_stack(HB_G_SCAN | HB_G_WAITING);
	assert_true(running.in_register && running.on_system_stack);
	assert_false(syscall.in_register || syscall.on_system_stack);
	assert_false(waiting.in_register || waiting.on_system_stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(live_ones_are_listed_by_id),
	        cmocka_unit_test(a_waiting_one_says_why),
	        cmocka_unit_test(in_a_system_call_it_stands_where_it_entered),
	        cmocka_unit_test(threads_are_found_in_three_ways),
	        cmocka_unit_test(a_thread_of_c_has_no_m),
	        cmocka_unit_test(a_call_of_the_vdso_is_believed_where_it_makes_sense),
	        cmocka_unit_test(what_is_missing_is_said),
	        cmocka_unit_test(a_thread_holds_nothing_whose_goroutine_the_collector_may_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
