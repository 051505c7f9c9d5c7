/* File descriptors of a live process, as the kernel sees them: /proc/PID/fd, and the tables of sockets of its network
 * namespace. Cores do not have them.
 *
 * The kernel is asked while the process runs, which may hold a hundred thousand descriptors: a list is made just before
 * the stop and one just after it, and what is in both (the same number, the same file) was open in between.
 */
#pragma once
#include "base/memory.h"

enum hb_fd_kind {
	HB_FD_OTHER,
	HB_FD_FILE,
	HB_FD_DIRECTORY,
	HB_FD_DEVICE,
	HB_FD_PIPE,
	HB_FD_SOCKET,
	HB_FD_EPOLL,
	HB_FD_EVENT, /* eventfd */
	HB_FD_KINDS,
};

enum hb_socket_protocol {
	HB_SOCKET_OTHER, /* netlink, packet … or of another network namespace */
	HB_SOCKET_TCP,
	HB_SOCKET_UDP,
	HB_SOCKET_UNIX,
};

/* include/net/tcp_states.h */
enum hb_tcp_state {
	HB_TCP_ESTABLISHED = 1,
	HB_TCP_SYN_SENT,
	HB_TCP_SYN_RECV,
	HB_TCP_FIN_WAIT1,
	HB_TCP_FIN_WAIT2,
	HB_TCP_TIME_WAIT,
	HB_TCP_CLOSE,
	HB_TCP_CLOSE_WAIT,
	HB_TCP_LAST_ACK,
	HB_TCP_LISTEN,
	HB_TCP_CLOSING,
};

struct hb_fd {
	int number;
	uint8_t kind;     /* enum hb_fd_kind */
	uint8_t protocol; /* enum hb_socket_protocol, sockets only; so are the rest */
	uint8_t state;    /* enum hb_tcp_state of TCP, 0 unknown */
	uint64_t inode;
	uint64_t device;
	uint32_t unread,
	        unsent;   /* bytes in the kernel. Of TCP, unread counts the peer's end, too: 1 when only that is left */
	const char *name; /* path, or what the kernel says it is ("socket:[1234]"); in the arena */
	const char *local, *peer; /* "127.0.0.1:80", "[::1]:80"; "" unknown or none */
};

struct hb_fds {
	HB_VEC(struct hb_fd) list; /* by number */
	bool known;
	uint64_t limit; /* RLIMIT_NOFILE, 0 unknown */
	struct hb_arena arena;
};

/* Lists what is open: number, kind, file. Leaves ret->known false when the kernel does not say. */
struct hb_error *hb_fds_list(int pid, struct hb_fds *ret) HB_MUST_CHECK;
/* How many are open; 0 when the kernel does not say. */
size_t hb_fds_count(int pid);
/* Drops what was not open, or another file, in an earlier list. */
void hb_fds_keep(struct hb_fds *fds, const struct hb_fds *before);
/* Adds what the tables of sockets say. */
struct hb_error *hb_fds_add_sockets(int pid, struct hb_fds *fds) HB_MUST_CHECK;
void hb_fds_deinit(struct hb_fds *fds);

/* NULL when it is not open. */
const struct hb_fd *hb_fds_find(const struct hb_fds *fds, int64_t number);
