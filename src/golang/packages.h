/* The packages of a program, as its functions' names tell them: import path, name, place in the link order.
 *
 * The linker lays out text package by package, imports before importers (cmd/link/internal/ld/lib.go, postorder;
 * 1.18-1.27), so a package whose functions come first cannot import one whose functions come later.
 */
#pragma once
#include "golang/func_name.h"
#include "golang/types.h"

struct hb_package {
	const char *path; /* "example.org/x/yaml.v3", unescaped */
	const char *name; /* what code calls it: "yaml" when a type says so, else by the path */
	int64_t order;    /* place in the link order; INT64_MAX: it has no functions */
	uint32_t run;     /* functions in the longest run of its functions, which is what has the place: package runtime
	                   * also     has functions that are named as those of other packages (linknames) */
	bool is_runtime;  /* the runtime itself: runtime, internal/runtime/…, and what only they use */
};
struct hb_packages {
	struct hb_package *list; /* list[0]: no package, path "" */
	uint32_t n, cap;
	uint32_t *index;
	uint32_t index_size;
	struct hb_arena arena;
};
/* types may be NULL: names are then guessed from the paths. */
struct hb_error *hb_packages_read(const struct hb_go *go, const struct hb_types *types,
                                  struct hb_packages *ret) HB_MUST_CHECK;
void hb_packages_deinit(struct hb_packages *packages);
/* By escaped import path; added when new. UINT32_MAX: out of memory. */
uint32_t hb_packages_add(struct hb_packages *packages, struct hb_span escaped);
/* The package of a function or variable by its symbol's name; 0: none. UINT32_MAX: out of memory. */
uint32_t hb_packages_of(struct hb_packages *packages, const char *symbol);

/* "cache.(*Store[…]).Put" of the first len bytes of a function's full symbol name: the package by its name, type
 * arguments left out. */
void hb_packages_short_name(struct hb_packages *packages, const char *symbol, size_t len, char *buf, size_t size);
