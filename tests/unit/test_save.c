/* Saved snapshots: read back as they were taken, ordinary cores to others, whole or not there. */
#include "core_writer.h"
#include "snapshot/save.h"
#include "snapshot/snapshot.h"
#include "target/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/heldby-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/saved", folder);
	return 0;
}

static unsigned files_in_folder(void)
{
	unsigned n = 0;
	DIR *dir = opendir(folder);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += *entry->d_name != '.' || strlen(entry->d_name) > 2;
	closedir(dir);
	return n;
}

static int teardown(void **state)
{
	char name[400];
	DIR *dir = opendir(folder);
	for (struct dirent *entry; (entry = readdir(dir));) {
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		unlink(name);
	}
	closedir(dir);
	return rmdir(folder);
}

/* --- A snapshot made by hand ----------------------------------------------------------------------------------------
 */

enum { HEAP = 0x10000000, HEAP_PAGES = 300, OTHER = 0x20000000, OTHER_PAGES = 8 };

static uint8_t page_state(uint64_t base, unsigned page)
{
	if (base == OTHER)
		return page < 4                  ? HB_PAGE_READ
		       : page == OTHER_PAGES - 1 ? HB_PAGE_ZERO
		                                 : HB_PAGE_LOST; /* ends in a hole */
	if (page >= 100 && page < 200)                           /* long enough to be left out of the file */
		return HB_PAGE_UNREAD;
	return (uint8_t)(page % 5 == 4     ? HB_PAGE_ZERO
	                 : page % 7 == 3   ? HB_PAGE_UNREAD
	                 : page % 50 == 22 ? HB_PAGE_LOST
	                                   : HB_PAGE_READ);
}

static void fill_region(struct hb_region *region, uint64_t base, unsigned npages)
{
	region->start = base;
	region->end = base + (uint64_t)npages * HB_PAGE_SIZE;
	region->bytes = hb_pages_map(region->end - region->start);
	region->pages = malloc(npages);
	assert_true(region->bytes && region->pages);
	for (unsigned page = 0; page < npages; page++) {
		region->pages[page] = page_state(base, page);
		for (unsigned i = 0; region->pages[page] == HB_PAGE_READ && i < HB_PAGE_SIZE; i++)
			region->bytes[page * HB_PAGE_SIZE + i] = (uint8_t)(page * 31 + i * 7);
	}
}

static struct hb_snapshot *make_snapshot(void)
{
	struct hb_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	snapshot->regions = calloc(2, sizeof(*snapshot->regions));
	snapshot->nregions = 2;
	fill_region(&snapshot->regions[0], HEAP, HEAP_PAGES);
	fill_region(&snapshot->regions[1], OTHER, OTHER_PAGES);
	snapshot->nthreads = 2;
	snapshot->threads = calloc(2, sizeof(*snapshot->threads));
	snapshot->threads[0] = (struct hb_thread){.tid = 99}; /* its registers could not be read */
	snapshot->threads[1] = (struct hb_thread){
	        .tid = 77,
	        .has_registers = true,
	        .registers = {.pc = 1, .sp = HEAP + 8, .tls_base = 3, .in_syscall = true, .ngeneral = 47}};
	for (unsigned i = 0; i < 47; i++)
		snapshot->threads[1].registers.general[i] = 1000 + i;
	snapshot->nmappings = 4;
	snapshot->mappings = calloc(4, sizeof(*snapshot->mappings));
	const struct hb_mapping mappings[4] = {
	        {.start = HEAP,
	         .end = HEAP + 0x50000,
	         .readable = true,
	         .writable = true,
	         .rss = 4096,
	         .path = "[heap]"},
	        {.start = HEAP + 0x50000, .end = HEAP + 0x60000, .path = ""},
	        {.start = HEAP + 0x60000,
	         .end = HEAP + 0x70000,
	         .readable = true,
	         .inode = 12,
	         .file_offset = 0x3000,
	         .path = "/x y/\xffz"},
	        {.start = OTHER,
	         .end = OTHER + 0x8000,
	         .readable = true,
	         .executable = true,
	         .shared = true,
	         .inode = 5,
	         .path = "/bin/a"},
	};
	memcpy(snapshot->mappings, mappings, sizeof(mappings));
	snapshot->memory = (struct hb_target_memory){10, 20, 30, 40, 50};
	snapshot->pid = 77;
	snapshot->name = (char *)"a name";
	snapshot->exe_path = (char *)"/bin/a";
	snapshot->exe_fd = -1;
	snapshot->method = "copy";
	snapshot->pause_ns = 123456;
	snapshot->bytes_copied = 999;
	snapshot->taken_ns = 1700000000000000000;
	hb_notes_add_partial(&snapshot->notes, "3 pages were swapped out");
	hb_notes_add(&snapshot->notes, "%s", "100 %s \x1b[31m");
	return snapshot;
}

