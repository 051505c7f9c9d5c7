#include "golang/gc_program.h"

struct output {
	uint8_t *bits;
	uint64_t n, max;
};

static bool bit_at(const uint8_t *bits, uint64_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

/* True while there is room. */
static bool emit(struct output *output, bool bit)
{
	if (output->n == output->max)
		return false;
	output->bits[output->n / 8] |= (uint8_t)(bit << output->n % 8);
	output->n++;
	return true;
}

static bool emit_literal(struct output *output, struct hb_bytes program, uint64_t *at, uint32_t n)
{
	struct hb_bytes literal = hb_bytes_slice(program, *at, (n + 7) / 8);
	if (!literal.data)
		return false;
	*at += literal.len;
	for (uint32_t i = 0; i < n && emit(output, bit_at(literal.data, i)); i++)
		;
	return true;
}

static bool emit_repeat(struct output *output, struct hb_bytes program, uint64_t *at, uint32_t n)
{
	uint32_t count;
	if ((n == 0 && !hb_get_uvarint32(program, at, &n)) || !hb_get_uvarint32(program, at, &count) || n == 0 ||
	    n > output->n)
		return false;
	for (uint64_t i = 0; i < (uint64_t)n * count && emit(output, bit_at(output->bits, output->n - n)); i++)
		;
	return true;
}

bool hb_gc_program_run(const struct hb_snapshot *snapshot, uint64_t addr, uint8_t *bits, uint64_t nbits)
{
	enum { REPEAT = 0x80 };
	uint32_t len;
	if (!hb_snapshot_u32(snapshot, addr, &len))
		return false;
	struct hb_bytes program = hb_snapshot_view(snapshot, addr + sizeof(len), len);
	struct output output = {.bits = bits, .max = nbits};
	uint64_t at = 0;
	uint8_t instruction;
	while (output.n < output.max) {
		if (!hb_get_u8(program, at, &instruction) || instruction == 0)
			return false;
		at++;
		bool ok = instruction & REPEAT ? emit_repeat(&output, program, &at, instruction & ~REPEAT)
		                               : emit_literal(&output, program, &at, instruction);
		if (!ok)
			return false;
	}
	return true;
}
