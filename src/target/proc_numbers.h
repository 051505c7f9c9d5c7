/* Folders of /proc whose entries are numbers: processes, the threads of one, its descriptors (proc(5)). */
#pragma once
#include <dirent.h>
#include <stdbool.h>

/* /proc/PID/NAME, or /proc itself where pid is 0; NULL: cannot be read, errno says why. */
DIR *hb_proc_numbers(int pid, const char *name);
/* Digits and nothing else. */
bool hb_proc_parse_number(const char *text, int *ret);
/* The next number in it; false when there is none, and of a folder that is NULL. */
bool hb_proc_next_number(DIR *folder, int *ret);
/* For hb_cleanup. */
void hb_proc_numbers_close(DIR **folder);
