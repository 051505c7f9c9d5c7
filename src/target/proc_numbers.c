#include "target/proc_numbers.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

DIR *hb_proc_numbers(int pid, const char *name)
{
	char path[64];
	if (!pid)
		return opendir("/proc");
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return opendir(path);
}

bool hb_proc_parse_number(const char *text, int *ret)
{
	if (!isdigit((unsigned char)text[0]))
		return false;
	char *end;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (*end || errno || number > INT_MAX)
		return false;
	*ret = (int)number;
	return true;
}

bool hb_proc_next_number(DIR *folder, int *ret)
{
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (hb_proc_parse_number(entry->d_name, ret))
			return true;
	return false;
}

void hb_proc_numbers_close(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}
