/* Register tracking on machine code that is written here, byte by byte: what is learned, and what must not be.
 *
 * Encodings are the Intel manual's. The program below has its text at TEXT, four functions that only their names tell
 * (newobject, growslice, gcWriteBarrier, panicIndex …), two that tests fill, globals at DATA and type descriptors at TYPES.
 */
#include "golang/code_track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	TEXT = 0x400000,
	TYPES = 0x500000,
	DATA = 0x600000,
	NEW = 0x1000, /* offsets in text of the functions that are called */
	GROW = 0x1010,
	BARRIER = 0x1020,
	PANIC = 0x1030,
	MAP = 0x1040,
	STORE_POINTER = 0x1050,
	GROW_OLD = 0x1060,
	SMALL_MAP = 0x1070,
	BUILD = 0x1100, /* two functions that tests fill */
	WRAP = 0x1200,
	TEXT_SIZE = 0x2000,
	T1 = TYPES + 0x100, /* types, globals */
	T2 = TYPES + 0x200,
	G1 = DATA + 0x10,
	G2 = DATA + 0x20,
};

struct program {
	uint8_t bytes[TEXT_SIZE];
	uint32_t at;
	struct hb_code_func list[11];
	struct hb_code_funcs funcs;
	struct hb_code_view view;
	struct hb_x86_decoder *decoder;
	struct hb_code_sink sink;
};

static int setup(void **state)
{
	struct program *p = calloc(1, sizeof(*p));
	static const struct hb_code_func functions[] = {
	        {0, NEW, 0, 0, HB_CALL_OTHER, false},
	        {NEW, NEW + 16, 1, 0, HB_CALL_NEW, true},
	        {GROW, GROW + 16, 2, 0, HB_CALL_GROW, true},
	        {BARRIER, BARRIER + 16, 3, 0, HB_CALL_BARRIER, true},
	        {PANIC, PANIC + 16, 4, 0, HB_CALL_PANIC, true},
	        {MAP, MAP + 16, 5, 0, HB_CALL_MAP, true},
	        {STORE_POINTER, STORE_POINTER + 16, 6, 0, HB_CALL_ATOMIC, false},
	        {GROW_OLD, GROW_OLD + 16, 7, 0, HB_CALL_GROW_OLD, true},
	        {SMALL_MAP, SMALL_MAP + 16, 8, 0, HB_CALL_SMALL_MAP, true},
	        {BUILD, BUILD + 0x100, 9, 0, HB_CALL_OTHER, false},
	        {WRAP, WRAP + 0x100, 10, 0, HB_CALL_OTHER, false},
	};
	assert_non_null(p);
	memset(p->bytes, 0xcc, sizeof(p->bytes));
	memcpy(p->list, functions, sizeof(functions));
	p->funcs = (struct hb_code_funcs){.text = TEXT, .list = p->list, .n = hb_countof(functions)};
	p->view = (struct hb_code_view){
	        .funcs = &p->funcs,
	        .bytes = p->bytes,
	        .text = TEXT,
	        .etext = TEXT + TEXT_SIZE,
	        .data = DATA,
	        .edata = DATA + 0x1000,
	        .type_start = TYPES,
	        .type_end = TYPES + 0x1000,
	};
	p->decoder = hb_x86_decoder_create();
	assert_non_null(p->decoder);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct program *p = *state;
	hb_x86_decoder_destroy(p->decoder);
	hb_code_sink_deinit(&p->sink);
	free(p);
	return 0;
}

/* --- An assembler of a few instructions ------------------------------------------------------------------------- */

static void emit(struct program *p, size_t n, const uint8_t *bytes)
{
	assert_true(p->at + n <= TEXT_SIZE);
	memcpy(p->bytes + p->at, bytes, n);
	p->at += (uint32_t)n;
}
#define EMIT(p, ...) emit(p, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void emit_rel32(struct program *p, uint64_t target, unsigned behind)
{
	uint32_t rel = (uint32_t)(target - (TEXT + p->at + 4 + behind));
	uint8_t bytes[4];
	memcpy(bytes, &rel, 4);
	emit(p, 4, bytes);
}

