/* What the files of typing share: types as typing needs them, claims, and the work that is left.
 *
 * Vocabulary
 *   claim    "n values of type T start at this address", made by something that points there
 *   settle   to check a claim against the heap's bits and to take or reject it
 *   shape    a type prepared for typing: its mask in one word, and the list of what in it leads to other objects
 *   step     one entry of that list: at this offset is a pointer, a slice, a map …
 *   pseudo   a type that the program has no descriptor of, or for which one descriptor stands for many: the header of a
 *            map[K]V, its tables, a chan T. It gets a type id behind the real ones.
 */
#pragma once
#include "golang/code.h"
#include "golang/maps.h"
#include "golang/typing.h"
#include "heap/pointers.h"
#include "heap/scan.h"

enum hb_step_kind {
	HB_STEP_POINTER = 1, /* type: the pointee */
	HB_STEP_STRING,
	HB_STEP_SLICE, /* type: the element */
	HB_STEP_INTERFACE,
	HB_STEP_MAP,  /* type: the map type */
	HB_STEP_CHAN, /* type: the element */
	HB_STEP_FUNC,
	HB_STEP_ARRAY,     /* count values of type, too many to be listed one by one */
	HB_STEP_DIRECTORY, /* in a map header, type: the map type. Leads to one group or to the tables */
	HB_STEP_GROUPS,    /* in a table, type: the group */
	HB_STEP_BUFFER,    /* in a channel, type: the element */
	HB_STEP_COUNTED,   /* a pointer, then the number of values of type there */
	HB_STEP_REFLECTED, /* a reflect.Value: type, pointer, flags */
	HB_STEP_BUCKETS,   /* in a map header before swiss maps, type: the map type */
};

struct hb_step {
	uint32_t offset;
	uint32_t type;
	uint32_t count; /* HB_STEP_ARRAY */
	uint8_t kind;   /* enum hb_step_kind */
};

/* What a type is in the structures of the runtime; decides how it is described. */
enum hb_role {
	HB_ROLE_PLAIN = 0,
	HB_ROLE_MAP,       /* header of a map; its name is that of the map type */
	HB_ROLE_DIRECTORY, /* pointers to tables */
	HB_ROLE_TABLE,
	HB_ROLE_GROUP,           /* keys and values (a real type): a group or, before swiss maps, a bucket */
	HB_ROLE_MAP_EXTRA,       /* before swiss maps: what keeps pointer-free overflow buckets alive */
	HB_ROLE_OVERFLOW_HEADER, /* the header of a list of them, in an object of its own */
	HB_ROLE_OVERFLOW,        /* an element of the list: a pointer to a bucket */
	HB_ROLE_CHAN,
	HB_ROLE_CHAN_INLINE,     /* the same with the buffer behind it, or none: pointer-free */
	HB_ROLE_CLOSURE,         /* word 0 is the function (a real type) */
	HB_ROLE_UNKNOWN_CLOSURE, /* a closure, but what it captures is not known */
	HB_ROLE_STRING,          /* bytes that a string points to */
	HB_ROLE_TINY,            /* a block of the tiny allocator */
	HB_ROLE_USER_ARENA,      /* a chunk of one: values of any types */
};

/* Types of which a claim cannot be taken literally: typing_rules.c. */
enum hb_rule {
	HB_RULE_NONE = 0,
	HB_RULE_TRIE_NODE,
	HB_RULE_TIMER,
	HB_RULE_INNER_TIMER,
	HB_RULE_HCHAN,
	HB_RULE_CLOSURE,
	HB_RULE_MAP_HEADER,
};

struct hb_shape {
	uint64_t size;
	uint64_t small_mask; /* the first 64 words */
	uint32_t ptr_words;
	uint32_t first_step, nsteps;
	uint8_t ready;
	uint8_t rule;       /* enum hb_rule */
	bool generic_shape; /* made for go.shape types: stands for a type of another name */
};

enum { HB_HOW_SOURCE = 15, HB_HOW_MANY = 16, HB_HOW_WEAK = 32, HB_HOW_SHIFT = 24 };
/* More types than that no program has; later ones stay without objects. */
#define HB_TYPE_ID_LIMIT (1u << HB_HOW_SHIFT)

