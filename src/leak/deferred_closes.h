/* Files that only deferred calls lead to. A `defer f.Close()` in a loop runs when the function returns, not when the loop
 * goes round: each pass leaves one more call, and one more open file. docs/detectors/files.md. */
#pragma once
#include "leak/fd_table.h"
#include "report/analysis.h"

struct hb_deferred_closes { /* of one call of one function */
	const struct hb_goroutine *goroutine;
	uint64_t pc;          /* of the defer statement */
	uint32_t closure;     /* slot of one of the deferred func values */
	HB_VEC(uint64_t) fds; /* that nothing else leads to, in rising order */
};
struct hb_deferred_list {
	HB_VEC(struct hb_deferred_closes) list;
};
/* The func values (slots) of all deferred calls of which one call of a function has at least so many. */
void hb_deferred_piles(const struct hb_analysis *analysis, size_t least, void (*visit)(void *ctx, uint32_t closure),
                       void *ctx);
struct hb_error *hb_deferred_closes_find(const struct hb_analysis *analysis, size_t least,
                                         struct hb_deferred_list *ret) HB_MUST_CHECK;
void hb_deferred_list_deinit(struct hb_deferred_list *list);