/* rex.w opcode modrm(0, reg, rip) rel32, for registers rax to rdi */
static void emit_rip(struct program *p, uint8_t opcode, unsigned reg, uint64_t target)
{
	EMIT(p, 0x48, opcode, (uint8_t)(reg << 3 | 5));
	emit_rel32(p, target, 0);
}
static void lea(struct program *p, unsigned reg, uint64_t target)
{
	emit_rip(p, 0x8d, reg, target);
}
static void load(struct program *p, unsigned reg, uint64_t target)
{
	emit_rip(p, 0x8b, reg, target);
}
static void store(struct program *p, uint64_t target, unsigned reg)
{
	emit_rip(p, 0x89, reg, target);
}
static void call(struct program *p, uint32_t function)
{
	EMIT(p, 0xe8);
	emit_rel32(p, TEXT + function, 0);
}
static void new_object(struct program *p, uint64_t type)
{
	lea(p, HB_X86_RAX, type);
	call(p, NEW);
}
static void ret(struct program *p)
{
	EMIT(p, 0xc3);
}

/* --- Running and looking ---------------------------------------------------------------------------------------- */

static void track(struct program *p)
{
	struct hb_error *err = hb_code_track(&p->view, p->decoder, &p->list[0], UINT32_MAX, &p->sink);
	assert_null(err);
}

static const struct hb_code_vote *only_vote(struct program *p)
{
	track(p);
	assert_int_equal(p->sink.votes.len, 1);
	return &p->sink.votes.data[0];
}

static void assert_vote(struct program *p, uint64_t data, uint64_t type, enum hb_code_shape shape)
{
	const struct hb_code_vote *vote = only_vote(p);
	assert_int_equal(vote->data, data);
	assert_int_equal(vote->type, type);
	assert_int_equal(vote->shape, shape);
}

static void assert_no_vote(struct program *p)
{
	track(p);
	assert_int_equal(p->sink.votes.len, 0);
}

/* --- What is learned -------------------------------------------------------------------------------------------- */

static void test_references(void **state)
{
	struct program *p = *state;
	lea(p, HB_X86_RAX, G1);
	load(p, HB_X86_RCX, G2);
	store(p, G2, HB_X86_RDX);
	EMIT(p, 0x83, 0x3d); /* cmpl $0, G1+4(rip): the immediate is behind the displacement */
	emit_rel32(p, G1 + 4, 1);
	EMIT(p, 0);
	EMIT(p, 0x0f, 0x10, 0x05); /* movups G1(rip), xmm0 */
	emit_rel32(p, G1, 0);
	load(p, HB_X86_RAX, DATA - 8); /* not a global */
	ret(p);
	track(p);
	static const struct hb_code_ref expected[] = {
	        {G1, 0, 0, 'L', 0},      {G2, 0, 7, 'M', 8},   {G2, 0, 14, 'W', 8},
	        {G1 + 4, 0, 21, 'M', 4}, {G1, 0, 28, 'M', 16},
	};
	assert_int_equal(p->sink.refs.len, hb_countof(expected));
	for (size_t i = 0; i < hb_countof(expected); i++) {
		const struct hb_code_ref *ref = &p->sink.refs.data[i];
		assert_int_equal(ref->data, expected[i].data);
		assert_int_equal(ref->pc, expected[i].pc);
		assert_int_equal(ref->how, expected[i].how);
		assert_int_equal(ref->width, expected[i].width);
	}
}

static void test_new_object_in_a_global(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_POINTER_TO);
	assert_false(p->sink.votes.data[0].partial);
}

