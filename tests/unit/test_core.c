/* ELF cores as targets: what right ones say, and what becomes of broken ones. */
#include "core_writer.h"
#include "snapshot/snapshot.h"
#include "target/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

static struct hb_target *open_ok(const struct core_writer *writer, size_t len)
{
	struct hb_target *target = NULL;
	assert_ok(hb_core_open_fd(core_writer_fd(writer, len), "test.core", &target));
	return target;
}

/* The error must have the code and its message the words. */
static void assert_refused_fd(int fd, enum hb_error_code code, const char *words)
{
	struct hb_target *target = NULL;
	struct hb_error *err = hb_core_open_fd(fd, "test.core", &target);
	if (!err) {
		hb_target_destroy(target);
		fail_msg("opened, but should say: %s", words);
	} else if (err->code != code || !strstr(err->message, words))
		fail_msg("code %d: %s; expected code %d: %s", err->code, err->message, code, words);
	hb_error_destroy(err);
}

static void assert_refused(const struct core_writer *writer, enum hb_error_code code, const char *words)
{
	assert_refused_fd(core_writer_fd(writer, SIZE_MAX), code, words);
}

static bool has_note(const struct hb_target *target, const char *words)
{
	for (size_t i = 0; i < target->notes.texts.len; i++)
		if (strstr(target->notes.texts.data[i], words))
			return true;
	return false;
}

static void assert_note(const struct hb_target *target, const char *words)
{
	if (has_note(target, words))
		return;
	for (size_t i = 0; i < target->notes.texts.len; i++)
		print_message("note: %s\n", target->notes.texts.data[i]);
	fail_msg("no note says: %s", words);
}

/* --- A core with two threads and four segments ----------------------------------------------------------------------
 */

enum { TEXT = 0x400000, DATA = 0x500000, BSS = 0x502000, STACK = 0x7ff000 };
static uint8_t pages[4][CORE_PAGE];

static uint8_t expected_byte(unsigned page, unsigned offset)
{
	return (uint8_t)(page * 71 + offset * 13 + 1);
}

static void add_everything(struct core_writer *writer)
{
	for (unsigned page = 0; page < 4; page++)
		for (unsigned i = 0; i < CORE_PAGE; i++)
			pages[page][i] = expected_byte(page, i);
	const uint64_t auxv[] = {AT_ENTRY, TEXT + 0x100, AT_RANDOM, STACK + 0x10, AT_NULL, 0};
	core_writer_thread(writer, 41, 0x1000, 202);
	core_writer_process(writer, 41, "server");
	core_writer_auxv(writer, auxv, 6);
	core_writer_thread(writer, 43, 0x2000, UINT64_MAX);
	core_writer_file(writer, TEXT, TEXT + 0x2000, 0, "/nowhere/server");
	core_writer_file(writer, DATA, DATA + 0x2000, 0x2000, "/nowhere/server");
	core_writer_load(writer, TEXT, 0x2000, PF_R | PF_X, pages[0], CORE_PAGE); /* the second page was left out */
	core_writer_load(writer, DATA, 0x2000, PF_R | PF_W, pages[1], 2 * CORE_PAGE);
	core_writer_load(writer, BSS, 0x4000, PF_R | PF_W, NULL, 0); /* never touched */
	core_writer_load(writer, STACK, 0x1000, PF_R | PF_W, pages[3], CORE_PAGE);
	core_writer_build(writer);
}

static void check_bytes(struct hb_target *target, uint64_t addr, unsigned page, unsigned offset, size_t len)
{
	uint8_t got[2 * CORE_PAGE];
	assert_ok(hb_target_read(target, addr, got, len));
	for (size_t i = 0; i < len; i++, offset++)
		assert_int_equal(got[i], expected_byte(page + offset / CORE_PAGE, offset % CORE_PAGE));
}

