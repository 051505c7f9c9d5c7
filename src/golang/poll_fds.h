/* File descriptors as Go has them: every os.File and every connection of package net that is open.
 *
 * Both hold an internal/poll.FD by value (os/file_unix.go file, net/fd_posix.go netFD; 1.18-1.27), and the runtime is to
 * close them with a finalizer should the program forget to: the list of finalizers has them all, also those that
 * nothing else leads to, each with its type. Once closed they have no finalizer and the descriptor -1.
 */
#pragma once
#include "golang/typing.h"

enum hb_poll_fd_kind { HB_POLL_FILE, HB_POLL_CONNECTION };

struct hb_poll_fd {
	int64_t fd;
	uint32_t slot; /* of the os.file or net.netFD */
	uint64_t addr; /* of the same */
	uint64_t
	        poll_desc; /* runtime.pollDesc, outside the heap; 0: the network poller does not know it (a regular file) */
	uint32_t sysfd; /* offset of the number in the object */
	uint8_t kind;   /* enum hb_poll_fd_kind */
	bool outgoing;  /* a connection that was dialed, or a socket that has one peer: netFD.isConnected */
};
struct hb_poll_fds {
	HB_VEC(struct hb_poll_fd) list; /* by fd, then slot */
	HB_VEC(uint32_t) by_slot;       /* indices in list */
};
struct hb_error *hb_poll_fds_read(const struct hb_go *go, const struct hb_typing *typing,
                                  struct hb_poll_fds *ret) HB_MUST_CHECK;
void hb_poll_fds_deinit(struct hb_poll_fds *fds);
/* By the slot of the os.file or net.netFD; NULL when it is none that is open. */
const struct hb_poll_fd *hb_poll_fds_of_slot(const struct hb_poll_fds *fds, uint32_t slot);