static void test_through_registers_and_the_stack(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	EMIT(p, 0x48, 0x89, 0x44, 0x24, 0x18); /* mov rax, 0x18(rsp) */
	call(p, PANIC + 1);                    /* some function: registers are gone */
	EMIT(p, 0x48, 0x8b, 0x54, 0x24, 0x18); /* mov 0x18(rsp), rdx */
	EMIT(p, 0x48, 0x89, 0xd6);             /* mov rdx, rsi */
	store(p, G2, HB_X86_RSI);
	ret(p);
	assert_vote(p, G2, T1, HB_CODE_POINTER_TO);
}

static void test_a_call_forgets_registers(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	EMIT(p, 0x48, 0x89, 0xc3); /* mov rax, rbx */
	call(p, 0);
	store(p, G1, HB_X86_RBX);
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_no_vote(p);
}

static void test_the_write_barrier_keeps_registers(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	call(p, BARRIER);
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_POINTER_TO);
}

static void test_overwritten_registers_and_slots(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	EMIT(p, 0x48, 0x89, 0x44, 0x24, 0x18);       /* mov rax, 0x18(rsp) */
	EMIT(p, 0x44, 0x0f, 0x11, 0x7c, 0x24, 0x10); /* movups xmm15, 0x10(rsp): half of it lies in the slot */
	EMIT(p, 0x48, 0x8b, 0x4c, 0x24, 0x18);       /* mov 0x18(rsp), rcx */
	store(p, G1, HB_X86_RCX);
	EMIT(p, 0x48, 0xff, 0xc0); /* inc rax */
	store(p, G1, HB_X86_RAX);
	new_object(p, T1);
	EMIT(p, 0x48, 0x89, 0x44, 0x24, 0x18); /* mov rax, 0x18(rsp) */
	EMIT(p, 0x48, 0x83, 0xec, 0x20);       /* sub $0x20, rsp: the slot is elsewhere now */
	EMIT(p, 0x48, 0x8b, 0x4c, 0x24, 0x18); /* mov 0x18(rsp), rcx */
	store(p, G1, HB_X86_RCX);
	EMIT(p, 0x48, 0xf7, 0xf9); /* idiv rcx writes rax and rdx */
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_no_vote(p);
}

static void test_what_follows_a_jump_is_another_path(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	EMIT(p, 0xeb, 0x07);      /* jmp over the store */
	store(p, G1, HB_X86_RAX); /* reached from elsewhere, with another rax */
	store(p, G2, HB_X86_RAX);
	ret(p);
	assert_vote(p, G2, T1, HB_CODE_POINTER_TO);
}

static void test_what_follows_a_panic_is_another_path(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	EMIT(p, 0x48, 0x89, 0x44, 0x24, 0x18); /* mov rax, 0x18(rsp) */
	call(p, PANIC);
	EMIT(p, 0x48, 0x8b, 0x4c, 0x24, 0x18); /* mov 0x18(rsp), rcx */
	store(p, G1, HB_X86_RCX);
	assert_no_vote(p);
}

/* The slow path of a write barrier stands behind the end of the function. */
static void test_a_branch_takes_its_state_along(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	EMIT(p, 0x75, 0x0d); /* jne to the second store */
	lea(p, HB_X86_RAX, T2);
	call(p, 0);
	ret(p);
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_POINTER_TO);
}

