#include "synthetic_stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { BYTES = 0x100 }; /* code of each function */

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

uint32_t stack_object_with_program(struct code *code)
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

void stack_set_up_with(struct stack_fixture *f, uint32_t (*objects)(struct code *code))
{
	*f = (struct stack_fixture){.sp = TOP - 16}; /* newproc leaves some room above goexit */
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

void stack_set_up(struct stack_fixture *f)
{
	stack_set_up_with(f, three_objects);
}

void stack_push(struct stack_fixture *f, uint64_t value)
{
	code_store(&f->code, f->sp -= 8, value);
}

uint64_t stack_push_frame(struct stack_fixture *f, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t out)
{
	stack_push(f, 0xfeed); /* saved frame pointer */
	stack_push(f, d);
	stack_push(f, c);
	stack_push(f, b);
	stack_push(f, a);
	stack_push(f, out + 8);
	stack_push(f, out);
	return f->sp + OUT;
}

void stack_park(struct stack_fixture *f, uint64_t pc)
{
	f->goroutine.pc = pc;
	f->goroutine.sp = f->sp;
}

bool stack_keep_frame(void *ctx, const struct hb_go_frame *frame)
{
	struct stack_frames *frames = ctx;
	frames->list[frames->n++] = *frame;
	return frames->n < frames->max;
}

struct stack_frames stack_unwind(const struct stack_fixture *f)
{
	struct stack_frames frames = {.max = hb_countof(frames.list)};
	assert_null(hb_go_unwind(&f->code.go, &f->goroutine, stack_keep_frame, &frames, &frames.complete));
	return frames;
}

void stack_keep_pointer(void *ctx, const struct hb_stack_pointer *pointer)
{
	struct stack_found *all = ctx;
	assert_true(all->n < hb_countof(all->list));
	all->list[all->n++] = *pointer;
}

struct stack_found stack_found;

const struct stack_found *stack_scan(const struct stack_fixture *f)
{
	stack_found.n = 0;
	assert_null(
	        hb_go_scan_stack(&f->code.go, &f->goroutine, stack_keep_pointer, &stack_found, &stack_found.reading));
	return &stack_found;
}

int stack_holds(uint64_t value)
{
	for (size_t i = 0; i < stack_found.n; i++)
		if (stack_found.list[i].value == HEAP + value)
			return stack_found.list[i].conservative ? 2 : 1;
	return 0;
}

void stack_tear_down(struct stack_fixture *f)
{
	code_deinit(&f->code);
}

uint64_t stack_two_frames(struct stack_fixture *f, uint64_t in_caller, uint64_t in_leaf)
{
	stack_push(f, HEAP + 0x108);
	stack_push(f, HEAP + 0x100);
	stack_push(f, f->goexit + 1);
	uint64_t caller = stack_push_frame(f, HEAP + 0x10, HEAP + 0x18, HEAP + 0x20, HEAP + 0x28, HEAP + 0x110);
	stack_push(f, f->caller + in_caller);
	stack_push_frame(f, HEAP + 0x30, HEAP + 0x38, HEAP + 0x40, HEAP + 0x48, HEAP + 0x120);
	stack_park(f, f->leaf + in_leaf);
	return caller;
}