static struct hb_target *open_saved(const char *name)
{
	struct hb_target *target = NULL;
	assert_ok(hb_core_open(name, &target));
	assert_int_equal(hb_core_of(target)->writer, HB_CORE_HELDBY);
	return target;
}

static void assert_same_pages(struct hb_target *target, const struct hb_region *region)
{
	size_t npages = (region->end - region->start) >> HB_PAGE_SHIFT;
	uint8_t states[HEAP_PAGES], page[HB_PAGE_SIZE];
	hb_core_page_states(hb_core_of(target), region->start, npages, states);
	assert_memory_equal(states, region->pages, npages);
	for (size_t i = 0; i < npages; i++) {
		struct hb_range range = {region->start + i * HB_PAGE_SIZE, HB_PAGE_SIZE, page};
		uint64_t unread = 0;
		assert_ok(target->ops->read(target, &range, 1, &unread));
		bool known = states[i] == HB_PAGE_READ || states[i] == HB_PAGE_ZERO;
		assert_int_equal(unread, known ? 0 : HB_PAGE_SIZE);
		if (known)
			assert_memory_equal(page, region->bytes + i * HB_PAGE_SIZE, HB_PAGE_SIZE);
	}
}

static void assert_same(struct hb_target *target, struct hb_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nregions; i++)
		assert_same_pages(target, &snapshot->regions[i]);
	assert_int_equal(target->pid, 77);
	assert_string_equal(target->name, snapshot->name);
	assert_string_equal(target->exe_path, snapshot->exe_path);
	assert_memory_equal(&target->memory, &snapshot->memory, sizeof(target->memory));
	assert_int_equal(target->nmappings, snapshot->nmappings);
	for (size_t i = 0; i < target->nmappings; i++) {
		const struct hb_mapping *one = &target->mappings[i], *other = &snapshot->mappings[i];
		assert_int_equal(one->start, other->start);
		assert_int_equal(one->end, other->end);
		assert_int_equal(one->file_offset, other->file_offset);
		assert_int_equal(one->inode, other->inode);
		assert_int_equal(one->rss, other->rss);
		assert_int_equal(one->readable, other->readable);
		assert_int_equal(one->writable, other->writable);
		assert_int_equal(one->executable, other->executable);
		assert_int_equal(one->shared, other->shared);
		assert_string_equal(one->path, other->path);
	}
	assert_true(target->notes.partial);
	for (size_t i = 0; i < snapshot->notes.texts.len; i++)
		assert_string_equal(target->notes.texts.data[i], snapshot->notes.texts.data[i]);
	assert_int_equal(target->nthreads, 2);
	assert_int_equal(target->threads[0].tid, 77); /* the main thread comes first */
	assert_memory_equal(&target->threads[0].registers, &snapshot->threads[1].registers,
	                    sizeof(struct hb_registers));
	assert_false(target->threads[1].has_registers);
	struct hb_snapshot again = {0};
	assert_ok(hb_core_describe(target, &again));
	assert_string_equal(again.method, "copy");
	assert_int_equal(again.pause_ns, 123456);
	assert_int_equal(again.bytes_copied, 999);
	assert_int_equal(again.taken_ns, 1700000000000000000);
	hb_arena_deinit(&again.arena);
}