static void test_right_core(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->kind, HB_TARGET_CORE);
	assert_int_equal(target->pid, 41);
	assert_string_equal(target->name, "server");
	assert_string_equal(target->exe_path, "/nowhere/server");
	assert_int_equal(hb_core_of(target)->writer, HB_CORE_KERNEL);
	assert_int_equal(hb_core_of(target)->signal, 6);
	assert_note(target, "is not on this machine");
	assert_false(target->notes.partial);
	/* What the kernel says it dumped, less what it left out. */
	assert_int_equal(target->memory.rss, 4 * CORE_PAGE);
	assert_int_equal(target->memory.rss_file, 3 * CORE_PAGE);
	assert_ok(hb_target_stop(target, 0));
	assert_ok(hb_target_resume(target));
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_threads(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nthreads, 2);
	const struct hb_thread *first = &target->threads[0], *second = &target->threads[1];
	assert_int_equal(first->tid, 41);
	assert_int_equal(second->tid, 43);
	/* struct user_regs_struct: rip is word 16, rsp 19, fs_base 21; rax is word 10 and the first of general. */
	assert_int_equal(first->registers.pc, 0x1000 + 16);
	assert_int_equal(first->registers.sp, 0x1000 + 19);
	assert_int_equal(first->registers.tls_base, 0x1000 + 21);
	assert_true(first->registers.in_syscall);
	assert_false(second->registers.in_syscall);
	assert_int_equal(second->registers.ngeneral, 15 + 32);
	assert_int_equal(second->registers.general[0], 0x2000 + 10);
	assert_int_equal(second->registers.general[14], 0x2000 + 0);   /* r15 */
	assert_int_equal(second->registers.general[15], 0x2000 + 100); /* low half of xmm0 */
	assert_int_equal(second->registers.general[46], 0x2000 + 131);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_reads(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	check_bytes(target, TEXT, 0, 0, CORE_PAGE);
	check_bytes(target, TEXT + 17, 0, 17, 100);
	check_bytes(target, DATA + 4000, 1, 4000, 200); /* across a page */
	check_bytes(target, STACK + 4095, 3, 4095, 1);
	uint64_t word;
	hb_error_destroy(hb_target_read(target, TEXT + 0x1000, &word, 8)); /* left out */
	struct hb_range ranges[] = {
	        {DATA + 8, 8, &word}, {0x10, 8, &word}, {UINT64_MAX - 3, 8, &word}, {TEXT + 0xffc, 8, &word}};
	uint64_t unread = 0;
	assert_ok(target->ops->read(target, ranges, 1, &unread));
	assert_int_equal(unread, 0);
	assert_ok(target->ops->read(target, ranges + 1, 3, &unread));
	assert_int_equal(unread, 8 + 8 + 4);
	/* Untouched memory is known to be zero, the byte behind it is not known at all. */
	word = 1;
	assert_ok(hb_target_read(target, BSS + 0x3ff8, &word, 8));
	assert_int_equal(word, 0);
	struct hb_error *err = hb_target_read(target, BSS + 0x3ffc, &word, 8);
	assert_int_equal(err->code, HB_ERR_FAULT);
	hb_error_destroy(err);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_pages(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	uint8_t states[8];
	assert_ok(target->ops->pages(target, TEXT, 3, states));
	assert_int_equal(states[0], HB_PAGE_PRESENT);
	assert_int_equal(states[1], HB_PAGE_SWAPPED); /* of a file that is not here: contents unknown */
	assert_int_equal(states[2], HB_PAGE_SWAPPED); /* no mapping */
	assert_ok(target->ops->pages(target, DATA + 0x1000, 6, states));
	assert_int_equal(states[0], HB_PAGE_PRESENT);
	for (unsigned i = 1; i < 5; i++)
		assert_int_equal(states[i], HB_PAGE_ABSENT); /* never touched */
	assert_int_equal(states[5], HB_PAGE_SWAPPED);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* Memory that a core leaves out is known to be zero in one case only: a whole kernel core, no file, nothing dumped. */
static void test_left_out_is_not_always_zero(void **state)
{
	struct core_writer writer = {0};
	uint8_t page_state;
	add_everything(&writer);
	core_writer_header(&writer)->e_shnum = 30; /* as gdb does */
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(hb_core_of(target)->writer, HB_CORE_GCORE);
	assert_ok(target->ops->pages(target, BSS, 1, &page_state));
	assert_int_equal(page_state, HB_PAGE_SWAPPED);
	hb_target_destroy(target);
	core_writer_header(&writer)->e_shnum = 0;
	target = open_ok(&writer, writer.len - 1); /* cut */
	assert_ok(target->ops->pages(target, BSS, 1, &page_state));
	assert_int_equal(page_state, HB_PAGE_SWAPPED);
	hb_target_destroy(target);
	core_writer_segment(&writer, 3)->p_filesz =
	        CORE_PAGE; /* some of it was dumped, so the rest was not forgotten */
	target = open_ok(&writer, SIZE_MAX);
	assert_ok(target->ops->pages(target, BSS + CORE_PAGE, 1, &page_state));
	assert_int_equal(page_state, HB_PAGE_SWAPPED);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

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

/* --- Not a core ------------------------------------------------------------------------------------------------------
 */

static int file_of(const void *bytes, size_t len)
{
	struct core_writer writer = {.image = (uint8_t *)bytes, .len = len};
	return core_writer_fd(&writer, SIZE_MAX);
}

static void test_other_files(void **state)
{
	assert_refused_fd(file_of("", 0), HB_ERR_CORRUPT, "is empty");
	assert_refused_fd(file_of("x", 1), HB_ERR_UNSUPPORTED, "not a core file");
	assert_refused_fd(file_of("#!/bin/sh\necho hello\n", 21), HB_ERR_UNSUPPORTED, "not a core file");
	assert_refused_fd(file_of("\x1f\x8b\x08\0\0\0\0\0", 8), HB_ERR_UNSUPPORTED, "gunzip");
	assert_refused_fd(file_of("\xfd"
	                          "7zXZ\0",
	                          6),
	                  HB_ERR_UNSUPPORTED, "unxz");
	assert_refused_fd(file_of("go1.7 heap dump\n....", 20), HB_ERR_UNSUPPORTED, "WriteHeapDump");
	assert_refused_fd(file_of("\177ELF", 4), HB_ERR_CORRUPT, "ends inside its ELF header");
	struct hb_target *target;
	struct hb_error *err = hb_core_open("/proc/self/exe", &target);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_UNSUPPORTED);
	assert_non_null(strstr(err->message, "heldby exec"));
	hb_error_destroy(err);
}

static void test_files_that_are_not_files(void **state)
{
	struct hb_target *target;
	char path[] = "/tmp/heldby-test-XXXXXX";
	assert_non_null(mkdtemp(path));
	char pipe_path[64];
	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", path);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	const char *paths[] = {pipe_path, path, "/dev/null", "/nowhere/core"};
	for (unsigned i = 0; i < 4; i++) {
		struct hb_error *err = hb_core_open(paths[i], &target); /* must not wait for the pipe's other end */
		assert_non_null(err);
		assert_int_equal(err->code, HB_ERR_ATTACH);
		hb_error_destroy(err);
	}
	unlink(pipe_path);
	rmdir(path);
}

static void test_other_machines(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	Elf64_Ehdr *header = core_writer_header(&writer);
	header->e_machine = EM_AARCH64;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "arm64");
	header->e_machine = 0x1234;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "4660");
	header->e_machine = EM_X86_64;
	header->e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "32-bit");
	header->e_machine = EM_386;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "32-bit");
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "big-endian");
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_type = ET_REL;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "object file");
	header->e_type = 9;
	assert_refused(&writer, HB_ERR_UNSUPPORTED, "type 9");
	core_writer_deinit(&writer);
}

