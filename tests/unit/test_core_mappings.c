/* What the segments of a core and its table of files say of memory: right ones, and some that contradict each other. */
#include "sample_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_mappings(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nmappings, 4);
	const struct hb_mapping *text = hb_target_mapping(target, TEXT + 0x1fff), *bss = hb_target_mapping(target, BSS);
	assert_non_null(text);
	assert_true(text->executable && text->readable && !text->writable);
	assert_string_equal(text->path, "/nowhere/server");
	assert_int_equal(hb_target_mapping(target, DATA)->file_offset, 0x2000);
	assert_string_equal(bss->path, "");
	assert_int_equal(bss->inode, 0);
	assert_string_equal(hb_target_mapping(target, STACK)->path, "[stack]");
	assert_null(hb_target_mapping(target, TEXT + 0x2000));
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* gdb leaves read-only file mappings out altogether: only NT_FILE knows them. */
static void test_mapping_of_nt_file_alone(void **state)
{
	struct core_writer writer = {0};
	core_writer_file(&writer, TEXT, TEXT + 0x1000, 0, "/nowhere/a");
	core_writer_file(&writer, TEXT + 0x1000, TEXT + 0x3000, 0x1000, "/nowhere/a (deleted)");
	core_writer_load(&writer, TEXT + 0x2000, 0x2000, PF_R | PF_W, pages[0], 2 * CORE_PAGE);
	core_writer_build(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nmappings, 4);
	const uint64_t starts[] = {TEXT, TEXT + 0x1000, TEXT + 0x2000, TEXT + 0x3000};
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(target->mappings[i].start, starts[i]);
		assert_int_equal(target->mappings[i].end, starts[i] + 0x1000);
		assert_string_equal(target->mappings[i].path, i < 3 ? "/nowhere/a" : "");
		assert_int_equal(target->mappings[i].writable, i >= 2);
	}
	assert_int_equal(target->mappings[2].file_offset, 0x2000);
	assert_note(target, "records no threads");
	assert_true(target->notes.partial);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_kernel_addresses(void **state)
{
	struct core_writer writer = {0};
	core_writer_load(&writer, 0xffffffffff600000, CORE_PAGE, PF_X, pages[0],
	                 CORE_PAGE); /* vsyscall: in every core */
	core_writer_load(&writer, DATA, CORE_PAGE, PF_R | PF_W, pages[1], CORE_PAGE);
	core_writer_build(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nmappings, 1);
	assert_false(has_note(target, "outside of user memory"));
	hb_target_destroy(target);
	core_writer_segment(&writer, 1)->p_vaddr = 0xffff800000000000;
	target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nmappings, 1);
	assert_note(target, "outside of user memory");
	hb_target_destroy(target);
	core_writer_segment(&writer, 2)->p_vaddr = 0xffff800000000000;
	assert_refused(&writer, HB_ERR_CORRUPT, "holds no memory");
	core_writer_deinit(&writer);
}

static void test_overlapping_and_unsorted(void **state)
{
	struct core_writer writer = {0};
	core_writer_thread(&writer, 7, 0x1000, 0);
	core_writer_load(&writer, DATA + 0x1000, 0x2000, PF_R | PF_W, pages[2], 2 * CORE_PAGE);
	core_writer_load(&writer, TEXT, 0x1000, PF_R, pages[3], CORE_PAGE);
	core_writer_load(&writer, DATA, 0x2000, PF_R | PF_W, pages[0], 2 * CORE_PAGE); /* its second page is taken */
	core_writer_load(&writer, DATA + 0x1000, 0x1000, PF_R | PF_W, pages[3], CORE_PAGE); /* as is all of this one */
	core_writer_build(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_note(target, "2 segments of the core overlap");
	assert_true(target->notes.partial);
	for (size_t i = 1; i < target->nmappings; i++)
		assert_true(target->mappings[i - 1].end <= target->mappings[i].start);
	check_bytes(target, TEXT, 3, 0, 100);
	check_bytes(target, DATA, 0, 0, CORE_PAGE);
	check_bytes(target, DATA + 0x1000, 2, 0, 2 * CORE_PAGE);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_mappings),
	        cmocka_unit_test(test_mapping_of_nt_file_alone),
	        cmocka_unit_test(test_kernel_addresses),
	        cmocka_unit_test(test_overlapping_and_unsorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
