#include "golang/code.h"
#include "base/order.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "golang/code_track.h"

#include <string.h>

/* --- Which functions are worth decoding --------------------------------------------------------------------------
 *
 * A rip-relative operand is a modrm byte with mod 0, rm 5, and the displacement right behind it. So a function in which
 * no byte looks like that and leads to a global or to code refers to none: it is skipped without being decoded.
 */

enum { SCAN_TAIL = 5 }; /* modrm and displacement */

static bool looks_rip_relative(uint8_t byte)
{
	return (byte & 0xc7) == 5;
}

/* Where a displacement at offset `at` of the text leads, before the bytes of an immediate (0 to 4) are added. */
static uint64_t scan_target(const struct hb_code_view *view, uint32_t at)
{
	return view->text + at + 4 + (uint64_t)(int64_t)(int32_t)hb_load_u32(view->bytes + at);
}

static bool scan_is_interesting(const struct hb_code_view *view, uint32_t modrm)
{
	uint64_t target = scan_target(view, modrm + 1);
	/* cmpl $0, runtime.writeBarrier(SB): the displacement is followed by one byte. */
	if (target + 1 == view->ignored)
		return false;
	if (target + 4 >= view->data && target < view->edata)
		return true;
	return target >= view->text && target < view->etext && modrm && view->bytes[modrm - 1] == 0x8d;
}

/* The offset of the last operand of a function that may matter; false: there is none. */
static bool scan_function(const struct hb_code_view *view, const struct hb_code_func *func, uint32_t *last)
{
	if (func->end - func->start < SCAN_TAIL)
		return false;
	for (uint32_t at = func->end - SCAN_TAIL + 1; at-- > func->start;) {
		if (looks_rip_relative(view->bytes[at]) && scan_is_interesting(view, at)) {
			*last = at;
			return true;
		}
	}
	return false;
}

/* runtime.writeBarrier is what most of the instructions "cmpl $0, x(SB)" compare (cmd/compile/internal/ssa/
 * writebarrier.go, 1.18-1.27): their majority element, or 0. */
static uint64_t find_write_barrier(const struct hb_code_view *view)
{
	uint64_t candidate = 0, size = view->etext - view->text;
	uint64_t balance = 0, seen = 0, votes = 0;
	for (int pass = 0; pass < 2; pass++) {
		const uint8_t *p = view->bytes, *end = view->bytes + size;
		while (end - p >= 7 && (p = memchr(p, 0x83, (size_t)(end - p - 6)))) {
			if (p[1] != 0x3d || p[6] != 0) {
				p++;
				continue;
			}
			uint64_t target = scan_target(view, (uint32_t)(p + 2 - view->bytes)) + 1;
			p++;
			if (pass) {
				seen++;
				votes += target == candidate;
			} else if (target == candidate) {
				balance++;
			} else if (balance) {
				balance--;
			} else {
				candidate = target;
				balance = 1;
			}
		}
	}
	bool sure = votes > seen / 2 && votes >= 16 && candidate >= view->data && candidate < view->edata;
	return sure ? candidate : 0;
}

/* --- Decoding, a run of functions at a time --------------------------------------------------------------------- */

struct chunk {
	uint32_t first, last; /* functions [first, last) */
	struct hb_code_sink sink;
	uint64_t decoded;
};
struct analysis {
	struct hb_code_view view;
	struct chunk *chunks;
	size_t nchunks;
};

static int ref_compare(const void *left, const void *right)
{
	const struct hb_code_ref *a = left, *b = right;
	if (a->data != b->data)
		return a->data < b->data ? -1 : 1;
	return a->pc == b->pc ? 0 : a->pc < b->pc ? -1 : 1;
}

static int vote_compare(const void *left, const void *right)
{
	const struct hb_code_vote *a = left, *b = right;
	if (a->data != b->data)
		return a->data < b->data ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->func != b->func)
		return a->func < b->func ? -1 : 1;
	return a->shape - b->shape;
}

static int closure_compare(const void *left, const void *right)
{
	const struct hb_code_closure *a = left, *b = right;
	if (a->fn != b->fn)
		return a->fn < b->fn ? -1 : 1;
	return a->type == b->type ? 0 : a->type < b->type ? -1 : 1;
}

static struct hb_error *analyse_chunk(void *ctx, size_t i)
{
	const struct analysis *analysis = ctx;
	struct chunk *chunk = &analysis->chunks[i];
	struct hb_x86_decoder *decoder = hb_x86_decoder_create();
	if (!decoder)
		return hb_error_nomem();
	struct hb_error *err = NULL;
	for (uint32_t at = chunk->first; at < chunk->last && !err; at++) {
		const struct hb_code_func *func = &analysis->view.funcs->list[at];
		uint32_t last;
		if (!scan_function(&analysis->view, func, &last))
			continue;
		size_t votes = chunk->sink.votes.len;
		err = hb_code_track(&analysis->view, decoder, func, last, &chunk->sink);
		HB_VEC_SORT_UNIQUE(&chunk->sink.votes, votes, vote_compare);
		chunk->decoded += func->end - func->start;
		if (!err && hb_interrupted())
			err = hb_interrupted_error();
	}
	hb_x86_decoder_destroy(decoder);
	return err;
}

enum { CHUNK_BYTES = 512 * 1024 };