/* --- Lying headers ---------------------------------------------------------------------------------------------------
 */

static void test_lying_header(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	Elf64_Ehdr *header = core_writer_header(&writer), right = *header;
	header->e_phentsize = 32;
	assert_refused(&writer, HB_ERR_CORRUPT, "program headers of 32 bytes");
	*header = right;
	header->e_phnum = 0;
	assert_refused(&writer, HB_ERR_CORRUPT, "no segments");
	*header = right;
	header->e_phoff = UINT64_MAX - 8;
	assert_refused(&writer, HB_ERR_CORRUPT, "ends inside");
	header->e_phoff = writer.len;
	assert_refused(&writer, HB_ERR_CORRUPT, "ends inside");
	*header = right;
	header->e_phnum = PN_XNUM;
	header->e_shoff = writer.len - 10;
	assert_refused(&writer, HB_ERR_CORRUPT, "ends before it says how many");
	header->e_shoff = UINT64_MAX;
	assert_refused(&writer, HB_ERR_CORRUPT, "ends before it says how many");
	core_writer_deinit(&writer);
}

static void test_claims_of_billions_of_segments(void **state)
{
	struct core_writer writer = {.xnum = true};
	add_everything(&writer);
	Elf64_Shdr *section = (void *)(writer.image + core_writer_header(&writer)->e_shoff);
	uint64_t peak = hb_memory_peak();
	section->sh_info = UINT32_MAX;
	assert_refused(&writer, HB_ERR_CORRUPT, "4294967295 segments");
	section->sh_info = 1 << 21;
	assert_refused(&writer, HB_ERR_CORRUPT, "ends inside its 2097152 program headers");
	assert_true(hb_memory_peak() - peak < 64 << 20);
	core_writer_deinit(&writer);
}

