#include "target/registers.h"

/* struct elf_prstatus of linux/elfcore.h on x86-64, checked with offsetof. */
enum { PR_CURSIG = 12, PR_PID = 32, PR_REG = 112, PR_FPVALID = 328 };
/* Words of pr_reg: struct user_regs_struct. */
enum {
	R15,
	R14,
	R13,
	R12,
	RBP,
	RBX,
	R11,
	R10,
	R9,
	R8,
	RAX,
	RCX,
	RDX,
	RSI,
	RDI,
	ORIG_RAX,
	RIP,
	CS,
	EFLAGS,
	RSP,
	SS,
	FS_BASE,
};
enum { XMM_OFFSET = 160, MXCSR_OFFSET = 24 }; /* of FXSAVE's memory image */

static const uint8_t general_words[HB_GENERAL_COUNT] = {RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8,
                                                        R9,  R10, R11, R12, R13, R14, R15};

static uint64_t word(struct hb_bytes desc, unsigned index)
{
	return hb_load_u64(desc.data + PR_REG + 8 * index);
}

bool hb_registers_from_prstatus(struct hb_bytes desc, struct hb_thread *ret, int *signal)
{
	if (desc.len < HB_PRSTATUS_SIZE)
		return false;
	*ret = (struct hb_thread){.tid = (int)hb_load_u32(desc.data + PR_PID)};
	*signal = hb_load_u16(desc.data + PR_CURSIG);
	struct hb_registers *registers = &ret->registers;
	registers->pc = word(desc, RIP);
	registers->sp = word(desc, RSP);
	registers->tls_base = word(desc, FS_BASE);
	registers->in_syscall = (int64_t)word(desc, ORIG_RAX) >= 0;
	for (unsigned i = 0; i < HB_GENERAL_COUNT; i++)
		registers->general[i] = word(desc, general_words[i]);
	registers->ngeneral = HB_GENERAL_COUNT;
	ret->has_registers = registers->pc || registers->sp; /* all zero: the writer had none */
	return true;
}

bool hb_registers_add_fpregset(struct hb_bytes desc, struct hb_registers *registers)
{
	if (desc.len < HB_FPREGSET_SIZE || registers->ngeneral != HB_GENERAL_COUNT)
		return false;
	for (unsigned i = 0; i < HB_VECTOR_COUNT; i++)
		registers->general[registers->ngeneral++] = hb_load_u64(desc.data + XMM_OFFSET + 8 * i);
	return true;
}

static void set_word(uint8_t *prstatus, unsigned index, uint64_t value)
{
	memcpy(prstatus + PR_REG + 8 * index, &value, sizeof(value));
}

void hb_registers_to_prstatus(const struct hb_thread *thread, uint8_t ret[static HB_PRSTATUS_SIZE])
{
	memset(ret, 0, HB_PRSTATUS_SIZE);
	int32_t tid = thread->tid;
	memcpy(ret + PR_PID, &tid, sizeof(tid));
	if (!thread->has_registers) {
		set_word(ret, ORIG_RAX, UINT64_MAX);
		return;
	}
	const struct hb_registers *registers = &thread->registers;
	for (unsigned i = 0; i < HB_GENERAL_COUNT && i < registers->ngeneral; i++)
		set_word(ret, general_words[i], registers->general[i]);
	set_word(ret, RIP, registers->pc);
	set_word(ret, RSP, registers->sp);
	set_word(ret, FS_BASE, registers->tls_base);
	/* Which system call it was is not kept; debuggers only ask whether there was one. */
	set_word(ret, ORIG_RAX, registers->in_syscall ? 0 : UINT64_MAX);
	/* What Linux gives every 64-bit user thread (arch/x86/include/asm/segment.h). */
	set_word(ret, CS, 0x33);
	set_word(ret, SS, 0x2b);
	set_word(ret, EFLAGS, 0x202);
	uint32_t valid = registers->ngeneral > HB_GENERAL_COUNT;
	memcpy(ret + PR_FPVALID, &valid, sizeof(valid));
}

void hb_registers_to_fpregset(const struct hb_registers *registers, uint8_t ret[static HB_FPREGSET_SIZE])
{
	memset(ret, 0, HB_FPREGSET_SIZE);
	uint16_t control = 0x37f; /* the values a thread starts with */
	uint32_t mxcsr = 0x1f80;
	memcpy(ret, &control, sizeof(control));
	memcpy(ret + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	for (unsigned i = 0; i < HB_VECTOR_COUNT && HB_GENERAL_COUNT + i < registers->ngeneral; i++)
		memcpy(ret + XMM_OFFSET + 8 * i, &registers->general[HB_GENERAL_COUNT + i], sizeof(uint64_t));
}
