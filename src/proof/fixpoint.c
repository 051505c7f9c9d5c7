#include "proof/fixpoint.h"
#include "base/progress.h"
#include "golang/specials.h"
#include "heap/marker.h"

#include <string.h>

/* What happens when an object turns out to be reachable. */
struct consequence {
	uint32_t slot;      /* of that object */
	uint32_t goroutine; /* that can be woken; NOBODY: `object` can be reached */
	uint64_t object;
};
enum { NOBODY = UINT32_MAX };

struct fixpoint {
	const struct hb_go *go;
	const struct hb_heap *heap;
	const struct hb_goroutines *goroutines;
	const struct hb_roots *roots;
	struct hb_proof *proof;
	struct hb_marker *marker;
	uint64_t *watched;
	HB_VEC(struct consequence) consequences; /* by slot */
};

static const struct hb_goroutine *goroutine_at(const struct fixpoint *fixpoint, size_t i)
{
	return &fixpoint->goroutines->list[i];
}

/* --- Root nodes of goroutines ------------------------------------------------------------------------------------- */

struct by_g {
	uint64_t g;
	uint32_t goroutine;
};

static int compare_g(const void *a, const void *b)
{
	const struct by_g *x = a, *y = b;
	return x->g < y->g ? -1 : x->g > y->g;
}

static struct hb_error *find_nodes(struct fixpoint *fixpoint)
{
	size_t n = fixpoint->goroutines->n;
	hb_autofree struct by_g *index = calloc(n + 1, sizeof(*index));
	fixpoint->proof->node = calloc(n + 1, sizeof(*fixpoint->proof->node));
	if (!index || !fixpoint->proof->node)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		index[i] = (struct by_g){goroutine_at(fixpoint, i)->g, (uint32_t)i};
		fixpoint->proof->node[i] = HB_ROOT_NONE;
	}
	qsort(index, n, sizeof(*index), compare_g);
	for (size_t node = 0; node < fixpoint->roots->nodes.len; node++) {
		const struct by_g wanted = {.g = fixpoint->roots->nodes.data[node].id};
		if (fixpoint->roots->nodes.data[node].kind != HB_ROOT_GOROUTINE)
			continue;
		const struct by_g *found = bsearch(&wanted, index, n, sizeof(*index), compare_g);
		if (found)
			fixpoint->proof->node[found->goroutine] = (uint32_t)node;
	}
	return NULL;
}

/* --- What is cut, what is watched --------------------------------------------------------------------------------- */

/* Goroutines hang together by runtime.allgs, and their sudogs by the queues that they are in: that a channel is reachable does
 * not make the stacks of all who wait for another one so. Each is opened when its own goroutine can run. */
static void hold(struct fixpoint *fixpoint)
{
	const struct hb_goroutines *all = fixpoint->goroutines;
	const struct hb_waits *waits = &fixpoint->proof->waits;
	for (size_t i = 0; i < all->n; i++)
		hb_slot_set(fixpoint->proof->held, hb_heap_slot(fixpoint->heap, all->list[i].g));
	for (size_t i = 0; i < all->ndead; i++)
		hb_slot_set(fixpoint->proof->held, hb_heap_slot(fixpoint->heap, all->dead_gs[i]));
	for (size_t i = 0; i < waits->queues.len; i++)
		hb_slot_set(fixpoint->proof->held, hb_heap_slot(fixpoint->heap, waits->queues.data[i].sudog));
}

static struct hb_error *watch(struct fixpoint *fixpoint, struct consequence consequence)
{
	hb_slot_set(fixpoint->watched, consequence.slot);
	HB_VEC_PUSH(&fixpoint->consequences, consequence);
	return NULL;
}

/* False when something that it waits for is not an object of the heap: a global, or no longer allocated. */
static bool waits_in_heap(const struct fixpoint *fixpoint, const struct hb_wait *wait)
{
	for (uint32_t q = 0; q < wait->n; q++) {
		uint64_t primitive = fixpoint->proof->waits.queues.data[wait->first + q].primitive;
		uint32_t slot = hb_heap_slot(fixpoint->heap, primitive);
		if (!slot || !hb_heap_allocated(fixpoint->heap, slot))
			return false;
	}
	return true;
}

/* When the stack of one is not among the roots, there is no telling what it reaches. */
static bool have_all_stacks(const struct fixpoint *fixpoint)
{
	for (size_t i = 0; i < fixpoint->goroutines->n; i++)
		if (fixpoint->proof->node[i] == HB_ROOT_NONE)
			return false;
	return true;
}

