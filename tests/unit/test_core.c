/* ELF cores as targets: what right ones say, and what becomes of broken ones. */
#include "sample_core.h"
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
	        cmocka_unit_test(test_other_files),
	        cmocka_unit_test(test_files_that_are_not_files),
	        cmocka_unit_test(test_other_machines),
	        cmocka_unit_test(test_lying_header),
	        cmocka_unit_test(test_claims_of_billions_of_segments),
	        cmocka_unit_test(test_more_segments_than_fit_the_header),
	        cmocka_unit_test(test_lying_sizes),
	        cmocka_unit_test(test_cut_anywhere),
	        cmocka_unit_test(test_cut_keeps_what_is_there),
	        cmocka_unit_test(test_holes_are_zero),
	        cmocka_unit_test(test_zstd),
	        cmocka_unit_test(test_zstd_of_exactly_one_block),
	        cmocka_unit_test(test_zstd_broken),
	        cmocka_unit_test(test_zstd_without_room),
	        cmocka_unit_test(test_any_byte_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
