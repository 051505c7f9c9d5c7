/* Where typing starts: memory that says its own type, or whose type something else says for certain. */
#include "golang/typing_internal.h"

#include "base/progress.h"
#include "golang/pclntab.h"

#include <string.h>

static struct hb_error *interrupted(uint32_t i)
{
	return i % 1024 == 0 && hb_interrupted() ? hb_interrupted_error() : NULL;
}

static uint64_t span_word(const struct hb_typer *typer, const struct hb_span *span)
{
	uint64_t at;
	return hb_heap_page(typer->heap, span->base, &at) ? at / 8 : 0;
}

/* --- Headers -------------------------------------------------------------------------------------------------------
 */

/* runtime/mbitmap.go, 1.22-1.27: the type that was passed to mallocgc, of the element when it is an array. */
static void seed_header(struct hb_typer *typer, const struct hb_span *span, uint32_t slot, uint64_t word)
{
	struct hb_claim claim = {.slot = slot, .word = word, .kind = span->kind, .source = HB_CLAIM_HEADER};
	uint64_t header = hb_typer_header(&claim);
	uint64_t addr = header ? hb_load_u64(typer->heap->memory + word * 8) : span->large_type;
	uint32_t type = addr ? hb_types_find(typer->types, addr) : 0;
	if (addr && !type && !hb_go_module_of_types(typer->go, addr))
		type = hb_types_add(typer->types, addr);
	uint64_t size = typer->types->list[type].size, room = span->elem_size - header;
	if (!type || !size || size > room)
		return;
	claim.type = type;
	claim.n = room / size;
	claim.many = claim.n > 1;
	hb_typer_accept(typer, &claim, header);
}

struct hb_error *hb_typer_seed_headers(struct hb_typer *typer)
{
	for (uint32_t i = 0; i < typer->heap->nspans; i++) {
		const struct hb_span *span = &typer->heap->spans[i];
		TRY(interrupted(i));
		if (span->kind != HB_SPAN_HEADER && span->kind != HB_SPAN_LARGE)
			continue;
		uint64_t word = span_word(typer, span);
		for (uint32_t k = 0; k < span->nelems; k++)
			if (hb_heap_allocated(typer->heap, span->first_slot + k))
				seed_header(typer, span, span->first_slot + k, word + k * span->elem_size / 8);
		TRY(hb_typer_drain(typer));
	}
	return NULL;
}

/* --- Roots and code ------------------------------------------------------------------------------------------------
 */

struct hb_error *hb_typer_seed_roots(struct hb_typer *typer)
{
	for (size_t i = 0; typer->roots && i < typer->roots->nodes.len; i++) {
		const struct hb_root_node *node = &typer->roots->nodes.data[i];
		if (node->kind == HB_ROOT_GLOBAL && node->type) {
			typer->source = node->name_is_certain ? HB_CLAIM_DWARF : HB_CLAIM_GLOBAL;
			hb_typer_claim(typer, node->id, hb_types_find(typer->types, node->type), 1, false);
		} else if (node->kind == HB_ROOT_GOROUTINE) {
			typer->source = HB_CLAIM_RUNTIME;
			hb_typer_claim(typer, node->id, typer->known.g, 1, false);
		}
	}
	typer->source = HB_CLAIM_FIELD;
	return hb_typer_drain(typer);
}

static void follow_vote(struct hb_typer *typer, const struct hb_code_vote *vote, uint32_t type)
{
	const uint8_t *words = hb_snapshot_at(typer->go->snapshot, vote->data, 8);
	if (!words)
		return;
	uint64_t word = hb_load_u64(words);
	switch ((enum hb_code_shape)vote->shape) {
	case HB_CODE_POINTER_TO:
		hb_typer_follow_word(typer, HB_STEP_POINTER, type, word);
		break;
	case HB_CODE_MAP:
		/* Generic functions may use a map by its shape (1.18); it was made with the type in their dictionary. */
		if (typer->types->list[type].kind == HB_KIND_MAP && !strstr(typer->types->list[type].name, "go.shape."))
			hb_typer_follow_word(typer, HB_STEP_MAP, type, word);
		break;
	case HB_CODE_CHAN:
		if (typer->types->list[type].kind == HB_KIND_CHAN)
			type = typer->types->list[type].elem;
		hb_typer_follow_word(typer, HB_STEP_CHAN, type, word);
		break;
	case HB_CODE_SLICE_OF:
		words = hb_snapshot_at(typer->go->snapshot, vote->data, 24);
		if (words && hb_load_u64(words + 8) <= hb_load_u64(words + 16))
			hb_typer_claim(typer, word, type, hb_load_u64(words + 16), true);
		break;
	case HB_CODE_VALUE:
		hb_typer_claim(typer, vote->data, type, 1, false);
		break;
	}
}

