/* Unwinding and what frames keep alive, on stacks made by hand. Stacks of real programs are compared with the runtime
 * by tests/oracle/run-goroutines.sh (frames) and run-objects.sh (live slots). */
#include "golang/frame_code.h"
#include "golang/stacks.h"
#include "golang/threads.h"
#include "synthetic_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES = 0x100 };   /* code of each function */
enum { HEAP = 0x880000 }; /* values that stand for pointers into the heap; not in the snapshot */
enum { TOP = CODE_STACK + CODE_REGION };

struct fixture {
	struct code code;
	uint64_t goexit, caller, leaf, faults, sigpanic, preempt, jumps, stub, switches, assembly, barrier;
	struct hb_goroutine goroutine;
	uint64_t sp; /* where the next frame is pushed */
};

/* Calls return to 0x20 and to 0x40 in each function: two safe points with a map each. The first one's ends where its
 * call returns to. */
static uint32_t two_maps(struct code *code)
{
	return code_table(code, (struct code_run[]){{0, 0x20}, {1, BYTES - 0x20}, {0}});
}

static const uint64_t nothing[1];

static uint64_t plain(struct code *code, const char *name, uint8_t flag)
{
	return code_function(code, &(struct code_function){
	                                   .name = name,
	                                   .bytes = BYTES,
	                                   .flag = flag,
	                                   .pcsp = code_constant(code, 0, BYTES),
	                                   .funcdata = {code_map(code, 1, 0, nothing), code_map(code, 1, 0, nothing)},
	                           });
}

/* A frame: two words of arguments for callees, four words of locals, the saved frame pointer. */
enum { OUT = 2 * 8, LOCALS = 4, FRAME = OUT + LOCALS * 8 + 8 };

static uint64_t with_locals(struct code *code, const char *name, uint64_t first_map, uint64_t second_map,
                            uint32_t objects, uint32_t deferreturn)
{
	return code_function(
	        code, &(struct code_function){
	                      .name = name,
	                      .bytes = BYTES,
	                      .args = 16,
	                      .deferreturn = deferreturn,
	                      .pcsp = code_table(code, (struct code_run[]){{0, 4}, {FRAME, BYTES - 4}, {0}}),
	                      .pcdata = {0, two_maps(code), 0},
	                      .funcdata = {code_map(code, 2, 2, (uint64_t[]){1, 2}),
	                                   code_map(code, 2, LOCALS, (uint64_t[]){first_map, second_map}), objects},
	              });
}

/* Three stack objects of two words, the second of which is a pointer: in the caller's locals words 0-1 and 2-3, and its
 * arguments. */
static uint32_t three_objects(struct code *code)
{
	uint8_t mask = 2;
	uint32_t gcdata = code_rodata(code, &mask, 1);
	const struct {
		uint64_t n;
		struct {
			int32_t off, size, ptr_bytes;
			uint32_t gcdataoff;
		} list[3];
	} objects = {3, {{-32, 16, 16, gcdata}, {-16, 16, 16, gcdata}, {0, 16, 16, gcdata}}};
	return code_rodata(code, &objects, sizeof(objects));
}

/* One of four words, all of the caller's locals, whose mask is a program: 1 and 2 are pointers (up to Go 1.23). */
static uint32_t object_with_program(struct code *code)
{
	const uint8_t program[] = {4, 0, 0, 0, 2, 2, 1, 1, 0}; /* length; two bits, 0 1; one bit, 1 */
	const struct {
		uint64_t n;
		struct {
			int32_t off, size, ptr_bytes;
			uint32_t gcdataoff;
		} one;
	} objects = {1, {-32, 32, -24, code_rodata(code, program, sizeof(program))}};
	return code_rodata(code, &objects, sizeof(objects));
}

/* A stub of reflect, whose frame has five words for calls and an abi.RegArgs (reflect/asm_amd64.s). */
enum { STUB_OUT = 5 * 8, REG_ARGS = 272, STUB_FRAME = STUB_OUT + REG_ARGS + 8 };

static uint64_t reflect_stub(struct code *code)
{
	return code_function(
	        code, &(struct code_function){
	                      .name = "reflect.makeFuncStub",
	                      .bytes = BYTES,
	                      .args = INT32_MIN,
	                      .flag = HB_FUNC_ASM,
	                      .pcsp = code_table(code, (struct code_run[]){{0, 4}, {STUB_FRAME, BYTES - 4}, {0}}),
	                      .funcdata = {0, code_map(code, 2, 0, nothing)},
	              });
}

