/* Registers as ELF notes hold them (x86-64).
 *
 * hb_registers.general holds rax rbx rcx rdx rsi rdi rbp r8…r15, then the low and high halves of xmm0…xmm15: the order
 * in which live_stop.c stores them too.
 */
#pragma once
#include "base/bytes.h"
#include "target/target.h"

enum {
	HB_GENERAL_COUNT = 15,  /* words of general that are general-purpose registers */
	HB_VECTOR_COUNT = 32,   /* words that are halves of xmm registers */
	HB_PRSTATUS_SIZE = 336, /* struct elf_prstatus */
	HB_FPREGSET_SIZE = 512, /* struct user_fpregs_struct */
};

/* NT_PRSTATUS: tid, signal and general registers. False when it is too short. */
bool hb_registers_from_prstatus(struct hb_bytes desc, struct hb_thread *ret, int *signal);
/* NT_FPREGSET: adds the vector registers. */
bool hb_registers_add_fpregset(struct hb_bytes desc, struct hb_registers *registers);

void hb_registers_to_prstatus(const struct hb_thread *thread, uint8_t ret[static HB_PRSTATUS_SIZE]);
void hb_registers_to_fpregset(const struct hb_registers *registers, uint8_t ret[static HB_FPREGSET_SIZE]);
