/* A core of a process with two threads and four segments, and what tests of cores ask and assert. */
#pragma once
#include "core_writer.h"
#include "target/core.h"

enum { TEXT = 0x400000, DATA = 0x500000, BSS = 0x502000, STACK = 0x7ff000 };
/* Of TEXT, of DATA (two), of STACK; filled by add_everything. */
extern uint8_t pages[4][CORE_PAGE];

uint8_t expected_byte(unsigned page, unsigned offset);
/* Adds all threads, notes and segments, and builds. */
void add_everything(struct core_writer *writer);
/* The target has at addr what `pages` has from that byte of that page on. */
void check_bytes(struct hb_target *target, uint64_t addr, unsigned page, unsigned offset, size_t len);

void assert_ok(struct hb_error *err);
/* The target that the first len bytes of the core are. */
struct hb_target *open_ok(const struct core_writer *writer, size_t len);
/* The error must have the code and its message the words. */
void assert_refused_fd(int fd, enum hb_error_code code, const char *words);
void assert_refused(const struct core_writer *writer, enum hb_error_code code, const char *words);

bool has_note(const struct hb_target *target, const char *words);
void assert_note(const struct hb_target *target, const char *words);