/* Kept after the run, for descriptions. how[slot] is an enum hb_claim_source and
 *   HB_HOW_MANY  elements of a slice rather than one value
 *   HB_HOW_WEAK  pointer-free memory of which a claim covers only a part, or a closure that captures nobody knows what
 */
struct hb_typing_extra {
	uint8_t *how;
	uint8_t *roles; /* enum hb_role by type id */
	uint32_t nroles;
};

struct hb_work { /* values of a type whose steps are still to be taken */
	const uint8_t *bytes;
	uint32_t type, n;
};

struct hb_claim {
	uint64_t addr;
	uint64_t offset; /* in the slot */
	uint64_t word;   /* the slot's first local word, as hb_scan has it */
	uint64_t n;
	uint32_t slot, type;
	uint8_t kind;   /* enum hb_span_kind */
	uint8_t source; /* enum hb_claim_source */
	bool many;      /* elements of a slice */
};

struct hb_partial {    /* a claim that covers only a part of an object that has no type (yet) */
	uint64_t addr; /* 0: empty */
	uint32_t type, n;
};

struct hb_word_type { /* what a word means as the first of an interface or of a closure */
	uint64_t word;
	uint32_t type;
};

struct hb_known_types { /* types that rules need, 0 where the program has none */
	uint32_t uint8, any, runtime_timer, pool_local, sudog, g, hchan;
	uint32_t string, tiny, closure, map; /* pseudo */
	uint32_t once, periodic;             /* what a timer of either kind is the inside of */
	uint64_t inner_timer_offset;         /* of runtime.timer in these */
};

struct hb_verdict { /* between the type an object has and another one that fits as well */
	uint32_t has, other;
	uint8_t verdict;
};

enum { HB_INFLIGHT = 64, HB_WORD_CACHE_LOG2 = 16, HB_VERDICTS_LOG2 = 12 };

struct hb_typer {
	struct hb_types *types;
	const struct hb_heap *heap;
	const struct hb_go *go;
	const struct hb_code_facts *facts; /* may be NULL */
	const struct hb_roots *roots;      /* may be NULL */
	struct hb_typing *typing;
	uint32_t *state; /* by slot: type id | how << HB_HOW_SHIFT, so that one access gets both */
	struct hb_scan scan;
	uint16_t *smaller_class;        /* by slot size / 8: bytes of the next smaller size class */
	bool redzones;                  /* built with -asan: every object has bytes behind it that it may not use */
	HB_VEC(struct hb_shape) shapes; /* by type id */
	HB_VEC(struct hb_step) steps;
	HB_VEC(uint8_t) roles;          /* enum hb_role by type id */
	HB_VEC(uint32_t) closure_types; /* descriptors of closures */
	bool closure_types_listed;
	HB_VEC(uint32_t) map_types;
	uint64_t *pseudo_keys; /* role << 32 | real type, 0 empty; open addressing */
	uint32_t *pseudo_ids;
	uint32_t npseudo, pseudo_log2;
	HB_VEC(struct hb_work) work;
	struct hb_claim inflight[HB_INFLIGHT]; /* claims whose memory is being fetched */
	uint32_t inflight_first, inflight_len, inflight_seen;
	uint8_t source;                        /* of the claims being made */
	struct hb_partial *partials, *statics; /* open addressing; statics: claims on globals */
	uint64_t npartials, max_partials, nstatics;
	uint32_t partials_log2, statics_log2;
	struct hb_word_type *words;
	struct hb_verdict *verdicts;
	struct hb_known_types known;
	uint64_t ntyped; /* objects, pointer-free ones included */
	uint64_t polled;
	uint64_t stage_began; /* for -v */
	bool nomem;           /* something could not be kept: hb_typer_drain says so */
};

