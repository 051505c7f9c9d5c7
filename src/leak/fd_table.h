/* What is open: each file descriptor as the kernel knows it, joined to the Go object that stands for it.
 *
 * A number that Go has is believed only if the kernel has it open, too, and as the same sort of thing: programs can close a
 * descriptor behind its os.File's back, and the number then means another file.
 */
#pragma once
#include "golang/poll_fds.h"
#include "target/fds.h"

enum hb_fd_reach {
	HB_FD_NOT_GO,       /* no open os.File or connection has it: C code, package syscall, the runtime */
	HB_FD_REACHED,      /* the program can get at it */
	HB_FD_BY_FINALIZER, /* only finalizers and cleanups can */
	HB_FD_UNREACHED,    /* nothing leads to it */
};

struct hb_open_fd {
	int64_t number;
	const struct hb_fd *kernel;  /* NULL: not known, as in cores */
	const struct hb_poll_fd *go; /* NULL: HB_FD_NOT_GO */
	uint8_t reach;               /* enum hb_fd_reach */
};

struct hb_fd_table {
	HB_VEC(struct hb_open_fd) list; /* by number */
};

struct hb_analysis;
struct hb_error *hb_fd_table_build(const struct hb_analysis *analysis, struct hb_fd_table *ret) HB_MUST_CHECK;
void hb_fd_table_deinit(struct hb_fd_table *table);
/* NULL when it is not open. */
const struct hb_open_fd *hb_fd_table_find(const struct hb_fd_table *table, int64_t number);

/* Where files are and whom connections are with, as evidence: "/var/log (120), /tmp (3) and 2 other folders". For the n
 * numbers in rising order; "" when the kernel was not asked. NULL when out of memory. */
char *hb_fd_table_places(const struct hb_fd_table *table, const uint64_t *numbers, size_t n);