/* The vote that most functions cast; votes are sorted by address only. What points to a slice's array points to its first
 * element as well, so that one vote for the slice says more than many for a pointer of that type. */
static const struct hb_code_vote *majority(const struct hb_code_vote *votes, size_t n)
{
	const struct hb_code_vote *best = votes;
	size_t most = 0;
	for (size_t i = 0; i < n; i++) {
		size_t same = 0;
		for (size_t k = 0; k < n; k++)
			same += votes[k].type == votes[i].type && votes[k].shape == votes[i].shape;
		if (same > most) {
			most = same;
			best = &votes[i];
		}
	}
	for (size_t i = 0; best->shape == HB_CODE_POINTER_TO && i < n; i++)
		if (votes[i].type == best->type && votes[i].shape == HB_CODE_SLICE_OF)
			best = &votes[i];
	return best;
}

enum { MAX_VOTERS = 256 };

struct hb_error *hb_typer_seed_code(struct hb_typer *typer)
{
	typer->source = HB_CLAIM_CODE;
	for (size_t i = 0, next; typer->facts && i < typer->facts->votes.len; i = next) {
		const struct hb_code_vote *votes = typer->facts->votes.data;
		for (next = i + 1; next < typer->facts->votes.len && votes[next].data == votes[i].data; next++)
			;
		const struct hb_code_vote *vote = majority(votes + i, hb_min(next - i, (size_t)MAX_VOTERS));
		uint32_t type = hb_types_find(typer->types, vote->type);
		if (type)
			follow_vote(typer, vote, type);
	}
	typer->source = HB_CLAIM_FIELD;
	return hb_typer_drain(typer);
}

/* --- Interfaces in globals and on stacks ---------------------------------------------------------------------------
 */

/* A word that the collector does not scan, then one that it does: an interface, when the first means a type. */
static void seed_interface(struct hb_typer *typer, uint64_t first, uint64_t second)
{
	uint32_t type = second ? hb_typer_interface_type(typer, first) : 0;
	if (type)
		hb_typer_follow_interface(typer, type, second);
}

static void seed_section(struct hb_typer *typer, uint64_t start, uint64_t end, uint64_t mask_at)
{
	if (end <= start)
		return;
	uint64_t nwords = (end - start) / 8;
	struct hb_bytes mask = hb_snapshot_view(typer->go->snapshot, mask_at, (nwords + 7) / 8);
	for (uint64_t i = 1; mask.data && i < nwords; i++) {
		if (!(mask.data[i / 8] >> (i % 8) & 1) || mask.data[(i - 1) / 8] >> ((i - 1) % 8) & 1)
			continue;
		const uint8_t *words = hb_snapshot_at(typer->go->snapshot, start + (i - 1) * 8, 16);
		if (words)
			seed_interface(typer, hb_load_u64(words), hb_load_u64(words + 8));
	}
}

struct hb_error *hb_typer_seed_globals(struct hb_typer *typer)
{
	typer->source = HB_CLAIM_INTERFACE;
	for (size_t i = 0; i < typer->go->nmodules; i++) {
		const struct hb_go_module *module = &typer->go->modules[i];
		seed_section(typer, module->data, module->edata, module->gcdatamask);
		seed_section(typer, module->bss, module->ebss, module->gcbssmask);
	}
	typer->source = HB_CLAIM_FIELD;
	return hb_typer_drain(typer);
}

