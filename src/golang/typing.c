#include "golang/typing_internal.h"

#include "base/progress.h"

#include <string.h>
#include <sys/mman.h>

enum { MAX_ROUNDS = 4 };

/* internal/runtime/gc/sizeclasses.go (runtime/sizeclasses.go up to 1.24), the same from 1.16 to 1.27. */
static const uint16_t size_classes[] = {
        8,     16,    24,    32,    48,    64,    80,    96,    112,   128,   144,   160,   176,   192,
        208,   224,   240,   256,   288,   320,   352,   384,   416,   448,   480,   512,   576,   640,
        704,   768,   896,   1024,  1152,  1280,  1408,  1536,  1792,  2048,  2304,  2688,  3072,  3200,
        3456,  4096,  4864,  5376,  6144,  6528,  6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288,
        13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

static bool make_class_table(struct hb_typer *typer)
{
	typer->smaller_class = calloc(32768 / 8 + 1, sizeof(*typer->smaller_class));
	for (size_t i = 1; typer->smaller_class && i < hb_countof(size_classes); i++)
		typer->smaller_class[size_classes[i] / 8] = size_classes[i - 1];
	return typer->smaller_class;
}

/* A program built with -asan never asks for fewer than 17 bytes; any other has small objects from its start on. */
static bool has_redzones(const struct hb_heap *heap)
{
	for (uint32_t i = 0; i < heap->nspans; i++)
		if (heap->spans[i].elem_size <= 16)
			return false;
	return heap->nspans;
}

static void typer_deinit(struct hb_typer *typer)
{
	hb_scan_deinit(&typer->scan);
	free(typer->smaller_class);
	hb_vec_deinit(&typer->shapes);
	hb_vec_deinit(&typer->steps);
	hb_vec_deinit(&typer->roles);
	hb_vec_deinit(&typer->closure_types);
	hb_vec_deinit(&typer->map_types);
	hb_vec_deinit(&typer->work);
	free(typer->pseudo_keys);
	free(typer->pseudo_ids);
	if (typer->partials)
		hb_pages_unmap(typer->partials, sizeof(*typer->partials) << typer->partials_log2);
	if (typer->statics)
		hb_pages_unmap(typer->statics, sizeof(*typer->statics) << typer->statics_log2);
	free(typer->words);
	free(typer->verdicts);
}

static struct hb_error *typer_init(struct hb_typer *typer, struct hb_typing *typing, const struct hb_roots *roots,
                                   const struct hb_code_facts *facts)
{
	*typer = (struct hb_typer){
	        .types = typing->types,
	        .heap = typing->heap,
	        .go = typing->types->go,
	        .facts = facts,
	        .roots = roots,
	        .typing = typing,
	        .state = typing->type_of,
	        .source = HB_CLAIM_FIELD,
	        /* 16 bytes each, at most twice as many places: 8 bytes an object at the worst. */
	        .max_partials = hb_max(typing->heap->nobjects / 4, 1ull << 20),
	};
	typer->words = calloc((size_t)1 << HB_WORD_CACHE_LOG2, sizeof(*typer->words));
	typer->verdicts = calloc((size_t)1 << HB_VERDICTS_LOG2, sizeof(*typer->verdicts));
	if (!typer->words || !typer->verdicts || !make_class_table(typer))
		return hb_error_nomem();
	typer->redzones = has_redzones(typing->heap);
	TRY(hb_scan_init(&typer->scan, typing->heap));
	typer->stage_began = hb_now_ns();
	hb_typer_find_known(typer);
	return typer->nomem ? hb_error_nomem() : NULL;
}

static void report(struct hb_typer *typer, const char *stage)
{
	uint64_t now = hb_now_ns();
	hb_verbose("typing: %s: %llu of %llu objects typed, %llu claims rejected, %llu in conflict, %.1f ms", stage,
	           (unsigned long long)typer->ntyped, (unsigned long long)typer->heap->nobjects,
	           (unsigned long long)typer->typing->rejected_claims,
	           (unsigned long long)typer->typing->conflicting_claims, (double)(now - typer->stage_began) / 1e6);
	typer->stage_began = now;
}

static struct hb_error *run(struct hb_typer *typer)
{
	static const struct {
		const char *name;
		struct hb_error *(*seed)(struct hb_typer *typer);
	} stages[] = {
	        {"type headers", hb_typer_seed_headers},
	        {"typed roots", hb_typer_seed_roots},
	        {"globals typed by code", hb_typer_seed_code},
	        {"interfaces in globals", hb_typer_seed_globals},
	        {"interfaces, channels and closures in the heap", hb_typer_seed_untyped},
	        {"interfaces on stacks", hb_typer_seed_stacks},
	};
	for (size_t i = 0; i < hb_countof(stages); i++) {
		TRY(stages[i].seed(typer));
		report(typer, stages[i].name);
	}
	for (int round = 0; round < MAX_ROUNDS; round++) {
		uint64_t slabs, layouts, maps;
		TRY(hb_typer_infer_slabs(typer, &slabs));
		report(typer, "slabs");
		TRY(hb_typer_infer_layouts(typer, &layouts));
		report(typer, "layouts that one type has");
		TRY(hb_typer_infer_maps(typer, &maps));
		report(typer, "maps by their groups");
		if (!slabs && !layouts && !maps)
			break;
		TRY(hb_typer_seed_untyped(typer));
	}
	return NULL;
}

/* What points into a chunk says what is there, not what the chunk is. */
static void name_user_arenas(struct hb_typer *typer)
{
	for (uint32_t i = 0; i < typer->heap->nspans; i++) {
		const struct hb_span *span = &typer->heap->spans[i];
		if (span->user_arena && hb_heap_allocated(typer->heap, span->first_slot))
			typer->state[span->first_slot] = hb_typer_pseudo(typer, HB_ROLE_USER_ARENA, 0);
	}
}

static void sum_up(struct hb_typing *typing)
{
	const struct hb_heap *heap = typing->heap;
	for (uint32_t i = 0; i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_NOSCAN || span->kind == HB_SPAN_NONE)
			continue;
		for (uint32_t slot = span->first_slot; slot < span->first_slot + span->nelems; slot++) {
			if (!hb_heap_allocated(heap, slot))
				continue;
			typing->pointerful_bytes += span->elem_size;
			if (typing->type_of[slot] && !(typing->extra->how[slot] & HB_HOW_WEAK))
				typing->typed_bytes += span->elem_size;
		}
	}
}

