/* Type descriptors: what the sweep takes, what it refuses, names, masks that nobody has built. Real descriptors are
 * compared with package reflect by tests/oracle/run-typing.sh. */
#include "synthetic_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct basics {
	uint64_t integer, text, pointer; /* int, string, *int */
};

static struct basics make_basics(struct types_fixture *f)
{
	struct basics b;
	uint64_t one = types_mask(f, "\1", 1);
	b.integer = types_make(f, &(struct made_type){.name = "int", .size = 8, .kind = HB_KIND_INT});
	b.text = types_make(
	        f, &(struct made_type){
	                   .name = "string", .size = 16, .ptr_bytes = 8, .gcdata = one, .kind = HB_KIND_STRING});
	b.pointer = types_make(f, &(struct made_type){.name = "*int",
	                                              .size = 8,
	                                              .ptr_bytes = 8,
	                                              .gcdata = one,
	                                              .kind = HB_KIND_POINTER,
	                                              .elem = b.integer});
	return b;
}

static struct hb_types *read_types(struct types_fixture *f)
{
	struct hb_types *types;
	assert_null(hb_types_read(&f->go, &types));
	return types;
}

static const struct hb_type *type_at(const struct hb_types *types, uint64_t addr)
{
	uint32_t id = hb_types_find(types, addr);
	return id ? &types->list[id] : NULL;
}

/* --- What a descriptor says ----------------------------------------------------------------------------------------
 */

static void test_struct(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	/* 0 int, 8 string, 24 *int: words 1 and 3 */
	uint64_t point = types_make(
	        &f, &(struct made_type){
	                    .name = "*geo.Point",
	                    .size = 32,
	                    .ptr_bytes = 32,
	                    .gcdata = types_mask(&f, "\12", 1),
	                    .kind = HB_KIND_STRUCT,
	                    .tflag = 2, /* the name has a star too many */
	                    .fields = {{"x", b.integer, 0}, {"label", b.text, 8}, {"base", b.pointer, 24, true}},
	                    .package = "example.com/geo"});
	struct hb_types *types = read_types(&f);
	assert_int_equal(types->n, 5);
	const struct hb_type *type = type_at(types, point);
	assert_non_null(type);
	assert_string_equal(type->name, "geo.Point");
	assert_string_equal(type->pkg_path, "example.com/geo");
	assert_int_equal(type->nfields, 3);
	const struct hb_field *fields = types->fields + type->first_field;
	assert_string_equal(fields[1].name, "label");
	assert_int_equal(fields[1].offset, 8);
	assert_int_equal(fields[1].type, hb_types_find(types, b.text));
	assert_false(fields[1].embedded);
	assert_true(fields[2].embedded);
	assert_int_equal(type->mask_words, 4);
	assert_int_equal(type->mask[0], 10);
	assert_int_equal(type_at(types, b.integer)->ptr_to, hb_types_find(types, b.pointer));
	assert_int_equal(hb_types_by_name(types, "geo.Point", "example.com/geo"), hb_types_find(types, point));
	assert_int_equal(hb_types_by_name(types, "geo.Point", NULL), hb_types_find(types, point));
	assert_int_equal(hb_types_by_name(types, "geo.Point", "example.com/other"), 0);
	hb_types_destroy(types);
	types_deinit(&f);
}

static void test_names(void **state)
{
	struct types_fixture f;
	char name[401] = "";
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	memset(name, 'n', 400);
	uint64_t longest = types_make(&f, &(struct made_type){.name = name, .size = 8, .kind = HB_KIND_UINT});
	/* Two local types of one name: which one is meant cannot be said. */
	struct made_type local = {.name = "main.T", .size = 8, .kind = HB_KIND_INT, .package = "main"};
	types_make(&f, &local);
	types_make(&f, &local);
	uint64_t control = types_make(&f, &(struct made_type){.name = "a\nb", .size = 8, .kind = HB_KIND_INT});
	uint64_t beyond = types_make(&f, &(struct made_type){.name = "far", .size = 8, .kind = HB_KIND_INT});
	types_put(&f, beyond + 40, TYPES_BYTES + 4096, 4);
	struct hb_types *types = read_types(&f);
	assert_string_equal(type_at(types, longest)->name, name);
	assert_int_equal(hb_types_by_name(types, "main.T", "main"), 0);
	assert_int_equal(hb_types_by_name(types, "int", ""), hb_types_find(types, b.integer));
	assert_null(type_at(types, control));
	assert_null(type_at(types, beyond));
	hb_types_destroy(types);
	types_deinit(&f);
}

