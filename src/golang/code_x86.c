#include "golang/code_x86.h"

#include <Zydis/Zydis.h>
#include <stdlib.h>
#include <string.h>

struct hb_x86_decoder {
	ZydisDecoder zydis;
};

struct hb_x86_decoder *hb_x86_decoder_create(void)
{
	struct hb_x86_decoder *decoder = calloc(1, sizeof(*decoder));
	if (decoder &&
	    !ZYAN_SUCCESS(ZydisDecoderInit(&decoder->zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {
		free(decoder);
		return NULL;
	}
	return decoder;
}

void hb_x86_decoder_destroy(struct hb_x86_decoder *decoder)
{
	free(decoder);
}

/* How the operands of an opcode are laid out and which of them it writes; SLOW asks Zydis. */
enum form {
	SLOW,
	RM_REG,   /* rm = rm op reg */
	REG_RM,   /* reg = reg op rm */
	RM_TEST,  /* reads both, writes neither */
	RM_ONLY,  /* rm = op rm, and perhaps an immediate */
	XMM_LOAD, /* an xmm register from xmm or memory */
	XMM_STORE,
	NOTHING, /* no general register, no memory */
};

/* Opcodes of the first map whose form does not depend on the modrm byte. */
static enum form form_one_byte(uint8_t opcode)
{
	if (opcode < 0x40) {
		if ((opcode & 7) > 3)
			return (opcode & 7) == 4 || (opcode & 7) == 5 ? SLOW : NOTHING;
		if (opcode >= 0x38)
			return RM_TEST;
		return (opcode & 2) ? REG_RM : RM_REG;
	}
	switch (opcode) {
	case 0x63:
	case 0x69:
	case 0x6b:
	case 0x8a:
	case 0x8b:
		return REG_RM;
	case 0x84:
	case 0x85:
		return RM_TEST;
	case 0x88:
	case 0x89:
		return RM_REG;
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xc7:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return RM_ONLY;
	case 0x90:
		return NOTHING;
	default:
		return SLOW;
	}
}

static enum form form_two_byte(uint8_t opcode)
{
	switch (opcode) {
	case 0x1f:
		return NOTHING; /* nop: its memory operand is not accessed */
	case 0x10:
	case 0x28:
	case 0x2e:
	case 0x2f:
	case 0x51:
	case 0x54:
	case 0x57:
	case 0x58:
	case 0x59:
	case 0x5a:
	case 0x5c:
	case 0x5e:
	case 0x6f:
	case 0xef:
		return XMM_LOAD;
	case 0x11:
	case 0x29:
	case 0x7f:
		return XMM_STORE;
	case 0xaf:
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf:
		return REG_RM;
	default:
		if (opcode >= 0x40 && opcode < 0x50)
			return REG_RM; /* cmovcc */
		if (opcode >= 0x90 && opcode < 0xa0)
			return RM_ONLY; /* setcc */
		return SLOW;
	}
}

static enum form form_of(const ZydisDecodedInstruction *insn)
{
	if (insn->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return SLOW;
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_0F)
		return form_two_byte(insn->opcode);
	if (insn->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return SLOW;
	unsigned extension = insn->raw.modrm.reg;
	switch (insn->opcode) {
	case 0x80:
	case 0x81:
	case 0x83:
		return extension == 7 ? RM_TEST : RM_ONLY;
	case 0xf6:
	case 0xf7:
		return extension < 2 ? RM_TEST : extension < 4 ? RM_ONLY : SLOW;
	case 0xfe:
	case 0xff:
		return extension < 2 ? RM_ONLY : SLOW;
	default:
		return form_one_byte(insn->opcode);
	}
}

static bool has_memory(const ZydisDecodedInstruction *insn)
{
	return (insn->attributes & ZYDIS_ATTRIB_HAS_MODRM) && insn->raw.modrm.mod != 3;
}

static void set_address(const ZydisDecodedInstruction *insn, uint64_t pc, struct hb_x86 *ret)
{
	unsigned mod = insn->raw.modrm.mod, rm = insn->raw.modrm.rm;
	ret->disp = insn->raw.disp.size ? insn->raw.disp.value : 0;
	if (mod == 0 && rm == 5) {
		ret->base = HB_X86_RIP;
		ret->target = pc + insn->length + (uint64_t)ret->disp;
		return;
	}
	if (rm != 4) {
		ret->base = (uint8_t)(rm | insn->raw.rex.B << 3);
		return;
	}
	unsigned index = insn->raw.sib.index | (unsigned)insn->raw.rex.X << 3;
	if (index != HB_X86_RSP)
		ret->index = (uint8_t)index;
	if (mod == 0 && insn->raw.sib.base == 5)
		return; /* absolute: no base */
	ret->base = (uint8_t)(insn->raw.sib.base | insn->raw.rex.B << 3);
}

static uint8_t memory_width(const ZydisDecodedInstruction *insn)
{
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return insn->opcode == 0x63 ? 4
		       : (insn->opcode & 1) || insn->opcode == 0x69 || insn->opcode == 0x6b
		               ? (uint8_t)(insn->operand_width / 8)
		               : 1;
	switch (insn->opcode) {
	case 0xb6:
	case 0xbe:
		return 1;
	case 0xb7:
	case 0xbf:
		return 2;
	default:
		return insn->opcode >= 0x90 && insn->opcode < 0xa0 ? 1 : (uint8_t)(insn->operand_width / 8);
	}
}

static unsigned general_register(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_RIP) /* it has no enclosing register in Zydis */
		return HB_X86_RIP;
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return HB_X86_NONE;
	return (unsigned)(whole - ZYDIS_REGISTER_RAX);
}

static bool decode_slow(const struct hb_x86_decoder *decoder, const ZydisDecoderContext *context,
                        const ZydisDecodedInstruction *insn, uint64_t pc, struct hb_x86 *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder->zydis, context, insn, operands, insn->operand_count)))
		return false;
	for (unsigned i = 0; i < insn->operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		bool writes = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER && writes) {
			unsigned reg = general_register(operand->reg.value);
			if (reg < HB_X86_NREGS)
				ret->spoils |= (uint16_t)(1u << reg);
		}
		if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type != ZYDIS_MEMOP_TYPE_MEM)
			continue;
		/* The visible memory operand wins over hidden ones (string instructions, the stack of push). */
		if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			continue;
		ret->base = (uint8_t)general_register(operand->mem.base);
		ret->index = (uint8_t)general_register(operand->mem.index);
		ret->disp = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;
		if (ret->base == HB_X86_RIP)
			ret->target = pc + insn->length + (uint64_t)ret->disp;
		ret->width = (uint8_t)(operand->size / 8);
		ret->writes_memory |= writes;
		ret->reads |= (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
	}
	return true;
}