static void test_slices_maps_and_closures(void **state)
{
	struct program *p = *state;
	lea(p, HB_X86_RSI, T1);
	call(p, GROW);
	store(p, G1, HB_X86_RAX);
	load(p, HB_X86_RBX, G2);
	lea(p, HB_X86_RAX, T2);
	call(p, MAP);
	new_object(p, T1);
	lea(p, HB_X86_RCX, TEXT + PANIC);
	EMIT(p, 0x48, 0x89, 0x08); /* mov rcx, (rax) */
	lea(p, HB_X86_RCX, TEXT + PANIC + 1);
	EMIT(p, 0x48, 0x89, 0x08); /* not the start of a function */
	ret(p);
	track(p);
	assert_int_equal(p->sink.votes.len, 2);
	assert_int_equal(p->sink.votes.data[0].data, G1);
	assert_int_equal(p->sink.votes.data[0].shape, HB_CODE_SLICE_OF);
	assert_int_equal(p->sink.votes.data[1].data, G2);
	assert_int_equal(p->sink.votes.data[1].type, T2);
	assert_int_equal(p->sink.votes.data[1].shape, HB_CODE_MAP);
	assert_int_equal(p->sink.closures.len, 1);
	assert_int_equal(p->sink.closures.data[0].fn, TEXT + PANIC);
	assert_int_equal(p->sink.closures.data[0].type, T1);
}

/* runtime/slice.go growslice up to 1.19: the type comes first. */
static void test_old_growslice(void **state)
{
	struct program *p = *state;
	lea(p, HB_X86_RAX, T1);
	load(p, HB_X86_RBX, G2);
	call(p, GROW_OLD);
	store(p, G1, HB_X86_RAX);
	ret(p);
	track(p);
	assert_int_equal(p->sink.votes.len, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(p->sink.votes.data[i].data, i ? G1 : G2);
		assert_int_equal(p->sink.votes.data[i].type, T1);
		assert_int_equal(p->sink.votes.data[i].shape, HB_CODE_SLICE_OF);
	}
}

/* makemap_small takes no type: what is done with the map tells, before or after it is stored. */
static void test_small_map(void **state)
{
	struct program *p = *state;
	call(p, SMALL_MAP);
	EMIT(p, 0x48, 0x89, 0x44, 0x24, 0x18); /* mov rax, 0x18(rsp) */
	EMIT(p, 0x48, 0x89, 0xc3);             /* mov rax, rbx */
	lea(p, HB_X86_RAX, T1);
	call(p, MAP);
	EMIT(p, 0x48, 0x8b, 0x44, 0x24, 0x18); /* mov 0x18(rsp), rax */
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_MAP);
}

static void test_small_map_that_is_stored_first(void **state)
{
	struct program *p = *state;
	call(p, SMALL_MAP);
	store(p, G1, HB_X86_RAX);
	EMIT(p, 0x48, 0x89, 0xc3); /* mov rax, rbx */
	lea(p, HB_X86_RAX, T1);
	call(p, MAP);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_MAP);
}

/* Two maps are not one. */
static void test_another_small_map(void **state)
{
	struct program *p = *state;
	call(p, SMALL_MAP);
	EMIT(p, 0x48, 0x89, 0x44, 0x24, 0x18); /* mov rax, 0x18(rsp) */
	call(p, SMALL_MAP);
	EMIT(p, 0x48, 0x89, 0xc3); /* mov rax, rbx */
	lea(p, HB_X86_RAX, T1);
	call(p, MAP);
	EMIT(p, 0x48, 0x8b, 0x44, 0x24, 0x18); /* mov 0x18(rsp), rax */
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_no_vote(p);
}

/* The caller's code, then what votes follow from the functions whose results it stores. */
static void follow_results(struct program *p)
{
	track(p);
	assert_int_equal(p->sink.votes.len, 0);
	assert_int_equal(p->sink.results.len, 1);
	struct hb_error *err = hb_code_follow_results(&p->view, p->sink.results.data, p->sink.results.len, &p->sink);
	assert_null(err);
}

static void store_result(struct program *p, uint32_t function)
{
	call(p, function);
	store(p, G1, HB_X86_RAX);
	ret(p);
}

static void test_result_of_a_function(void **state)
{
	struct program *p = *state;
	store_result(p, BUILD);
	p->at = BUILD;
	new_object(p, T1);
	ret(p);
	follow_results(p);
	assert_int_equal(p->sink.votes.len, 1);
	assert_int_equal(p->sink.votes.data[0].data, G1);
	assert_int_equal(p->sink.votes.data[0].type, T1);
	assert_int_equal(p->sink.votes.data[0].shape, HB_CODE_POINTER_TO);
}

