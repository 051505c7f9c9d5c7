/* The function table: names, positions, inlining, pc-value tables, and what happens when they are broken. Real tables
 * are compared with the runtime by tests/oracle/run-goroutines.sh. */
#include "synthetic_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { FIRST = 64, SECOND = 100, THIRD = 7 }; /* bytes of the functions */

struct fixture {
	struct code code;
	uint64_t first, second, third;
};

/* second() at 10…30 has f inlined, which at 20…25 has g inlined; the call of g stands at 15, that of f at 5. */
static uint32_t inlining_tree(struct code *code)
{
	const struct hb_go_layout *layout = code->go.layout;
	const struct {
		uint32_t name, parent_pc;
	} calls[] = {{code_name(code, "pkg.f"), 5}, {code_name(code, "pkg.g"), 15}};
	uint8_t tree[2 * 32] = {0};
	for (size_t i = 0; i < hb_countof(calls); i++) {
		uint8_t *record = tree + i * layout->inlined_call.size;
		memcpy(record + layout->inlined_call.name_off, &calls[i].name, 4);
		memcpy(record + layout->inlined_call.parent_pc, &calls[i].parent_pc, 4);
	}
	return code_rodata(code, tree, (size_t)2 * layout->inlined_call.size);
}

static void build(struct fixture *f, unsigned minor)
{
	struct code *code = &f->code;
	code_init(code, minor);
	int32_t a = code_file(code, "/src/a.go"), b = code_file(code, "/src/b.go");
	f->first = code_function(
	        code, &(struct code_function){
	                      .name = "main.first",
	                      .bytes = FIRST,
	                      .args = INT32_MIN,
	                      .pcsp = code_table(code, (struct code_run[]){{0, 4}, {70000, 50}, {0, 10}, {0}}),
	                      .pcfile = code_constant(code, a, FIRST),
	                      .pcln = code_table(code, (struct code_run[]){{1000000, 32}, {7, 32}, {0}}),
	              });
	f->second = code_function(
	        code,
	        &(struct code_function){
	                .name = "main.second",
	                .bytes = SECOND,
	                .args = 24,
	                .flag = HB_FUNC_TOPFRAME,
	                .pcsp = code_constant(code, 8, SECOND),
	                .pcfile = code_table(code, (struct code_run[]){{a, 20}, {b, 5}, {a, 75}, {0}}),
	                .pcln = code_table(code,
	                                   (struct code_run[]){{11, 10}, {41, 10}, {51, 5}, {42, 5}, {12, 70}, {0}}),
	                .pcdata = {0, 0,
	                           code_table(code,
	                                      (struct code_run[]){{-1, 10}, {0, 10}, {1, 5}, {0, 5}, {-1, 70}, {0}})},
	                .funcdata = {0, 0, 0, inlining_tree(code)},
	        });
	f->third = code_function(
	        code,
	        &(struct code_function){.name = "third",
	                                .bytes = THIRD,
	                                .pcsp = code_constant(code, 5, THIRD - 3), /* and other tables behind it */
	                                .pcln = code_constant(code, 99, THIRD)});
	code_finish(code);
}

static void a_function_holds_its_pcs_and_no_others(void **state)
{
	struct fixture f;
	build(&f, hb_go_newest_minor());
	struct hb_go_func func;
	const struct {
		uint64_t pc;
		const char *name;
	} cases[] = {
	        {f.first, "main.first"},   {f.first + FIRST - 1, "main.first"},
	        {f.second, "main.second"}, {f.second + SECOND - 1, "main.second"},
	        {f.third, "third"},        {f.third + THIRD - 1, "third"},
	};
	for (size_t i = 0; i < hb_countof(cases); i++) {
		assert_true(hb_go_func_at(&f.code.go, cases[i].pc, &func));
		assert_string_equal(func.name, cases[i].name);
	}
	assert_false(hb_go_func_at(&f.code.go, f.first - 1, &func));
	assert_false(hb_go_func_at(&f.code.go, f.third + THIRD, &func));
	assert_false(hb_go_func_at(&f.code.go, 0, &func));
	assert_false(hb_go_func_at(&f.code.go, UINT64_MAX, &func));

	assert_true(hb_go_func_at(&f.code.go, f.second + 50, &func));
	assert_int_equal(func.entry, f.second);
	assert_int_equal(func.end, f.second + SECOND);
	assert_int_equal(func.index, 1);
	assert_int_equal(func.args, 24);
	assert_int_equal(func.flag, HB_FUNC_TOPFRAME);
	assert_true(hb_go_func_by_index(&f.code.go, &f.code.module, 0, &func));
	assert_int_equal(func.args, INT32_MIN);
	assert_false(hb_go_func_by_index(&f.code.go, &f.code.module, 3, &func)); /* the end of the last one */
	assert_false(hb_go_func_by_index(&f.code.go, &f.code.module, UINT32_MAX, &func));
	code_deinit(&f.code);
}

