/* What /proc says about processes, for the doctor. Reading it stops and disturbs nobody. */
#pragma once
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hb_proc_status {
	char name[64];
	char state;
	int threads, tracer, seccomp; /* tracer 0: none; seccomp 0 off, 1 strict, 2 filter, -1 unknown */
	unsigned uid;
	uint64_t capabilities; /* effective */
	int namespaces;        /* pid namespaces it is in, counted from heldby's: 1 = the same */
	uint64_t rss;
	uint64_t age_s; /* since its start, 0 unknown */
};
bool hb_proc_status(int pid, struct hb_proc_status *ret);

/* The first line of a file, without the newline; false when it cannot be read. */
bool hb_read_line(const char *path, char *buf, size_t size);

struct hb_program { /* what the file of a program says */
	bool is_go;
	bool has_symbols, has_dwarf;
	char go_version[64]; /* "" unknown */
};
/* false: not an ELF file, or not readable. */
bool hb_program_read(int fd, struct hb_program *ret);
