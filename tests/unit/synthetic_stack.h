/* A goroutine's stack made by hand, of functions made by hand (synthetic_code.h): two frames whose maps and stack objects are known,
 * and functions at which a stack ends, or is left in another way.
 */
#pragma once
#include "golang/stacks.h"
#include "synthetic_code.h"

enum { HEAP = 0x880000 }; /* values that stand for pointers into the heap; not in the snapshot */
enum { TOP = CODE_STACK + CODE_REGION };

/* A frame: two words of arguments for callees, four words of locals, the saved frame pointer. Calls return to 0x20 and to 0x40 in each
 * function: two safe points with a map each. */
enum { OUT = 2 * 8, LOCALS = 4, FRAME = OUT + LOCALS * 8 + 8 };

/* A stub of reflect, whose frame has five words for calls and an abi.RegArgs (reflect/asm_amd64.s). */
enum { STUB_OUT = 5 * 8, REG_ARGS = 272, STUB_FRAME = STUB_OUT + REG_ARGS + 8 };

struct stack_fixture {
	struct code code;
	uint64_t goexit, caller, leaf, faults, sigpanic, preempt, jumps, stub, switches, assembly, barrier;
	struct hb_goroutine goroutine;
	uint64_t sp; /* where the next frame is pushed */
};

void stack_set_up(struct stack_fixture *f);
/* With other stack objects in the caller's frame. */
void stack_set_up_with(struct stack_fixture *f, uint32_t (*objects)(struct code *code));
void stack_tear_down(struct stack_fixture *f);
/* One of four words, all of the caller's locals, whose mask is a program: 1 and 2 are pointers (up to Go 1.23). */
uint32_t stack_object_with_program(struct code *code);

/* Pushes a word: a return address, an argument, a saved frame pointer. */
void stack_push(struct stack_fixture *f, uint64_t value);
/* Pushes a frame with locals a…d and arguments for whom it calls; returns the address of a. */
uint64_t stack_push_frame(struct stack_fixture *f, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t out);
void stack_park(struct stack_fixture *f, uint64_t pc);
/* goexit ← caller(0x100, 0x108) ← leaf(0x110, 0x118), parked in leaf; returns the address of caller's first local. */
uint64_t stack_two_frames(struct stack_fixture *f, uint64_t in_caller, uint64_t in_leaf);

struct stack_frames {
	struct hb_go_frame list[32];
	size_t n, max;
	bool complete;
};
bool stack_keep_frame(void *ctx, const struct hb_go_frame *frame); /* until there are as many as max */
struct stack_frames stack_unwind(const struct stack_fixture *f);

struct stack_found {
	struct hb_stack_pointer list[3 * CODE_REGION / 8];
	size_t n;
	struct hb_stack_reading reading;
};
extern struct stack_found stack_found; /* what was found last; large */
void stack_keep_pointer(void *ctx, const struct hb_stack_pointer *pointer);
const struct stack_found *stack_scan(const struct stack_fixture *f);
/* Whether a value that stands for a heap pointer was found, and how: 0 not, 1 precisely, 2 conservatively. */
int stack_holds(uint64_t value);