static void set_up_with(struct fixture *f, uint32_t (*objects)(struct code *code))
{
	*f = (struct fixture){.sp = TOP - 16}; /* newproc leaves some room above goexit */
	struct code *code = &f->code;
	code_init(code, hb_go_newest_minor());
	f->goexit = plain(code, "runtime.goexit", HB_FUNC_TOPFRAME);
	f->sigpanic = plain(code, "runtime.sigpanic", 0);
	f->preempt = plain(code, "runtime.asyncPreempt", 0);
	f->jumps = plain(code, "runtime.gogo", HB_FUNC_SPWRITE);
	f->switches = plain(code, "runtime.systemstack", HB_FUNC_SPWRITE | HB_FUNC_ASM);
	f->assembly = plain(code, "runtime.gcWriteBarrier2", HB_FUNC_ASM);
	f->barrier = plain(code, "runtime.wbMove", 0);
	f->leaf = with_locals(code, "main.leaf", 0x1, 0x8, 0, 0);
	f->caller = with_locals(code, "main.caller", 0x2, 0x0, objects(code), 0);
	f->faults = with_locals(code, "main.faults", 0x1, 0x4, 0, 0x3f);
	f->stub = reflect_stub(code);
	code_finish(code);
	code->go.frame_cache = NULL;
	f->goroutine = (struct hb_goroutine){.g = CODE_DATA,
	                                     .id = 7,
	                                     .status = HB_G_WAITING,
	                                     .stack_lo = CODE_STACK,
	                                     .stack_hi = TOP,
	                                     .thread = -1,
	                                     .wait_reason = ""};
}

static void set_up(struct fixture *f)
{
	set_up_with(f, three_objects);
}

/* Pushes a word: a return address, an argument, a saved frame pointer. */
static void push(struct fixture *f, uint64_t value)
{
	code_store(&f->code, f->sp -= 8, value);
}

/* Pushes a frame with locals a…d and arguments for whom it calls; returns the address of a. */
static uint64_t push_frame(struct fixture *f, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t out)
{
	push(f, 0xfeed); /* saved frame pointer */
	push(f, d);
	push(f, c);
	push(f, b);
	push(f, a);
	push(f, out + 8);
	push(f, out);
	return f->sp + OUT;
}

static void park(struct fixture *f, uint64_t pc)
{
	f->goroutine.pc = pc;
	f->goroutine.sp = f->sp;
}

struct frames {
	struct hb_go_frame list[32];
	size_t n, max;
	bool complete;
};

static bool keep_frame(void *ctx, const struct hb_go_frame *frame)
{
	struct frames *frames = ctx;
	frames->list[frames->n++] = *frame;
	return frames->n < frames->max;
}

static struct frames unwind(const struct fixture *f)
{
	struct frames frames = {.max = hb_countof(frames.list)};
	assert_null(hb_go_unwind(&f->code.go, &f->goroutine, keep_frame, &frames, &frames.complete));
	return frames;
}

struct found {
	struct hb_stack_pointer list[3 * CODE_REGION / 8];
	size_t n;
	struct hb_stack_reading reading;
};

static void keep_pointer(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct found *found = ctx;
	assert_true(found->n < hb_countof(found->list));
	found->list[found->n++] = *pointer;
}

static struct found found; /* large */

static const struct found *scan(const struct fixture *f)
{
	found.n = 0;
	assert_null(hb_go_scan_stack(&f->code.go, &f->goroutine, keep_pointer, &found, &found.reading));
	return &found;
}

/* Whether a value that stands for a heap pointer was found, and how: 0 not, 1 precisely, 2 conservatively. */
static int holds(uint64_t value)
{
	for (size_t i = 0; i < found.n; i++)
		if (found.list[i].value == HEAP + value)
			return found.list[i].conservative ? 2 : 1;
	return 0;
}

static void tear_down(struct fixture *f)
{
	code_deinit(&f->code);
}

