/* GC programs: right ones, expanded by a naive reading of what they mean, and broken ones. */
#include "golang/gc_program.h"
#include "synthetic_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_BITS = 4096 };

/* A program, and the bits that it stands for, one a byte. */
struct program {
	uint8_t bytes[MAX_BITS];
	size_t len;
	uint8_t bits[MAX_BITS];
	size_t nbits;
};

static void literal(struct program *program, const char *bits)
{
	size_t n = strlen(bits), at = program->len + 1;
	program->bytes[program->len] = (uint8_t)n;
	program->len += 1 + (n + 7) / 8;
	for (size_t i = 0; i < n; i++) {
		program->bytes[at + i / 8] |= (uint8_t)((bits[i] == '1') << i % 8);
		program->bits[program->nbits++] = bits[i] == '1';
	}
}

static void varint(struct program *program, size_t value)
{
	for (; value > 0x7f; value >>= 7)
		program->bytes[program->len++] = (uint8_t)(value | 0x80);
	program->bytes[program->len++] = (uint8_t)value;
}

static void repeat(struct program *program, size_t n, size_t count, bool as_varint)
{
	program->bytes[program->len++] = as_varint ? 0x80 : (uint8_t)(0x80 | n);
	if (as_varint)
		varint(program, n);
	varint(program, count);
	size_t from = program->nbits - n;
	for (size_t i = 0; i < n * count; i++)
		program->bits[program->nbits++] = program->bits[from + i % n];
}

static bool run(const struct program *program, uint32_t len, uint64_t nbits, uint8_t *bits)
{
	struct code code;
	code_init(&code, 23);
	uint8_t bytes[MAX_BITS + 4];
	memcpy(bytes, &len, 4);
	memcpy(bytes + 4, program->bytes, program->len);
	uint32_t at = code_rodata(&code, bytes, program->len + 4);
	code_finish(&code);
	memset(bits, 0, MAX_BITS / 8);
	bool ok = hb_gc_program_run(&code.snapshot, CODE_RODATA + at, bits, nbits);
	code_deinit(&code);
	return ok;
}

static void assert_runs(struct program *program)
{
	uint8_t bits[MAX_BITS / 8];
	assert_true(run(program, (uint32_t)program->len + 1, program->nbits, bits)); /* and the end, a zero */
	for (size_t i = 0; i < program->nbits; i++)
		assert_int_equal(bits[i / 8] >> i % 8 & 1, program->bits[i]);
	/* Asked for less, it gives less and nothing else. */
	assert_true(run(program, (uint32_t)program->len + 1, program->nbits / 2, bits));
	for (size_t i = 0; i < MAX_BITS; i++)
		assert_int_equal(bits[i / 8] >> i % 8 & 1, i < program->nbits / 2 ? program->bits[i] : 0);
	/* It cannot give more than it has. */
	assert_false(run(program, (uint32_t)program->len + 1, program->nbits + 1, bits));
}

static void programs_of_arrays_and_structs(void **state)
{
	struct program array = {0};
	literal(&array, "10");
	repeat(&array, 2, 999, false);
	assert_runs(&array);
	struct program many = {0};
	literal(&many, "1000000000000000000000000000000000000001");
	repeat(&many, 40, 3, true);
	literal(&many, "0110");
	repeat(&many, 164, 20, true);
	repeat(&many, 1, 127, false);
	assert_runs(&many);
}

static void programs_at_random(void **state)
{
	uint64_t random = 1;
	for (unsigned round = 0; round < 2000; round++) {
		struct program program = {0};
		while (program.nbits < MAX_BITS / 4) {
			char bits[128] = "";
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			for (size_t i = 0, n = 1 + (random >> 33) % 127; i < n; i++)
				bits[i] = random >> (i % 61) & 1 ? '1' : '0';
			literal(&program, bits);
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			size_t n = 1 + (random >> 33) % program.nbits, count = (random >> 20) % 5;
			if (random >> 60 && program.nbits + n * count < MAX_BITS)
				repeat(&program, n, count, n > 127 || random >> 63);
		}
		assert_runs(&program);
	}
}

static void broken_programs_end(void **state)
{
	uint8_t bits[MAX_BITS / 8];
	struct program program = {0};
	literal(&program, "101");
	repeat(&program, 3, 100, false);
	for (uint32_t len = 0; len < program.len; len++)
		assert_false(run(&program, len, program.nbits, bits));
	assert_false(run(&program, UINT32_MAX, program.nbits, bits)); /* longer than what is there */
	/* More bits than there are so far; none; counts without an end; counts that are very large. */
	struct program longer = {.bytes = {3, 5, 0x84, 1}, .len = 4};
	assert_false(run(&longer, 5, 100, bits));
	struct program none = {.bytes = {3, 5, 0x80, 0, 1}, .len = 5};
	assert_false(run(&none, 6, 100, bits));
	struct program endless = {.bytes = {3, 5, 0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .len = 9};
	assert_false(run(&endless, 9, 100, bits));
	struct program large = {.bytes = {3, 5, 0x83, 0xff, 0xff, 0xff, 0xff, 0x0f}, .len = 8};
	assert_true(run(&large, 8, 100, bits));
	assert_false(hb_gc_program_run(&(struct hb_snapshot){0}, 0x1000, bits, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(programs_of_arrays_and_structs),
	        cmocka_unit_test(programs_at_random),
	        cmocka_unit_test(broken_programs_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