static int32_t value_at(const struct fixture *f, uint64_t pc)
{
	struct hb_go_func func;
	int32_t value;
	assert_true(hb_go_func_at(&f->code.go, pc, &func));
	assert_true(hb_go_pcvalue(&func, func.pcsp, pc, &value));
	return value;
}

static void a_value_holds_up_to_the_next_one(void **state)
{
	struct fixture f;
	build(&f, hb_go_newest_minor());
	assert_int_equal(value_at(&f, f.first), 0);
	assert_int_equal(value_at(&f, f.first + 3), 0);
	assert_int_equal(value_at(&f, f.first + 4), 70000);
	assert_int_equal(value_at(&f, f.first + 53), 70000);
	assert_int_equal(value_at(&f, f.first + 54), 0);
	struct hb_go_func func;
	int32_t value;
	assert_true(hb_go_func_at(&f.code.go, f.third, &func));
	assert_true(hb_go_pcvalue(&func, func.pcfile, f.third, &value)); /* no table */
	assert_int_equal(value, -1);
	assert_true(hb_go_pcvalue(&func, func.pcsp, f.third + 3, &value));
	assert_int_equal(value, 5);
	assert_false(hb_go_pcvalue(&func, func.pcsp, f.third + 4, &value)); /* it ends before the function */
	assert_true(hb_go_func_at(&f.code.go, f.second, &func));
	assert_true(hb_go_pcdata(&f.code.go, &func, 2, f.second + 22, &value));
	assert_int_equal(value, 1);
	assert_true(hb_go_pcdata(&f.code.go, &func, 3, f.second, &value)); /* there are three */
	assert_int_equal(value, -1);
	assert_int_equal(hb_go_funcdata(&f.code.go, &func, 0), 0);
	assert_int_not_equal(hb_go_funcdata(&f.code.go, &func, 3), 0);
	assert_int_equal(hb_go_funcdata(&f.code.go, &func, 4), 0);
	code_deinit(&f.code);
}

static void assert_line(const struct hb_go_line *line, const char *function, const char *file, int number, bool inlined)
{
	assert_string_equal(line->function, function);
	assert_string_equal(line->file, file);
	assert_int_equal(line->line, number);
	assert_int_equal(line->inlined, inlined);
}

static void inlined_calls_are_frames_of_their_own(void **state)
{
	for (unsigned minor = hb_go_oldest_minor(); minor <= hb_go_newest_minor(); minor++) {
		struct fixture f;
		struct hb_go_line lines[8];
		build(&f, minor);
		assert_int_equal(hb_go_lines(&f.code.go, f.second + 22, lines, 8), 3);
		assert_line(&lines[0], "pkg.g", "/src/b.go", 51, true);
		assert_line(&lines[1], "pkg.f", "/src/a.go", 41, true);        /* where g is called: at 15 */
		assert_line(&lines[2], "main.second", "/src/a.go", 11, false); /* where f is called: at 5 */
		assert_int_equal(hb_go_lines(&f.code.go, f.second + 12, lines, 8), 2);
		assert_line(&lines[0], "pkg.f", "/src/a.go", 41, true);
		assert_int_equal(hb_go_lines(&f.code.go, f.second + 40, lines, 8), 1);
		assert_line(&lines[0], "main.second", "/src/a.go", 12, false);
		assert_int_equal(hb_go_lines(&f.code.go, f.second + 22, lines, 1), 1);
		assert_line(&lines[0], "pkg.g", "/src/b.go", 51, true);
		assert_int_equal(hb_go_lines(&f.code.go, f.second + 22, lines, 0), 0);
		assert_int_equal(hb_go_lines(&f.code.go, f.first, lines, 8), 1);
		assert_line(&lines[0], "main.first", "/src/a.go", 1000000, false);
		assert_int_equal(hb_go_lines(&f.code.go, f.third, lines, 8), 1);
		assert_line(&lines[0], "third", "", 0, false);
		assert_int_equal(hb_go_lines(&f.code.go, f.first - 1, lines, 8), 0);
		code_deinit(&f.code);
	}
}