/* goexit ← caller(0x100, 0x108) ← leaf(0x110, 0x118), parked in leaf; returns the address of caller's first local. */
static uint64_t two_frames(struct fixture *f, uint64_t in_caller, uint64_t in_leaf)
{
	push(f, HEAP + 0x108);
	push(f, HEAP + 0x100);
	push(f, f->goexit + 1);
	uint64_t caller = push_frame(f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, HEAP + 0x110);
	push(f, f->caller + in_caller);
	push_frame(f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	park(f, f->leaf + in_leaf);
	return caller;
}

static void frames_follow_return_addresses(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, f.goexit + 1);
	uint64_t caller_sp = push_frame(&f, 0, 0, 0, 0, 0) - OUT;
	push(&f, f.caller + 0x20);
	uint64_t leaf_sp = push_frame(&f, 0, 0, 0, 0, 0) - OUT;
	park(&f, f.leaf + 0x40);
	struct frames frames = unwind(&f);
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
	struct frames one = {.max = 1};
	assert_null(hb_go_unwind(&f.code.go, &f.goroutine, keep_frame, &one, &one.complete));
	assert_int_equal(one.n, 1); /* the visitor had enough */
	assert_false(one.complete);
	tear_down(&f);
}

static void a_running_goroutine_stands_at_its_pc(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, f.goexit + 1);
	park(&f, f.leaf + 2); /* before the frame is set up */
	f.goroutine.status = HB_G_RUNNING;
	f.goroutine.on_own_stack = true;
	struct frames frames = unwind(&f);
	assert_true(frames.complete);
	assert_int_equal(frames.n, 2);
	assert_int_equal(frames.list[0].lookup_pc, f.leaf + 2);
	assert_int_equal(frames.list[0].fp, f.sp + 8);
	assert_int_equal(frames.list[0].varp, f.sp);
	tear_down(&f);
}

static void a_call_of_nil_starts_at_its_caller(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, f.goexit + 1);
	push_frame(&f, 0, 0, 0, 0, 0);
	push(&f, f.leaf + 0x20);
	park(&f, 0);
	struct frames frames = unwind(&f);
	assert_true(frames.complete);
	assert_int_equal(frames.n, 2);
	assert_string_equal(frames.list[0].func.name, "main.leaf");
	tear_down(&f);
}

static void what_cannot_be_unwound_is_incomplete(void **state)
{
	struct fixture f;
	set_up(&f);
	two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp + FRAME, 0x123456); /* returns to no function */
	struct frames frames = unwind(&f);
	assert_false(frames.complete);
	assert_int_equal(frames.n, 1);
	code_store(&f.code, f.sp + FRAME, f.jumps + 0x10); /* returns into a function that switches stacks */
	frames = unwind(&f);
	assert_false(frames.complete);
	assert_string_equal(frames.list[frames.n - 1].func.name, "runtime.gogo");
	const uint64_t bad_sps[] = {0, CODE_STACK - 8, TOP, f.sp + 4, UINT64_MAX - 7};
	for (size_t i = 0; i < hb_countof(bad_sps); i++) {
		f.goroutine.sp = bad_sps[i];
		frames = unwind(&f);
		assert_false(frames.complete);
		assert_int_equal(frames.n, 0);
	}
	tear_down(&f);
}

static void a_switch_of_stacks_can_be_left_where_it_was_parked(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, f.goexit + 1);
	push_frame(&f, 0, 0, 0, 0, 0);
	push(&f, f.leaf + 0x20);
	park(&f, f.jumps + 0x10); /* at the check for stack space: sp is still what it was */
	assert_true(unwind(&f).complete);
	f.goroutine.on_own_stack = true; /* anywhere in it */
	assert_false(unwind(&f).complete);
	tear_down(&f);
}

static void maps_say_which_slots_are_live(void **state)
{
	struct fixture f;
	set_up(&f);
	two_frames(&f, 0x20, 0x20);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x18), 1);  /* caller, first map: word 1 */
	assert_int_equal(holds(0x30), 1);  /* leaf, first map: word 0 */
	assert_int_equal(holds(0x100), 1); /* arguments, first map: word 0 */
	assert_int_equal(holds(0x110), 1);
	assert_int_equal(found.n, 4);
	tear_down(&f);

	set_up(&f);
	two_frames(&f, 0x40, 0x40);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x48), 1); /* leaf, second map: word 3 */
	assert_int_equal(holds(0x108), 1);
	assert_int_equal(holds(0x118), 1);
	assert_int_equal(found.n, 3); /* nothing of caller's */
	assert_string_equal(found.list[0].function, "main.leaf");
	assert_int_equal(found.list[0].slot, f.sp + OUT + 24);
	tear_down(&f);
}

