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

/* A mapping that grows and shrinks at its end without a pause, behind nbefore others: they decide whether what one read of
 * the file gives ends at it. */
static void grow_and_shrink(unsigned nbefore, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < nbefore; i++)
		map(PLACE - (nbefore - i) * UINT64_C(0x10000), 4096, PROT_READ);
	char *data = map(PLACE, ALWAYS, PROT_READ | PROT_WRITE);
	if (data == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < ALWAYS; i += 4096)
		data[i] = 1;
	for (unsigned i = 0;; i++) {
		map(PLACE + ALWAYS, SOMETIMES, PROT_READ | PROT_WRITE);
		map(PLACE + ALWAYS, SOMETIMES, PROT_NONE);
		if (i == 0 && write(ready, "r", 1) != 1)
			_exit(1);
	}
}

static void look(struct hb_target *target, uint64_t *resident)
{
	uint64_t sum = 0, end = 0;
	assert_null(target->ops->refresh_mappings(target));
	for (size_t i = 0; i < target->nmappings; i++) {
		const struct hb_mapping *mapping = &target->mappings[i];
		assert_true(mapping->start >= end);
		assert_true(mapping->end > mapping->start);
		end = mapping->end;
		sum += mapping->rss;
	}
	assert_int_equal(sum, target->memory.rss);
	*resident = hb_target_mapping(target, PLACE)->rss;
}

static void test_a_mapping_that_grows_is_counted_once(void **state)
{
	for (unsigned nbefore = 0; nbefore < PLACES; nbefore++) {
		int ready[2];
		char byte;
		assert_int_equal(pipe(ready), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			grow_and_shrink(nbefore, ready[1]);
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		struct hb_target *target;
		assert_null(hb_live_open(child, &target));
		for (unsigned i = 0; i < LOOKS; i++) {
			uint64_t resident;
			look(target, &resident);
			assert_int_equal(resident, ALWAYS);
		}
		hb_target_destroy(target);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_mapping_that_grows_is_counted_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
