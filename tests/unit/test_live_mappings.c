/* The mappings of a process that changes them while they are read. */
#include "target/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACE UINT64_C(0x200000000000) /* where sanitizers have nothing */
enum { ALWAYS = 16 << 20, SOMETIMES = 16 << 20, LOOKS = 200, PLACES = 12 };

static void *map(uint64_t at, size_t bytes, int protection)
{
	return mmap((void *)at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* nbefore others come before what is looked at: they decide whether what one read of the file gives ends at it. */
static char *map_behind(unsigned nbefore)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < nbefore; i++)
		map(PLACE - (nbefore - i) * UINT64_C(0x10000), 4096, PROT_READ);
	char *data = map(PLACE, ALWAYS + SOMETIMES, PROT_READ | PROT_WRITE);
	if (data == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < ALWAYS; i += 4096)
		data[i] = 1;
	return data;
}

static void say_once(int ready, unsigned round)
{
	if (round == 0 && write(ready, "r", 1) != 1)
		_exit(1);
}

/* A mapping that grows and shrinks at its end without a pause. */
static void grow_and_shrink(unsigned nbefore, int ready)
{
	map_behind(nbefore);
	for (unsigned i = 0;; i++) {
		map(PLACE + ALWAYS, SOMETIMES, PROT_READ | PROT_WRITE);
		map(PLACE + ALWAYS, SOMETIMES, PROT_NONE);
		say_once(ready, i);
	}
}

/* The border between two mappings goes to and fro without a pause: what lies on one side and on the other, each time, is there
 * all the time. So do the borders within a heap whose large pages are given back (runtime/mem_linux.go sysUnused, 1.18-1.20). */
static void move_a_border(unsigned nbefore, int ready)
{
	char *between = map_behind(nbefore) + ALWAYS;
	enum { MOVED = SOMETIMES / 2 };
	mprotect(between + MOVED, SOMETIMES - MOVED, PROT_READ);
	for (unsigned i = 0;; i++) {
		mprotect(between, MOVED, PROT_READ);
		mprotect(between, MOVED, PROT_READ | PROT_WRITE);
		say_once(ready, i);
	}
}

struct seen {
	uint64_t resident; /* of what is at PLACE */
	uint64_t end;      /* where there is a hole first, from there on */
};

static struct seen look(struct hb_target *target)
{
	struct seen seen = {.end = PLACE};
	uint64_t sum = 0, end = 0;
	assert_null(target->ops->refresh_mappings(target));
	for (size_t i = 0; i < target->nmappings; i++) {
		const struct hb_mapping *mapping = &target->mappings[i];
		assert_true(mapping->start >= end);
		assert_true(mapping->end > mapping->start);
		end = mapping->end;
		sum += mapping->rss;
		if (mapping->start != seen.end)
			continue;
		seen.end = end;
		seen.resident += mapping->rss;
	}
	assert_int_equal(sum, target->memory.rss);
	return seen;
}

static void look_often(void (*change)(unsigned nbefore, int ready))
{
	for (unsigned nbefore = 0; nbefore < PLACES; nbefore++) {
		int ready[2];
		char byte;
		assert_int_equal(pipe(ready), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			change(nbefore, ready[1]);
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		struct hb_target *target;
		assert_null(hb_live_open(child, &target));
		for (unsigned i = 0; i < LOOKS; i++) {
			struct seen seen = look(target);
			assert_int_equal(seen.resident, ALWAYS);
			assert_int_equal(seen.end, PLACE + ALWAYS + SOMETIMES);
		}
		hb_target_destroy(target);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

static void test_a_mapping_that_grows_is_counted_once(void **state)
{
	look_often(grow_and_shrink);
}

static void test_a_border_that_moves_leaves_no_hole(void **state)
{
	look_often(move_a_border);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_mapping_that_grows_is_counted_once),
	        cmocka_unit_test(test_a_border_that_moves_leaves_no_hole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
