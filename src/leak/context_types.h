/* The types of package context that can be cancelled: cancelCtx itself, and what embeds it: timerCtx (but for 1.20, which
 * points to one), afterFuncCtx. context/context.go, 1.18-1.27. */
#pragma once
#include "golang/types.h"

enum { HB_CONTEXT_TYPES = 3 };

struct hb_context_type {
	uint32_t type;
	uint32_t children_type;  /* a map */
	uint64_t children, done; /* offsets; done: of an atomic.Value that has the channel */
};
/* Returns how many there are in this program. */
unsigned hb_context_types(const struct hb_types *types, struct hb_context_type ret[static HB_CONTEXT_TYPES]);
