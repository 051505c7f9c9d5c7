/* Pointer masks of types: from the descriptor when the compiler or the runtime has built it, else by walking the type.
 *
 * runtime/type.go getGCMask, buildGCMask (1.24+); up to 1.23 long masks are GC programs (KindGCProg), which say nothing
 * that the type does not.
 *
 * The masks that reflect.StructOf makes are others than the compiler's: reflect/type.go addTypeBits (1.18-1.27) goes by
 * kind through all fields, those of the program's own types included, and takes both words of an interface for pointers.
 * reflect.ArrayOf repeats the mask of its elements. (The groups of maps that reflect makes are structs of its own.)
 */
#include "golang/type_descriptor.h"

enum {
	MAX_TODO = HB_TYPE_MAX_FIELDS + 512,
	MAX_STEPS = 1 << 20,
};
static const uint64_t max_mask_words = 1ull << 31; /* a type with 16 GB of pointers */

/* Copies n bits to dst from bit `at` on; the bits there are zero. */
static void put_bits(uint64_t *dst, uint64_t at, const uint64_t *src, uint64_t src_at, uint64_t n)
{
	while (n) {
		uint64_t take = hb_min(64 - at % 64, 64 - src_at % 64);
		take = hb_min(take, n);
		uint64_t bits = src[src_at / 64] >> src_at % 64;
		if (take < 64)
			bits &= (1ull << take) - 1;
		dst[at / 64] |= bits << at % 64;
		at += take;
		src_at += take;
		n -= take;
	}
}

/* A mask as the compiler writes it: bytes, not aligned, not padded. */
static bool put_mask_bytes(const struct hb_go *go, uint64_t *dst, uint64_t at, uint64_t gcdata, uint64_t n)
{
	const uint8_t *bytes = hb_snapshot_at(go->snapshot, gcdata, (n + 7) / 8);
	if (!bytes)
		return false;
	for (uint64_t i = 0; i < n;) {
		uint64_t take = hb_min(n - i, 64), word = 0;
		memcpy(&word, bytes + i / 8, (take + 7) / 8);
		put_bits(dst, at + i, &word, 0, take);
		i += take;
	}
	return true;
}

struct step {
	uint64_t type; /* descriptor to write at word `at`; 0: repeat what is there */
	uint64_t at;
	bool by_kind;                      /* as reflect.StructOf does */
	uint64_t stride, ptr_words, count; /* of the repetition */
};
struct walk {
	const struct hb_go *go;
	uint64_t *mask;
	uint64_t ptr_words;
	HB_VEC(struct step) todo;
	uint32_t steps;
};

/* Copies the first element's bits over the others, doubling what is copied. */
static void repeat(struct walk *walk, const struct step *step)
{
	for (uint64_t done = 1, n; done < step->count; done += n) {
		n = hb_min(done, step->count - done);
		uint64_t bits = (n - 1) * step->stride + step->ptr_words;
		put_bits(walk->mask, step->at + done * step->stride, walk->mask, step->at, bits);
	}
}

static bool push_fields(struct walk *walk, const struct hb_descriptor *type, uint64_t at, bool by_kind)
{
	for (uint32_t i = 0; i < type->nfields; i++) {
		struct hb_field_descriptor field;
		struct hb_descriptor inner;
		if (++walk->steps > MAX_STEPS || !hb_descriptor_field(walk->go, type, i, &field) ||
		    !hb_descriptor_read(walk->go, field.type, &inner))
			return false;
		if (!inner.ptr_bytes)
			continue;
		if (field.offset % 8 || field.offset > type->size || type->size - field.offset < inner.size ||
		    !hb_vec_push(&walk->todo, (struct step){field.type, at + field.offset / 8, .by_kind = by_kind}))
			return false;
	}
	return true;
}

static bool push_elements(struct walk *walk, const struct hb_descriptor *type, uint64_t at, bool by_kind)
{
	struct hb_descriptor elem;
	uint64_t size;
	if (!hb_descriptor_read(walk->go, type->elem, &elem) || !elem.ptr_bytes || elem.size % 8 ||
	    hb_mul_overflows(elem.size, type->len, &size) || size != type->size ||
	    type->ptr_bytes != size - elem.size + elem.ptr_bytes)
		return false;
	struct step again = {.at = at, .stride = elem.size / 8, .ptr_words = elem.ptr_bytes / 8, .count = type->len};
	return hb_vec_push(&walk->todo, again) &&
	       hb_vec_push(&walk->todo, (struct step){type->elem, at, .by_kind = by_kind});
}

