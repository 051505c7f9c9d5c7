/* Names and extents of global variables: DWARF, else the symbol table, else the code that refers to the address.
 *
 * A name from DWARF or a symbol is certain. On a stripped binary a global is described ("cache global (used by
 * cache.(*Store).Put)"); a wrong name is worse than a vague one: docs/naming.md.
 */
#pragma once
#include "golang/code.h"

struct hb_global {
	uint64_t addr, size; /* of what is known to belong to it */
	const char *name;    /* "cache.sessions" or a description; stable from run to run */
	const char *package; /* import path, "C" for C variables, "" unknown */
	uint64_t type;       /* address of the descriptor of the variable's type, 0 unknown */
	bool certain;
	bool runtime_internal; /* bookkeeping of package runtime: see roots.h, phase 2 */
	bool is_pool;          /* a sync.Pool, or package sync's list of them: phase 1 */
	uint64_t static_of; /* not a variable but what the initial value of the one at this address leads to: the name
	                     * is that variable's; 0: a variable */
};
struct hb_globals {
	struct hb_global *list; /* sorted by addr, disjoint */
	size_t n;
	struct hb_arena arena;
};
/* Of all modules. facts NULL: nothing is described, for programs with symbols; of plugins and other libraries nothing is in
 * any case. A file (go->snapshot->files) may be missing: then all is described. */
struct hb_error *hb_globals_read(const struct hb_go *go, const struct hb_types *types,
                                 const struct hb_code_facts *facts, struct hb_globals **ret) HB_MUST_CHECK;
/* The same with a separate debug file; −1: none. HB_ERR_USAGE: it is none, or of another build. */
struct hb_error *hb_globals_read_with(const struct hb_go *go, const struct hb_types *types,
                                      const struct hb_code_facts *facts, int debug_fd,
                                      struct hb_globals **ret) HB_MUST_CHECK;
void hb_globals_destroy(struct hb_globals *globals);
void hb_globals_destroyp(struct hb_globals **globals);
/* The global that holds addr, NULL when none does. */
const struct hb_global *hb_globals_at(const struct hb_globals *globals, uint64_t addr);
bool hb_globals_are_valid(const struct hb_globals *globals);
/* "main" of "main.init.0", "github.com/x/y" of "github.com/x/y.(*T).M": the import path of a function's name,
 * unescaped. */
void hb_go_package_of(const char *function, char *buf, size_t size);
