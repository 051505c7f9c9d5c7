/* What the machine code says: which function refers to which global, which type it stores there, which function a
 * closure object of a type belongs to. Works on stripped binaries: docs/code-analysis.md.
 */
#pragma once
#include "golang/pclntab.h"
#include "golang/types.h"

struct hb_code_ref { /* an instruction refers to a data address */
	uint64_t data;
	uint32_t func; /* ftab index, module 0 */
	uint32_t pc;   /* of the instruction, from the module's text: inlining says whose code it is */
	uint8_t how;   /* 'L' lea, 'M' load, 'W' store or read-modify-write */
	uint8_t width; /* bytes, 0 for lea */
};
enum hb_code_shape { HB_CODE_POINTER_TO = 1, HB_CODE_SLICE_OF, HB_CODE_MAP, HB_CODE_CHAN, HB_CODE_VALUE };
struct hb_code_vote { /* the word(s) at a data address have this type; one a function, address and type */
	uint64_t data;
	uint64_t type; /* descriptor: of the pointee, slice element, map, chan, or of the value itself */
	uint32_t func;
	uint8_t shape; /* enum hb_code_shape */
	bool partial; /* the variable is more than that: one element of an array, or a word that is stored atomically */
};
struct hb_code_closure { /* an object whose first word is fn was allocated with this type */
	uint64_t fn, type;
};
struct hb_code_facts {
	HB_VEC(struct hb_code_ref) refs;         /* sorted by data, then pc; without runtime.writeBarrier */
	HB_VEC(struct hb_code_vote) votes;       /* sorted by data, then type */
	HB_VEC(struct hb_code_closure) closures; /* sorted by fn */
	uint64_t instructions, undecodable;
	uint64_t text_bytes, decoded_bytes; /* of the functions that were read, of all */
};
/* types NULL: without votes that rest on a method's receiver. Takes about 10 ns of CPU a byte of text; runs on
 * hb_parallel_threads() threads. Reads go, types and the snapshot only. */
struct hb_error *hb_code_analyse(const struct hb_go *go, const struct hb_types *types,
                                 struct hb_code_facts **ret) HB_MUST_CHECK;
void hb_code_facts_destroy(struct hb_code_facts *facts);
void hb_code_facts_destroyp(struct hb_code_facts **facts);