/* Direct interfaces: bit 5 of the kind up to 1.25, of the flags from 1.26 on; neither is anything in the other. */
static void test_flags_by_version(void **state)
{
	for (unsigned minor = 25; minor <= 26; minor++) {
		struct types_fixture f;
		types_init(&f, minor);
		struct basics b = make_basics(&f);
		struct made_type pointer = {.name = "*int",
		                            .size = 8,
		                            .ptr_bytes = 8,
		                            .gcdata = types_mask(&f, "\1", 1),
		                            .kind = HB_KIND_POINTER,
		                            .elem = b.integer};
		pointer.raw_kind_bits = 32;
		uint64_t old = types_make(&f, &pointer);
		pointer.raw_kind_bits = 0;
		pointer.tflag = 32;
		uint64_t new = types_make(&f, &pointer);
		struct hb_types *types = read_types(&f);
		const struct hb_type *right = type_at(types, minor == 25 ? old : new);
		assert_non_null(right);
		assert_true(right->direct_iface);
		assert_int_equal(right->kind, HB_KIND_POINTER);
		assert_null(type_at(types, minor == 25 ? new : old));
		assert_false(type_at(types, b.pointer)->direct_iface);
		hb_types_destroy(types);
		types_deinit(&f);
	}
}

/* --- What is not a descriptor --------------------------------------------------------------------------------------
 */

static void test_lies(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t one = types_mask(&f, "\1", 1);
	const struct made_type lies[] = {
	        {.name = "size of a kind", .size = 4, .kind = HB_KIND_INT},
	        {.name = "pointers in a number", .size = 8, .ptr_bytes = 8, .gcdata = one, .kind = HB_KIND_INT},
	        {.name = "more pointers than size",
	         .size = 8,
	         .ptr_bytes = 16,
	         .gcdata = one,
	         .kind = HB_KIND_STRUCT,
	         .fields = {{"p", b.pointer, 0}}},
	        {.name = "no mask", .size = 8, .ptr_bytes = 8, .kind = HB_KIND_POINTER, .elem = b.integer},
	        {.name = "no element", .size = 8, .ptr_bytes = 8, .gcdata = one, .kind = HB_KIND_POINTER},
	        {.name = "an element that is none",
	         .size = 8,
	         .ptr_bytes = 8,
	         .gcdata = one,
	         .kind = HB_KIND_POINTER,
	         .elem = b.integer + 8},
	        {.name = "an element outside",
	         .size = 8,
	         .ptr_bytes = 8,
	         .gcdata = one,
	         .kind = HB_KIND_POINTER,
	         .elem = 0x123456789000},
	        {.name = "length and size", .size = 24, .kind = HB_KIND_ARRAY, .elem = b.integer, .len = 4},
	        {.name = "length that overflows",
	         .size = 8,
	         .kind = HB_KIND_ARRAY,
	         .elem = b.integer,
	         .len = (1ull << 61) + 1},
	        {.name = "field past the end", .size = 8, .kind = HB_KIND_STRUCT, .fields = {{"x", b.integer, 8}}},
	        {.name = "fields that overlap",
	         .size = 24,
	         .ptr_bytes = 16,
	         .gcdata = one,
	         .kind = HB_KIND_STRUCT,
	         .fields = {{"a", b.text, 0}, {"b", b.text, 8}}},
	        {.name = "pointers that no field has",
	         .size = 16,
	         .ptr_bytes = 16,
	         .gcdata = one,
	         .kind = HB_KIND_STRUCT,
	         .fields = {{"a", b.integer, 0}, {"b", b.integer, 8}}},
	        {.name = "alignment", .size = 8, .kind = HB_KIND_INT, .align = 3},
	};
	uint64_t addr[hb_countof(lies)];
	for (size_t i = 0; i < hb_countof(lies); i++)
		addr[i] = types_make(&f, &lies[i]);
	/* What is made of a lie goes with it, however many steps away. */
	uint64_t of_a_lie[5];
	for (int i = 0; i < 5; i++) {
		of_a_lie[i] = types_make(&f, &(struct made_type){.name = "[]lie",
		                                                 .size = 24,
		                                                 .ptr_bytes = 8,
		                                                 .gcdata = one,
		                                                 .kind = HB_KIND_SLICE,
		                                                 .elem = addr[0]});
		if (i) /* the one before is made of this one */
			types_put(&f, of_a_lie[i - 1] + 48, of_a_lie[i], 8);
	}
	struct hb_types *types = read_types(&f);
	for (size_t i = 0; i < hb_countof(lies); i++)
		if (type_at(types, addr[i]))
			fail_msg("taken for a type: %s", lies[i].name);
	for (int i = 0; i < 5; i++)
		assert_null(type_at(types, of_a_lie[i]));
	assert_int_equal(types->n, 4);
	hb_types_destroy(types);
	types_deinit(&f);
}

