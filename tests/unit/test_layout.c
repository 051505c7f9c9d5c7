/* Layouts from descriptions: the names of layout_fields.def, and what heldby's code may not read. The descriptions are made
 * from the newest table, and then changed. */
#include "golang/layout_describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct line {
	const char *of, *name, *go_names; /* of: only on a STRUCT line, then name is "size" and go_names the struct's */
};
static const struct line lines[] = {
#define STRUCT(name, go_name) {#name, "size", go_name},
#define FIELD(name, go_name)  {NULL, #name, go_name},
#define END(name)
#include "golang/layout_fields.def"
};
enum { LINES = sizeof(lines) / sizeof(lines[0]) };

/* What a program says: as the newest table and widths have it, but for one line. */
struct program {
	uint32_t offsets[LINES], widths[LINES];
	bool missing[LINES];
	const char *only_name; /* of the changed line: the only one that exists */
	size_t changed;
};

static const uint32_t *numbers(const struct hb_go_layout *layout)
{
	return &layout->moduledata.size;
}

static size_t line_of(const char *of, const char *name)
{
	const char *open = "";
	for (size_t i = 0; i < LINES; i++) {
		if (lines[i].of)
			open = lines[i].of;
		if (!strcmp(open, of) && !strcmp(lines[i].name, name))
			return i;
	}
	fail_msg("there is no %s.%s", of, name);
	return 0;
}

static void program_init(struct program *program)
{
	const struct hb_go_layout *newest = hb_go_layout(hb_go_newest_minor());
	*program = (struct program){.changed = LINES};
	for (size_t i = 0; i < LINES; i++) {
		program->offsets[i] = numbers(newest)[i];
		program->widths[i] = numbers(&hb_go_newest_widths)[i];
		program->missing[i] = numbers(newest)[i] == HB_ABSENT;
	}
	/* Only the sizes of structs that vary are not in the table. */
	program->missing[line_of("m", "size")] = false;
	program->offsets[line_of("m", "size")] = 4096;
}

/* Whether a name is one of "a|b". */
static bool is_listed(const char *names, const char *name, size_t len)
{
	for (const char *at = names; *at; at += strcspn(at, "|"), at += *at == '|')
		if (strcspn(at, "|") == len && !memcmp(at, name, len))
			return true;
	return false;
}

static bool answers_to(const struct program *program, size_t line, const char *name, size_t len)
{
	if (program->changed == line && program->only_name)
		return strlen(program->only_name) == len && !memcmp(program->only_name, name, len);
	return is_listed(lines[line].go_names, name, len);
}

static bool find(void *ctx, const char *name, uint64_t *ret, uint64_t *ret_size)
{
	const struct program *program = ctx;
	for (size_t i = 0; i < LINES; i++)
		if (lines[i].of && !program->missing[i] && answers_to(program, i, name, strlen(name))) {
			*ret = i + 1;
			*ret_size = program->offsets[i];
			return true;
		}
	return false;
}

enum { INNER = 1 << 20 }; /* in a handle: the struct that the first part of a path leads to */

/* "a.b" of the list: field a is a struct at 0 that has field b. */
static bool field(void *ctx, uint64_t of, const char *name, size_t len, struct hb_layout_field *ret)
{
	const struct program *program = ctx;
	for (size_t i = of & (INNER - 1); i < LINES && !lines[i].of; i++) {
		const char *dot = strchr(lines[i].go_names, '.');
		if (program->missing[i])
			continue;
		if (dot && !(of & INNER) && (size_t)(dot - lines[i].go_names) == len &&
		    !memcmp(lines[i].go_names, name, len)) {
			*ret = (struct hb_layout_field){.size = 64, .inner = of | INNER};
			return true;
		}
		bool is_it = dot ? (of & INNER) && strlen(dot + 1) == len && !memcmp(dot + 1, name, len)
		                 : !(of & INNER) && answers_to(program, i, name, len);
		if (!is_it)
			continue;
		*ret = (struct hb_layout_field){
		        .offset = program->offsets[i],
		        .size = program->widths[i] ? program->widths[i] : 1,
		        .is_array = !program->widths[i],
		};
		return true;
	}
	return false;
}