static void round_trip(const char *suffix)
{
	char name[128];
	snprintf(name, sizeof(name), "%s%s", path, suffix);
	struct hb_snapshot *snapshot = make_snapshot();
	assert_ok(hb_snapshot_save(snapshot, name, NULL));
	struct stat status;
	assert_int_equal(stat(name, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600); /* secrets of the target may be in it */
	assert_int_equal(files_in_folder(), 1);
	struct hb_target *target = open_saved(name);
	assert_same(target, snapshot);
	hb_target_destroy(target);
	hb_snapshot_destroy(snapshot);
}

static void test_round_trip(void **state)
{
	round_trip("");
}

static void test_round_trip_compressed(void **state)
{
	round_trip(".zst");
	char name[128];
	snprintf(name, sizeof(name), "%s.zst", path);
	int fd = open(name, O_RDONLY);
	uint8_t magic[4];
	assert_int_equal(read(fd, magic, 4), 4);
	assert_memory_equal(magic, "\x28\xb5\x2f\xfd", 4);
	close(fd);
}

/* Only what was read costs disk. */
static void test_unread_pages_cost_nothing(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	struct stat full, sparse;
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	assert_int_equal(stat(path, &full), 0);
	memset(snapshot->regions[0].pages, HB_PAGE_ZERO, HEAP_PAGES);
	memset(snapshot->regions[0].bytes, 0, (size_t)HEAP_PAGES * HB_PAGE_SIZE);
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	assert_int_equal(stat(path, &sparse), 0);
	assert_true((uint64_t)full.st_blocks * 512 >= 130 * HB_PAGE_SIZE);
	assert_true((uint64_t)sparse.st_blocks * 512 <= 12 * HB_PAGE_SIZE);
	hb_snapshot_destroy(snapshot);
}

/* What other tools go by: program headers in order, contents at whole pages, no notes of foreign types under our name.
 */
static void test_is_an_ordinary_core(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	int fd = open(path, O_RDONLY);
	Elf64_Ehdr header;
	Elf64_Phdr segments[64];
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(header.e_type, ET_CORE);
	assert_true(header.e_phnum > 4 && header.e_phnum < 64);
	assert_true(hb_read_file_at(fd, header.e_phoff, segments, header.e_phnum * sizeof(segments[0])));
	assert_int_equal(segments[0].p_type, PT_NOTE);
	for (unsigned i = 1; i < header.e_phnum; i++) {
		const Elf64_Phdr *segment = &segments[i];
		assert_int_equal(segment->p_type, PT_LOAD);
		assert_int_equal((segment->p_offset | segment->p_vaddr | segment->p_filesz | segment->p_memsz) %
		                         HB_PAGE_SIZE,
		                 0);
		assert_true(segment->p_filesz <= segment->p_memsz);
		if (i > 1)
			assert_true(segments[i - 1].p_vaddr + segments[i - 1].p_memsz <= segment->p_vaddr);
		if (segment->p_vaddr == HEAP)
			assert_int_equal(segment->p_flags, PF_R | PF_W);
		if (segment->p_vaddr == OTHER)
			assert_int_equal(segment->p_flags, PF_R | PF_X);
		/* A debugger must not show the 100 unread pages as zeroes. */
		if (segment->p_vaddr <= HEAP + 150 * HB_PAGE_SIZE &&
		    HEAP + 150 * HB_PAGE_SIZE < segment->p_vaddr + segment->p_memsz)
			assert_true(segment->p_vaddr + segment->p_filesz <= HEAP + 150 * HB_PAGE_SIZE);
	}
	close(fd);
	hb_snapshot_destroy(snapshot);
}

static void test_the_executable_goes_along(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	char exe[128];
	uint8_t bytes[3000], got[3000];
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 17);
	snprintf(exe, sizeof(exe), "%s/exe", folder);
	snapshot->exe_fd = open(exe, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(snapshot->exe_fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	unlink(exe);
	struct hb_target *target = open_saved(path);
	assert_same(target, snapshot);
	int fd = -1;
	struct stat status;
	assert_ok(target->ops->open_exe(target, &fd));
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, sizeof(bytes));
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, bytes, sizeof(bytes));
	close(fd);
	hb_target_destroy(target);
	assert_ok(hb_snapshot_save(snapshot, path, &(struct hb_save_options){.without_exe = true}));
	target = open_saved(path);
	struct hb_error *err = target->ops->open_exe(target, &fd);
	assert_non_null(err);
	hb_error_destroy(err);
	hb_target_destroy(target);
	hb_snapshot_destroy(snapshot);
}