/* The slot's type, 0 when it has none that is certain. */
static inline uint32_t hb_typer_type(const struct hb_typer *typer, uint32_t slot)
{
	uint32_t state = typer->state[slot];
	return state >> HB_HOW_SHIFT & HB_HOW_WEAK ? 0 : state & (HB_TYPE_ID_LIMIT - 1);
}
static inline void hb_typer_set_type(struct hb_typer *typer, uint32_t slot, uint32_t type, unsigned how)
{
	if (type < HB_TYPE_ID_LIMIT)
		typer->state[slot] = type | how << HB_HOW_SHIFT;
}
/* For want of anything better; a slot that has a type of any kind keeps it. */
static inline void hb_typer_set_weakly(struct hb_typer *typer, uint32_t slot, uint32_t type, unsigned how)
{
	if (!typer->state[slot])
		hb_typer_set_type(typer, slot, type, how | HB_HOW_WEAK);
}

/* --- typing_shapes.c: types as typing needs them. Pointers are good until the next call. ------------------------ */
const struct hb_shape *hb_typer_make_shape(struct hb_typer *typer, uint32_t id);
static inline const struct hb_shape *hb_typer_shape(struct hb_typer *typer, uint32_t type)
{
	if (type < typer->shapes.len && typer->shapes.data[type].ready)
		return &typer->shapes.data[type];
	return hb_typer_make_shape(typer, type);
}
enum hb_role hb_typer_role(const struct hb_typer *typer, uint32_t type);
void hb_typer_set_role(struct hb_typer *typer, uint32_t type, enum hb_role role);
/* True when a value of type inner lies at the start of one of type outer (or they are the same). */
bool hb_type_begins_with(const struct hb_types *types, uint32_t outer, uint32_t inner);
/* The T of a [n]T, [n][m]T and so on; of another type itself. */
uint32_t hb_type_element_of(const struct hb_types *types, uint32_t id);

/* --- typing_pseudo.c -------------------------------------------------------------------------------------------- */
/* The pseudo type that plays a role for a real type (0 for those that need none); 0 when it cannot be had. */
uint32_t hb_typer_pseudo(struct hb_typer *typer, enum hb_role role, uint32_t real);

/* --- typing_claims.c -------------------------------------------------------------------------------------------- */
/* Claims n values of a type at addr, heap or global; settled later. many: they are elements of a slice. */
void hb_typer_claim(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n, bool many);
void hb_typer_settle_oldest(struct hb_typer *typer);
/* Makes a type the slot's and puts its contents on the work list. offset: of the first value in the slot. */
void hb_typer_accept(struct hb_typer *typer, const struct hb_claim *claim, uint64_t offset);
/* Puts what a claim says of an object's contents on the work list, but does not give the object its type. */
void hb_typer_follow_contents(struct hb_typer *typer, const struct hb_claim *claim);
/* Bytes of the slot of a claim, its header included. */
uint64_t hb_typer_slot_size(const struct hb_typer *typer, const struct hb_claim *claim);
/* True when an allocation of that many bytes gets a slot of slot_size bytes. */
bool hb_typer_is_class_of(const struct hb_typer *typer, uint64_t bytes, uint64_t slot_size);
static inline uint64_t hb_typer_header(const struct hb_claim *claim)
{
	return claim->kind == HB_SPAN_HEADER ? 8 : 0;
}
/* False when n values of the type cannot be at addr: it is an object of another type, or its pointers are elsewhere. */
bool hb_typer_may_be(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n);
/* True when n values of the type at addr would be all of an object that has no other type. */
bool hb_typer_is_all(struct hb_typer *typer, uint64_t addr, uint32_t type, uint64_t n);
/* True when one value of the type would fill the claim's slot exactly. Changes nothing. */
bool hb_typer_would_fill(struct hb_typer *typer, const struct hb_claim *claim, uint32_t type);

/* --- typing_propagate.c ----------------------------------------------------------------------------------------- */
/* Settles all claims and takes all steps that follow from them. */
struct hb_error *hb_typer_drain(struct hb_typer *typer) HB_MUST_CHECK;
/* Follows one value that is stored in a single word, as a step of kind says. */
void hb_typer_follow_word(struct hb_typer *typer, enum hb_step_kind kind, uint32_t type, uint64_t word);
void hb_typer_follow_interface(struct hb_typer *typer, uint32_t dynamic_type, uint64_t data);
/* The dynamic type that the first word of an interface stands for (a type or a valid itab), 0 when it is neither. */
uint32_t hb_typer_interface_type(struct hb_typer *typer, uint64_t word);