static struct hb_go_layout layout;
static struct hb_layout_described described;

static struct hb_error *settle(struct program *program, bool debug_info)
{
	const struct hb_layout_source source = {program, find, field};
	layout = *hb_go_layout(hb_go_newest_minor());
	described = (struct hb_layout_described){0};
	hb_layout_describe(&source, &layout, &described);
	return hb_layout_settle(&layout, &described, debug_info);
}

static void assert_settles(struct program *program, bool debug_info)
{
	struct hb_error *err = settle(program, debug_info);
	if (err)
		fail_msg("%s", err->message);
}

static void assert_refused(struct program *program, bool debug_info, const char *message)
{
	struct hb_error *err = settle(program, debug_info);
	if (!err) {
		fail_msg("not refused: %s", message);
		return;
	}
	if (!strstr(err->message, message))
		fail_msg("'%s' does not say '%s'", err->message, message);
	assert_int_equal(err->code, HB_ERR_UNSUPPORTED);
	hb_error_destroy(err);
}

static void test_newest_describes_itself(void **state)
{
	struct program program;
	program_init(&program);
	assert_settles(&program, true);
	assert_memory_equal(&layout, hb_go_layout(hb_go_newest_minor()), sizeof(layout));
}

/* Every field may move to where its struct has room. */
static void test_fields_move(void **state)
{
	struct program program;
	program_init(&program);
	size_t size = line_of("g", "size"), goid = line_of("g", "goid");
	program.offsets[size] += 16;
	program.offsets[goid] = program.offsets[size] - 8;
	assert_settles(&program, true);
	assert_int_equal(layout.g.goid, program.offsets[goid]);
	assert_int_equal(layout.g.size, program.offsets[size]);
	program.offsets[goid] += 4;
	assert_refused(&program, true, "goid of its runtime.g is at");
}

static void test_other_names(void **state)
{
	struct program program;
	program_init(&program);
	program.changed = line_of("mheap", "all_arenas");
	program.only_name = "allArenas"; /* the second of its names */
	assert_settles(&program, true);
	assert_int_equal(layout.mheap.all_arenas, hb_go_layout(hb_go_newest_minor())->mheap.all_arenas);
	program.only_name = "arenaList";
	assert_refused(&program, true, "its runtime.mheap has no field heapArenas|allArenas");
	program.changed = line_of("finblock", "size");
	program.only_name = "runtime.finblock";
	assert_settles(&program, true);
	program.only_name = "runtime.finBlocks";
	assert_refused(&program, true, "it has no runtime.finBlock");
}

/* "xRegs.state", "cleanupBlockHeader.n": a field of a struct in the struct. */
static void test_paths(void **state)
{
	struct program program;
	program_init(&program);
	program.offsets[line_of("g", "xregs")] = 200;
	program.offsets[line_of("cleanup_block", "n")] = 12;
	assert_settles(&program, true);
	assert_int_equal(layout.g.xregs, 200);
	assert_int_equal(layout.cleanup_block.n, 12);
	program.missing[line_of("cleanup_block", "n")] = true;
	assert_refused(&program, true, "its runtime.cleanupBlock has no field cleanupBlockHeader.n");
}

static void test_what_nobody_reads(void **state)
{
	struct program program;
	program_init(&program);
	program.missing[line_of("moduledata", "typemap")] = true;
	program.widths[line_of("moduledata", "textsectmap")] = 8;
	program.missing[line_of("mem_record", "size")] = true;
	assert_settles(&program, true);
	assert_int_equal(layout.moduledata.typemap, HB_ABSENT);
	program.missing[line_of("moduledata", "types")] = true;
	assert_refused(&program, true, "its runtime.moduledata has no field types");
}