/* Control flow and the few opcodes that carry their register in the opcode byte. True when that is all there is. */
static bool decode_special(const ZydisDecodedInstruction *insn, uint64_t pc, struct hb_x86 *ret)
{
	if (insn->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	uint8_t opcode = insn->opcode;
	uint64_t destination = pc + insn->length + insn->raw.imm[0].value.u;
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_0F) {
		if (opcode == 0x0b)
			ret->op = HB_X86_END;
		else if (opcode >= 0x80 && opcode < 0x90)
			ret->op = HB_X86_BRANCH, ret->target = destination;
		return ret->op != HB_X86_OTHER;
	}
	if (insn->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return false;
	if (opcode >= 0xb8 && opcode < 0xc0) {
		ret->op = HB_X86_CONSTANT;
		ret->reg = (uint8_t)((opcode & 7) | insn->raw.rex.B << 3);
		ret->imm = insn->raw.imm[0].value.u;
		if (insn->operand_width == 32)
			ret->imm = (uint32_t)ret->imm;
		ret->spoils = (uint16_t)(1u << ret->reg);
		return true;
	}
	if ((opcode >= 0x70 && opcode < 0x80) || (opcode >= 0xe0 && opcode <= 0xe3)) {
		ret->op = HB_X86_BRANCH;
		ret->target = destination;
		if (opcode >= 0xe0)
			ret->spoils = 1u << HB_X86_RCX;
		return true;
	}
	switch (opcode) {
	case 0xe8:
		ret->op = HB_X86_CALL;
		ret->target = destination;
		return true;
	case 0xe9:
	case 0xeb:
		ret->op = HB_X86_JUMP;
		ret->target = destination;
		return true;
	case 0xc2:
	case 0xc3:
		ret->op = HB_X86_RETURN;
		return true;
	case 0xcc:
	case 0xcf:
	case 0xf4:
		ret->op = HB_X86_END;
		return true;
	default:
		return false;
	}
}

/* 64-bit moves between registers and memory, lea, and clearing a register: what the tracker follows. */
static void name_move(const ZydisDecodedInstruction *insn, struct hb_x86 *ret)
{
	if (insn->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return;
	unsigned reg = insn->raw.modrm.reg | (unsigned)insn->raw.rex.R << 3;
	unsigned rm = insn->raw.modrm.rm | (unsigned)insn->raw.rex.B << 3;
	bool memory = insn->raw.modrm.mod != 3;
	bool clears =
	        (insn->opcode == 0x31 || insn->opcode == 0x33) && !memory && reg == rm && insn->operand_width >= 32;
	if (clears) {
		ret->op = HB_X86_CONSTANT;
		ret->reg = (uint8_t)reg;
		ret->imm = 0;
		return;
	}
	if (insn->opcode == 0xc7 && !memory && insn->operand_width >= 32) {
		ret->op = HB_X86_CONSTANT;
		ret->reg = (uint8_t)rm;
		ret->imm = insn->operand_width == 64 ? insn->raw.imm[0].value.u : (uint32_t)insn->raw.imm[0].value.u;
		return;
	}
	if (insn->operand_width != 64)
		return;
	if (insn->opcode == 0x89) {
		ret->op = memory ? HB_X86_STORE : HB_X86_MOVE;
		ret->reg = (uint8_t)(memory ? reg : rm);
		ret->source = (uint8_t)reg;
	} else if (insn->opcode == 0x8b) {
		ret->op = memory ? HB_X86_LOAD : HB_X86_MOVE;
		ret->reg = (uint8_t)reg;
		ret->source = (uint8_t)rm;
	}
}

static void apply_form(const ZydisDecodedInstruction *insn, enum form form, struct hb_x86 *ret)
{
	unsigned reg = insn->raw.modrm.reg | (unsigned)insn->raw.rex.R << 3;
	unsigned rm = insn->raw.modrm.rm | (unsigned)insn->raw.rex.B << 3;
	bool memory = insn->raw.modrm.mod != 3;
	bool bytes = insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && !(insn->opcode & 1) && insn->opcode != 0x8e;
	if (bytes && !insn->raw.rex.W && !(insn->attributes & ZYDIS_ATTRIB_HAS_REX)) {
		/* Without a REX prefix byte registers 4-7 are ah, ch, dh, bh. */
		reg &= 3;
		rm = memory ? rm : rm & 3;
	}
	switch (form) {
	case RM_REG:
	case RM_ONLY:
		if (!memory)
			ret->spoils = (uint16_t)(1u << rm);
		ret->writes_memory = memory;
		/* A plain mov overwrites; everything else reads first. */
		ret->reads = memory && insn->opcode != 0x88 && insn->opcode != 0x89 && insn->opcode != 0xc6 &&
		             insn->opcode != 0xc7;
		break;
	case REG_RM:
		ret->spoils = (uint16_t)(1u << reg);
		ret->reads = memory;
		break;
	case RM_TEST:
	case XMM_LOAD:
		ret->reads = memory;
		break;
	case XMM_STORE:
		ret->writes_memory = memory;
		break;
	case NOTHING:
	case SLOW:
		break;
	}
}

bool hb_x86_decode(const struct hb_x86_decoder *decoder, const uint8_t *bytes, size_t len, uint64_t pc,
                   struct hb_x86 *ret)
{
	ZydisDecodedInstruction insn;
	ZydisDecoderContext context;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder->zydis, &context, bytes, len, &insn)))
		return false;
	*ret = (struct hb_x86){
	        .length = insn.length,
	        .op = HB_X86_OTHER,
	        .reg = HB_X86_NONE,
	        .source = HB_X86_NONE,
	        .base = HB_X86_NONE,
	        .index = HB_X86_NONE,
	};
	if (decode_special(&insn, pc, ret))
		return true;
	if (insn.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && insn.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
		unsigned extension = insn.raw.modrm.reg;
		if (insn.opcode == 0x8d) {
			set_address(&insn, pc, ret);
			ret->reg = (uint8_t)(insn.raw.modrm.reg | insn.raw.rex.R << 3);
			ret->spoils = (uint16_t)(1u << ret->reg);
			ret->op = insn.operand_width == 64 ? HB_X86_LEA : HB_X86_OTHER;
			return true;
		}
		if (insn.opcode == 0xff && (extension == 2 || extension == 3))
			ret->op = HB_X86_CALL_INDIRECT;
		else if (insn.opcode == 0xff && (extension == 4 || extension == 5))
			ret->op = HB_X86_END;
		else if (insn.opcode == 0x87 && insn.operand_width == 64 && has_memory(&insn)) {
			ret->op = HB_X86_EXCHANGE;
			ret->reg = (uint8_t)(insn.raw.modrm.reg | insn.raw.rex.R << 3);
		}
	}
	enum form form = form_of(&insn);
	bool memory = has_memory(&insn);
	bool stack_or_rip = memory && ((insn.raw.modrm.mod == 0 && insn.raw.modrm.rm == 5) || insn.raw.modrm.rm == 4);
	/* The width of an xmm access depends on the prefix; it is wanted for globals and stack slots only. */
	if (form == SLOW || ((form == XMM_LOAD || form == XMM_STORE) && stack_or_rip))
		return decode_slow(decoder, &context, &insn, pc, ret);
	if (form == NOTHING)
		return true;
	if (memory) {
		set_address(&insn, pc, ret);
		ret->width = memory_width(&insn);
	}
	apply_form(&insn, form, ret);
	if (form != XMM_LOAD && form != XMM_STORE)
		name_move(&insn, ret);
	return true;
}