/* Stack slots that were reused make false pairs, so only objects that nothing else typed get a type this way. */
struct hb_error *hb_typer_seed_stacks(struct hb_typer *typer)
{
	for (size_t i = 0; typer->roots && i < typer->roots->edges.len; i++) {
		const struct hb_root_edge *edge = &typer->roots->edges.data[i];
		uint64_t before;
		uint32_t slot = hb_heap_slot(typer->heap, edge->value);
		if (!slot || edge->from < 8 || typer->roots->nodes.data[edge->node].kind != HB_ROOT_GOROUTINE ||
		    hb_typer_type(typer, slot) || !hb_snapshot_u64(typer->go->snapshot, edge->from - 8, &before))
			continue;
		typer->source = HB_CLAIM_STACK;
		seed_interface(typer, before, edge->value);
		typer->source = HB_CLAIM_FIELD;
		TRY(hb_typer_drain(typer));
	}
	return NULL;
}

/* --- What untyped objects say --------------------------------------------------------------------------------------
 */

/* runtime/chan.go: the element type is in the channel, and its size twice. */
static void seed_channel(struct hb_typer *typer, uint64_t addr, const uint8_t *object, uint64_t slot_size)
{
	const struct hb_go_layout *layout = typer->go->layout;
	if (!hb_typer_is_class_of(typer, layout->hchan.size, slot_size))
		return;
	uint32_t elem = hb_types_find(typer->types, hb_load_u64(object + layout->hchan.elemtype));
	if (!elem || typer->types->list[elem].size != hb_load_u16(object + layout->hchan.elemsize) ||
	    hb_load_u64(object + layout->hchan.qcount) > hb_load_u64(object + layout->hchan.dataqsiz))
		return;
	typer->source = HB_CLAIM_CHANNEL;
	hb_typer_claim_channel(typer, addr, elem);
}

static void seed_closure(struct hb_typer *typer, const struct hb_claim *claim)
{
	bool is_closure;
	if (hb_typer_closure_type(typer, claim, &is_closure) || is_closure) {
		typer->source = HB_CLAIM_CLOSURE;
		hb_typer_claim(typer, claim->addr, typer->known.closure, 1, false);
	}
}

static void seed_object(struct hb_typer *typer, const struct hb_span *span, uint32_t slot, uint64_t word)
{
	struct hb_pointers pointers =
	        hb_pointers_of(typer->heap, span->kind, word * 8, span->elem_size / 8, span->large_type);
	uint64_t first = span->kind == HB_SPAN_HEADER, before = 0;
	struct hb_claim claim = {
	        .slot = slot,
	        .word = word,
	        .kind = span->kind,
	        .offset = first * 8,
	        .addr = hb_heap_slot_addr(span, slot) + first * 8,
	};
	const uint8_t *object = pointers.bytes;
	typer->source = HB_CLAIM_INTERFACE;
	for (uint64_t at = 0; at < pointers.nwords; at += 64) {
		uint64_t window = hb_pointers_window(&pointers, at);
		/* Words that are scanned and follow one that is not. */
		uint64_t second = window & ~(window << 1 | before);
		if (!at)
			second &= ~((2ull << first) - 1);
		for (; second; second &= second - 1) {
			const uint8_t *words = object + (at + (uint64_t)__builtin_ctzll(second) - 1) * 8;
			seed_interface(typer, hb_load_u64(words), hb_load_u64(words + 8));
		}
		before = window >> 63;
		if (!at && !first && !(window & 1))
			seed_closure(typer, &claim);
	}
	if (span->kind == HB_SPAN_BITS)
		seed_channel(typer, claim.addr, object, span->elem_size);
	typer->source = HB_CLAIM_FIELD;
}

struct hb_error *hb_typer_seed_untyped(struct hb_typer *typer)
{
	for (uint32_t i = 0; i < typer->heap->nspans; i++) {
		const struct hb_span *span = &typer->heap->spans[i];
		TRY(interrupted(i));
		if (span->kind == HB_SPAN_NOSCAN || span->kind == HB_SPAN_NONE)
			continue;
		uint64_t word = span_word(typer, span);
		for (uint32_t k = 0; k < span->nelems; k++) {
			uint32_t slot = span->first_slot + k;
			if (!hb_heap_allocated(typer->heap, slot) || hb_typer_type(typer, slot))
				continue;
			seed_object(typer, span, slot, word + k * span->elem_size / 8);
			TRY(hb_typer_drain(typer));
		}
	}
	return NULL;
}