static void test_result_of_a_result(void **state)
{
	struct program *p = *state;
	store_result(p, WRAP);
	p->at = WRAP;
	call(p, BUILD);
	ret(p);
	p->at = BUILD;
	new_object(p, T1);
	ret(p);
	follow_results(p);
	assert_int_equal(p->sink.votes.len, 1);
	assert_int_equal(p->sink.votes.data[0].type, T1);
}

/* for … { s = append(s, …) }; return s: what returns comes from the end of the loop, by its head. */
static void test_result_of_a_loop(void **state)
{
	struct program *p = *state;
	store_result(p, BUILD);
	p->at = BUILD;
	EMIT(p, 0x31, 0xc0);       /* xor eax, eax */
	EMIT(p, 0x48, 0x85, 0xdb); /* head: test rbx, rbx */
	EMIT(p, 0x74, 0x0e);       /* je out */
	lea(p, HB_X86_RSI, T1);
	call(p, GROW);
	EMIT(p, 0xeb, 0xed); /* jmp head */
	ret(p);              /* out */
	follow_results(p);
	assert_int_equal(p->sink.votes.len, 1);
	assert_int_equal(p->sink.votes.data[0].type, T1);
	assert_int_equal(p->sink.votes.data[0].shape, HB_CODE_SLICE_OF);
}

/* Functions that return each other's results, and one that returns two things. */
static void test_results_that_tell_nothing(void **state)
{
	struct program *p = *state;
	store_result(p, WRAP);
	p->at = WRAP;
	call(p, BUILD);
	ret(p);
	p->at = BUILD;
	call(p, WRAP);
	ret(p);
	follow_results(p);
	assert_int_equal(p->sink.votes.len, 0);
	p->at = BUILD;
	EMIT(p, 0x75, 0x0d); /* jne to the second */
	new_object(p, T1);
	ret(p);
	new_object(p, T2);
	ret(p);
	struct hb_error *err = hb_code_follow_results(&p->view, p->sink.results.data, p->sink.results.len, &p->sink);
	assert_null(err);
	assert_int_equal(p->sink.votes.len, 0);
}

static void test_the_receiver_of_a_method(void **state)
{
	struct program *p = *state;
	struct hb_type list[2] = {{0}, {.addr = T1}};
	struct hb_types types = {.list = list, .n = 2};
	p->view.types = &types;
	p->list[0].kind = HB_CALL_POINTER_METHOD;
	p->list[0].type = 1;
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_POINTER_TO);
}

static void test_parts_of_a_variable(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	lea(p, HB_X86_RDX, G1);
	EMIT(p, 0x48, 0x89, 0x44, 0xca, 0x08); /* mov rax, 8(rdx)(rcx*8): one element of an array in G1 */
	track(p);
	assert_int_equal(p->sink.votes.len, 1);
	assert_int_equal(p->sink.votes.data[0].data, G1 + 8);
	assert_true(p->sink.votes.data[0].partial);
	p->sink.votes.len = 0;
	p->at = 0;
	new_object(p, T1);
	EMIT(p, 0x48, 0x89, 0xc3); /* mov rax, rbx */
	lea(p, HB_X86_RAX, G2);
	call(p, STORE_POINTER);
	ret(p);
	assert_vote(p, G2, T1, HB_CODE_POINTER_TO);
	assert_true(p->sink.votes.data[0].partial);
}

static void test_a_number_is_no_address(void **state)
{
	struct program *p = *state;
	EMIT(p, 0xb8, T1 & 0xff, T1 >> 8 & 0xff, T1 >> 16 & 0xff, T1 >> 24 & 0xff); /* mov $T1, eax */
	call(p, NEW);
	store(p, G1, HB_X86_RAX);
	ret(p);
	assert_no_vote(p);
}

