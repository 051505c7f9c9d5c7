/* A small writer of ELF cores, right ones and broken ones.
 *
 * Add segments and notes, call core_writer_build, and then lie: everything is in `image`, headers can be changed in
 * place (core_writer_header, core_writer_segment), and the file can be cut anywhere (core_writer_open with a length).
 */
#pragma once
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CORE_PAGE = 4096 };

struct core_writer_load {
	uint64_t vaddr, memsz, filesz;
	uint32_t flags;
	const void *bytes; /* filesz of them, borrowed until the build */
};

struct core_writer {
	struct core_writer_load *loads;
	size_t nloads, loads_cap;
	uint8_t *notes;
	size_t notes_len, notes_cap;
	uint8_t *files; /* entries of NT_FILE, then their paths */
	size_t files_len, files_cap, nfiles;
	char *paths;
	size_t paths_len, paths_cap;
	bool xnum;      /* write the number of segments the long way */
	uint8_t *image; /* after core_writer_build */
	size_t len;
};

void core_writer_deinit(struct core_writer *writer);

/* filesz bytes of contents at vaddr, in a mapping of memsz bytes. */
void core_writer_load(struct core_writer *writer, uint64_t vaddr, uint64_t memsz, uint32_t flags, const void *bytes,
                      uint64_t filesz);
void core_writer_note(struct core_writer *writer, const char *name, uint32_t type, const void *desc, size_t len);
/* NT_PRSTATUS and NT_FPREGSET: general register i holds base + i, vector half i holds base + 100 + i. */
void core_writer_thread(struct core_writer *writer, int tid, uint64_t base, uint64_t orig_rax);
void core_writer_process(struct core_writer *writer, int pid, const char *comm);
/* Pairs of AT_… and value. */
void core_writer_auxv(struct core_writer *writer, const uint64_t *words, size_t nwords);
/* An entry of NT_FILE; the note is written by the build. */
void core_writer_file(struct core_writer *writer, uint64_t start, uint64_t end, uint64_t offset, const char *path);

void core_writer_build(struct core_writer *writer);
Elf64_Ehdr *core_writer_header(struct core_writer *writer);
/* Segment 0 is PT_NOTE, 1… are the loads in the order they were added. */
Elf64_Phdr *core_writer_segment(struct core_writer *writer, size_t index);
/* Adds bytes at the end of the image. */
void core_writer_append(struct core_writer *writer, const void *bytes, size_t len);

/* The first len bytes of the image as a file without a name; SIZE_MAX: all. */
int core_writer_fd(const struct core_writer *writer, size_t len);
/* The same as a file with a name. */
void core_writer_save(const struct core_writer *writer, size_t len, const char *path);