/* A struct that is its own first field has a consistent size. Whatever is made of it must end. */
static void test_type_in_itself(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	make_basics(&f);
	uint64_t slot = types_mask(&f, "\0\0\0\0\0\0\0", 8);
	uint64_t self = types_make(&f, &(struct made_type){.name = "self",
	                                                   .size = 8,
	                                                   .ptr_bytes = 8,
	                                                   .gcdata = slot,
	                                                   .kind = HB_KIND_STRUCT,
	                                                   .tflag = 16,
	                                                   .fields = {{"self", f.next, 0}}});
	struct hb_types *types = read_types(&f);
	const struct hb_type *type = type_at(types, self);
	if (type)
		assert_null(type->mask); /* there is no pointer at the bottom of it */
	char path[64];
	hb_type_path(types, hb_types_find(types, self), 0, path, sizeof(path));
	assert_true(strlen(path) < sizeof(path));
	hb_types_destroy(types);
	types_deinit(&f);
}

/* --- Masks ---------------------------------------------------------------------------------------------------------
 */

static bool bit(const uint64_t *mask, uint64_t i)
{
	return mask[i / 64] >> (i % 64) & 1;
}

/* {int; [100]{string; *int}; *int}, once with a mask that the runtime would build when it needs it (1.24+: a pointer
 * that is still nil), once with a GC program (up to 1.23): both say nothing. */
static void test_mask_that_nobody_built(void **state)
{
	for (unsigned minor = 23; minor <= 26; minor++) {
		struct types_fixture f;
		types_init(&f, minor);
		struct basics b = make_basics(&f);
		uint64_t pair =
		        types_make(&f, &(struct made_type){.name = "pair",
		                                           .size = 24,
		                                           .ptr_bytes = 24,
		                                           .gcdata = types_mask(&f, "\5", 1),
		                                           .kind = HB_KIND_STRUCT,
		                                           .fields = {{"text", b.text, 0}, {"p", b.pointer, 16}}});
		uint64_t nothing = types_mask(&f, "\0\0\0\0\0\0\0", 8);
		struct made_type unbuilt = {
		        .gcdata = nothing, .tflag = minor >= 24 ? 16 : 0, .raw_kind_bits = minor >= 24 ? 0 : 64};
		struct made_type array = unbuilt, whole = unbuilt;
		array.name = "[100]pair";
		array.kind = HB_KIND_ARRAY;
		array.size = array.ptr_bytes = 2400;
		array.elem = pair;
		array.len = 100;
		uint64_t pairs = types_make(&f, &array);
		whole.name = "whole";
		whole.kind = HB_KIND_STRUCT;
		whole.size = whole.ptr_bytes = 2416;
		whole.fields[0] = (struct made_field){"n", b.integer, 0, false};
		whole.fields[1] = (struct made_field){"pairs", pairs, 8, false};
		whole.fields[2] = (struct made_field){"last", b.pointer, 2408, false};
		uint64_t addr = types_make(&f, &whole);
		struct hb_arena arena = {0};
		uint64_t size_words, ptr_words;
		const uint64_t *mask;
		assert_true(hb_go_type_mask(&f.go, addr, &arena, &size_words, &ptr_words, &mask));
		assert_int_equal(size_words, 302);
		assert_int_equal(ptr_words, 302);
		for (uint64_t i = 0; i < ptr_words; i++) {
			bool expected = i == 301 || (i >= 1 && i < 301 && (i - 1) % 3 != 1);
			if (bit(mask, i) != expected)
				fail_msg("go1.%u: word %d", minor, (int)i);
		}
		hb_arena_deinit(&arena);
		types_deinit(&f);
	}
}

