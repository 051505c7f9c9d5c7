#include "target/proc_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int count_words(const char *text)
{
	int n = 0;
	for (text += strspn(text, " \t\n"); *text; text += strspn(text, " \t\n"), n++)
		text += strcspn(text, " \t\n");
	return n;
}

static void read_line(const char *line, struct hb_proc_status *ret)
{
	uint64_t number;
	if (sscanf(line, "Name:\t%63[^\n]", ret->name) == 1 || sscanf(line, "State:\t%c", &ret->state) == 1 ||
	    sscanf(line, "Tgid:\t%d", &ret->process) == 1 || sscanf(line, "Threads:\t%d", &ret->threads) == 1 ||
	    sscanf(line, "TracerPid:\t%d", &ret->tracer) == 1 || sscanf(line, "Seccomp:\t%d", &ret->seccomp) == 1 ||
	    sscanf(line, "Uid:\t%*u %u", &ret->uid) == 1 || sscanf(line, "CapEff:\t%" SCNx64, &ret->capabilities) == 1)
		return;
	if (sscanf(line, "SigIgn:\t%" SCNx64, &number) == 1 || sscanf(line, "SigCgt:\t%" SCNx64, &number) == 1)
		ret->handled |= number;
	else if (sscanf(line, "VmRSS: %" SCNu64 " kB", &number) == 1)
		ret->rss = number * 1024;
	else if (!strncmp(line, "NSpid:", 6))
		ret->namespaces = count_words(line + 6);
}

bool hb_proc_status(int tid, struct hb_proc_status *ret)
{
	char path[64], line[1024];
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	FILE *file = fopen(path, "re");
	*ret = (struct hb_proc_status){.seccomp = -1, .namespaces = 1};
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		read_line(line, ret);
	fclose(file);
	return ret->process > 0;
}
