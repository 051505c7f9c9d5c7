/* What files of the machine say, for the doctor. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The first line of a file, without the newline; false when it cannot be read. */
bool hb_read_line(const char *path, char *buf, size_t size);

struct hb_program { /* what the file of a program says */
	bool is_go;
	bool has_symbols, has_dwarf;
	char go_version[64]; /* "" unknown */
};
/* false: not an ELF file, or not readable. */
bool hb_program_read(int fd, struct hb_program *ret);