static void test_many_short_runs(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	/* 4 M runs would be more segments than a core can have; notes longer than one descriptor. */
	enum { MANY = 1 << 23 };
	struct hb_region *region = &snapshot->regions[1];
	hb_pages_unmap(region->bytes, region->end - region->start);
	free(region->pages);
	region->end = region->start + (uint64_t)MANY * HB_PAGE_SIZE;
	region->bytes = hb_pages_map(region->end - region->start);
	region->pages = malloc(MANY);
	for (unsigned i = 0; i < MANY; i++)
		region->pages[i] = i % 64 == 0 ? HB_PAGE_READ : i % 2 ? HB_PAGE_UNREAD : HB_PAGE_LOST;
	region->bytes[(uint64_t)(MANY - 64) * HB_PAGE_SIZE] = 42;
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	struct hb_target *target = open_saved(path);
	uint8_t *states = malloc(MANY);
	hb_core_page_states(hb_core_of(target), region->start, MANY, states);
	assert_memory_equal(states, region->pages, MANY);
	uint8_t byte = 0;
	assert_ok(hb_target_read(target, region->start + (uint64_t)(MANY - 64) * HB_PAGE_SIZE, &byte, 1));
	assert_int_equal(byte, 42);
	Elf64_Ehdr header;
	assert_true(hb_read_file_at(hb_core_of(target)->fd, 0, &header, sizeof(header)));
	assert_true(header.e_phnum < PN_XNUM);
	free(states);
	hb_target_destroy(target);
	hb_snapshot_destroy(snapshot);
}

/* --- When it does not work ------------------------------------------------------------------------------------------
 */

static void assert_old_file(const char *name, const char *contents)
{
	char got[64] = "";
	int fd = open(name, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got)), strlen(contents));
	assert_string_equal(got, contents);
	close(fd);
}

static struct hb_error *save_with_size_limit(const struct hb_snapshot *snapshot, const char *name, rlim_t limit)
{
	struct rlimit old, small;
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){limit, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	struct hb_error *err = hb_snapshot_save(snapshot, name, NULL);
	setrlimit(RLIMIT_FSIZE, &old);
	return err;
}

static void test_no_half_file(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	struct core_writer old = {.image = (uint8_t *)"old", .len = 3};
	char zst[128];
	snprintf(zst, sizeof(zst), "%s.zst", path);
	core_writer_save(&old, SIZE_MAX, path);
	const rlim_t limits[] = {0, 100, 5000, 100000};
	for (unsigned i = 0; i < 4; i++) {
		struct hb_error *err = save_with_size_limit(snapshot, path, limits[i]);
		assert_non_null(err);
		assert_int_equal(err->code, HB_ERR_IO);
		assert_non_null(strstr(err->message, path));
		hb_error_destroy(err);
		assert_old_file(path, "old");
		assert_int_equal(files_in_folder(), 1);
	}
	struct hb_error *err = save_with_size_limit(snapshot, zst, 2000);
	assert_non_null(err);
	hb_error_destroy(err);
	assert_int_equal(files_in_folder(), 1);
	hb_snapshot_destroy(snapshot);
}

