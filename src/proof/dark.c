#include "proof/dark.h"
#include "base/progress.h"

struct builder {
	const struct hb_goroutines *goroutines;
	const struct hb_roots *roots;
	struct hb_dark *dark;
	uint64_t base; /* address of the object being looked at */
	HB_VEC(uint64_t) starts;
	bool out_of_memory;
};

uint32_t hb_dark_node_at(const struct hb_dark *dark, uint64_t addr)
{
	uint32_t slot = hb_heap_slot(dark->heap, addr), object = slot ? dark->object[slot] : 0;
	return object ? dark->ngoroutines + object - 1 : UINT32_MAX;
}

/* --- Forward ------------------------------------------------------------------------------------------------------ */

static void add_edge(struct builder *builder, uint64_t value)
{
	struct hb_dark *dark = builder->dark;
	uint32_t slot = hb_heap_slot(dark->heap, value);
	if (!slot || !hb_heap_allocated(dark->heap, slot) || hb_slot_is_set(dark->proof->reached, slot) ||
	    hb_slot_is_set(dark->proof->held, slot))
		return;
	if (!dark->object[slot]) {
		if (!hb_vec_push(&dark->slots, slot)) {
			builder->out_of_memory = true;
			return;
		}
		dark->object[slot] = (uint32_t)dark->slots.len;
	}
	if (!hb_vec_push(&dark->to, dark->ngoroutines + dark->object[slot] - 1))
		builder->out_of_memory = true;
}

static void visit_word(void *ctx, uint64_t word)
{
	struct builder *builder = ctx;
	add_edge(builder, hb_load_u64(hb_heap_bytes(builder->dark->heap, builder->base) + word * 8));
}

static void add_object(struct builder *builder, uint32_t slot)
{
	const struct hb_heap *heap = builder->dark->heap;
	if (!slot || !hb_heap_allocated(heap, slot))
		return;
	const struct hb_span *span = &heap->spans[hb_heap_span_of_slot(heap, slot)];
	builder->base = hb_heap_slot_addr(span, slot);
	if (span->kind != HB_SPAN_NOSCAN)
		hb_heap_each_pointer_word(heap, span, slot, visit_word, builder);
}

static void add_goroutine(struct builder *builder, uint32_t goroutine)
{
	const struct hb_proof *proof = builder->dark->proof;
	const struct hb_roots *roots = builder->roots;
	const struct hb_wait *wait = &proof->waits.list[goroutine];
	uint32_t node = proof->node[goroutine];
	for (size_t i = hb_roots_first_edge(roots, node); i < roots->edges.len && roots->edges.data[i].node == node;
	     i++)
		add_edge(builder, roots->edges.data[i].value);
	add_object(builder, hb_heap_slot(builder->dark->heap, builder->goroutines->list[goroutine].g));
	for (uint32_t q = 0; q < wait->n; q++) {
		const struct hb_wait_on *queue = &proof->waits.queues.data[wait->first + q];
		add_edge(builder, queue->primitive);
		add_object(builder, hb_heap_slot(builder->dark->heap, queue->sudog));
	}
}

