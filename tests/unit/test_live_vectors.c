/* Vector registers that code still reads, on instructions written by hand. */
#include "golang/live_vectors.h"
#include "synthetic_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t copies[] = {
        0x0f, 0x10, 0x08,             /*  0: movups (rax), xmm1 */
        0x0f, 0x11, 0x0b,             /*  3: movups xmm1, (rbx) */
        0x0f, 0x11, 0x11,             /*  6: movups xmm2, (rcx) */
        0x48, 0x89, 0xd8,             /*  9: movq rbx, rax */
        0xc5, 0xfe, 0x6f, 0x18,       /* 12: vmovdqu (rax), ymm3 */
        0xc5, 0xfe, 0x7f, 0x1b,       /* 16: vmovdqu ymm3, (rbx) */
        0x44, 0x0f, 0x11, 0x3b,       /* 20: movups xmm15, (rbx) */
        0x75, 0x02,                   /* 24: jne */
        0x0f, 0x11, 0x23,             /* 26: movups xmm4, (rbx) */
        0xe8, 0x00, 0x00, 0x00, 0x00, /* 29: call */
        0x0f, 0x11, 0x2b,             /* 34: movups xmm5, (rbx) */
        0xc3,                         /* 37: ret */
        0x06,                         /* 38: no instruction in 64 bits */
};

static void until_the_next_branch(void **state)
{
	(void)state;
	struct code code;
	code_init(&code, hb_go_newest_minor());
	uint64_t at = CODE_DATA; /* text is not in these snapshots */
	code_finish(&code);
	for (size_t i = 0; i < sizeof(copies); i += 8) {
		uint64_t word = 0;
		memcpy(&word, copies + i, sizeof(copies) - i < 8 ? sizeof(copies) - i : 8);
		code_store(&code, at + i, word);
	}
	const struct {
		unsigned pc;
		uint32_t live;
	} expected[] = {
	        {0, 1 << 2 | 1 << 15},  {3, 1 << 1 | 1 << 2 | 1 << 15},
	        {6, 1 << 2 | 1 << 15},  {9, 1 << 15},
	        {16, 1 << 3 | 1 << 15}, {24, 0},
	        {26, 1 << 4},           {29, 0},
	        {34, 1 << 5},           {37, 0},
	        {38, 0xffff},
	};
	for (size_t i = 0; i < hb_countof(expected); i++)
		assert_int_equal(hb_live_vectors(&code.go, at + expected[i].pc), expected[i].live);
	assert_int_equal(hb_live_vectors(&code.go, 1), 0xffff);
	code_deinit(&code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(until_the_next_branch)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