static void an_answer_from_the_cache_is_the_same(void **state)
{
	struct fixture f;
	set_up(&f);
	f.code.go.frame_cache = hb_frame_cache_create();
	assert_non_null(f.code.go.frame_cache);
	two_frames(&f, 0x20, 0x20);
	for (unsigned round = 0; round < 3; round++) {
		assert_true(scan(&f)->reading.precise);
		assert_int_equal(found.n, 4);
		assert_int_equal(unwind(&f).n, 3);
	}
	f.goroutine.pc = f.leaf + 0x40;
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x48), 1);
	assert_int_equal(holds(0x30), 0);
	hb_frame_cache_destroy(f.code.go.frame_cache);
	tear_down(&f);
}

static void a_goroutine_that_never_ran_uses_the_first_map(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, HEAP + 0x108);
	push(&f, HEAP + 0x100);
	push(&f, f.goexit + 1);
	park(&f, f.leaf);
	f.goroutine.status = HB_G_RUNNABLE;
	f.goroutine.ctxt = HEAP + 0x200; /* its closure */
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x100), 1);
	assert_int_equal(holds(0x200), 1);
	assert_int_equal(found.n, 2);
	tear_down(&f);
}

static void stack_objects_live_while_something_points_to_them(void **state)
{
	struct fixture f;
	set_up(&f);
	uint64_t caller = two_frames(&f, 0x40, 0x20), leaf = f.sp + OUT; /* none of caller's locals is live by itself */
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x18), 0);
	assert_int_equal(holds(0x28), 0);
	/* leaf's live word points to one, then to the other. */
	code_store(&f.code, leaf, caller);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x18), 1);
	assert_int_equal(holds(0x28), 0);
	code_store(&f.code, leaf, caller + 16);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x18), 0);
	assert_int_equal(holds(0x28), 1);
	/* An interior pointer will do; objects lead to each other, also in a circle, and to arguments. */
	uint64_t arguments = caller + LOCALS * 8 + 16;
	code_store(&f.code, leaf, caller + 24);
	code_store(&f.code, caller + 24, caller);
	code_store(&f.code, caller + 8, caller + 16);
	assert_true(scan(&f)->reading.precise);
	code_store(&f.code, caller + 8, arguments);
	f.goroutine.pc = f.leaf + 0x20;
	code_store(&f.code, leaf - OUT + FRAME, f.caller + 0x20); /* now only the first argument is live by itself */
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x108), 1);
	/* A word that is no pointer says nothing. */
	code_store(&f.code, leaf, HEAP);
	code_store(&f.code, leaf + 8, caller + 16);
	code_store(&f.code, leaf - OUT + FRAME, f.caller + 0x40);
	code_store(&f.code, caller + 24, HEAP + 0x28);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x28), 0);
	tear_down(&f);
}

static void a_large_object_is_described_by_a_program(void **state)
{
	struct fixture f;
	set_up_with(&f, object_with_program);
	uint64_t caller = two_frames(&f, 0x40, 0x20);
	code_store(&f.code, f.sp + OUT, caller + 24); /* leaf's live word */
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x10), 0);
	assert_int_equal(holds(0x18), 1);
	assert_int_equal(holds(0x20), 1);
	assert_int_equal(holds(0x28), 0);
	tear_down(&f);
}

/* The value that a stub calls, in the heap: makeFuncImpl { fn, stack *bitVector, argLen }. Its function has four words of
 * arguments and results, two of which are arguments; words 0, 2 and 3 are pointers. */