/* Interfaces: the collector scans the second word only. Slices and strings: the first. */
static void test_mask_of_kinds(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t slot = types_mask(&f, "\0\0\0\0\0\0\0", 8);
	uint64_t any = types_make(&f, &(struct made_type){.name = "interface {}",
	                                                  .size = 16,
	                                                  .ptr_bytes = 16,
	                                                  .gcdata = slot,
	                                                  .kind = HB_KIND_INTERFACE});
	uint64_t list = types_make(&f, &(struct made_type){.name = "[]int",
	                                                   .size = 24,
	                                                   .ptr_bytes = 8,
	                                                   .gcdata = slot,
	                                                   .kind = HB_KIND_SLICE,
	                                                   .elem = b.integer});
	uint64_t all = types_make(
	        &f, &(struct made_type){.name = "all",
	                                .size = 56,
	                                .ptr_bytes = 48,
	                                .gcdata = slot,
	                                .kind = HB_KIND_STRUCT,
	                                .tflag = 16,
	                                .fields = {{"any", any, 0}, {"list", list, 16}, {"text", b.text, 40}}});
	struct hb_arena arena = {0};
	uint64_t size_words, ptr_words;
	const uint64_t *mask;
	assert_true(hb_go_type_mask(&f.go, all, &arena, &size_words, &ptr_words, &mask));
	assert_int_equal(ptr_words, 6);
	assert_int_equal(mask[0], 1 << 1 | 1 << 2 | 1 << 5);
	hb_arena_deinit(&arena);
	types_deinit(&f);
}

/* Pointer bytes that stop before the array's last element would lead the walk out of its own memory. */
static void test_mask_of_lying_array(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t slot = types_mask(&f, "\0\0\0\0\0\0\0", 8);
	uint64_t liar = types_make(&f, &(struct made_type){.name = "liar",
	                                                   .size = 1 << 20,
	                                                   .ptr_bytes = 8,
	                                                   .gcdata = slot,
	                                                   .kind = HB_KIND_ARRAY,
	                                                   .tflag = 16,
	                                                   .elem = b.pointer,
	                                                   .len = 1 << 17});
	struct hb_arena arena = {0};
	uint64_t size_words, ptr_words;
	const uint64_t *mask;
	assert_false(hb_go_type_mask(&f.go, liar, &arena, &size_words, &ptr_words, &mask));
	hb_arena_deinit(&arena);
	types_deinit(&f);
}

static void test_mask_of_huge_array(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t slot = types_mask(&f, "\0\0\0\0\0\0\0", 8), n = 1 << 22;
	uint64_t huge = types_make(&f, &(struct made_type){.name = "huge",
	                                                   .size = n * 16,
	                                                   .ptr_bytes = n * 16 - 8,
	                                                   .gcdata = slot,
	                                                   .kind = HB_KIND_ARRAY,
	                                                   .tflag = 16,
	                                                   .elem = b.text,
	                                                   .len = n});
	struct hb_arena arena = {0};
	uint64_t size_words, ptr_words, wrong = 0;
	const uint64_t *mask;
	assert_true(hb_go_type_mask(&f.go, huge, &arena, &size_words, &ptr_words, &mask));
	assert_int_equal(ptr_words, n * 2 - 1);
	for (uint64_t i = 0; i < ptr_words / 64; i++)
		wrong += mask[i] != 0x5555555555555555u;
	assert_int_equal(wrong, 0);
	hb_arena_deinit(&arena);
	types_deinit(&f);
}

/* --- Types that reflect made ---------------------------------------------------------------------------------------
 */

