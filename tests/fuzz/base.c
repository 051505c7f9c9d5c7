#include "base.h"
#include "snapshot/capture.h"
#include "target/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	exit(2);
}

const char *fuzz_base_path(void)
{
	const char *path = getenv("FUZZ_BASE");
	if (!path)
		give_up("FUZZ_BASE is not set: run tests/fuzz/run.sh");
	return path;
}

const struct fuzz_base *fuzz_base(void)
{
	static struct fuzz_base base;
	if (base.go)
		return &base;
	struct hb_target *target = NULL;
	struct hb_error *err = hb_core_open(fuzz_base_path(), &target);
	if (!err)
		err = hb_capture(target, NULL, &base.snapshot);
	if (!err)
		err = hb_go_open(base.snapshot, &base.go);
	hb_target_destroy(target);
	if (err)
		give_up(err->message);
	return &base;
}

/* All words of all stretches, numbered; one number is one word. */
static uint8_t *word_at(const struct fuzz_stretch *stretches, size_t n, uint64_t number)
{
	uint64_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += stretches[i].len / 8;
	if (!total)
		return NULL;
	number %= total;
	for (size_t i = 0; i < n; i++) {
		if (number < stretches[i].len / 8)
			return stretches[i].bytes + 8 * number;
		number -= stretches[i].len / 8;
	}
	return NULL;
}

static uint64_t changed(uint64_t was, uint8_t how, uint64_t value, const uint8_t *other)
{
	static const uint64_t telling[] = {0,
	                                   1,
	                                   7,
	                                   UINT32_MAX,
	                                   INT32_MAX,
	                                   INT64_MAX,
	                                   UINT64_MAX,
	                                   UINT64_C(1) << 47,
	                                   UINT64_MAX - 7,
	                                   UINT64_C(1) << 32};
	switch (how % 8) {
	case 0:
		return value;
	case 1:
		return was + (value & 0xffff);
	case 2:
		return was - (value & 0xffff);
	case 3:
		return telling[value % hb_countof(telling)];
	case 4: /* one byte */
		return (was & ~(UINT64_C(0xff) << (value % 8 * 8))) | ((value >> 8 & 0xff) << (value % 8 * 8));
	case 5: /* one half */
		return value & 1 ? (was & UINT32_MAX) | (value >> 1) << 32
		                 : (was & ~(uint64_t)UINT32_MAX) | (uint32_t)(value >> 1);
	case 6: /* what another word says: a pointer to a thing of another kind, a cycle */
		return other ? hb_load_u64(other) : was;
	default:
		return was ^ UINT64_C(1) << (value % 64);
	}
}

void fuzz_change(const struct fuzz_stretch *stretches, size_t n, const uint8_t *data, size_t size,
                 struct fuzz_undo *undo)
{
	undo->n = 0;
	for (; size >= FUZZ_CHANGE_SIZE && undo->n < FUZZ_MAX_CHANGES;
	     data += FUZZ_CHANGE_SIZE, size -= FUZZ_CHANGE_SIZE) {
		uint8_t *at = word_at(stretches, n, hb_load_u32(data));
		uint64_t value = 0;
		memcpy(&value, data + 6, 6);
		if (!at)
			return;
		undo->at[undo->n] = at;
		undo->was[undo->n] = hb_load_u64(at);
		uint64_t now = changed(undo->was[undo->n++], data[4], value, word_at(stretches, n, value));
		memcpy(at, &now, sizeof(now));
	}
}

void fuzz_undo(struct fuzz_undo *undo)
{
	while (undo->n--)
		memcpy(undo->at[undo->n], &undo->was[undo->n], sizeof(uint64_t));
	undo->n = 0;
}
