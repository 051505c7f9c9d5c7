/* Following registers and stack slots through one function, to learn what it stores in globals and calls with them.
 *
 * The state always belongs to a path that the function can take: it flows on past a branch, and after a jump or return
 * it is what an earlier branch brought here, or nothing. Go is compiled from typed code, so what a register must be at
 * a use on one path is its type on all.
 */
#pragma once
#include "golang/code.h"
#include "golang/code_calls.h"
#include "golang/code_x86.h"

/* What a register or stack slot holds, as code_track.c encodes it; 0: nothing is known. */
typedef uint64_t hb_code_value;

struct hb_code_result { /* the word at a data address takes what a function returns */
	uint64_t data;
	uint32_t callee; /* its start, from the module's text */
	uint32_t func;   /* that calls it: ftab index */
	bool partial;    /* as in hb_code_vote */
};
struct hb_code_return { /* a function returns this, or what another one returns */
	uint32_t func;  /* its start */
	hb_code_value value;
};

struct hb_code_sink { /* of one thread */
	HB_VEC(struct hb_code_ref) refs;
	HB_VEC(struct hb_code_vote) votes;
	HB_VEC(struct hb_code_closure) closures;
	HB_VEC(struct hb_code_result) results;
	HB_VEC(struct hb_code_return) returns; /* empty unless asked for */
	bool wants_returns;
	uint64_t instructions, undecodable;
};
void hb_code_sink_deinit(struct hb_code_sink *sink);

struct hb_code_view {                 /* what every function is read against; shared between threads */
	const struct hb_types *types; /* NULL: any address in the type section is a type */
	const struct hb_code_funcs *funcs;
	const uint8_t *bytes; /* of the text */
	uint64_t text, etext;
	uint64_t data, edata; /* globals lie between */
	uint64_t type_start, type_end;
	uint64_t ignored; /* runtime.writeBarrier: every store of a pointer refers to it. 0: unknown */
};

/* last: offset in text of the last operand that refers to a global or takes a function's address; nothing new is
 * learned behind it once no register holds anything. */
struct hb_error *hb_code_track(const struct hb_code_view *view, const struct hb_x86_decoder *decoder,
                               const struct hb_code_func *func, uint32_t last, struct hb_code_sink *sink) HB_MUST_CHECK;

/* The start of the function whose result a value is; false when it is something else. */
bool hb_code_value_is_result(hb_code_value value, uint32_t *ret);
/* Votes as if the value had been stored where the result goes. */
struct hb_error *hb_code_vote_result(const struct hb_code_view *view, const struct hb_code_result *result,
                                     hb_code_value value, struct hb_code_sink *sink) HB_MUST_CHECK;

/* code_results.c: the votes that follow from what functions return. Adds them to sink->votes. */
struct hb_error *hb_code_follow_results(const struct hb_code_view *view, const struct hb_code_result *results, size_t n,
                                        struct hb_code_sink *sink) HB_MUST_CHECK;