static void test_more_segments_than_fit_the_header(void **state)
{
	enum { MANY = 70000 };
	struct core_writer writer = {.xnum = true};
	core_writer_thread(&writer, 7, 0x1000, 0);
	for (unsigned i = 0; i < MANY; i++) /* read-only and writable in turn, one page each */
		core_writer_load(&writer, 0x10000000 + (uint64_t)i * CORE_PAGE, CORE_PAGE, i % 2 ? PF_R : PF_R | PF_W,
		                 pages[i % 4], CORE_PAGE);
	core_writer_build(&writer);
	struct hb_target *target = open_ok(&writer, SIZE_MAX);
	assert_int_equal(target->nmappings, MANY);
	assert_int_equal(target->nthreads, 1);
	check_bytes(target, 0x10000000 + (uint64_t)65535 * CORE_PAGE, 65535 % 4, 0, 100);
	check_bytes(target, 0x10000000 + (uint64_t)69999 * CORE_PAGE, 69999 % 4, 0, 100);
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

static void test_lying_sizes(void **state)
{
	static const uint64_t sizes[] = {1,          CORE_PAGE - 1,         1 << 30, UINT64_C(1) << 46, INT64_MAX,
	                                 UINT64_MAX, UINT64_MAX - CORE_PAGE};
	uint64_t peak = hb_memory_peak();
	for (size_t i = 0; i < hb_countof(sizes); i++)
		for (unsigned field = 0; field < 4; field++) {
			struct core_writer writer = {0};
			add_everything(&writer);
			Elf64_Phdr *segment = core_writer_segment(&writer, 2);
			*(field == 0   ? &segment->p_filesz
			  : field == 1 ? &segment->p_memsz
			  : field == 2 ? &segment->p_offset
			               : &segment->p_vaddr) = sizes[i];
			struct hb_target *target = open_ok(&writer, SIZE_MAX);
			check_bytes(target, STACK, 3, 0, CORE_PAGE); /* the others are as good as before */
			hb_target_destroy(target);
			core_writer_deinit(&writer);
		}
	assert_true(hb_memory_peak() - peak < 64 << 20);
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

/* --- Cut short -------------------------------------------------------------------------------------------------------
 */

static void test_cut_anywhere(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	size_t data_at = core_writer_segment(&writer, 1)->p_offset;
	for (size_t len = 0; len < writer.len; len += len < data_at ? 1 : 509) {
		struct hb_target *target = NULL;
		struct hb_error *err = hb_core_open_fd(core_writer_fd(&writer, len), "test.core", &target);
		if (err) {
			assert_true(err->code == HB_ERR_CORRUPT || (len < 4 && err->code == HB_ERR_UNSUPPORTED));
			hb_error_destroy(err);
			assert_true(len < sizeof(Elf64_Ehdr) + 5 * sizeof(Elf64_Phdr));
			continue;
		}
		assert_note(target, "cut short");
		assert_true(target->notes.partial);
		hb_target_destroy(target);
	}
	core_writer_deinit(&writer);
}

static void test_cut_keeps_what_is_there(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	struct hb_target *target = open_ok(&writer, core_writer_segment(&writer, 2)->p_offset + CORE_PAGE + 100);
	check_bytes(target, TEXT, 0, 0, CORE_PAGE);
	check_bytes(target, DATA, 1, 0, CORE_PAGE);
	uint8_t states[2];
	assert_ok(target->ops->pages(target, DATA, 2, states));
	assert_int_equal(states[0], HB_PAGE_PRESENT);
	assert_int_equal(states[1], HB_PAGE_SWAPPED);
	assert_note(target, "1 of the 1 MB that it claims are missing");
	hb_target_destroy(target);
	core_writer_deinit(&writer);
}

/* --- Lying notes -----------------------------------------------------------------------------------------------------
 */

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

/* --- Sparse files ----------------------------------------------------------------------------------------------------
 */

static void test_holes_are_zero(void **state)
{
	enum { NPAGES = 64 };
	struct core_writer writer = {0};
	uint8_t *zeroes = calloc(NPAGES, CORE_PAGE);
	memcpy(zeroes, pages[1], CORE_PAGE);
	memcpy(zeroes + 63 * CORE_PAGE, pages[2], CORE_PAGE);
	core_writer_load(&writer, DATA, (uint64_t)NPAGES * CORE_PAGE, PF_R | PF_W, zeroes,
	                 (uint64_t)NPAGES * CORE_PAGE);
	core_writer_build(&writer);
	int fd = core_writer_fd(&writer, SIZE_MAX);
	off_t at = (off_t)core_writer_segment(&writer, 1)->p_offset;
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at + CORE_PAGE, 62 * CORE_PAGE), 0);
	struct hb_target *target = NULL;
	assert_ok(hb_core_open_fd(fd, "test.core", &target));
	uint8_t states[NPAGES];
	assert_ok(target->ops->pages(target, DATA, NPAGES, states));
	for (unsigned i = 0; i < NPAGES; i++)
		assert_int_equal(states[i], i == 0 || i == 63 ? HB_PAGE_PRESENT : HB_PAGE_ABSENT);
	assert_int_equal(target->memory.rss, 2 * CORE_PAGE);
	hb_target_destroy(target);
	free(zeroes);
	core_writer_deinit(&writer);
}

