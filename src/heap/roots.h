/* GC roots, grouped under the holders that a report names.
 *
 * A root node stands for one holder: a global variable, a goroutine, a pending timer, an object's finalizer, a piece of
 * the runtime. Nodes form a shallow forest (a goroutine below the group of its creation site), and the virtual root is
 * above all of them, so that a dominator tree over nodes and objects answers "what would be freed without this holder".
 *
 * Phases: an object reachable from holders of an earlier phase is never charged to a later one, and edges from later
 * phases into earlier ones are dropped. Phase 0: globals, goroutines, timers. Phase 1: sync.Pools,
 * finalizers, cleanups and weak handles (their object counts as held by whoever holds it otherwise). Phase 2: the runtime's own bookkeeping (allgs,
 * allm, allp, semaphore tables), which reaches nearly everything but holds nothing a user can release.
 */
#pragma once
#include "base/memory.h"

enum hb_root_kind {
	HB_ROOT_GLOBAL,
	HB_ROOT_GOROUTINE_GROUP,
	HB_ROOT_GOROUTINE,
	HB_ROOT_TIMER_GROUP,
	HB_ROOT_TIMER,
	HB_ROOT_FINALIZER,
	HB_ROOT_RUNTIME,
	HB_ROOT_C,
};
enum { HB_ROOT_PHASES = 3 };

struct hb_root_node {
	enum hb_root_kind kind;
	uint8_t phase;
	uint32_t parent;      /* an index in nodes before this one, or HB_ROOT_NONE: directly below the virtual root */
	uint64_t id;          /* address of the global (first byte) or of the g; goroutine group: index of the group */
	uint64_t size;        /* bytes of the global, 0 unknown */
	const char *name;     /* "main.cache"; owned by the arena of hb_roots */
	bool name_is_certain; /* false: name says "referred to by …" */
	uint64_t type;        /* address of the global's type descriptor, 0 unknown */
};
enum { HB_ROOT_NONE = UINT32_MAX };

struct hb_root_edge {
	uint64_t value; /* the pointer */
	uint64_t from;  /* where it is stored (address of the global's word, of the stack slot), 0: a register */
	uint32_t node;  /* index in nodes */
};

struct hb_roots {
	HB_VEC(struct hb_root_node) nodes; /* sorted by phase */
	HB_VEC(struct hb_root_edge) edges; /* sorted by node */
	/* Objects whose incoming heap edges are ignored (g structs: only their goroutine node holds them); sorted
	 * slots. */
	HB_VEC(uint32_t) cut_targets;
	struct hb_arena arena;
};
void hb_roots_deinit(struct hb_roots *roots);
/* Index of the first edge of a node or a later one. */
size_t hb_roots_first_edge(const struct hb_roots *roots, uint32_t node);
bool hb_roots_are_valid(const struct hb_roots *roots);
