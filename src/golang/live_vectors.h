/* Which vector registers still matter where a thread stands in code of the Go compiler.
 *
 * The compiler keeps pointers in general registers. It copies memory 16 bytes and more at a time through vector registers: one that
 * was loaded is stored before the next branch or call, and nobody reads it again (cmd/compile/internal/ssa/_gen/AMD64.rules, Move and
 * MOVOstore; cmd/compile/internal/amd64/ssa.go LoweredMove, LoweredMoveLoop; 1.18-1.27). What it then holds may be there for a long time.
 */
#pragma once
#include "golang/runtime.h"

enum { HB_VECTOR_REGISTERS = 16 };

/* A bit each: it is read before it is written, and before the next branch. All of them where the code cannot be read. */
uint32_t hb_live_vectors(const struct hb_go *go, uint64_t pc);
