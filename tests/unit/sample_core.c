#include "sample_core.h"
#include "target/core.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

void assert_ok(struct hb_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

struct hb_target *open_ok(const struct core_writer *writer, size_t len)
{
	struct hb_target *target = NULL;
	assert_ok(hb_core_open_fd(core_writer_fd(writer, len), "test.core", &target));
	return target;
}

/* The error must have the code and its message the words. */
void assert_refused_fd(int fd, enum hb_error_code code, const char *words)
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

void assert_refused(const struct core_writer *writer, enum hb_error_code code, const char *words)
{
	assert_refused_fd(core_writer_fd(writer, SIZE_MAX), code, words);
}

bool has_note(const struct hb_target *target, const char *words)
{
	for (size_t i = 0; i < target->notes.texts.len; i++)
		if (strstr(target->notes.texts.data[i], words))
			return true;
	return false;
}

void assert_note(const struct hb_target *target, const char *words)
{
	if (has_note(target, words))
		return;
	for (size_t i = 0; i < target->notes.texts.len; i++)
		print_message("note: %s\n", target->notes.texts.data[i]);
	fail_msg("no note says: %s", words);
}

uint8_t pages[4][CORE_PAGE];

uint8_t expected_byte(unsigned page, unsigned offset)
{
	return (uint8_t)(page * 71 + offset * 13 + 1);
}

void add_everything(struct core_writer *writer)
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

void check_bytes(struct hb_target *target, uint64_t addr, unsigned page, unsigned offset, size_t len)
{
	uint8_t got[2 * CORE_PAGE];
	assert_ok(hb_target_read(target, addr, got, len));
	for (size_t i = 0; i < len; i++, offset++)
		assert_int_equal(got[i], expected_byte(page + offset / CORE_PAGE, offset % CORE_PAGE));
}
