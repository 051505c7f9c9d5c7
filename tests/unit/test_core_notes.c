/* Notes of cores that lie about their sizes, or say the same many times. */
#include "sample_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static Elf64_Nhdr *first_note(struct core_writer *writer)
{
	return (void *)(writer->image + core_writer_segment(writer, 0)->p_offset);
}

static void test_lying_note_sizes(void **state)
{
	static const uint32_t sizes[] = {0, 1, 3, 335, 337, 4096, 1 << 20, INT32_MAX, UINT32_MAX - 3, UINT32_MAX};
	uint64_t peak = hb_memory_peak();
	for (size_t i = 0; i < hb_countof(sizes); i++)
		for (unsigned field = 0; field < 2; field++) {
			struct core_writer writer = {0};
			add_everything(&writer);
			*(field ? &first_note(&writer)->n_namesz : &first_note(&writer)->n_descsz) = sizes[i];
			struct hb_target *target = open_ok(&writer, SIZE_MAX);
			assert_true(target->nthreads <= 2);
			check_bytes(target, STACK, 3, 0, 100);
			hb_target_destroy(target);
			core_writer_deinit(&writer);
		}
	assert_true(hb_memory_peak() - peak < 64 << 20);
}

static void test_note_segment_lies(void **state)
{
	static const uint64_t values[] = {0, 1, 5, 1 << 20, INT64_MAX, UINT64_MAX, UINT64_MAX - 11};
	for (size_t i = 0; i < hb_countof(values); i++)
		for (unsigned field = 0; field < 2; field++) {
			struct core_writer writer = {0};
			add_everything(&writer);
			Elf64_Phdr *notes = core_writer_segment(&writer, 0);
			*(field ? &notes->p_offset : &notes->p_filesz) = values[i];
			struct hb_target *target = open_ok(&writer, SIZE_MAX);
			hb_target_destroy(target);
			core_writer_deinit(&writer);
		}
}

/* NT_FILE: count, page size, entries, paths: each a lie in turn. */
static void test_lying_file_table(void **state)
{
	static const uint64_t lies[] = {
	        0, 1, 2, 3, 1000, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX / 24, UINT64_MAX / 24 + 1};
	static const char paths[14] = "/bin/a\0/bin/bb"; /* the last one is not terminated */
	uint64_t peak = hb_memory_peak();
	for (size_t i = 0; i < hb_countof(lies); i++)
		for (unsigned word = 0; word < 8; word++) {
			uint64_t table[8] = {2,    CORE_PAGE,     TEXT, TEXT + 0x1000, 0, /* */
			                     DATA, DATA + 0x1000, 1};
			uint8_t desc[sizeof(table) + sizeof(paths)];
			table[word] = lies[i];
			memcpy(desc, table, sizeof(table));
			memcpy(desc + sizeof(table), paths, sizeof(paths));
			struct core_writer writer = {0};
			core_writer_note(&writer, "CORE", NT_FILE, desc, sizeof(desc));
			core_writer_load(&writer, TEXT, 0x1000, PF_R, pages[0], CORE_PAGE);
			core_writer_build(&writer);
			struct hb_target *target = open_ok(&writer, SIZE_MAX);
			for (size_t k = 0; k < target->nmappings; k++) {
				assert_true(target->mappings[k].start < target->mappings[k].end);
				assert_true(!k || target->mappings[k - 1].end <= target->mappings[k].start);
			}
			hb_target_destroy(target);
			core_writer_deinit(&writer);
		}
	assert_true(hb_memory_peak() - peak < 64 << 20);
}

static void test_short_notes(void **state)
{
	struct core_writer writer = {0};
	core_writer_note(&writer, "CORE", NT_PRSTATUS, pages[0], 100);
	core_writer_note(&writer, "CORE", NT_FPREGSET, pages[0], 512); /* of no thread */
	core_writer_note(&writer, "CORE", NT_PRPSINFO, pages[0], 20);
	core_writer_note(&writer, "CORE", NT_AUXV, pages[0], 7);
	core_writer_note(&writer, "CORE", NT_FILE, pages[0], 15);
	core_writer_note(&writer, "CORE", NT_FILE, NULL, 0);
	core_writer_note(&writer, "OTHER", NT_PRSTATUS, pages[0], 336);
	core_writer_load(&writer, DATA, 0x1000, PF_R, pages[0], CORE_PAGE);
	core_writer_build(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nthreads, 0);
	assert_note(target, "a thread without its registers");
	assert_true(target->notes.partial);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* Many note segments over the same bytes would be read over and over. */
static void test_same_notes_many_times(void **state)
{
	struct core_writer writer = {0};
	core_writer_thread(&writer, 7, 0x1000, 0);
	for (unsigned i = 0; i < 10000; i++)
		core_writer_load(&writer, DATA + (uint64_t)i * 0x2000, 0x1000, PF_R, NULL, 0);
	core_writer_build(&writer);
	for (unsigned i = 1; i < 10000; i++)
		*core_writer_segment(&writer, i) = *core_writer_segment(&writer, 0);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_true(target->nthreads <= 16);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_lying_note_sizes),      cmocka_unit_test(test_note_segment_lies),
	        cmocka_unit_test(test_lying_file_table),      cmocka_unit_test(test_short_notes),
	        cmocka_unit_test(test_same_notes_many_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