static void an_inlining_tree_that_loops_comes_to_an_end(void **state)
{
	struct fixture f;
	struct hb_go_line lines[1000];
	struct hb_go_func func;
	build(&f, hb_go_newest_minor());
	assert_true(hb_go_func_at(&f.code.go, f.second, &func));
	uint64_t tree = hb_go_funcdata(&f.code.go, &func, 3);
	uint32_t inside_itself = 22;
	tree += f.code.go.layout->inlined_call.size + f.code.go.layout->inlined_call.parent_pc;
	memcpy(f.code.regions[0].bytes + (tree - CODE_RODATA), &inside_itself, 4);
	assert_in_range(hb_go_lines(&f.code.go, f.second + 22, lines, 1000), 1, 300);
	code_deinit(&f.code);
}

static void tables_that_end_early_say_nothing(void **state)
{
	struct fixture f;
	struct hb_go_func func;
	struct hb_go_line line;
	int32_t value;
	build(&f, hb_go_newest_minor());
	struct hb_go_module whole = f.code.module;
	assert_true(hb_go_func_at(&f.code.go, f.first, &func));
	assert_false(hb_go_pcvalue(&func, (uint32_t)whole.pctab.len, f.first, &value));
	assert_false(hb_go_pcvalue(&func, UINT32_MAX, f.first, &value));
	assert_false(hb_go_pcvalue(&func, func.pcsp, func.end, &value)); /* the table covers the function, no more */
	f.code.module.pctab.len = func.pcsp + 3;
	assert_true(hb_go_pcvalue(&func, func.pcsp, f.first + 3, &value));
	assert_false(hb_go_pcvalue(&func, func.pcsp, f.first + 4, &value));
	f.code.module = whole;
	f.code.module.filetab.len = 3; /* no NUL any more */
	assert_int_equal(hb_go_lines(&f.code.go, f.first, &line, 1), 1);
	assert_line(&line, "main.first", "", 0, false);
	f.code.module = whole;
	f.code.module.funcnametab.len = 4;
	assert_false(hb_go_func_at(&f.code.go, f.first, &func));
	f.code.module = whole;
	f.code.module.pclntable.len = 30;
	assert_false(hb_go_func_at(&f.code.go, f.first, &func));
	f.code.module = whole;
	f.code.module.ftab.len = 12; /* and nftab says more */
	assert_false(hb_go_func_at(&f.code.go, f.first, &func));
	f.code.module.ftab.len = 0;
	assert_false(hb_go_func_at(&f.code.go, f.first, &func));
	code_deinit(&f.code);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* Whatever is in the tables, reading them ends and stays inside (which the sanitizers watch). */
static void hostile_tables_do_no_harm(void **state)
{
	uint64_t random = 88172645463325252;
	for (unsigned round = 0; round < 3000; round++) {
		struct fixture f;
		build(&f, hb_go_newest_minor());
		struct code_buffer *buffers[] = {&f.code.names,   &f.code.pctab,     &f.code.cutab,
		                                 &f.code.filetab, &f.code.pclntable, &f.code.ftab};
		for (unsigned i = 0; i < 1 + round % 8; i++) {
			struct code_buffer *buffer = buffers[next_random(&random) % hb_countof(buffers)];
			buffer->bytes[next_random(&random) % buffer->len] = (uint8_t)next_random(&random);
		}
		f.code.regions[0].bytes[next_random(&random) % 128] = (uint8_t)next_random(&random);
		for (uint64_t pc = f.first - 1; pc <= f.third + THIRD; pc++) {
			struct hb_go_line lines[16];
			size_t n = hb_go_lines(&f.code.go, pc, lines, 16);
			for (size_t i = 0; i < n; i++)
				assert_true(strlen(lines[i].function) < f.code.names.len &&
				            strlen(lines[i].file) < f.code.filetab.len && lines[i].line >= 0);
		}
		code_deinit(&f.code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_function_holds_its_pcs_and_no_others),
	        cmocka_unit_test(a_value_holds_up_to_the_next_one),
	        cmocka_unit_test(inlined_calls_are_frames_of_their_own),
	        cmocka_unit_test(an_inlining_tree_that_loops_comes_to_an_end),
	        cmocka_unit_test(tables_that_end_early_say_nothing),
	        cmocka_unit_test(hostile_tables_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
