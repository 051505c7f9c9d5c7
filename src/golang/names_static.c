/* Statically initialised data: what a variable's initial value points to has no symbol of its own. */
#include "golang/names_internal.h"

#include <string.h>

static int pointer_compare(const void *left, const void *right)
{
	const struct hb_static_pointer *a = left, *b = right;
	if (a->target != b->target)
		return a->target < b->target ? -1 : 1;
	return a->at == b->at ? 0 : a->at < b->at ? -1 : 1;
}

static bool is_data(const struct hb_go_module *module, uint64_t addr)
{
	return (addr >= module->data && addr < module->edata) || (addr >= module->bss && addr < module->ebss) ||
	       (addr >= module->noptrdata && addr < module->enoptrdata) ||
	       (addr >= module->noptrbss && addr < module->enoptrbss);
}

static const uint64_t max_data = 1ull << 30; /* initialised data above that is not a program's */

/* words: the contents of [addr, addr + size), 8-aligned, with values that `bias` turns into addresses. */
static struct hb_error *scan(struct hb_naming *naming, const uint8_t *words, uint64_t addr, uint64_t size,
                             uint64_t bias)
{
	for (uint64_t at = 0; at + 8 <= size; at += 8) {
		uint64_t target = hb_load_u64(words + at);
		if (!target || !is_data(naming->module, target + bias))
			continue;
		HB_VEC_PUSH(&naming->pointers, (struct hb_static_pointer){target + bias, addr + at});
	}
	return NULL;
}

/* The file says how the variables began; the process's memory says what they hold now, when there is no file. */
struct hb_error *hb_naming_find_pointers(struct hb_naming *naming)
{
	const struct hb_go_module *module = naming->module;
	uint64_t start = (module->data + 7) & ~7ull, end = module->edata;
	if (start >= end)
		return NULL;
	end = hb_min(end, start + max_data);
	struct hb_error *err = NULL;
	uint8_t *contents = NULL;
	uint64_t addr, size;
	if (naming->image && hb_elf_image_contents(naming->image, ".data", &contents, &addr, &size) &&
	    start >= addr + naming->bias && start - addr - naming->bias < size) {
		uint64_t skip = start - addr - naming->bias;
		err = scan(naming, contents + skip, start, hb_min(size - skip, end - start), naming->bias);
	} else {
		for (uint64_t at = start; at < end && !err; at = (at | (HB_PAGE_SIZE - 1)) + 1) {
			uint64_t len = hb_min((at | (HB_PAGE_SIZE - 1)) + 1, end) - at;
			const uint8_t *words = hb_snapshot_at(naming->go->snapshot, at, len);
			if (words)
				err = scan(naming, words, at, len, 0);
		}
	}
	free(contents);
	for (size_t i = 0; i < naming->pointers.len && !err; i++)
		if (!hb_vec_push(&naming->by_holder, naming->pointers.data[i]))
			err = hb_error_nomem();
	if (!err && naming->pointers.len > 1)
		qsort(naming->pointers.data, naming->pointers.len, sizeof(struct hb_static_pointer), pointer_compare);
	return err;
}

void hb_naming_pointers(const struct hb_naming *naming, uint64_t from, uint64_t to, size_t *first, size_t *last)
{
	size_t low = hb_partition_point(naming->pointers.len, i, naming->pointers.data[i].target < from);
	*first = low;
	while (low < naming->pointers.len && naming->pointers.data[low].target < to)
		low++;
	*last = low;
}

/* The piece that points at this one and has an owner: the one at the lowest address. SIZE_MAX: none yet. */
static size_t holder_of(const struct hb_naming *naming, const struct hb_piece *piece)
{
	size_t first, last, best = SIZE_MAX;
	hb_naming_pointers(naming, piece->addr, piece->addr + piece->size, &first, &last);
	for (size_t i = first; i < last; i++) {
		size_t holder = hb_naming_piece_at(naming, naming->pointers.data[i].at);
		if (holder == SIZE_MAX || naming->pieces.data[holder].source == HB_PIECE_UNKNOWN)
			continue;
		if (&naming->pieces.data[holder] != piece && holder < best)
			best = holder;
	}
	return best;
}

static void make_static(struct hb_piece *piece, const struct hb_piece *from)
{
	piece->source = HB_PIECE_STATIC;
	piece->holder = from->source == HB_PIECE_STATIC ? from->holder : from->addr;
	piece->package = from->package;
	piece->runtime_internal = from->runtime_internal;
}

/* What a variable of a pointer type first points to is as large as that type says: what code refers to inside is a part of it. */
static void claim(struct hb_naming *naming, const struct hb_piece *from)
{
	const struct hb_type *types = naming->types ? naming->types->list : NULL;
	uint32_t type = types && from->type ? hb_types_find(naming->types, from->type) : 0;
	size_t low = hb_partition_point(naming->by_holder.len, i, naming->by_holder.data[i].at < from->addr);
	if (!type || types[type].kind != HB_KIND_POINTER || !types[type].elem || low == naming->by_holder.len ||
	    naming->by_holder.data[low].at != from->addr)
		return;
	uint64_t target = naming->by_holder.data[low].target, end = target + types[types[type].elem].size;
	size_t at = hb_naming_piece_at(naming, target);
	if (at == SIZE_MAX || naming->pieces.data[at].addr != target)
		return;
	for (; at < naming->pieces.len && naming->pieces.data[at].addr < end; at++)
		if (naming->pieces.data[at].source == HB_PIECE_UNKNOWN)
			make_static(&naming->pieces.data[at], from);
}

void hb_naming_claim_static(struct hb_naming *naming)
{
	for (size_t i = 0; i < naming->pieces.len; i++)
		if (naming->pieces.data[i].source == HB_PIECE_SYMBOL)
			claim(naming, &naming->pieces.data[i]);
}

enum { MAX_ROUNDS = 64 };

/* Data that static data points to belongs to whoever that belongs to: a few rounds, as literals nest a few levels. */
struct hb_error *hb_naming_name_static(struct hb_naming *naming)
{
	bool changed = true;
	for (int round = 0; changed && round < MAX_ROUNDS; round++) {
		changed = false;
		for (size_t i = 0; i < naming->pieces.len; i++) {
			struct hb_piece *piece = &naming->pieces.data[i];
			if (piece->source != HB_PIECE_UNKNOWN)
				continue;
			size_t holder = holder_of(naming, piece);
			if (holder == SIZE_MAX)
				continue;
			make_static(piece, &naming->pieces.data[holder]);
			changed = true;
		}
	}
	return NULL;
}