static void store_made_function(struct fixture *f, uint64_t value)
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
	struct fixture f;
	set_up(&f);
	uint64_t value = CODE_DATA + 0x1000;
	store_made_function(&f, value);
	for (uint64_t i = 4; i-- > 0;)
		push(&f, HEAP + 0x100 + i * 8); /* arguments and results */
	push(&f, f.goexit + 1);
	push(&f, 0xfeed);
	for (uint64_t i = REG_ARGS / 8; i-- > 0;)
		push(&f, HEAP + 0x200 + i * 8);
	uint64_t registers = f.sp;
	push(&f, 0); /* the results are not valid */
	push(&f, HEAP + 0x800);
	push(&f, 0);
	push(&f, 0);
	push(&f, value);
	uint64_t stub = f.sp;
	push(&f, f.stub + 0x20);
	push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	park(&f, f.leaf + 0x20);
	/* The arguments by the mask, no results; nothing of the frame while nothing points to the registers. */
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x100), 1);
	assert_int_equal(holds(0x108), 0);
	assert_int_equal(holds(0x110), 0);
	assert_int_equal(holds(0x800), 0);
	for (uint64_t i = 0; i < REG_ARGS / 8; i++)
		assert_int_equal(holds(0x200 + i * 8), 0);
	code_store(&f.code, stub + 32, 1);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x110), 1);
	assert_int_equal(holds(0x118), 1);
	/* Of the registers, only those that are said to be pointers. */
	code_store(&f.code, stub - 8 - FRAME + OUT, registers);
	assert_true(scan(&f)->reading.precise);
	for (uint64_t i = 0; i < REG_ARGS / 8; i++)
		assert_int_equal(holds(0x200 + i * 8), i >= 24 && i < 33);
	/* The mask is lost, then the value. */
	code_store(&f.code, value + 0x108, 0x10000);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x108), 2);
	assert_int_equal(holds(0x200), 0);
	code_store(&f.code, stub, 0x10000);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x800), 2);
	tear_down(&f);
}

static void a_reflect_stub_that_has_not_started_holds_nothing(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, HEAP + 0x100);
	push(&f, f.goexit + 1);
	park(&f, f.stub);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(found.n, 0);
	tear_down(&f);
}

static void a_function_that_faulted_goes_on_at_its_deferreturn(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, f.goexit + 1);
	push_frame(&f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, 0);
	push(&f, f.faults + 0x21); /* where it faulted: the first map would say word 0 */
	park(&f, f.sigpanic + 0x20);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x10), 0);
	assert_int_equal(holds(0x20), 1);                                /* the map at its deferreturn: word 2 */
	assert_int_equal(unwind(&f).list[1].lookup_pc, f.faults + 0x21); /* not a return address */
	tear_down(&f);

	set_up(&f);
	push(&f, f.goexit + 1);
	push_frame(&f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, 0);
	push(&f, f.leaf + 0x21); /* has no deferred calls: never goes on */
	park(&f, f.sigpanic + 0x20);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(found.n, 0);
	tear_down(&f);
}

static void a_preempted_function_is_scanned_conservatively(void **state)
{
	struct fixture f;
	set_up(&f);
	push(&f, HEAP + 0x108);
	push(&f, HEAP + 0x100);
	push(&f, f.goexit + 1);
	push_frame(&f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, HEAP + 0x110);
	push(&f, f.caller + 0x20);
	push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	push(&f, f.leaf + 0x21);
	park(&f, f.preempt + 0x20);
	assert_true(scan(&f)->reading.precise);
	const uint64_t words[] = {0x30, 0x38, 0x40, 0x48, 0x110, 0x118, 0x120, 0x128};
	for (size_t i = 0; i < hb_countof(words); i++)
		assert_int_equal(holds(words[i]), 2);
	assert_int_equal(holds(0x18), 1); /* the caller did stop at a call */
	assert_int_equal(holds(0x100), 1);
	assert_int_equal(found.n, hb_countof(words) + 2);
	tear_down(&f);
}

static void vector_registers_of_a_preempted_goroutine(void **state)
{
	struct fixture f;
	set_up(&f);
	const struct hb_go_layout *layout = f.code.go.layout;
	two_frames(&f, 0x40, 0x40);
	uint64_t saved = CODE_DATA + 0x4000;
	code_store(&f.code, CODE_DATA + layout->g.xregs, saved);
	code_store(&f.code, saved + layout->xreg_state.regs + 64, HEAP + 0x500);
	scan(&f);
	assert_int_equal(holds(0x500), 0);
	f.code.regions[1].bytes[layout->g.async_safe_point] = 1;
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x500), 2);
	f.code.go.layout = hb_go_layout(26); /* takes them for numbers */
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x500), 0);
	f.code.go.layout = layout;
	code_store(&f.code, CODE_DATA + layout->g.xregs, 0x10000); /* not in the snapshot */
	assert_false(scan(&f)->reading.precise);
	tear_down(&f);
}

static void store_defer(struct fixture *f, uint64_t addr, uint64_t fn, uint64_t link, bool heap)
{
	const struct hb_go_layout *layout = f->code.go.layout;
	code_store(&f->code, addr + layout->defer.fn, fn);
	code_store(&f->code, addr + layout->defer.link, link);
	f->code.regions[1].bytes[addr - CODE_DATA + layout->defer.heap] = heap;
}