/* Their descriptors are objects; their names and masks are in pointer-free memory, which no snapshot has. */
static void test_made_by_reflect(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t unread = ELSEWHERE_START + ELSEWHERE_BYTES - 64;
	f.regions[1].pages[ELSEWHERE_BYTES / HB_PAGE_SIZE - 1] = HB_PAGE_UNREAD;
	uint64_t made = types_make(&f, &(struct made_type){.size = 24,
	                                                   .ptr_bytes = 24,
	                                                   .gcdata = unread,
	                                                   .kind = HB_KIND_STRUCT,
	                                                   .elsewhere = true,
	                                                   .fields = {{NULL, b.text, 0}, {NULL, b.pointer, 16}}});
	uint64_t array = types_make(&f, &(struct made_type){.size = 72,
	                                                    .ptr_bytes = 72,
	                                                    .gcdata = unread,
	                                                    .kind = HB_KIND_ARRAY,
	                                                    .elem = made,
	                                                    .len = 3,
	                                                    .elsewhere = true});
	uint64_t one = types_mask(&f, "\1", 1);
	uint64_t pointer = types_make(&f, &(struct made_type){.size = 8,
	                                                      .ptr_bytes = 8,
	                                                      .gcdata = one,
	                                                      .kind = HB_KIND_POINTER,
	                                                      .elem = array,
	                                                      .elsewhere = true});
	struct hb_types *types = read_types(&f);
	uint32_t before = types->n;
	assert_int_equal(hb_types_find(types, pointer), 0);
	uint32_t id = hb_types_add(types, pointer);
	assert_int_not_equal(id, 0);
	assert_int_equal(types->n, before + 3);
	assert_string_equal(types->list[id].name, "*[3]struct {…}");
	const struct hb_type *elems = type_at(types, array);
	assert_int_equal(elems->mask_words, 9);
	assert_int_equal(elems->mask[0], 0x16d); /* 101 three times */
	assert_int_equal(type_at(types, made)->nfields, 2);
	assert_int_equal(hb_types_add(types, pointer), id);
	assert_int_equal(hb_types_add(types, ELSEWHERE_START + 8), 0);
	assert_int_equal(types->n, before + 3);
	hb_types_destroy(types);
	types_deinit(&f);
}

/* reflect.StructOf takes both words of an interface for pointers, all the way down; reflect.ArrayOf repeats a mask. */
static void test_interfaces_made_by_reflect(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t unread = ELSEWHERE_START + ELSEWHERE_BYTES - 64, second = types_mask(&f, "\2", 1);
	f.regions[1].pages[ELSEWHERE_BYTES / HB_PAGE_SIZE - 1] = HB_PAGE_UNREAD;
	uint64_t any = types_make(&f, &(struct made_type){.name = "interface {}",
	                                                  .size = 16,
	                                                  .ptr_bytes = 16,
	                                                  .gcdata = second,
	                                                  .kind = HB_KIND_INTERFACE});
	struct made_type box = {.name = "main.box",
	                        .size = 24,
	                        .ptr_bytes = 16,
	                        .gcdata = second,
	                        .kind = HB_KIND_STRUCT,
	                        .fields = {{"what", any, 0}, {"n", b.integer, 16}}};
	uint64_t boxes = types_make(&f, &box);
	struct made_type made = {.size = 48,
	                         .ptr_bytes = 40,
	                         .gcdata = unread,
	                         .kind = HB_KIND_STRUCT,
	                         .elsewhere = true,
	                         .fields = {{NULL, b.integer, 0}, {NULL, any, 8}, {NULL, boxes, 24}}};
	struct made_type array = {.gcdata = unread, .kind = HB_KIND_ARRAY, .len = 2, .elsewhere = true};
	uint64_t structs = types_make(&f, &made);
	made.tflag = 16; /* the runtime makes it of the masks of the fields */
	uint64_t on_demand = types_make(&f, &made);
	array.size = 2 * made.size;
	array.ptr_bytes = made.size + made.ptr_bytes;
	array.elem = structs;
	uint64_t of_structs = types_make(&f, &array);
	array.size = 2 * box.size;
	array.ptr_bytes = box.size + box.ptr_bytes;
	array.elem = boxes;
	uint64_t of_boxes = types_make(&f, &array);
	struct hb_types *types = read_types(&f);
	uint64_t all[] = {structs, on_demand, of_structs, of_boxes};
	uint64_t masks[] = {0x1e, 0x14, 0x1e | 0x1e << 6, 2 | 2 << 3};
	for (size_t i = 0; i < hb_countof(all); i++) {
		assert_int_not_equal(hb_types_add(types, all[i]), 0);
		assert_int_equal(type_at(types, all[i])->mask[0], masks[i]);
	}
	hb_types_destroy(types);
	types_deinit(&f);
}

