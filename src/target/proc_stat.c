#include "target/proc_stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool hb_proc_stat(int pid, int tid, struct hb_proc_stat *ret)
{
	char path[64], line[1024];
	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	else
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	const char *after = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL; /* behind the name */
	fclose(file);
	return after &&
	       sscanf(after, ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
	              &ret->state, &ret->flags, &ret->start) == 3;
}

uint64_t hb_process_age_ns(int pid)
{
	struct hb_proc_stat stat;
	struct timespec now;
	if (!hb_proc_stat(pid, 0, &stat) || clock_gettime(CLOCK_BOOTTIME, &now))
		return 0;
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t started = stat.start / ticks * 1000000000u + stat.start % ticks * (1000000000u / ticks);
	uint64_t at = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	return at > started ? at - started : 0;
}