static void defers_and_panics_hold_what_they_need(void **state)
{
	struct fixture f;
	set_up(&f);
	uint64_t caller = two_frames(&f, 0x40, 0x40);
	uint64_t first = CODE_DATA + 0x1000, second = CODE_DATA + 0x2000;
	store_defer(&f, first, HEAP + 0x600, second, true);
	store_defer(&f, second, HEAP + 0x608, first, false); /* a loop */
	f.goroutine.defer = first;
	assert_false(scan(&f)->reading.precise);
	code_store(&f.code, second + f.code.go.layout->defer.link, 0);
	assert_true(scan(&f)->reading.precise);
	assert_int_equal(holds(0x600), 1);
	assert_int_equal(holds(0x608), 1);
	size_t firsts = 0, seconds = 0;
	for (size_t i = 0; i < found.n; i++) {
		firsts += found.list[i].value == first;
		seconds += found.list[i].value == second;
	}
	assert_int_equal(firsts, 1);     /* a record in the heap holds itself */
	assert_int_equal(seconds, 1);    /* one on the stack is held by the link alone */
	f.goroutine.panic = caller + 16; /* a panic is a stack object */
	scan(&f);
	assert_int_equal(holds(0x28), 1);
	f.goroutine.defer = 0x10000; /* not in the snapshot */
	assert_false(scan(&f)->reading.precise);
	assert_false(found.reading.complete);
	tear_down(&f);
}

static void without_sane_frames_every_word_counts(void **state)
{
	struct fixture f;
	set_up(&f);
	two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp - 8, HEAP + 0x700); /* below sp: dead in any case */
	code_store(&f.code, f.sp + FRAME, 0x123456);
	assert_false(scan(&f)->reading.precise);
	const uint64_t words[] = {0x10, 0x18, 0x20, 0x28, 0x38, 0x40, 0x48, 0x100, 0x108, 0x110, 0x118};
	for (size_t i = 0; i < hb_countof(words); i++)
		assert_int_not_equal(holds(words[i]), 0);
	assert_int_equal(holds(0x700), 0);
	f.goroutine.sp = 0; /* nobody knows where */
	assert_false(scan(&f)->reading.precise);
	assert_int_equal(holds(0x700), 2);
	assert_true(found.reading.complete);
	f.goroutine.stack_lo -= 0x3000; /* there is no memory in front: the rest is read all the same */
	assert_int_equal(scan(&f)->reading.complete, false);
	assert_int_equal(holds(0x700), 2);
	tear_down(&f);
}

static const uint64_t leafs_words[] = {0x30, 0x38, 0x40, 0x48, 0x110, 0x118, 0x120, 0x128};

static void a_running_goroutine_is_scanned_from_its_sp(void **state)
{
	struct fixture f;
	set_up(&f);
	two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp - 8, HEAP + 0x700);
	struct hb_thread thread = {.tid = 1, .has_registers = true, .registers = {.sp = f.sp, .pc = f.leaf + 0x20}};
	f.code.snapshot.threads = &thread;
	f.code.snapshot.nthreads = 1;
	f.goroutine.status = HB_G_RUNNING;
	f.goroutine.thread = 0;
	f.goroutine.on_own_stack = true;
	assert_false(scan(&f)->reading.precise);
	assert_int_equal(holds(0x700), 0);
	assert_int_equal(holds(0x40), 2);
	f.goroutine.on_own_stack = false; /* its thread is on another stack, and not on that of its g0 */
	assert_false(scan(&f)->reading.precise);
	assert_int_equal(holds(0x700), 2);
	tear_down(&f);
}

static bool scan_system_stack(const struct fixture *f, uint64_t pc, const struct hb_registers *registers)
{
	struct hb_go_position from = {.pc = pc, .sp = f->sp, .exact = true, .registers = registers};
	bool precise;
	found.n = 0;
	assert_null(hb_go_scan_system_stack(&f->code.go, &from, TOP, keep_pointer, &found, &precise));
	return precise;
}

