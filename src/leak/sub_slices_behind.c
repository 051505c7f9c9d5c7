/* What elements that no header reaches keep alive: `history = history[1:]` leaves an element behind in the array, and with it
 * all that it refers to. The collector scans the whole array.
 *
 * What is reached otherwise, by other objects or by elements in reach, is found by marking once with the candidates' elements
 * behind left out. What is not, and is dominated by the array, is freed when the array is; of what only several elements behind
 * hold together, and which none of them points to, nothing is counted.
 */
#include "base/order.h"
#include "heap/marker.h"
#include "leak/sub_slices.h"

enum { LEAST_BEHIND = 65536 }; /* bytes, at most: the marking is for arrays that matter */

struct behind {
	const struct hb_analysis *analysis;
	uint64_t *blocked, *marked; /* bit a slot */
	struct hb_marker *marker;
};

struct words { /* of one array */
	struct behind *behind;
	const struct hb_large_array *array;
	const uint8_t *bytes;
	HB_VEC(uint32_t) slots; /* that elements out of reach point to */
	uint64_t dominated;     /* bytes of them, several times if several elements do */
	struct hb_error *err;
};

static bool is_out_of_reach(const struct hb_large_array *array, uint64_t word)
{
	return word * 8 < array->lowest || word * 8 >= array->highest;
}

/* Bytes that go if the array does. */
static uint64_t dominated_bytes(const struct behind *behind, const struct hb_large_array *array, uint32_t slot)
{
	const struct hb_graph *graph = behind->analysis->graph;
	if (!slot || !graph->number[slot] || hb_graph_dominator_of_slot(graph, slot) != graph->number[array->slot])
		return 0;
	const struct hb_span *span = &graph->heap->spans[hb_heap_span_of_slot(graph->heap, slot)];
	return span->kind == HB_SPAN_NOSCAN ? span->elem_size : graph->retained[graph->number[slot]];
}

static void each_word(struct words *words, void (*visit)(void *ctx, uint64_t word))
{
	const struct hb_heap *heap = words->behind->analysis->heap;
	words->bytes = hb_heap_bytes(heap, words->array->start);
	if (words->bytes)
		hb_heap_each_pointer_word(heap, &heap->spans[hb_heap_span_of_slot(heap, words->array->slot)],
		                          words->array->slot, visit, words);
}

static uint64_t value_at(const struct words *words, uint64_t word)
{
	return hb_load_u64(words->bytes + word * 8);
}

/* --- Candidates ------------------------------------------------------------------------------------------------- */

static void add_dominated(void *ctx, uint64_t word)
{
	struct words *words = ctx;
	if (is_out_of_reach(words->array, word))
		words->dominated += dominated_bytes(words->behind, words->array,
		                                    hb_heap_slot(words->behind->analysis->heap, value_at(words, word)));
}

/* Little of it is used, and what is out of reach could keep something. */
static bool is_candidate(struct behind *behind, const struct hb_large_array *array)
{
	struct words words = {.behind = behind, .array = array};
	if (!array->known || !array->referrers || array->pointer_free || array->library ||
	    hb_large_array_used(array) > array->size / HB_SUB_SLICE_PART)
		return false;
	each_word(&words, add_dominated);
	return words.dominated >= LEAST_BEHIND;
}

/* --- What is reached otherwise ------------------------------------------------------------------------------------ */

static void add_in_reach(void *ctx, uint64_t word)
{
	struct words *words = ctx;
	if (!words->err && !is_out_of_reach(words->array, word))
		words->err = hb_marker_add(words->behind->marker, value_at(words, word));
}

static struct hb_error *mark(struct behind *behind, const struct hb_large_arrays *arrays)
{
	const struct hb_roots *roots = &behind->analysis->roots;
	for (size_t i = 0; i < roots->edges.len; i++)
		TRY(hb_marker_add(behind->marker, roots->edges.data[i].value));
	for (size_t i = 0; i < arrays->list.len; i++) {
		struct words words = {.behind = behind, .array = &arrays->list.data[i]};
		if (!hb_slot_is_set(behind->blocked, words.array->slot))
			continue;
		each_word(&words, add_in_reach);
		TRY(words.err);
	}
	TRY(hb_marker_run(behind->marker));
	hb_marker_finish(behind->marker);
	return NULL;
}

/* --- What is left ------------------------------------------------------------------------------------------------- */

static struct hb_error *push(struct words *words, uint32_t slot)
{
	HB_VEC_PUSH(&words->slots, slot);
	return NULL;
}

static void collect_left(void *ctx, uint64_t word)
{
	struct words *words = ctx;
	uint32_t slot = hb_heap_slot(words->behind->analysis->heap, value_at(words, word));
	if (!words->err && slot && is_out_of_reach(words->array, word) && !hb_slot_is_set(words->behind->marked, slot))
		words->err = push(words, slot);
}

static struct hb_error *sum_up(struct behind *behind, struct hb_large_array *array)
{
	struct words words = {.behind = behind, .array = array};
	each_word(&words, collect_left);
	if (!words.err && words.slots.len)
		qsort(words.slots.data, words.slots.len, sizeof(*words.slots.data), hb_compare_u32);
	for (size_t i = 0; !words.err && i < words.slots.len; i++)
		if (!i || words.slots.data[i] != words.slots.data[i - 1])
			array->behind += dominated_bytes(behind, array, words.slots.data[i]);
	hb_vec_deinit(&words.slots);
	return words.err;
}

struct hb_error *hb_large_arrays_behind(const struct hb_analysis *analysis, struct hb_large_arrays *arrays)
{
	size_t bytes = hb_heap_bitmap_bytes(analysis->heap), candidates = 0;
	hb_autofree uint64_t *blocked = calloc(1, bytes), *marked = calloc(1, bytes);
	struct behind behind = {.analysis = analysis, .blocked = blocked, .marked = marked};
	if (!blocked || !marked)
		return hb_error_nomem();
	for (size_t i = 0; i < arrays->list.len; i++) {
		if (!is_candidate(&behind, &arrays->list.data[i]))
			continue;
		hb_slot_set(blocked, arrays->list.data[i].slot);
		candidates++;
	}
	if (!candidates)
		return NULL;
	struct hb_marker_options options = {.blocked = blocked, .thorough = true};
	TRY(hb_marker_create(analysis->heap, &options, marked, &behind.marker));
	struct hb_error *err = mark(&behind, arrays);
	hb_marker_destroy(behind.marker);
	for (size_t i = 0; !err && i < arrays->list.len; i++)
		if (hb_slot_is_set(blocked, arrays->list.data[i].slot))
			err = sum_up(&behind, &arrays->list.data[i]);
	return err;
}