static struct hb_error *make_chunks(struct analysis *analysis)
{
	const struct hb_code_funcs *funcs = analysis->view.funcs;
	HB_VEC(struct chunk) chunks = {0};
	for (uint32_t at = 0; at < funcs->n;) {
		uint32_t first = at;
		uint64_t bytes = 0;
		for (; at < funcs->n && bytes < CHUNK_BYTES; at++)
			bytes += funcs->list[at].end - funcs->list[at].start;
		if (!hb_vec_push(&chunks, (struct chunk){.first = first, .last = at})) {
			hb_vec_deinit(&chunks);
			return hb_error_nomem();
		}
	}
	analysis->chunks = chunks.data;
	analysis->nchunks = chunks.len;
	return NULL;
}

static void analysis_deinit(struct analysis *analysis)
{
	for (size_t i = 0; i < analysis->nchunks; i++)
		hb_code_sink_deinit(&analysis->chunks[i].sink);
	free(analysis->chunks);
}

/* --- Putting it together ---------------------------------------------------------------------------------------- */

#define APPEND(to, from)                                                                                 \
	do {                                                                                             \
		if (!hb_vec_reserve(to, (to)->len + (from)->len))                                        \
			return hb_error_nomem();                                                         \
		if ((from)->len)                                                                         \
			memcpy((to)->data + (to)->len, (from)->data, (from)->len * sizeof(*(to)->data)); \
		(to)->len += (from)->len;                                                                \
		hb_vec_deinit(from);                                                                     \
	} while (0)

static struct hb_error *merge(struct analysis *analysis, struct hb_code_facts *facts)
{
	hb_cleanup(hb_code_sink_deinit) struct hb_code_sink more = {0};
	for (size_t i = 0; i < analysis->nchunks; i++) {
		struct chunk *chunk = &analysis->chunks[i];
		APPEND(&facts->refs, &chunk->sink.refs);
		APPEND(&facts->votes, &chunk->sink.votes);
		APPEND(&facts->closures, &chunk->sink.closures);
		APPEND(&more.results, &chunk->sink.results);
		facts->instructions += chunk->sink.instructions;
		facts->undecodable += chunk->sink.undecodable;
		facts->decoded_bytes += chunk->decoded;
	}
	TRY(hb_code_follow_results(&analysis->view, more.results.data, more.results.len, &more));
	APPEND(&facts->votes, &more.votes);
	HB_VEC_SORT_UNIQUE(&facts->refs, 0, ref_compare);
	HB_VEC_SORT_UNIQUE(&facts->votes, 0, vote_compare);
	HB_VEC_SORT_UNIQUE(&facts->closures, 0, closure_compare);
	return NULL;
}

/* From the first to the last of the four data sections: one run in every Go binary (cmd/link/internal/ld/data.go). */
static void set_data(struct hb_code_view *view, const struct hb_go_module *module)
{
	const uint64_t bounds[][2] = {
	        {module->data, module->edata},
	        {module->bss, module->ebss},
	        {module->noptrdata, module->enoptrdata},
	        {module->noptrbss, module->enoptrbss},
	};
	view->data = UINT64_MAX;
	for (size_t i = 0; i < hb_countof(bounds); i++) {
		if (bounds[i][0] >= bounds[i][1])
			continue;
		view->data = hb_min(view->data, bounds[i][0]);
		view->edata = hb_max(view->edata, bounds[i][1]);
	}
}

/* False when there is no text to read. */
static bool set_view(const struct hb_go *go, const struct hb_types *types, struct hb_code_view *view)
{
	if (!go->nmodules)
		return false;
	const struct hb_go_module *module = &go->modules[0];
	*view = (struct hb_code_view){
	        .types = types,
	        .text = module->text,
	        .etext = module->etext,
	        .type_start = module->types,
	        .type_end = module->etypes,
	};
	set_data(view, module);
	if (view->etext <= view->text || view->etext - view->text > UINT32_MAX)
		return false;
	struct hb_bytes bytes = hb_snapshot_view(go->snapshot, view->text, view->etext - view->text);
	view->bytes = bytes.data;
	return bytes.data && view->data < view->edata;
}

static struct hb_error *analyse(struct analysis *analysis, struct hb_code_facts *facts)
{
	analysis->view.ignored = find_write_barrier(&analysis->view);
	facts->text_bytes = analysis->view.etext - analysis->view.text;
	TRY(make_chunks(analysis));
	TRY(hb_parallel_for(analysis->nchunks, analyse_chunk, analysis));
	return merge(analysis, facts);
}

struct hb_error *hb_code_analyse(const struct hb_go *go, const struct hb_types *types, struct hb_code_facts **ret)
{
	hb_cleanup(hb_code_facts_destroyp) struct hb_code_facts *facts = calloc(1, sizeof(*facts));
	if (!facts)
		return hb_error_nomem();
	hb_cleanup(analysis_deinit) struct analysis analysis = {0};
	if (!set_view(go, types, &analysis.view)) {
		hb_notes_add(go->notes,
		             "the program's code is not in the snapshot: globals without symbols have no names");
		*ret = hb_take(facts);
		return NULL;
	}
	hb_cleanup(hb_code_funcs_deinit) struct hb_code_funcs funcs = {0};
	TRY(hb_code_funcs_read(go, types, &funcs));
	analysis.view.funcs = &funcs;
	TRY(analyse(&analysis, facts));
	*ret = hb_take(facts);
	return NULL;
}

void hb_code_facts_destroy(struct hb_code_facts *facts)
{
	if (!facts)
		return;
	hb_vec_deinit(&facts->refs);
	hb_vec_deinit(&facts->votes);
	hb_vec_deinit(&facts->closures);
	free(facts);
}

void hb_code_facts_destroyp(struct hb_code_facts **facts)
{
	hb_code_facts_destroy(*facts);
	*facts = NULL;
}