/* On a system stack the thread may stand anywhere in the innermost function; those that called it stand at calls. */
static void system_stacks_are_scanned_by_maps_but_for_the_innermost_frame(void **state)
{
	struct fixture f;
	set_up(&f);
	two_frames(&f, 0x20, 0x20);
	code_store(&f.code, f.sp - 8, HEAP + 0x700);
	assert_true(scan_system_stack(&f, f.leaf + 0x20, NULL));
	for (size_t i = 0; i < hb_countof(leafs_words); i++)
		assert_int_equal(holds(leafs_words[i]), 2);
	assert_int_equal(holds(0x18), 1);
	assert_int_equal(holds(0x100), 1);
	assert_int_equal(found.n, hb_countof(leafs_words) + 2);
	assert_false(scan_system_stack(&f, f.jumps + 0x20, NULL)); /* who knows where it goes on */
	assert_false(scan_system_stack(&f, 1, NULL));              /* not in Go's text */
	tear_down(&f);
}

/* A function that was passed the address of its caller's variable may have it in a register alone. */
static void registers_keep_variables_alive(void **state)
{
	struct fixture f;
	struct hb_registers registers = {0};
	set_up(&f);
	uint64_t locals = two_frames(&f, 0x20, 0x20);
	assert_true(scan_system_stack(&f, f.leaf + 0x20, &registers));
	assert_int_equal(holds(0x108), 0);
	registers.general[registers.ngeneral++] = locals + LOCALS * 8 + 16; /* the caller's arguments */
	assert_true(scan_system_stack(&f, f.leaf + 0x20, &registers));
	assert_int_equal(holds(0x108), 2);
	tear_down(&f);
}

/* A call that has no map: of assembly that keeps registers, of a write barrier in bulk. */
static void what_is_called_without_maps_says_nothing_of_its_caller(void **state)
{
	for (unsigned barrier = 0; barrier < 2; barrier++) {
		struct fixture f;
		set_up(&f);
		two_frames(&f, 0x20, 0x20);
		push(&f, f.leaf + 0x21);
		assert_true(scan_system_stack(&f, (barrier ? f.barrier : f.assembly) + 0x20, NULL));
		for (size_t i = 0; i < hb_countof(leafs_words); i++)
			assert_int_equal(holds(leafs_words[i]), 2);
		assert_int_equal(holds(0x18), 1);
		assert_int_equal(holds(0x10), 0);
		tear_down(&f);
	}
}

/* There is nothing above the switch to a system stack, whatever lies there. */
static void system_stacks_end_at_the_switch(void **state)
{
	struct fixture f;
	set_up(&f);
	for (unsigned i = 0; i < 4; i++)
		push(&f, HEAP + 0x700);
	push(&f, f.switches + 0x20);
	push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	push(&f, f.caller + 0x20);
	push_frame(&f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	assert_true(scan_system_stack(&f, f.leaf + 0x20, NULL));
	assert_int_equal(holds(0x30), 2);
	for (size_t i = 0; i < found.n; i++) /* the first of those words are where the caller's arguments would be */
		assert_true(found.list[i].slot < TOP - 16 - 2 * 8);
	tear_down(&f);
}

static void lost_pages_do_not_hide_the_others(void **state)
{
	struct fixture f;
	set_up(&f);
	two_frames(&f, 0x20, 0x20);
	f.goroutine.sp = CODE_STACK;
	code_store(&f.code, CODE_STACK + 64, HEAP + 0x700);
	code_store(&f.code, CODE_STACK + HB_PAGE_SIZE + 64, HEAP + 0x708);
	f.code.regions[2].pages[1] = HB_PAGE_LOST;
	assert_false(scan(&f)->reading.precise);
	assert_int_equal(holds(0x700), 2);
	assert_int_equal(holds(0x708), 0);
	assert_int_equal(holds(0x40), 2);
	tear_down(&f);
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
		struct fixture f;
		set_up(&f);
		two_frames(&f, round & 1 ? 0x20 : 0x40, round & 2 ? 0x20 : 0x40);
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
		assert_in_range(unwind(&f).n, 0, hb_countof(((struct frames *)0)->list));
		scan(&f);
		tear_down(&f);
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
	        cmocka_unit_test(a_running_goroutine_is_scanned_from_its_sp),
	        cmocka_unit_test(system_stacks_are_scanned_by_maps_but_for_the_innermost_frame),
	        cmocka_unit_test(registers_keep_variables_alive),
	        cmocka_unit_test(what_is_called_without_maps_says_nothing_of_its_caller),
	        cmocka_unit_test(system_stacks_end_at_the_switch),
	        cmocka_unit_test(lost_pages_do_not_hide_the_others),
	        cmocka_unit_test(hostile_stacks_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