/* --- Hostile bytes ---------------------------------------------------------------------------------------------- */

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static void test_random_bytes(void **state)
{
	struct program *p = *state;
	uint64_t seed = 42;
	/* Often a rip-relative operand near the data, so that more than decoding is exercised. */
	static const uint8_t frequent[] = {0x48, 0x4c, 0x89, 0x8b, 0x8d, 0x05, 0x0d,
	                                   0xe8, 0x74, 0xeb, 0x87, 0x24, 0x20};
	for (int round = 0; round < 300; round++) {
		for (uint32_t i = 0; i < TEXT_SIZE; i++) {
			uint32_t random = next_random(&seed);
			p->bytes[i] = random & 1 ? (uint8_t)(random >> 8) : frequent[(random >> 8) % sizeof(frequent)];
		}
		for (uint32_t i = 0; i + 4 < TEXT_SIZE; i += 1 + next_random(&seed) % 64) {
			uint32_t rel = (uint32_t)(DATA - TEXT - i) + next_random(&seed) % 0x1000;
			memcpy(p->bytes + i, &rel, 4);
		}
		p->sink.refs.len = p->sink.votes.len = p->sink.closures.len = 0;
		p->sink.results.len = p->sink.returns.len = 0;
		p->sink.wants_returns = round % 2; /* loops are taken twice then */
		p->list[0].end = 1 + next_random(&seed) % NEW;
		p->list[0].start = next_random(&seed) % p->list[0].end;
		uint64_t before = p->sink.instructions + p->sink.undecodable;
		track(p);
		uint64_t steps = p->sink.instructions + p->sink.undecodable - before;
		assert_true(steps <= (p->list[0].end - p->list[0].start) * (1 + (uint64_t)round % 2));
		assert_null(hb_code_follow_results(&p->view, p->sink.results.data, p->sink.results.len, &p->sink));
		for (size_t i = 0; i < p->sink.refs.len; i++)
			assert_in_range(p->sink.refs.data[i].data, DATA, DATA + 0xfff);
		for (size_t i = 0; i < p->sink.votes.len; i++) {
			assert_in_range(p->sink.votes.data[i].data, DATA, DATA + 0xfff);
			assert_in_range(p->sink.votes.data[i].type, TYPES, TYPES + 0xfff);
		}
	}
}

/* More branches and slots than there is room for. */
static void test_many_branches_and_slots(void **state)
{
	struct program *p = *state;
	new_object(p, T1);
	for (uint8_t i = 0; i < 60; i++)
		EMIT(p, 0x48, 0x89, 0x84, 0x24, (uint8_t)(8 * i), (uint8_t)(8 * i >> 8), 0, 0); /* mov rax, 8*i(rsp) */
	for (unsigned i = 0; i < 120; i++)
		EMIT(p, 0x75, (uint8_t)(i & 0x7f));                        /* jne, forwards */
	EMIT(p, 0x48, 0x8b, 0x8c, 0x24, 8 * 59 & 0xff, 8 * 59 >> 8, 0, 0); /* mov 8*59(rsp), rcx: the newest is there */
	store(p, G1, HB_X86_RCX);
	ret(p);
	assert_vote(p, G1, T1, HB_CODE_POINTER_TO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_references, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_new_object_in_a_global, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_through_registers_and_the_stack, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_a_call_forgets_registers, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_the_write_barrier_keeps_registers, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_overwritten_registers_and_slots, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_what_follows_a_jump_is_another_path, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_what_follows_a_panic_is_another_path, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_a_branch_takes_its_state_along, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_slices_maps_and_closures, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_old_growslice, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_small_map, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_small_map_that_is_stored_first, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_another_small_map, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_result_of_a_function, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_result_of_a_result, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_result_of_a_loop, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_results_that_tell_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_the_receiver_of_a_method, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_parts_of_a_variable, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_a_number_is_no_address, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_random_bytes, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_many_branches_and_slots, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