static struct hb_error *follow(struct builder *builder)
{
	struct hb_dark *dark = builder->dark;
	for (uint32_t i = 0; i < dark->ngoroutines; i++) {
		HB_VEC_PUSH(&builder->starts, dark->to.len);
		add_goroutine(builder, dark->goroutine[i]);
	}
	for (size_t i = 0; i < dark->slots.len && !builder->out_of_memory; i++) {
		if ((i & 0xffff) == 0 && hb_interrupted())
			return hb_interrupted_error();
		HB_VEC_PUSH(&builder->starts, dark->to.len);
		add_object(builder, dark->slots.data[i]);
	}
	HB_VEC_PUSH(&builder->starts, dark->to.len);
	dark->nobjects = (uint32_t)dark->slots.len;
	return builder->out_of_memory ? hb_error_nomem() : NULL;
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

static struct hb_error *turn_round(struct hb_dark *dark)
{
	uint32_t nodes = hb_dark_nodes(dark);
	dark->first_from = calloc((size_t)nodes + 2, sizeof(*dark->first_from));
	dark->from = calloc(dark->to.len + 1, sizeof(*dark->from));
	if (!dark->first_from || !dark->from)
		return hb_error_nomem();
	/* Counted two places ahead: filling moves each start to where it belongs. */
	uint64_t *first = dark->first_from;
	for (size_t i = 0; i < dark->to.len; i++)
		first[(size_t)dark->to.data[i] + 2]++;
	for (size_t i = 2; i < (size_t)nodes + 2; i++)
		first[i] += first[i - 1];
	for (uint32_t tail = 0; tail < nodes; tail++)
		for (uint64_t i = dark->first_to[tail]; i < dark->first_to[tail + 1]; i++)
			dark->from[first[(size_t)dark->to.data[i] + 1]++] = tail;
	return NULL;
}

static struct hb_error *build(struct builder *builder)
{
	struct hb_dark *dark = builder->dark;
	const struct hb_proof *proof = dark->proof;
	dark->goroutine = calloc(proof->nproven + 1, sizeof(*dark->goroutine));
	dark->object = hb_pages_map(((size_t)dark->heap->nslots + 1) * sizeof(*dark->object));
	if (!dark->goroutine || !dark->object)
		return hb_error_nomem();
	for (size_t i = 0; i < builder->goroutines->n; i++)
		if (!proof->can_run[i])
			dark->goroutine[dark->ngoroutines++] = (uint32_t)i;
	TRY(follow(builder));
	dark->first_to = builder->starts.data;
	builder->starts.data = NULL;
	return turn_round(dark);
}

struct hb_error *hb_dark_build(const struct hb_heap *heap, const struct hb_goroutines *goroutines,
                               const struct hb_roots *roots, const struct hb_proof *proof, struct hb_dark *ret)
{
	*ret = (struct hb_dark){.heap = heap, .proof = proof};
	struct builder builder = {.goroutines = goroutines, .roots = roots, .dark = ret};
	struct hb_error *err = build(&builder);
	free(builder.starts.data);
	if (err)
		hb_dark_deinit(ret);
	return err;
}

void hb_dark_deinit(struct hb_dark *dark)
{
	free(dark->goroutine);
	hb_vec_deinit(&dark->slots);
	hb_vec_deinit(&dark->to);
	free(dark->first_to);
	free(dark->from);
	free(dark->first_from);
	if (dark->object)
		hb_pages_unmap(dark->object, ((size_t)dark->heap->nslots + 1) * sizeof(*dark->object));
	*dark = (struct hb_dark){0};
}

/* --- Shares ------------------------------------------------------------------------------------------------------- */

enum { NO_GROUP = 0, SEVERAL = UINT32_MAX };

struct sharing {
	const struct hb_dark *dark;
	uint32_t *label; /* by object: group + 1 */
	HB_VEC(uint32_t) changed;
};

static struct hb_error *pass_on(struct sharing *sharing, uint32_t node, uint32_t label)
{
	const struct hb_dark *dark = sharing->dark;
	for (uint64_t i = dark->first_to[node]; i < dark->first_to[node + 1]; i++) {
		uint32_t *its = &sharing->label[dark->to.data[i] - dark->ngoroutines];
		if (*its == label || *its == SEVERAL)
			continue;
		*its = *its == NO_GROUP ? label : SEVERAL;
		HB_VEC_PUSH(&sharing->changed, dark->to.data[i]);
	}
	return NULL;
}

/* Every object's label changes twice at most. */
static struct hb_error *share(struct sharing *sharing, const uint32_t *group)
{
	const struct hb_dark *dark = sharing->dark;
	for (uint32_t i = 0; i < dark->ngoroutines; i++)
		TRY(pass_on(sharing, i, group[i] + 1));
	while (sharing->changed.len) {
		uint32_t node = sharing->changed.data[--sharing->changed.len];
		TRY(pass_on(sharing, node, sharing->label[node - dark->ngoroutines]));
	}
	return NULL;
}

struct hb_error *hb_dark_shares(const struct hb_dark *dark, const uint32_t *group, uint32_t ngroups,
                                uint64_t *ret_bytes)
{
	struct sharing sharing = {.dark = dark, .label = calloc((size_t)dark->nobjects + 1, sizeof(uint32_t))};
	struct hb_error *err = sharing.label ? share(&sharing, group) : hb_error_nomem();
	for (uint32_t i = 0; i < ngroups; i++)
		ret_bytes[i] = 0;
	for (uint32_t i = 0; !err && i < dark->nobjects; i++) {
		uint32_t label = sharing.label[i];
		if (label != NO_GROUP && label != SEVERAL && label <= ngroups)
			ret_bytes[label - 1] +=
			        dark->heap->spans[hb_heap_span_of_slot(dark->heap, dark->slots.data[i])].elem_size;
	}
	free(sharing.label);
	hb_vec_deinit(&sharing.changed);
	return err;
}
