/* What a core leaves out and the files on this machine have: found, checked, and used only where it is the same. */
#include "core_writer.h"
#include "snapshot/snapshot.h"
#include "target/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The program's file: four pages. Text (with the headers) and read-only data are constant; of the third page the first
 * half is RELRO inside of a writable segment; the fourth is data. */
enum { LOAD = 0x55550000, FILE_PAGES = 4, RODATA = 1, RELRO = 2, PROGRAM_DATA = 3 };
static uint8_t program[FILE_PAGES * CORE_PAGE];
static char folder[64], exe[96], core_path[96];

static void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	struct core_writer writer = {.image = (uint8_t *)bytes, .len = len};
	core_writer_save(&writer, SIZE_MAX, path);
}

/* build_id 0: none. */
static void make_program(uint8_t build_id)
{
	for (size_t i = 0; i < sizeof(program); i++)
		program[i] = (uint8_t)(i / CORE_PAGE * 50 + i % 47);
	const Elf64_Ehdr header = {
	        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	        .e_type = ET_DYN,
	        .e_machine = EM_X86_64,
	        .e_version = EV_CURRENT,
	        .e_entry = 0x800,
	        .e_phoff = sizeof(header),
	        .e_ehsize = sizeof(header),
	        .e_phentsize = sizeof(Elf64_Phdr),
	        .e_phnum = 5,
	};
	const Elf64_Phdr segments[5] = {
	        {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = CORE_PAGE, .p_memsz = CORE_PAGE},
	        {.p_type = PT_LOAD,
	         .p_flags = PF_R,
	         .p_offset = CORE_PAGE,
	         .p_vaddr = CORE_PAGE,
	         .p_filesz = CORE_PAGE + 0x100, /* ends in the page where the writable one starts */
	         .p_memsz = CORE_PAGE + 0x100},
	        {.p_type = PT_LOAD,
	         .p_flags = PF_R | PF_W,
	         .p_offset = 2 * CORE_PAGE,
	         .p_vaddr = 2 * CORE_PAGE,
	         .p_filesz = 2 * CORE_PAGE,
	         .p_memsz = 2 * CORE_PAGE},
	        {.p_type = PT_GNU_RELRO,
	         .p_flags = PF_R,
	         .p_offset = 2 * CORE_PAGE,
	         .p_vaddr = 2 * CORE_PAGE,
	         .p_filesz = CORE_PAGE,
	         .p_memsz = CORE_PAGE},
	        {.p_type = PT_NOTE,
	         .p_flags = PF_R,
	         .p_offset = 0x400,
	         .p_vaddr = 0x400,
	         .p_filesz = build_id ? 36 : 0},
	};
	memcpy(program, &header, sizeof(header));
	memcpy(program + sizeof(header), segments, sizeof(segments));
	const Elf64_Nhdr note = {4, 20, NT_GNU_BUILD_ID};
	memcpy(program + 0x400, &note, sizeof(note));
	memcpy(program + 0x40c, "GNU", 4);
	memset(program + 0x410, build_id, 20);
}

/* A kernel core of it: the first page of the file is there (or not), of the rest only what was written to: not even
 * that. */
static void make_core(struct core_writer *writer, bool with_head)
{
	static uint8_t stack[CORE_PAGE];
	const uint64_t auxv[] = {AT_PHDR, LOAD + 64, AT_ENTRY, LOAD + 0x800, AT_NULL, 0};
	*writer = (struct core_writer){0};
	core_writer_thread(writer, 7, 0x1000, 0);
	core_writer_process(writer, 7, "program");
	core_writer_auxv(writer, auxv, 6);
	for (unsigned i = 0; i < FILE_PAGES; i++) {
		core_writer_file(writer, LOAD + i * CORE_PAGE, LOAD + (i + 1) * CORE_PAGE, i * CORE_PAGE, exe);
		core_writer_load(writer, LOAD + i * CORE_PAGE, CORE_PAGE,
		                 i == 0              ? PF_R | PF_X
		                 : i == PROGRAM_DATA ? PF_R | PF_W
		                                     : PF_R,
		                 program, i == 0 && with_head ? CORE_PAGE : 0);
	}
	core_writer_load(writer, 0x7f0000000000, CORE_PAGE, PF_R | PF_W, stack, CORE_PAGE);
	core_writer_build(writer);
	core_writer_save(writer, SIZE_MAX, core_path);
}

