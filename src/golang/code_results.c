/* What functions return: `var tree = build()` says what tree is only in build.
 *
 * Functions are read for it only when something in data takes their result, one round for each function that returns what
 * another one returns.
 */
#include "base/order.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "golang/code_track.h"

#include <string.h>

enum { MAX_ROUNDS = 4, CHUNK = 64 /* functions */ };

struct chunk {
	const uint32_t *starts;
	size_t n;
	struct hb_code_sink sink;
};
struct following {
	const struct hb_code_view *view;
	HB_VEC(uint32_t) todo;
	HB_VEC(uint32_t) done;                 /* sorted */
	HB_VEC(struct hb_code_return) returns; /* sorted by function, then value */
	HB_VEC(struct chunk) chunks;
};

static void chunks_deinit(struct following *following)
{
	for (size_t i = 0; i < following->chunks.len; i++)
		hb_code_sink_deinit(&following->chunks.data[i].sink);
	hb_vec_deinit(&following->chunks);
	following->chunks.len = 0;
}

static void following_deinit(struct following *following)
{
	chunks_deinit(following);
	hb_vec_deinit(&following->todo);
	hb_vec_deinit(&following->done);
	hb_vec_deinit(&following->returns);
}

static int return_compare(const void *left, const void *right)
{
	const struct hb_code_return *a = left, *b = right;
	if (a->func != b->func)
		return a->func < b->func ? -1 : 1;
	return a->value == b->value ? 0 : a->value < b->value ? -1 : 1;
}

static struct hb_error *read_chunk(void *ctx, size_t i)
{
	const struct following *following = ctx;
	struct chunk *chunk = &following->chunks.data[i];
	struct hb_x86_decoder *decoder = hb_x86_decoder_create();
	if (!decoder)
		return hb_error_nomem();
	struct hb_error *err = NULL;
	chunk->sink.wants_returns = true;
	for (size_t k = 0; k < chunk->n && !err; k++) {
		const struct hb_code_view *view = following->view;
		const struct hb_code_func *func = hb_code_func_starting(view->funcs, view->text + chunk->starts[k]);
		if (func)
			err = hb_code_track(view, decoder, func, UINT32_MAX, &chunk->sink);
		if (!err && hb_interrupted())
			err = hb_interrupted_error();
	}
	hb_x86_decoder_destroy(decoder);
	return err;
}

/* Reads the functions that are to do and notes what they return. */
static struct hb_error *read_todo(struct following *following)
{
	for (size_t at = 0; at < following->todo.len; at += CHUNK) {
		struct chunk chunk = {.starts = following->todo.data + at,
		                      .n = hb_min(following->todo.len - at, (size_t)CHUNK)};
		HB_VEC_PUSH(&following->chunks, chunk);
	}
	TRY(hb_parallel_for(following->chunks.len, read_chunk, following));
	for (size_t i = 0; i < following->chunks.len; i++) {
		const struct hb_code_sink *sink = &following->chunks.data[i].sink;
		for (size_t k = 0; k < sink->returns.len; k++)
			HB_VEC_PUSH(&following->returns, sink->returns.data[k]);
	}
	chunks_deinit(following);
	if (following->returns.len)
		qsort(following->returns.data, following->returns.len, sizeof(following->returns.data[0]),
		      return_compare);
	for (size_t i = 0; i < following->todo.len; i++)
		HB_VEC_PUSH(&following->done, following->todo.data[i]);
	if (following->done.len)
		qsort(following->done.data, following->done.len, sizeof(uint32_t), hb_compare_u32);
	following->todo.len = 0;
	return NULL;
}

static struct hb_error *add_todo(struct following *following, uint32_t start)
{
	size_t low = hb_partition_point(following->done.len, i, following->done.data[i] < start);
	if (low < following->done.len && following->done.data[low] == start)
		return NULL;
	HB_VEC_PUSH(&following->todo, start);
	return NULL;
}

/* The one thing that a function returns as far as is known; 0 when it is several or none. Sets *ret_next to the function
 * whose result it returns, when it does. */
static hb_code_value value_of(const struct following *following, uint32_t start, uint32_t *ret_next)
{
	size_t at = hb_partition_point(following->returns.len, i, following->returns.data[i].func < start);
	hb_code_value found = 0;
	bool several = false;
	uint32_t next = 0, nexts = 0;
	for (; at < following->returns.len && following->returns.data[at].func == start; at++) {
		hb_code_value value = following->returns.data[at].value;
		uint32_t callee;
		if (hb_code_value_is_result(value, &callee)) {
			nexts += !nexts || callee != next;
			next = callee;
		} else {
			several |= found && value != found;
			found = value;
		}
	}
	*ret_next = !found && nexts == 1 ? next : 0;
	return several ? 0 : found;
}

static hb_code_value resolve(const struct following *following, uint32_t start)
{
	for (int i = 0; i < MAX_ROUNDS; i++) {
		uint32_t next;
		hb_code_value value = value_of(following, start, &next);
		if (value || !next)
			return value;
		start = next;
	}
	return 0;
}

static struct hb_error *follow(struct following *following, const struct hb_code_result *results, size_t n,
                               struct hb_code_sink *sink)
{
	for (size_t i = 0; i < n; i++)
		TRY(add_todo(following, results[i].callee));
	for (int round = 0; round < MAX_ROUNDS && following->todo.len; round++) {
		HB_VEC_SORT_UNIQUE(&following->todo, 0, hb_compare_u32);
		TRY(read_todo(following));
		for (size_t i = 0; i < following->returns.len; i++) {
			uint32_t callee;
			if (hb_code_value_is_result(following->returns.data[i].value, &callee))
				TRY(add_todo(following, callee));
		}
	}
	for (size_t i = 0; i < n; i++)
		TRY(hb_code_vote_result(following->view, &results[i], resolve(following, results[i].callee), sink));
	return NULL;
}

struct hb_error *hb_code_follow_results(const struct hb_code_view *view, const struct hb_code_result *results, size_t n,
                                        struct hb_code_sink *sink)
{
	hb_cleanup(following_deinit) struct following following = {.view = view};
	return follow(&following, results, n, sink);
}
