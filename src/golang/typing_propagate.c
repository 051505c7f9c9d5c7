/* Following what typed memory points at, until nothing new comes up. */
#include "golang/typing_internal.h"

#include "base/progress.h"

#include <string.h>

enum {
	CHUNK = 32, /* values of an array before others get their turn */
	POLL_EVERY = 1 << 14,
	REFLECT_INDIRECT = 128, /* reflect/value.go flagIndir, 1.18-1.27 */
};

static uint64_t hash_word(uint64_t word)
{
	return word * 0x9e3779b97f4a7c15u >> (64 - HB_WORD_CACHE_LOG2);
}

/* internal/abi/iface.go ITab: the interface, the type, a copy of the type's hash, or 0 when the itab was made at run
 * time (runtime/iface.go itabInit, 1.18-1.27). */
static uint32_t type_of_itab(struct hb_typer *typer, uint64_t itab)
{
	const struct hb_go_layout *layout = typer->go->layout;
	uint64_t inter, type;
	uint32_t hash;
	if (!hb_snapshot_u64(typer->go->snapshot, itab + layout->itab.inter, &inter) ||
	    !hb_snapshot_u64(typer->go->snapshot, itab + layout->itab.type, &type) ||
	    !hb_snapshot_u32(typer->go->snapshot, itab + layout->itab.hash, &hash))
		return 0;
	uint32_t interface = hb_types_find(typer->types, inter);
	if (!interface || typer->types->list[interface].kind != HB_KIND_INTERFACE)
		return 0;
	uint32_t id = hb_types_find(typer->types, type);
	return id && (!hash || typer->types->list[id].hash == hash) ? id : 0;
}

/* A descriptor that reflect made is an object of its own. */
static uint32_t type_made_by_reflect(struct hb_typer *typer, uint64_t word)
{
	struct hb_target_slot found = hb_scan_find(&typer->scan, word);
	uint64_t at;
	if (found.kind != HB_SPAN_BITS || !hb_heap_page(typer->heap, word, &at) || at != found.word * 8 ||
	    !hb_heap_allocated(typer->heap, found.slot))
		return 0;
	return hb_types_add(typer->types, word);
}

uint32_t hb_typer_interface_type(struct hb_typer *typer, uint64_t word)
{
	if (word < 4096 || word % 8 || word >> 47)
		return 0;
	struct hb_word_type *known = &typer->words[hash_word(word)];
	if (known->word == word)
		return known->type;
	uint32_t type = hb_types_find(typer->types, word);
	if (!type && hb_go_module_of_types(typer->go, word) == NULL && hb_heap_page(typer->heap, word, &(uint64_t){0}))
		type = type_made_by_reflect(typer, word);
	else if (!type)
		type = type_of_itab(typer, word);
	*known = (struct hb_word_type){word, type};
	return type;
}

void hb_typer_follow_word(struct hb_typer *typer, enum hb_step_kind kind, uint32_t type, uint64_t word)
{
	switch (kind) {
	case HB_STEP_POINTER:
		hb_typer_claim(typer, word, type, 1, false);
		break;
	case HB_STEP_MAP:
		hb_typer_claim(typer, word, hb_typer_pseudo(typer, HB_ROLE_MAP, type), 1, false);
		break;
	case HB_STEP_CHAN:
		hb_typer_claim_channel(typer, word, type);
		break;
	case HB_STEP_FUNC:
		hb_typer_claim(typer, word, typer->known.closure, 1, false);
		break;
	default:
		break;
	}
}

void hb_typer_follow_interface(struct hb_typer *typer, uint32_t dynamic_type, uint64_t data)
{
	if (!typer->types->list[dynamic_type].direct_iface) {
		hb_typer_claim(typer, data, dynamic_type, 1, false);
		return;
	}
	/* The word is the value: a pointer, or a struct or array of one. */
	struct hb_shape shape = *hb_typer_shape(typer, dynamic_type);
	if (shape.nsteps != 1)
		return;
	struct hb_step step = typer->steps.data[shape.first_step];
	if (!step.offset)
		hb_typer_follow_word(typer, step.kind, step.type, data);
}