/* --- zstd ------------------------------------------------------------------------------------------------------------
 */

static struct core_writer compressed(const struct core_writer *writer, size_t frame)
{
	struct core_writer packed = {0};
	size_t room = ZSTD_compressBound(writer->len) + 1024 * (writer->len / frame + 1);
	packed.image = malloc(room);
	for (size_t at = 0; at < writer->len; at += frame) {
		size_t n = ZSTD_compress(packed.image + packed.len, room - packed.len, writer->image + at,
		                         hb_min(frame, writer->len - at), 3);
		assert_false(ZSTD_isError(n));
		packed.len += n;
	}
	return packed;
}

static void test_zstd(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	const size_t frames[] = {SIZE_MAX / 2, 4096, 1000};
	for (unsigned i = 0; i < 3; i++) {
		struct core_writer packed = compressed(&writer, hb_min(frames[i], writer.len));
		struct hb_target *target = open_ok(&packed, SIZE_MAX);
		assert_int_equal(target->pid, 41);
		assert_int_equal(target->nthreads, 2);
		assert_false(target->notes.partial);
		check_bytes(target, DATA, 1, 0, 2 * CORE_PAGE);
		check_bytes(target, STACK, 3, 0, CORE_PAGE);
		hb_target_destroy(target);
		core_writer_deinit(&packed);
	}
	core_writer_deinit(&writer);
}

static void test_zstd_of_exactly_one_block(void **state)
{
	struct core_writer writer = {0};
	uint8_t *big = calloc(1, 2 << 20);
	for (size_t i = 0; i < 2 << 20; i += 64)
		big[i] = (uint8_t)(i >> 12);
	core_writer_load(&writer, DATA, 2 << 20, PF_R | PF_W, big, (2 << 20) - 2 * CORE_PAGE);
	core_writer_build(&writer);
	assert_int_equal(writer.len % (1 << 20), (2 << 20) % (1 << 20) == 0 ? writer.len % (1 << 20) : 0);
	writer.len = 1 << 20; /* the whole of the output buffer, then the end of the frame */
	struct core_writer packed = compressed(&writer, writer.len);
	struct hb_target *target = open_ok(&packed, SIZE_MAX);
	assert_false(has_note(target, "compressed core is cut short"));
	hb_target_destroy(target);
	core_writer_deinit(&packed);
	core_writer_deinit(&writer);
	free(big);
}

static void test_zstd_broken(void **state)
{
	struct core_writer writer = {0};
	uint32_t noise = 1;
	add_everything(&writer);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < CORE_PAGE; k++) { /* not compressible: so that it can be cut in the middle */
			noise = noise * 1664525 + 1013904223;
			writer.image[core_writer_segment(&writer, 1)->p_offset + i * CORE_PAGE + k] =
			        (uint8_t)(noise >> 24);
		}
	struct core_writer packed = compressed(&writer, 4096);
	struct hb_target *target = open_ok(&packed, packed.len - 2000);
	assert_note(target, "compressed core is cut short");
	assert_true(target->notes.partial);
	hb_target_destroy(target);
	memset(packed.image + 50, 0x5a, 20);
	assert_refused(&packed, HB_ERR_CORRUPT, "damaged");
	core_writer_deinit(&packed);
	packed = (struct core_writer){.image = (uint8_t *)"not a core at all, just some text", .len = 30};
	struct core_writer text = compressed(&packed, 30);
	assert_refused(&text, HB_ERR_UNSUPPORTED, "not of a core");
	core_writer_deinit(&text);
	assert_refused_fd(file_of("\x28\xb5\x2f\xfd", 4), HB_ERR_CORRUPT, "is empty");
	core_writer_deinit(&writer);
}