static struct hb_target *open_core(void)
{
	struct hb_target *target = NULL;
	assert_ok(hb_core_open(core_path, &target));
	return target;
}

/* 'c' from the core, 'f' from the file, '-' unknown: one letter a page. */
static void assert_pages(struct hb_target *target, const char *expected)
{
	char got[FILE_PAGES + 1] = "";
	for (unsigned i = 0; i < FILE_PAGES; i++) {
		uint8_t bytes[CORE_PAGE], state;
		uint64_t unread = 0;
		struct hb_range range = {LOAD + i * CORE_PAGE, CORE_PAGE, bytes};
		assert_ok(target->ops->read(target, &range, 1, &unread));
		assert_ok(target->ops->pages(target, range.addr, 1, &state));
		assert_int_equal(state == HB_PAGE_PRESENT, unread == 0);
		got[i] = unread ? '-' : i ? 'f' : 'c';
		if (!unread)
			assert_memory_equal(bytes, program + i * CORE_PAGE, CORE_PAGE);
	}
	assert_string_equal(got, expected);
}

static bool has_note(const struct hb_target *target, const char *words)
{
	for (size_t i = 0; i < target->notes.texts.len; i++)
		if (strstr(target->notes.texts.data[i], words))
			return true;
	return false;
}

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/heldby-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(exe, sizeof(exe), "%s/bin/program", folder);
	snprintf(core_path, sizeof(core_path), "%s/core", folder);
	char bin[96];
	snprintf(bin, sizeof(bin), "%s/bin", folder);
	unsetenv("HELDBY_EXE");
	return mkdir(bin, 0700);
}

static int teardown(void **state)
{
	char path[128];
	const char *names[] = {"bin/program", "program", "other", "core", "bin", ""};
	for (unsigned i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (remove(path) && i > 3)
			return -1;
	}
	unsetenv("HELDBY_EXE");
	return 0;
}

/* Text and read-only data come from the file; RELRO and data never: the process relocated the one and wrote the other.
 */
