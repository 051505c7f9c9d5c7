/* Linked in front of heldby's own functions (--wrap): the layout of a version without a table is wrong in one place.
 *
 *   HELDBY_PERTURB="STRUCT.FIELD DELTA"      an offset (or size, FIELD "size") moves by DELTA
 *   HELDBY_PERTURB="STRUCT.FIELD = STRUCT.FIELD"   two change places
 *   HELDBY_PERTURB="kind.finalizer 1"        another kind of special record
 *   HELDBY_PERTURB_LATE=1                    after the type descriptors were read, not before
 */
#include "golang/newer.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct hb_error *__real_hb_go_newer_create(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                           struct hb_arena *arena, struct hb_go_newer **ret);
struct hb_error *__wrap_hb_go_newer_create(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                           struct hb_arena *arena, struct hb_go_newer **ret);
struct hb_error *__real_hb_go_newer_read_types(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                               const struct hb_go_version *version, uint64_t moduledata,
                                               const uint64_t *heads, size_t nheads);
struct hb_error *__wrap_hb_go_newer_read_types(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                               const struct hb_go_version *version, uint64_t moduledata,
                                               const uint64_t *heads, size_t nheads);

static const struct {
	const char *of, *name;
	size_t at;
} members[] = {
#define STRUCT(name, go_name) {#name, "size", offsetof(struct hb_go_layout, name.size)},
#define FIELD(name, go_name)  {NULL, #name, 0},
#define END(name)
#include "golang/layout_fields.def"
#undef STRUCT
#undef FIELD
#undef END
        {"kind", "", offsetof(struct hb_go_layout, kinds)},
        {NULL, "finalizer", 0},
        {NULL, "weak_handle", 0},
        {NULL, "profile", 0},
        {NULL, "reachable", 0},
        {NULL, "pinner", 0},
        {NULL, "cleanup", 0},
};

static uint32_t *member(struct hb_go_layout *layout, const char *text)
{
	size_t first = 0, dot = strcspn(text, ".");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (members[i].of)
			first = i;
		if (strlen(members[first].of) != dot || strncmp(members[first].of, text, dot) != 0 ||
		    strcmp(members[i].name, text + dot + 1) != 0)
			continue;
		size_t index = i - first - (members[first].at == offsetof(struct hb_go_layout, kinds));
		return (uint32_t *)(void *)((char *)layout + members[first].at) + index;
	}
	fprintf(stderr, "no such member: %s\n", text);
	exit(9);
}

static void perturb(struct hb_go_layout *layout)
{
	const char *text = getenv("HELDBY_PERTURB");
	char a[64], b[64];
	int delta;
	if (text && sscanf(text, "%63s = %63s", a, b) == 2) {
		uint32_t *x = member(layout, a), *y = member(layout, b), z = *x;
		*x = *y;
		*y = z;
	} else if (text && sscanf(text, "%63s %d", a, &delta) == 2) {
		uint32_t *x = member(layout, a);
		if (*x != HB_ABSENT && (int64_t)*x + delta >= 0)
			*x += (uint32_t)delta;
	}
}

struct hb_error *__wrap_hb_go_newer_create(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                           struct hb_arena *arena, struct hb_go_newer **ret)
{
	struct hb_error *err = __real_hb_go_newer_create(snapshot, version, arena, ret);
	if (!err && !getenv("HELDBY_PERTURB_LATE"))
		perturb(&(*ret)->layout);
	return err;
}

struct hb_error *__wrap_hb_go_newer_read_types(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                               const struct hb_go_version *version, uint64_t moduledata,
                                               const uint64_t *heads, size_t nheads)
{
	struct hb_error *err = __real_hb_go_newer_read_types(newer, memory, version, moduledata, heads, nheads);
	if (!err && getenv("HELDBY_PERTURB_LATE"))
		perturb(&newer->layout);
	return err;
}
