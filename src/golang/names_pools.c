/* Which global variables are sync.Pools. What a pool has is nobody's: the collector empties it, and a writer that waits there for its next
 * use may still lead to the server that it served last. Such variables hold what nobody else does (heap/roots.h, phase 1).
 *
 * The descriptor of a variable's type may not be in the program; those that have something in them are in two slices of
 * pointers, whatever they are called (sync/pool.go allPools, oldPools, 1.18-1.27).
 */
#include "golang/names_internal.h"

#include <string.h>

enum { MOST_POOLS = 1 << 20, POOL_SIZE = 40 /* local, localSize, victim, victimSize, New */ };

static bool has_pool_type(const struct hb_types *types, const struct hb_global *global)
{
	uint32_t type = types && global->type ? hb_types_find(types, global->type) : 0;
	return type && !strcmp(types->list[type].name, "sync.Pool");
}

static void mark_at(const struct hb_globals *globals, uint64_t addr)
{
	struct hb_global *global = (struct hb_global *)hb_globals_at(globals, addr);
	if (global && global->addr == addr && global->size <= POOL_SIZE)
		global->is_pool = true;
}

/* Variables of package sync that are slices: what their elements point to, if that is a variable. `left`: so many elements are looked
 * at, whatever a core says. */
static void mark_listed(const struct hb_go *go, const struct hb_globals *globals, const struct hb_global *list,
                        uint64_t *left)
{
	uint64_t data, len, cap, pool;
	if (!hb_snapshot_u64(go->snapshot, list->addr, &data) || !hb_snapshot_u64(go->snapshot, list->addr + 8, &len) ||
	    !hb_snapshot_u64(go->snapshot, list->addr + 16, &cap) || len > cap || len > *left)
		return;
	*left -= len;
	for (uint64_t i = 0; i < len && hb_snapshot_u64(go->snapshot, data + i * 8, &pool); i++)
		mark_at(globals, pool);
}

void hb_naming_mark_pools(const struct hb_go *go, const struct hb_types *types, struct hb_globals *globals)
{
	uint64_t left = MOST_POOLS;
	for (size_t i = 0; i < globals->n; i++) {
		struct hb_global *global = &globals->list[i];
		bool of_sync = !strcmp(global->package, "sync");
		global->is_pool |= of_sync || has_pool_type(types, global);
		if (of_sync)
			mark_listed(go, globals, global, &left);
	}
}