static void test_widths(void **state)
{
	struct program program;
	program_init(&program);
	program.widths[line_of("mspan", "nelems")] = 4;
	assert_refused(&program, true, "nelems of its runtime.mspan takes 4 bytes, not 2");
	program.widths[line_of("mspan", "nelems")] = 0; /* an array */
	assert_refused(&program, true, "nelems of its runtime.mspan is of another kind");
	program_init(&program);
	program.widths[line_of("sudog", "elem")] = 8;
	assert_refused(&program, true, "elem of its runtime.sudog takes 8 bytes, not 16");
}

/* A struct inside of another one has lines of its own: both may grow, and must agree. */
static void test_nested(void **state)
{
	struct program program;
	program_init(&program);
	program.offsets[line_of("gobuf", "size")] += 8;
	program.offsets[line_of("gobuf", "ctxt")] += 8;
	assert_refused(&program, true, "sched of its runtime.g takes 48 bytes, not 56");
	program.widths[line_of("g", "sched")] += 8;
	assert_settles(&program, true);
}

/* Without debug information, structs outside the heap are not described: those of the table are taken. */
static void test_type_descriptors(void **state)
{
	static const char *const outside[] = {
	        "mheap",           "bucket",   "special_finalizer", "stackmap",  "itab",         "stack_object",
	        "special_profile", "finblock", "special_cleanup",   "finalizer", "inlined_call", "special_weak"};
	struct program program;
	program_init(&program);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		program.missing[line_of(outside[i], "size")] = true;
	assert_settles(&program, false);
	assert_int_equal(layout.mheap.allspans, hb_go_layout(hb_go_newest_minor())->mheap.allspans);
	assert_false(described.structs[HB_STRUCT_mheap]);
	assert_true(described.structs[HB_STRUCT_mspan]);
	assert_refused(&program, true, "it has no ");
	program.missing[line_of("hchan", "size")] = true;
	assert_refused(&program, false, "it has no runtime.hchan");
}

/* What the newest version does not have any more, no code reads as it was. */
static void test_what_comes_back(void **state)
{
	struct program program;
	program_init(&program);
	program.missing[line_of("hmap", "size")] = false;
	program.offsets[line_of("hmap", "size")] = 48;
	program.missing[line_of("hmap", "b")] = false;
	program.offsets[line_of("hmap", "b")] = 9;
	program.widths[line_of("hmap", "b")] = 1;
	program.missing[line_of("heap_arena", "bitmap")] = false;
	program.offsets[line_of("heap_arena", "bitmap")] = 8;
	assert_settles(&program, true);
	assert_int_equal(layout.hmap.size, HB_ABSENT);
	assert_int_equal(layout.hmap.b, HB_ABSENT);
	assert_int_equal(layout.heap_arena.bitmap, HB_ABSENT);
}

/* Records and descriptors that are read in one piece. */
static void test_fixed(void **state)
{
	struct program program;
	program_init(&program);
	program.offsets[line_of("special_profile", "size")] = 96;
	program.offsets[line_of("special_profile", "bucket")] = 64;
	assert_refused(&program, true, "its special records have more than 64 bytes");
	program_init(&program);
	program.offsets[line_of("type", "size")] += 8;
	assert_refused(&program, true, "its internal/abi.Type");
	program_init(&program);
	program.offsets[line_of("bucket", "size")] = 1 << 20;
	assert_refused(&program, true, "its runtime.bucket has 1048576 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_newest_describes_itself),
	        cmocka_unit_test(test_fields_move),
	        cmocka_unit_test(test_other_names),
	        cmocka_unit_test(test_paths),
	        cmocka_unit_test(test_what_nobody_reads),
	        cmocka_unit_test(test_widths),
	        cmocka_unit_test(test_nested),
	        cmocka_unit_test(test_type_descriptors),
	        cmocka_unit_test(test_what_comes_back),
	        cmocka_unit_test(test_fixed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