static struct hb_error *watch_candidates(struct fixpoint *fixpoint)
{
	struct hb_proof *proof = fixpoint->proof;
	bool known = have_all_stacks(fixpoint);
	for (size_t i = 0; i < fixpoint->goroutines->n; i++) {
		const struct hb_wait *wait = &proof->waits.list[i];
		proof->can_run[i] = !known || wait->kind == HB_WAIT_OTHER || !waits_in_heap(fixpoint, wait);
		for (uint32_t q = 0; q < wait->n && !proof->can_run[i]; q++) {
			uint64_t primitive = proof->waits.queues.data[wait->first + q].primitive;
			TRY(watch(fixpoint, (struct consequence){.slot = hb_heap_slot(fixpoint->heap, primitive),
			                                         .goroutine = (uint32_t)i}));
		}
	}
	return NULL;
}

/* A weak pointer gives its object back as long as somebody keeps the object alive, be it a goroutine that is blocked on it. So
 * whoever has the handle can reach the object (runtime/mheap.go getOrAddWeakHandle, internal_weak_runtime_makeStrongFromWeak;
 * 1.23-1.27). */
static struct hb_error *watch_weak_handle(struct fixpoint *fixpoint, uint64_t object, uint64_t special)
{
	uint64_t handle;
	if (!hb_snapshot_u64(fixpoint->go->snapshot, special + fixpoint->go->layout->special_weak.handle, &handle))
		return hb_marker_add(fixpoint->marker, object);
	uint32_t slot = hb_heap_slot(fixpoint->heap, handle);
	if (!slot || !hb_heap_allocated(fixpoint->heap, slot))
		return hb_marker_add(fixpoint->marker, object);
	return watch(fixpoint, (struct consequence){.slot = slot, .goroutine = NOBODY, .object = object});
}

static struct hb_error *watch_weak_handles(struct fixpoint *fixpoint)
{
	struct hb_specials specials = hb_specials(fixpoint->go);
	uint32_t kind = fixpoint->go->layout->kinds.weak_handle;
	for (uint32_t i = 0; kind != HB_ABSENT && i < fixpoint->heap->nspans; i++) {
		const struct hb_span *span = &fixpoint->heap->spans[i];
		for (hb_specials_start(&specials, span); hb_specials_next(&specials);)
			if (specials.kind == kind)
				TRY(watch_weak_handle(fixpoint, span->base + specials.offset, specials.addr));
	}
	return NULL;
}

static int compare_consequences(const void *a, const void *b)
{
	const struct consequence *x = a, *y = b;
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return x->goroutine < y->goroutine ? -1 : x->goroutine > y->goroutine;
}

/* --- Marking ------------------------------------------------------------------------------------------------------ */

static struct hb_error *add_node(struct fixpoint *fixpoint, uint32_t node)
{
	const struct hb_roots *roots = fixpoint->roots;
	for (size_t i = hb_roots_first_edge(roots, node); i < roots->edges.len && roots->edges.data[i].node == node;
	     i++)
		TRY(hb_marker_add(fixpoint->marker, roots->edges.data[i].value));
	return NULL;
}

/* Its sudogs, and what they point to, which is hidden from the collector while the runtime looks for leaks itself
 * (1.26-1.27). */
static struct hb_error *open_sudog(struct fixpoint *fixpoint, uint64_t sudog)
{
	const struct hb_go_layout *layout = fixpoint->go->layout;
	uint64_t value;
	TRY(hb_marker_open(fixpoint->marker, hb_heap_slot(fixpoint->heap, sudog)));
	if (hb_sudog_pointer(fixpoint->go, sudog, layout->sudog.elem, &value))
		TRY(hb_marker_add(fixpoint->marker, value));
	if (hb_sudog_pointer(fixpoint->go, sudog, layout->sudog.c, &value))
		TRY(hb_marker_add(fixpoint->marker, value));
	return NULL;
}

/* The stack, the g, and the queues of a goroutine that can run. */
static struct hb_error *open_goroutine(struct fixpoint *fixpoint, uint32_t i)
{
	enum { SOME_SUDOGS = 1 << 16 };
	const struct hb_goroutine *goroutine = goroutine_at(fixpoint, i);
	const struct hb_wait *wait = &fixpoint->proof->waits.list[i];
	if (fixpoint->proof->node[i] != HB_ROOT_NONE)
		TRY(add_node(fixpoint, fixpoint->proof->node[i]));
	TRY(hb_marker_open(fixpoint->marker, hb_heap_slot(fixpoint->heap, goroutine->g)));
	for (uint32_t q = 0; q < wait->n; q++)
		TRY(open_sudog(fixpoint, fixpoint->proof->waits.queues.data[wait->first + q].sudog));
	uint64_t sudog = wait->n ? 0 : goroutine->waiting;
	for (unsigned n = 0; sudog && n < SOME_SUDOGS; n++) {
		TRY(open_sudog(fixpoint, sudog));
		if (!hb_snapshot_u64(fixpoint->go->snapshot, sudog + fixpoint->go->layout->sudog.waitlink, &sudog))
			break;
	}
	return NULL;
}

/* Not what is blocked; not what nobody can use. The runtime's next tiny object is not there yet, and shares its block with
 * those that are: their holders count. Handles of weak pointers are the runtime's own until somebody has one. */