/* On demand, and up to 1.23 as a program, the masks of reflect's structs are made of those of their fields. */
static bool is_by_kind(const struct hb_go *go, const struct hb_descriptor *type)
{
	return type->kind == HB_KIND_STRUCT && type->mask_is_built && !hb_go_module_of_types(go, type->addr);
}

/* Writes one type's mask, or puts what it consists of on the list. */
static bool write_type(struct walk *walk, const struct hb_descriptor *type, uint64_t at, bool by_kind)
{
	uint64_t words = type->ptr_bytes / 8;
	if (!words)
		return true;
	if (at > walk->ptr_words || walk->ptr_words - at < words)
		return false;
	switch (type->kind) {
	case HB_KIND_STRUCT:
	case HB_KIND_ARRAY:
		break;
	case HB_KIND_INTERFACE: /* the type word is not scanned: cmd/compile/internal/types, SetTypeBits */
		put_bits(walk->mask, at, &(uint64_t){by_kind ? 3 : 2}, 0, 2);
		return true;
	default:
		put_bits(walk->mask, at, &(uint64_t){1}, 0, 1);
		return true;
	}
	if (!by_kind && type->mask_is_built && put_mask_bytes(walk->go, walk->mask, at, type->gcdata, words))
		return true;
	by_kind = by_kind || is_by_kind(walk->go, type);
	return type->kind == HB_KIND_STRUCT ? push_fields(walk, type, at, by_kind)
	                                    : push_elements(walk, type, at, by_kind);
}

static bool walk_type(struct walk *walk, const struct hb_descriptor *type)
{
	if (!write_type(walk, type, 0, false))
		return false;
	while (walk->todo.len) {
		struct step step = walk->todo.data[--walk->todo.len];
		struct hb_descriptor inner;
		if (!step.type) {
			repeat(walk, &step);
			continue;
		}
		if (++walk->steps > MAX_STEPS || walk->todo.len > MAX_TODO ||
		    !hb_descriptor_read(walk->go, step.type, &inner) ||
		    !write_type(walk, &inner, step.at, step.by_kind))
			return false;
	}
	return true;
}

/* A type that reflect made for itself, in the heap: neither its fields nor its kind are there, but its mask is
 * (snapshot/go_masks.c). */
static bool bare_mask(const struct hb_go *go, uint64_t addr, struct hb_arena *arena, uint64_t *size_words,
                      uint64_t *ptr_words, const uint64_t **mask)
{
	const uint8_t *p = hb_go_module_of_types(go, addr) ? NULL : hb_snapshot_at(go->snapshot, addr, HB_TYPE_BYTES);
	uint64_t at, len, *bits;
	if (!p || !hb_descriptor_mask(go->version.minor, p, &at, &len) || !hb_snapshot_at(go->snapshot, at, len))
		return false;
	*size_words = (hb_load_u64(p) + 7) / 8;
	*ptr_words = hb_load_u64(p + 8) / 8;
	*mask = bits = hb_arena_alloc(arena, (*ptr_words + 63) / 64 * 8);
	return bits && put_mask_bytes(go, bits, 0, at, *ptr_words);
}

bool hb_go_type_mask(const struct hb_go *go, uint64_t addr, struct hb_arena *arena, uint64_t *size_words,
                     uint64_t *ptr_words, const uint64_t **mask)
{
	struct hb_descriptor type;
	if (!hb_descriptor_read(go, addr, &type))
		return bare_mask(go, addr, arena, size_words, ptr_words, mask);
	if (type.ptr_bytes / 8 > max_mask_words)
		return false;
	struct walk walk = {.go = go, .ptr_words = type.ptr_bytes / 8};
	if (walk.ptr_words) {
		walk.mask = hb_arena_alloc(arena, (walk.ptr_words + 63) / 64 * 8);
		bool ok = walk.mask && walk_type(&walk, &type);
		hb_vec_deinit(&walk.todo);
		if (!ok)
			return false;
	}
	*size_words = (type.size + 7) / 8;
	*ptr_words = walk.ptr_words;
	*mask = walk.mask;
	return true;
}