/* --- Paths ---------------------------------------------------------------------------------------------------------
 */

static void test_paths(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	uint64_t inner = types_make(&f, &(struct made_type){.name = "inner",
	                                                    .size = 24,
	                                                    .ptr_bytes = 16,
	                                                    .gcdata = types_mask(&f, "\2", 1),
	                                                    .kind = HB_KIND_STRUCT,
	                                                    .fields = {{"n", b.integer, 0}, {"text", b.text, 8}}});
	uint64_t array = types_make(&f, &(struct made_type){.name = "[2]inner",
	                                                    .size = 48,
	                                                    .ptr_bytes = 40,
	                                                    .gcdata = types_mask(&f, "\22", 1),
	                                                    .kind = HB_KIND_ARRAY,
	                                                    .elem = inner,
	                                                    .len = 2});
	uint64_t outer = types_make(&f, &(struct made_type){.name = "outer",
	                                                    .size = 56,
	                                                    .ptr_bytes = 48,
	                                                    .gcdata = types_mask(&f, "\44", 1),
	                                                    .kind = HB_KIND_STRUCT,
	                                                    .fields = {{"id", b.integer, 0}, {"all", array, 8}}});
	struct hb_types *types = read_types(&f);
	uint32_t id = hb_types_find(types, outer);
	char path[64], tiny[6];
	assert_int_equal(hb_type_path(types, id, 40, path, sizeof(path)), hb_types_find(types, b.text));
	assert_string_equal(path, "all[1].text");
	assert_int_equal(hb_type_path(types, id, 48, path, sizeof(path)), hb_types_find(types, b.text));
	assert_string_equal(path, "all[1].text"); /* its second word */
	assert_int_equal(hb_type_path(types, id, 0, path, sizeof(path)), hb_types_find(types, b.integer));
	assert_string_equal(path, "id");
	hb_type_path(types, hb_types_find(types, b.text), 0, path, sizeof(path));
	assert_string_equal(path, "");
	hb_type_path(types, id, 40, tiny, sizeof(tiny));
	assert_string_equal(tiny, "all[1");
	hb_type_path(types, id, 4096, path, sizeof(path));
	assert_string_equal(path, "");
	hb_types_destroy(types);
	types_deinit(&f);
}

/* Pages of the section that were not read cost the descriptors on them, and what is made of those, nothing else. */
static void test_section_with_holes(void **state)
{
	struct types_fixture f;
	types_init(&f, 26);
	struct basics b = make_basics(&f);
	f.next = TYPES_START + 3 * HB_PAGE_SIZE;
	uint64_t one = types_mask(&f, "\1", 1);
	struct made_type pointer = {
	        .name = "**int", .size = 8, .ptr_bytes = 8, .gcdata = one, .kind = HB_KIND_POINTER, .elem = b.pointer};
	uint64_t lost = types_make(&f, &pointer);
	f.next = TYPES_START + 5 * HB_PAGE_SIZE - 32; /* across two pages that are there */
	pointer.gcdata = 1 + TYPES_START;
	uint64_t across = types_make(&f, &pointer);
	pointer.elem = lost;
	uint64_t of_lost = types_make(&f, &pointer);
	f.regions[0].pages[3] = HB_PAGE_UNREAD;
	struct hb_types *types = read_types(&f);
	assert_null(type_at(types, lost));
	assert_null(type_at(types, of_lost));
	assert_non_null(type_at(types, across));
	assert_non_null(type_at(types, b.pointer));
	hb_types_destroy(types);
	types_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_struct),
	        cmocka_unit_test(test_names),
	        cmocka_unit_test(test_flags_by_version),
	        cmocka_unit_test(test_lies),
	        cmocka_unit_test(test_type_in_itself),
	        cmocka_unit_test(test_mask_that_nobody_built),
	        cmocka_unit_test(test_mask_of_kinds),
	        cmocka_unit_test(test_mask_of_lying_array),
	        cmocka_unit_test(test_mask_of_huge_array),
	        cmocka_unit_test(test_made_by_reflect),
	        cmocka_unit_test(test_interfaces_made_by_reflect),
	        cmocka_unit_test(test_paths),
	        cmocka_unit_test(test_section_with_holes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