static void test_constant_parts_come_from_the_file(void **state)
{
	struct core_writer writer;
	make_program(1);
	make_core(&writer, true);
	write_file(exe, program, sizeof(program));
	struct hb_target *target = open_core();
	assert_string_equal(target->exe_path, exe);
	assert_pages(target, "cf--");
	assert_int_equal(target->notes.texts.len, 0);
	int fd = -1;
	uint8_t bytes[16];
	assert_ok(target->ops->open_exe(target, &fd));
	assert_int_equal(pread(fd, bytes, 16, CORE_PAGE), 16);
	assert_memory_equal(bytes, program + CORE_PAGE, 16);
	close(fd);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_another_build(void **state)
{
	struct core_writer writer;
	make_program(1);
	make_core(&writer, true);
	make_program(2);
	write_file(exe, program, sizeof(program));
	make_program(1);
	struct hb_target *target = open_core();
	assert_pages(target, "c---");
	assert_true(has_note(target, "another build"));
	int fd = -1;
	struct hb_error *err = target->ops->open_exe(target, &fd);
	assert_non_null(err);
	hb_error_destroy(err);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* Without build ids the headers must be the same, and a note says that it is not certain. */
static void test_without_build_id(void **state)
{
	struct core_writer writer;
	make_program(0);
	make_core(&writer, true);
	write_file(exe, program, sizeof(program));
	struct hb_target *target = open_core();
	assert_pages(target, "cf--");
	assert_true(has_note(target, "nothing in the core says whether"));
	hb_target_destroy(target);
	program[64 + 5 * 8]++; /* p_memsz of the first segment */
	write_file(exe, program, sizeof(program));
	program[64 + 5 * 8]--;
	target = open_core();
	assert_pages(target, "c---");
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_without_its_first_page(void **state)
{
	struct core_writer writer;
	make_program(1);
	make_core(&writer, false);
	write_file(exe, program, sizeof(program));
	struct hb_target *target = open_core();
	uint8_t state_of_page;
	assert_ok(target->ops->pages(target, LOAD, 1, &state_of_page));
	assert_int_equal(state_of_page, HB_PAGE_PRESENT);
	assert_true(has_note(target, "nothing in the core says whether"));
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_next_to_the_core(void **state)
{
	struct core_writer writer;
	char beside[96];
	make_program(1);
	make_core(&writer, true);
	snprintf(beside, sizeof(beside), "%s/program", folder);
	write_file(beside, program, sizeof(program));
	struct hb_target *target = open_core();
	assert_pages(target, "cf--");
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_named_by_the_user(void **state)
{
	struct core_writer writer;
	char other[96];
	make_program(1);
	make_core(&writer, true);
	snprintf(other, sizeof(other), "%s/other", folder);
	write_file(other, program, sizeof(program));
	setenv("HELDBY_EXE", other, 1);
	struct hb_target *target = open_core();
	assert_pages(target, "cf--");
	hb_target_destroy(target);
	/* What the user names must be right: no quiet search for something else. */
	make_program(2);
	write_file(other, program, sizeof(program));
	make_program(1);
	struct hb_error *err = hb_core_open(core_path, &target);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_ATTACH);
	assert_non_null(strstr(err->message, "another build"));
	hb_error_destroy(err);
	setenv("HELDBY_EXE", "/dev/zero", 1);
	err = hb_core_open(core_path, &target);
	assert_non_null(err);
	hb_error_destroy(err);
	core_writer_deinit(&writer);
}

/* A hostile core may name anything: only regular ELF files are opened, and a pipe must not be waited for. */
static void test_paths_that_are_no_programs(void **state)
{
	struct core_writer writer;
	make_program(1);
	make_core(&writer, true);
	assert_int_equal(mkfifo(exe, 0600), 0);
	struct hb_target *target = open_core();
	assert_pages(target, "c---");
	hb_target_destroy(target);
	unlink(exe);
	write_file(exe, "root:secret", 11);
	target = open_core();
	assert_pages(target, "c---");
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* The file shorter than its headers say: what is behind its end is unknown. */
static void test_file_cut_short(void **state)
{
	struct core_writer writer;
	make_program(1);
	make_core(&writer, true);
	write_file(exe, program, CORE_PAGE);
	struct hb_target *target = open_core();
	assert_pages(target, "c---");
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* Any byte of the program's headers changed: nothing breaks, and constant pages only come from where they belong. */
static void test_lying_program(void **state)
{
	struct core_writer writer;
	make_program(1);
	make_core(&writer, false);
	uint32_t random = 4711;
	for (unsigned round = 0; round < 1500; round++) {
		random = random * 1664525 + 1013904223;
		size_t at = (random >> 4) % (64 + 5 * 56);
		uint8_t was = program[at];
		program[at] = (uint8_t)(random >> 24);
		write_file(exe, program, sizeof(program));
		program[at] = was;
		struct hb_target *target = open_core();
		const struct hb_core *core = hb_core_of(target);
		for (size_t i = 0; i < core->extents.len; i++) {
			assert_true(core->extents.data[i].start < core->extents.data[i].end);
			assert_true(!i || core->extents.data[i - 1].end <= core->extents.data[i].start);
		}
		uint8_t bytes[FILE_PAGES * CORE_PAGE];
		uint64_t unread = 0;
		struct hb_range range = {LOAD, sizeof(bytes), bytes};
		assert_ok(target->ops->read(target, &range, 1, &unread));
		hb_target_destroy(target);
	}
	core_writer_deinit(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_constant_parts_come_from_the_file, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_another_build, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_without_build_id, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_without_its_first_page, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_next_to_the_core, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_named_by_the_user, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_paths_that_are_no_programs, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_file_cut_short, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_lying_program, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