static struct hb_error *add_roots(struct fixpoint *fixpoint)
{
	const struct hb_roots *roots = fixpoint->roots;
	for (size_t node = 0; node < roots->nodes.len; node++) {
		const struct hb_root_node *at = &roots->nodes.data[node];
		bool of_collector = at->kind != HB_ROOT_GLOBAL && (!strcmp(at->name, HB_ROOT_TINY_BLOCKS) ||
		                                                   !strcmp(at->name, HB_ROOT_WEAK_POINTERS));
		if (at->kind != HB_ROOT_GOROUTINE && !of_collector)
			TRY(add_node(fixpoint, (uint32_t)node));
	}
	for (size_t i = 0; i < fixpoint->goroutines->n; i++)
		if (fixpoint->proof->can_run[i])
			TRY(open_goroutine(fixpoint, (uint32_t)i));
	return NULL;
}

static struct hb_error *follow_consequences(struct fixpoint *fixpoint, uint32_t slot)
{
	const struct consequence *list = fixpoint->consequences.data;
	size_t n = fixpoint->consequences.len;
	for (size_t i = hb_partition_point(n, k, list[k].slot < slot); i < n && list[i].slot == slot; i++) {
		if (list[i].goroutine == NOBODY) {
			TRY(hb_marker_add(fixpoint->marker, list[i].object));
		} else if (!fixpoint->proof->can_run[list[i].goroutine]) {
			fixpoint->proof->can_run[list[i].goroutine] = true;
			TRY(open_goroutine(fixpoint, list[i].goroutine));
		}
	}
	return NULL;
}

static struct hb_error *iterate(struct fixpoint *fixpoint)
{
	for (;;) {
		TRY(hb_marker_run(fixpoint->marker));
		uint32_t slot = hb_marker_hit(fixpoint->marker);
		if (!slot)
			return NULL;
		for (; slot; slot = hb_marker_hit(fixpoint->marker))
			TRY(follow_consequences(fixpoint, slot));
	}
}

static struct hb_error *run(struct fixpoint *fixpoint)
{
	TRY(find_nodes(fixpoint));
	hold(fixpoint);
	TRY(watch_candidates(fixpoint));
	TRY(watch_weak_handles(fixpoint));
	if (fixpoint->consequences.len)
		qsort(fixpoint->consequences.data, fixpoint->consequences.len, sizeof(*fixpoint->consequences.data),
		      compare_consequences);
	TRY(add_roots(fixpoint));
	TRY(iterate(fixpoint));
	hb_marker_finish(fixpoint->marker);
	for (size_t i = 0; i < fixpoint->goroutines->n; i++)
		fixpoint->proof->nproven += !fixpoint->proof->can_run[i];
	return NULL;
}

static struct hb_error *set_up(struct fixpoint *fixpoint)
{
	struct hb_proof *proof = fixpoint->proof;
	size_t bytes = hb_heap_bitmap_bytes(fixpoint->heap);
	proof->held = hb_pages_map(bytes);
	fixpoint->watched = hb_pages_map(bytes);
	proof->reached = hb_pages_map(bytes);
	proof->can_run = calloc(fixpoint->goroutines->n + 1, sizeof(*proof->can_run));
	if (!proof->held || !fixpoint->watched || !proof->reached || !proof->can_run)
		return hb_error_nomem();
	TRY(hb_waits_read(fixpoint->go, fixpoint->heap, fixpoint->goroutines, &proof->waits));
	const struct hb_marker_options options = {.held = proof->held, .watched = fixpoint->watched, .thorough = true};
	return hb_marker_create(fixpoint->heap, &options, proof->reached, &fixpoint->marker);
}

struct hb_error *hb_proof_run(const struct hb_go *go, const struct hb_heap *heap,
                              const struct hb_goroutines *goroutines, const struct hb_roots *roots,
                              struct hb_proof *ret)
{
	*ret = (struct hb_proof){0};
	struct fixpoint fixpoint = {.go = go, .heap = heap, .goroutines = goroutines, .roots = roots, .proof = ret};
	struct hb_error *err = set_up(&fixpoint);
	if (!err)
		err = run(&fixpoint);
	hb_marker_destroy(fixpoint.marker);
	hb_pages_unmap(fixpoint.watched, hb_heap_bitmap_bytes(heap));
	hb_vec_deinit(&fixpoint.consequences);
	if (err)
		hb_proof_deinit(ret, heap);
	return err;
}

void hb_proof_deinit(struct hb_proof *proof, const struct hb_heap *heap)
{
	hb_waits_deinit(&proof->waits);
	free(proof->can_run);
	free(proof->node);
	hb_pages_unmap(proof->held, hb_heap_bitmap_bytes(heap));
	hb_pages_unmap(proof->reached, hb_heap_bitmap_bytes(heap));
	*proof = (struct hb_proof){0};
}