/* --- typing_maps.c ---------------------------------------------------------------------------------------------- */
void hb_typer_follow_directory(struct hb_typer *typer, const uint8_t *header, uint32_t map);
void hb_typer_follow_groups(struct hb_typer *typer, const uint8_t *table, uint32_t group);
void hb_typer_follow_buckets(struct hb_typer *typer, const uint8_t *header, uint32_t map);
/* How many buckets of a size the object at addr has when 1 << b of them are in use, overflow buckets that were allocated
 * along with them included; 0 when it has another number. */
uint64_t hb_typer_count_buckets(const struct hb_typer *typer, uint64_t addr, uint64_t size, uint8_t b);
void hb_typer_claim_channel(struct hb_typer *typer, uint64_t addr, uint32_t elem);
void hb_typer_follow_buffer(struct hb_typer *typer, const uint8_t *channel, uint32_t elem);

/* --- typing_closures.c ------------------------------------------------------------------------------------------ */
/* The type of the closure object of a claim, by its function; 0 when it is none or not known. *is_closure: it is one.
 */
uint32_t hb_typer_closure_type(struct hb_typer *typer, const struct hb_claim *claim, bool *is_closure);

/* --- typing_rules.c --------------------------------------------------------------------------------------------- */
void hb_typer_find_known(struct hb_typer *typer);
/* The rule for a type's name, and steps that replace those of its fields (false: there are none). */
enum hb_rule hb_typer_rule_of(const struct hb_typer *typer, uint32_t id);
bool hb_typer_rule_steps(struct hb_typer *typer, uint32_t type, uint32_t offset);
/* Replaces a claim by what it stands for; false when it is done with. */
bool hb_typer_substitute(struct hb_typer *typer, enum hb_rule rule, struct hb_claim *claim);

/* --- typing_seeds.c --------------------------------------------------------------------------------------------- */
struct hb_error *hb_typer_seed_headers(struct hb_typer *typer) HB_MUST_CHECK;
struct hb_error *hb_typer_seed_roots(struct hb_typer *typer) HB_MUST_CHECK;
struct hb_error *hb_typer_seed_code(struct hb_typer *typer) HB_MUST_CHECK;
struct hb_error *hb_typer_seed_globals(struct hb_typer *typer) HB_MUST_CHECK;
/* Interfaces, channels and closures by what is in objects that have no type yet. */
struct hb_error *hb_typer_seed_untyped(struct hb_typer *typer) HB_MUST_CHECK;
struct hb_error *hb_typer_seed_stacks(struct hb_typer *typer) HB_MUST_CHECK;

/* --- typing_contents.c ------------------------------------------------------------------------------------------ */
/* False when a value contradicts its type: what one of its first max_steps steps leads to has another type, or does not
 * fit. */
bool hb_typer_value_agrees(struct hb_typer *typer, const uint8_t *value, uint32_t type, uint32_t max_steps);

/* --- typing_layouts.c ------------------------------------------------------------------------------------------- */
/* Objects with a layout that only one type has. *ret: how many became typed. */
struct hb_error *hb_typer_infer_layouts(struct hb_typer *typer, uint64_t *ret) HB_MUST_CHECK;

/* --- typing_orphan_maps.c --------------------------------------------------------------------------------------- */
/* Maps that only their own header tells of. *ret: how many became typed. */
struct hb_error *hb_typer_infer_maps(struct hb_typer *typer, uint64_t *ret) HB_MUST_CHECK;

/* --- typing_slabs.c --------------------------------------------------------------------------------------------- */
/* Objects of which only parts are claimed: arrays of T when all claims of T say so. *ret: how many became typed. */
struct hb_error *hb_typer_infer_slabs(struct hb_typer *typer, uint64_t *ret) HB_MUST_CHECK;
