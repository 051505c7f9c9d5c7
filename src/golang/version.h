/* Which Go built the program, and what a program that is not Go looks like. */
#pragma once
#include "golang/locate.h"

/* "go1.26.8", "go1.27rc1 X:nogreenteagc", "go1.26.8-X:arenas", "devel go1.28-5c2f8a7" → minor, patch, text, experiments. */
bool hb_go_version_parse(const char *text, struct hb_go_version *ret);

/* From the build info blob (debug/buildinfo): false when there is none. */
bool hb_go_version_from_buildinfo(const struct hb_snapshot *snapshot, struct hb_go_version *ret);

/* From runtime.buildVersion: the string variable in the module's data that holds a Go version. */
bool hb_go_version_from_data(const struct hb_go_memory *memory, const struct hb_go_layout *layout, uint64_t moduledata,
                             struct hb_go_version *ret);

/* "Go 1.16 or 1.17": the program has function tables of a Go before 1.18; NULL when it has none. */
const char *hb_go_too_old(const struct hb_snapshot *snapshot);

/* "a JVM", "a Python interpreter", "a Rust program", "a C or C++ program" … from its mappings and read-only data. */
const char *hb_go_looks_like(const struct hb_snapshot *snapshot);
