/* The functions of a module as call targets: what a call of each one says about the registers it is given and returns.
 *
 * Arguments are in the order of Go's register ABI: rax, rbx, rcx, rdi, rsi (cmd/compile/abi-internal.md, 1.17+).
 */
#pragma once
#include "golang/pclntab.h"
#include "golang/types.h"

enum hb_call_kind {
	HB_CALL_OTHER,
	HB_CALL_NEW,            /* (type) *type */
	HB_CALL_MALLOC,         /* (size, type, zero) *type */
	HB_CALL_SLICE,          /* (type, …) pointer to elements */
	HB_CALL_GROW,           /* (pointer, len, cap, num, type, …) slice */
	HB_CALL_GROW_OLD,       /* (type, pointer, len, cap, wanted cap) slice: up to 1.19 */
	HB_CALL_MAKE_MAP,       /* (type, …) map */
	HB_CALL_SMALL_MAP,      /* () map of whatever it is used as */
	HB_CALL_MAKE_CHAN,      /* (type, …) chan */
	HB_CALL_MAP,            /* (type, map, …) */
	HB_CALL_MOVE,           /* (type, to, from) */
	HB_CALL_CLEAR,          /* (type, to) */
	HB_CALL_SLICE_COPY,     /* (type, to, …) */
	HB_CALL_ATOMIC,         /* (address, new) */
	HB_CALL_ATOMIC_SWAP,    /* (address, old, new) */
	HB_CALL_BARRIER,        /* changes r11 only */
	HB_CALL_DUFF,           /* changes rdi and rsi only */
	HB_CALL_PANIC,          /* does not return */
	HB_CALL_POINTER_METHOD, /* (*type receiver, …) */
	HB_CALL_VALUE_METHOD,   /* (type receiver, …) of a type that is one word, or a slice */
};

struct hb_code_func {
	uint32_t start, end; /* from the module's text */
	uint32_t index;      /* in ftab */
	uint32_t type;       /* methods: id of the receiver's base type */
	uint8_t kind;        /* enum hb_call_kind */
	bool is_runtime;     /* of package runtime */
};

struct hb_code_funcs {
	uint64_t text;             /* of module 0 */
	struct hb_code_func *list; /* ascending, disjoint, inside text */
	uint32_t n;
};
/* types NULL: methods are HB_CALL_OTHER. Entries of the table that overlap or run backwards are left out. */
struct hb_error *hb_code_funcs_read(const struct hb_go *go, const struct hb_types *types,
                                    struct hb_code_funcs *ret) HB_MUST_CHECK;
void hb_code_funcs_deinit(struct hb_code_funcs *funcs);
/* The function that starts exactly at addr, or NULL. */
const struct hb_code_func *hb_code_func_starting(const struct hb_code_funcs *funcs, uint64_t addr);