/* Nothing may be left of a core that does not fit. */
static void test_zstd_without_room(void **state)
{
	struct core_writer writer = {0};
	uint8_t *big = malloc(8 << 20);
	for (size_t i = 0; i < 8 << 20; i++)
		big[i] = (uint8_t)(i >> 12);
	core_writer_load(&writer, DATA, 8 << 20, PF_R | PF_W, big, 8 << 20);
	core_writer_build(&writer);
	struct core_writer packed = compressed(&writer, writer.len);
	int fd = core_writer_fd(&packed, SIZE_MAX);
	struct rlimit old, small = {1 << 20, 0};
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	struct hb_target *target;
	struct hb_error *err = hb_core_open_fd(fd, "test.core", &target);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_IO);
	hb_error_destroy(err);
	setenv("TMPDIR", "/nowhere", 1);
	assert_refused(&packed, HB_ERR_IO, "TMPDIR");
	unsetenv("TMPDIR");
	free(big);
	core_writer_deinit(&packed);
	core_writer_deinit(&writer);
}

/* --- Noise -----------------------------------------------------------------------------------------------------------
 */

/* Any byte of the headers and notes changed to anything: opened or refused, and all that is told holds together. */
static void test_any_byte_changed(void **state)
{
	struct core_writer writer = {0};
	add_everything(&writer);
	size_t head = core_writer_segment(&writer, 1)->p_offset;
	uint32_t random = 12345;
	for (unsigned round = 0; round < 4000; round++) {
		random = random * 1664525 + 1013904223;
		size_t at = (random >> 4) % head;
		uint8_t was = writer.image[at];
		writer.image[at] = (uint8_t)(random >> 24);
		struct hb_target *target = NULL;
		struct hb_error *err = hb_core_open_fd(core_writer_fd(&writer, SIZE_MAX), "test.core", &target);
		writer.image[at] = was;
		if (err) {
			hb_error_destroy(err);
			continue;
		}
		for (size_t i = 0; i < target->nmappings; i++) {
			uint8_t bytes[64], page;
			uint64_t unread = 0;
			struct hb_range range = {target->mappings[i].start, sizeof(bytes), bytes};
			assert_true(target->mappings[i].start < target->mappings[i].end);
			assert_true(!i || target->mappings[i - 1].end <= target->mappings[i].start);
			assert_ok(target->ops->read(target, &range, 1, &unread));
			assert_true(unread <= sizeof(bytes));
			assert_ok(target->ops->pages(target, range.addr, 1, &page));
			assert_true(unread == 0 || page == HB_PAGE_SWAPPED || page == HB_PAGE_UNCAPTURED);
		}
		hb_target_destroy(target);
	}
	core_writer_deinit(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_right_core),
	        cmocka_unit_test(test_threads),
	        cmocka_unit_test(test_reads),
	        cmocka_unit_test(test_pages),
	        cmocka_unit_test(test_left_out_is_not_always_zero),
	        cmocka_unit_test(test_mappings),
	        cmocka_unit_test(test_mapping_of_nt_file_alone),
	        cmocka_unit_test(test_other_files),
	        cmocka_unit_test(test_files_that_are_not_files),
	        cmocka_unit_test(test_other_machines),
	        cmocka_unit_test(test_lying_header),
	        cmocka_unit_test(test_claims_of_billions_of_segments),
	        cmocka_unit_test(test_more_segments_than_fit_the_header),
	        cmocka_unit_test(test_lying_sizes),
	        cmocka_unit_test(test_kernel_addresses),
	        cmocka_unit_test(test_overlapping_and_unsorted),
	        cmocka_unit_test(test_cut_anywhere),
	        cmocka_unit_test(test_cut_keeps_what_is_there),
	        cmocka_unit_test(test_lying_note_sizes),
	        cmocka_unit_test(test_note_segment_lies),
	        cmocka_unit_test(test_lying_file_table),
	        cmocka_unit_test(test_short_notes),
	        cmocka_unit_test(test_same_notes_many_times),
	        cmocka_unit_test(test_holes_are_zero),
	        cmocka_unit_test(test_zstd),
	        cmocka_unit_test(test_zstd_of_exactly_one_block),
	        cmocka_unit_test(test_zstd_broken),
	        cmocka_unit_test(test_zstd_without_room),
	        cmocka_unit_test(test_any_byte_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
