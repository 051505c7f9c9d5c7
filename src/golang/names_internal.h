/* What the files names_*.c share: the list of pieces that becomes hb_globals.
 *
 * A piece is an extent of data with one owner. First come the variables that symbols and DWARF name; what they leave
 * uncovered (everything, when stripped) is cut at each address that code refers to or that static data points to.
 */
#pragma once
#include "golang/names.h"
#include "golang/packages.h"
#include "target/elf_image.h"

enum hb_piece_source {
	HB_PIECE_SYMBOL,  /* a variable's symbol or DWARF entry: the name is its own */
	HB_PIECE_CODE,    /* described by the code that refers to it */
	HB_PIECE_STATIC,  /* pointed to by the initial value of another one */
	HB_PIECE_UNKNOWN, /* nothing says whose it is */
};

struct hb_piece {
	uint64_t addr, size;
	const char *name; /* NULL: not yet */
	uint32_t package; /* in packages */
	uint64_t holder;  /* STATIC: address of the piece that points here */
	uint64_t type;
	uint8_t source; /* enum hb_piece_source */
	bool is_c;
	bool runtime_internal;
	bool type_is_final; /* DWARF names a type, whether or not it has a descriptor */
};
struct hb_static_pointer { /* a word of initialised data that holds the address of data */
	uint64_t target, at;
};

struct hb_naming_body { /* a function with a body of its own, by its name in the function table */
	const char *name;
	uint32_t index; /* in ftab */
};

struct hb_naming {
	const struct hb_go *go;
	const struct hb_go_module *module; /* whose data it is about */
	const struct hb_types *types;      /* may be NULL */
	const struct hb_code_facts *facts; /* may be NULL */
	struct hb_elf_image *image;        /* may be NULL */
	uint64_t bias;                     /* of the image's addresses */
	struct hb_packages packages;
	HB_VEC(struct hb_piece) pieces;             /* sorted by addr, disjoint */
	HB_VEC(struct hb_static_pointer) pointers;  /* sorted by target, then at */
	HB_VEC(struct hb_static_pointer) by_holder; /* the same, sorted by at */
	HB_VEC(struct hb_naming_body) bodies;       /* sorted by address of the name; empty until they are needed */
	struct hb_arena arena;                      /* of names; handed to the result */
};

/* names_symbols.c: pieces of variables with symbols. */
struct hb_error *hb_naming_add_symbols(struct hb_naming *naming) HB_MUST_CHECK;
/* names_pools.c: sets is_pool. */
void hb_naming_mark_pools(const struct hb_go *go, const struct hb_types *types, struct hb_globals *globals);
/* names_static.c: fills pointers. */
struct hb_error *hb_naming_find_pointers(struct hb_naming *naming) HB_MUST_CHECK;
/* Gives what a variable with a symbol first points to its name, as far as the variable's type says. */
void hb_naming_claim_static(struct hb_naming *naming);
/* Gives the pieces that only static data points to their holder's name. */
struct hb_error *hb_naming_name_static(struct hb_naming *naming) HB_MUST_CHECK;
/* names_code.c: cuts what is uncovered into pieces and describes those that code refers to. */
struct hb_error *hb_naming_cut(struct hb_naming *naming) HB_MUST_CHECK;
struct hb_error *hb_naming_describe(struct hb_naming *naming) HB_MUST_CHECK;
/* names_layout.c: joins and ends pieces as the sizes of their neighbours say; only when there are no symbols. */
struct hb_error *hb_naming_lay_out(struct hb_naming *naming) HB_MUST_CHECK;
/* Of a variable of this size, and so of all behind it: cmd/link/internal/ld/data.go, symalign and dodataSect. */
uint64_t hb_naming_alignment(uint64_t size);
/* Takes back the package of what never changes: nothing in the code says which of the readers it belongs to. */
struct hb_error *hb_naming_doubt_constants(struct hb_naming *naming) HB_MUST_CHECK;
/* names_types.c: types for the pieces that have none, from the code's votes and interface words. */
struct hb_error *hb_naming_add_types(struct hb_naming *naming) HB_MUST_CHECK;

/* Index in naming->pieces of the one that holds addr, or SIZE_MAX. */
size_t hb_naming_piece_at(const struct hb_naming *naming, uint64_t addr);
/* The references to addresses in [from, to): first index and one behind the last. */
void hb_naming_refs(const struct hb_naming *naming, uint64_t from, uint64_t to, size_t *first, size_t *last);
/* The pointers whose target is in [from, to). */
void hb_naming_pointers(const struct hb_naming *naming, uint64_t from, uint64_t to, size_t *first, size_t *last);
