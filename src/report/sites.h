/* Places in the program's source, as reports name them: "cache.(*Store).Put  /src/cache/store.go:88". */
#pragma once
#include "golang/goroutines.h"
#include "golang/pclntab.h"
#include "golang/profile.h"

/* The runtime, internal/…: never what a person looks for. */
bool hb_function_is_runtime(const char *function);
/* That, and what everybody waits, reads or builds through: sync, io, strings, net … */
bool hb_function_is_plumbing(const char *function);

/* In arena; NULL when out of memory. */
char *hb_site_text(struct hb_arena *arena, const struct hb_go_line *line);

/* The statement that created a goroutine; "" for the first one, which the runtime makes. NULL when out of memory. */
char *hb_creation_site(struct hb_arena *arena, const struct hb_go *go, const struct hb_goroutine *goroutine);

/* The frames of an allocation stack without the runtime's at its ends, at most max; returns how many. */
size_t hb_alloc_lines(const struct hb_go *go, const struct hb_alloc_sites *sites, uint32_t stack,
                      struct hb_go_line *ret, size_t max);
/* The innermost of them that is no plumbing, if any; false when there are none at all. */
bool hb_alloc_place(const struct hb_go *go, const struct hb_alloc_sites *sites, uint32_t stack, struct hb_go_line *ret);