/* reflect/value.go: typ_, ptr, flag. */
static void follow_reflected(struct hb_typer *typer, const uint8_t *value)
{
	uint32_t type = hb_typer_interface_type(typer, hb_load_u64(value));
	uint64_t data = hb_load_u64(value + 8);
	if (!type || !data)
		return;
	if (hb_load_u64(value + 16) & REFLECT_INDIRECT)
		hb_typer_claim(typer, data, type, 1, false);
	else
		hb_typer_follow_interface(typer, type, data);
}

static void take_step(struct hb_typer *typer, const struct hb_step *step, const uint8_t *at)
{
	uint64_t word = hb_load_u64(at);
	if (step->kind == HB_STEP_ARRAY) {
		if (!hb_vec_push(&typer->work, (struct hb_work){at, step->type, step->count}))
			typer->nomem = true;
		return;
	}
	if (!word)
		return;
	switch (step->kind) {
	case HB_STEP_STRING:
		hb_typer_claim(typer, word, step->type, hb_load_u64(at + 8), false);
		break;
	case HB_STEP_SLICE:
		hb_typer_claim(typer, word, step->type, hb_load_u64(at + 16), true);
		break;
	case HB_STEP_COUNTED:
		hb_typer_claim(typer, word, step->type, hb_load_u64(at + 8), true);
		break;
	case HB_STEP_INTERFACE: {
		uint64_t data = hb_load_u64(at + 8);
		uint32_t type = data ? hb_typer_interface_type(typer, word) : 0;
		if (type)
			hb_typer_follow_interface(typer, type, data);
		break;
	}
	case HB_STEP_REFLECTED:
		follow_reflected(typer, at);
		break;
	case HB_STEP_DIRECTORY:
		hb_typer_follow_directory(typer, at - step->offset, step->type);
		break;
	case HB_STEP_GROUPS:
		hb_typer_follow_groups(typer, at - step->offset, step->type);
		break;
	case HB_STEP_BUFFER:
		hb_typer_follow_buffer(typer, at - step->offset, step->type);
		break;
	case HB_STEP_BUCKETS:
		hb_typer_follow_buckets(typer, at - step->offset, step->type);
		break;
	default:
		hb_typer_follow_word(typer, step->kind, step->type, word);
	}
}

/* Takes the steps of one value. Steps may move while types are added, so they are copied. */
static void take_steps(struct hb_typer *typer, const uint8_t *bytes, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct hb_step step = typer->steps.data[first + i];
		take_step(typer, &step, bytes + step.offset);
	}
}

static void do_some_work(struct hb_typer *typer)
{
	struct hb_work work = typer->work.data[--typer->work.len];
	struct hb_shape shape = *hb_typer_shape(typer, work.type);
	uint32_t n = hb_min(work.n, (uint32_t)CHUNK);
	if (work.n > n) /* pops left room for one */
		typer->work.data[typer->work.len++] =
		        (struct hb_work){work.bytes + n * shape.size, work.type, work.n - n};
	for (uint32_t i = 0; i < n; i++)
		take_steps(typer, work.bytes + i * shape.size, shape.first_step, shape.nsteps);
}

struct hb_error *hb_typer_drain(struct hb_typer *typer)
{
	while (typer->work.len || typer->inflight_len) {
		if (typer->work.len && typer->inflight_len < HB_INFLIGHT * 3 / 4)
			do_some_work(typer);
		else
			hb_typer_settle_oldest(typer);
		if (++typer->polled % POLL_EVERY == 0 && hb_interrupted())
			return hb_interrupted_error();
		if (typer->nomem)
			return hb_error_nomem();
	}
	return NULL;
}
