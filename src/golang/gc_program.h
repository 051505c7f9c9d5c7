/* GC programs: the pointer bitmaps of large types, run-length coded. Up to Go 1.23 the compiler writes one where a type has
 * pointers in more than 128 kB; what is on a stack is described by nothing else.
 *
 * runtime/mbitmap.go runGCProg (1.18-1.23):
 *
 *   00000000              end
 *   0nnnnnnn              n bits follow, in (n + 7) / 8 bytes
 *   1nnnnnnn c            the previous n bits again, c times; c is a varint
 *   10000000 n c          the same with n as a varint
 */
#pragma once
#include "snapshot/snapshot.h"

/* Runs the program at an address (that of its u32 length, which precedes it) and writes a bit a word: the first nbits of
 * them; what it does not reach stays as it is. bits has (nbits + 7) / 8 bytes, all zero. False when the program is not
 * sane, or ends too soon. */
bool hb_gc_program_run(const struct hb_snapshot *snapshot, uint64_t addr, uint8_t *bits, uint64_t nbits) HB_MUST_CHECK;
