/* One x86-64 instruction as the register tracker needs it: what it computes, where it reads or writes, what it spoils.
 *
 * Zydis decodes; the operands of the instructions that Go's compiler emits most are read from the raw encoding, and
 * Zydis's full operand list (three times the cost) is asked for the rest.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* General registers by their hardware number. */
enum hb_x86_reg {
	HB_X86_RAX,
	HB_X86_RCX,
	HB_X86_RDX,
	HB_X86_RBX,
	HB_X86_RSP,
	HB_X86_RBP,
	HB_X86_RSI,
	HB_X86_RDI,
	HB_X86_R8,
	HB_X86_R9,
	HB_X86_R10,
	HB_X86_R11,
	HB_X86_R12,
	HB_X86_R13,
	HB_X86_R14,
	HB_X86_R15,
	HB_X86_NREGS,
	HB_X86_RIP = 0x20, /* as a base: `target` is the address */
	HB_X86_NONE = 0xff,
};

enum hb_x86_op {
	HB_X86_OTHER,    /* only mem and writes matter */
	HB_X86_MOVE,     /* reg = source, 64 bits */
	HB_X86_LOAD,     /* reg = memory, 64 bits */
	HB_X86_STORE,    /* memory = reg, 64 bits */
	HB_X86_EXCHANGE, /* reg <-> memory, 64 bits */
	HB_X86_LEA,      /* reg = address */
	HB_X86_CONSTANT, /* reg = imm */
	HB_X86_CALL,     /* of target */
	HB_X86_CALL_INDIRECT,
	HB_X86_BRANCH, /* to target, or on */
	HB_X86_JUMP,   /* to target; what follows is reached from elsewhere */
	HB_X86_RETURN, /* so with this one */
	HB_X86_END,    /* and an indirect jump or a trap */
};

struct hb_x86 {
	uint8_t length;
	uint8_t op;                /* enum hb_x86_op */
	uint8_t reg, source;       /* see enum hb_x86_op */
	bool reads, writes_memory; /* memory operand; neither for lea and instructions without one */
	uint8_t width;             /* of the memory operand in bytes */
	uint8_t base, index;       /* of the memory operand or lea: a register, HB_X86_RIP, HB_X86_NONE */
	int64_t disp;
	uint64_t target; /* rip-relative address, or the destination of a call or jump */
	uint64_t imm;
	uint16_t spoils; /* general registers that change, one bit each, reg included */
};

struct hb_x86_decoder;
struct hb_x86_decoder *hb_x86_decoder_create(void); /* NULL: out of memory */
void hb_x86_decoder_destroy(struct hb_x86_decoder *decoder);
/* False when the bytes are no instruction: skip one and go on. */
bool hb_x86_decode(const struct hb_x86_decoder *decoder, const uint8_t *bytes, size_t len, uint64_t pc,
                   struct hb_x86 *ret);