static void test_places_that_cannot_be_written(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	struct hb_error *err = hb_snapshot_save(snapshot, "/nowhere/at/all", NULL);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_IO);
	hb_error_destroy(err);
	err = hb_snapshot_save(snapshot, folder, NULL);
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_USAGE);
	hb_error_destroy(err);
	err = hb_snapshot_save(snapshot, "/dev/full", NULL); /* not replaced by a file, either */
	assert_non_null(err);
	assert_int_equal(err->code, HB_ERR_IO);
	assert_non_null(strstr(err->message, "disk is full"));
	hb_error_destroy(err);
	assert_ok(hb_snapshot_save(snapshot, "/dev/null", NULL));
	struct stat status;
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
	assert_int_equal(stat("/dev/full", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
	hb_snapshot_destroy(snapshot);
}

static void test_through_a_link(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	struct core_writer old = {.image = (uint8_t *)"old", .len = 3};
	char link[128];
	struct stat status;
	snprintf(link, sizeof(link), "%s/link", folder);
	core_writer_save(&old, SIZE_MAX, path);
	assert_int_equal(symlink("saved", link), 0);
	assert_ok(hb_snapshot_save(snapshot, link, NULL));
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	struct hb_target *target = open_saved(path);
	hb_target_destroy(target);
	hb_snapshot_destroy(snapshot);
}

static struct core_writer saved_image(void)
{
	struct core_writer image = {.image = malloc(1 << 22)};
	int fd = open(path, O_RDONLY);
	assert_non_null(image.image);
	image.len = (size_t)read(fd, image.image, 1 << 22);
	close(fd);
	return image;
}

static void assert_sorted_runs(const struct hb_core *core)
{
	for (size_t i = 0; i < core->runs.len; i++) {
		assert_true(core->runs.data[i].start < core->runs.data[i].end);
		assert_true(!i || core->runs.data[i - 1].end <= core->runs.data[i].start);
	}
	for (size_t i = 0; i < core->extents.len; i++)
		assert_true(!i || core->extents.data[i - 1].end <= core->extents.data[i].start);
}

/* heldby's own notes changed anywhere: opened or refused, never more than the file's worth of memory. */
static void test_changed_notes(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	hb_snapshot_destroy(snapshot);
	struct core_writer image = saved_image();
	const Elf64_Phdr *notes = core_writer_segment(&image, 0);
	size_t start = notes->p_offset, len = notes->p_filesz;
	uint32_t random = 99;
	uint64_t peak = hb_memory_peak();
	for (unsigned round = 0; round < 1000; round++) {
		random = random * 1664525 + 1013904223;
		size_t at = start + (random >> 4) % len;
		uint8_t was = image.image[at];
		image.image[at] = (uint8_t)(random >> 24);
		struct hb_target *target = NULL;
		struct hb_error *err = hb_core_open_fd(core_writer_fd(&image, SIZE_MAX), "test.core", &target);
		image.image[at] = was;
		hb_error_destroy(err);
		if (!err) {
			uint8_t states[HEAP_PAGES];
			hb_core_page_states(hb_core_of(target), HEAP, HEAP_PAGES, states);
			assert_sorted_runs(hb_core_of(target));
			hb_target_destroy(target);
		}
	}
	assert_true(hb_memory_peak() - peak < 64 << 20);
	core_writer_deinit(&image);
}

/* Two notes about the same pages: the first one counts. */
static void test_pages_told_twice(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	struct core_writer image = saved_image();
	const Elf64_Phdr *notes = core_writer_segment(&image, 0);
	uint64_t other = OTHER, heap = HEAP;
	uint8_t *last = memmem(image.image + notes->p_offset, notes->p_filesz, &other, sizeof(other));
	uint8_t *end = image.image + notes->p_offset + notes->p_filesz;
	assert_non_null(last);
	for (uint8_t *at = last; (at = memmem(at + 1, (size_t)(end - at) - 1, &other, sizeof(other)));)
		last = at; /* the mappings come before the pages */
	memcpy(last, &heap, sizeof(heap));
	struct hb_target *target = NULL;
	assert_ok(hb_core_open_fd(core_writer_fd(&image, SIZE_MAX), "test.core", &target));
	assert_sorted_runs(hb_core_of(target));
	assert_same_pages(target, &snapshot->regions[0]);
	hb_target_destroy(target);
	core_writer_deinit(&image);
	hb_snapshot_destroy(snapshot);
}

/* A snapshot that was cut by a copy: pages that it recorded as read are lost, not zero. */
static void test_saved_and_cut_short(void **state)
{
	struct hb_snapshot *snapshot = make_snapshot();
	assert_ok(hb_snapshot_save(snapshot, path, NULL));
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(truncate(path, status.st_size - (OTHER_PAGES - 1) * HB_PAGE_SIZE), 0);
	struct hb_target *target = open_saved(path);
	uint8_t states[4];
	hb_core_page_states(hb_core_of(target), OTHER, 4, states);
	assert_int_equal(states[0], HB_PAGE_READ);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(states[i], HB_PAGE_LOST);
	hb_target_destroy(target);
	hb_snapshot_destroy(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_round_trip_compressed, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_unread_pages_cost_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_is_an_ordinary_core, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_the_executable_goes_along, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_many_short_runs, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_no_half_file, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_places_that_cannot_be_written, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_through_a_link, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_changed_notes, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_pages_told_twice, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_saved_and_cut_short, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