/* During the run both are in one array. */
static void split_state(struct hb_typing *typing)
{
	for (uint32_t slot = 1; slot <= typing->heap->nslots; slot++) {
		uint32_t state = typing->type_of[slot];
		typing->extra->how[slot] = (uint8_t)(state >> HB_HOW_SHIFT);
		typing->type_of[slot] = state & (HB_TYPE_ID_LIMIT - 1);
	}
}

static struct hb_error *keep_roles(struct hb_typing *typing, const struct hb_typer *typer)
{
	typing->extra->nroles = (uint32_t)typer->roles.len;
	typing->extra->roles = malloc(typer->roles.len + 1);
	if (!typing->extra->roles)
		return hb_error_nomem();
	memcpy(typing->extra->roles, typer->roles.data, typer->roles.len);
	return NULL;
}

struct hb_error *hb_typing_run(struct hb_types *types, const struct hb_heap *heap, const struct hb_roots *roots,
                               const struct hb_code_facts *facts, struct hb_typing **ret)
{
	hb_cleanup(hb_typing_destroyp) struct hb_typing *typing = calloc(1, sizeof(*typing));
	if (!typing)
		return hb_error_nomem();
	typing->types = types;
	typing->heap = heap;
	typing->type_of = hb_pages_map(((size_t)heap->nslots + 1) * sizeof(*typing->type_of));
	typing->extra = calloc(1, sizeof(*typing->extra));
	if (typing->extra)
		typing->extra->how = hb_pages_map((size_t)heap->nslots + 1);
	if (!typing->type_of || !typing->extra || !typing->extra->how)
		return hb_error_nomem();
	/* Looked up at random, and all of it will be used. */
	madvise(typing->type_of, ((size_t)heap->nslots + 1) * sizeof(*typing->type_of), MADV_HUGEPAGE);
	hb_cleanup(typer_deinit) struct hb_typer typer;
	memset(&typer, 0, sizeof(typer));
	TRY(typer_init(&typer, typing, roots, facts));
	TRY(run(&typer));
	name_user_arenas(&typer);
	TRY(keep_roles(typing, &typer));
	split_state(typing);
	sum_up(typing);
	*ret = hb_take(typing);
	return NULL;
}

void hb_typing_destroy(struct hb_typing *typing)
{
	if (!typing)
		return;
	if (typing->type_of)
		hb_pages_unmap(typing->type_of, ((size_t)typing->heap->nslots + 1) * sizeof(*typing->type_of));
	if (typing->extra) {
		if (typing->extra->how)
			hb_pages_unmap(typing->extra->how, (size_t)typing->heap->nslots + 1);
		free(typing->extra->roles);
		free(typing->extra);
	}
	hb_arena_deinit(&typing->arena);
	free(typing);
}

void hb_typing_destroyp(struct hb_typing **typing)
{
	hb_typing_destroy(*typing);
}
