#include "golang/live_vectors.h"

#include <Zydis/Zydis.h>

enum { ALL = (1u << HB_VECTOR_REGISTERS) - 1, MOST_INSTRUCTIONS = 256, LONGEST = ZYDIS_MAX_INSTRUCTION_LENGTH };

static bool ends_block(const ZydisDecodedInstruction *instruction)
{
	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
		return true;
	default:
		return false;
	}
}

/* Of the operand, if it is a vector register: its bit. */
static uint32_t bit_of(const ZydisDecodedOperand *operand)
{
	if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return 0;
	ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);
	ZyanI8 id = ZydisRegisterGetId(operand->reg.value);
	bool vector = class == ZYDIS_REGCLASS_XMM || class == ZYDIS_REGCLASS_YMM || class == ZYDIS_REGCLASS_ZMM;
	return vector && id >= 0 && id < HB_VECTOR_REGISTERS ? 1u << id : 0;
}

/* One instruction: what it reads and nobody has written yet is live. */
static void take(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operands, uint32_t *live,
                 uint32_t *written)
{
	uint32_t reads = 0, writes = 0;
	for (ZyanU8 i = 0; i < instruction->operand_count; i++) {
		if (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			reads |= bit_of(&operands[i]);
		if (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			writes |= bit_of(&operands[i]);
	}
	*live |= reads & ~*written;
	*written |= writes & ~*live;
}

uint32_t hb_live_vectors(const struct hb_go *go, uint64_t pc)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint32_t live = 0, written = 0;
	if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return ALL;
	for (unsigned i = 0; i < MOST_INSTRUCTIONS; i++) {
		const uint8_t *bytes = NULL;
		size_t len = LONGEST;
		while (len &&
		       !(bytes = hb_snapshot_at(go->snapshot, pc, len))) /* the last ones of the text are shorter */
			len--;
		if (!bytes || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, len, &instruction, operands)))
			return ALL;
		if (ends_block(&instruction))
			return live;
		take(&instruction, operands, &live, &written);
		pc += instruction.length;
	}
	return ALL;
}
