/* heldby exec: runs a command and examines it at its end, before its memory goes.
 *
 * Vocabulary
 *   command     the program that is run; it keeps the process, and so the pid, the terminal, the signals, the parent and the exit
 *               status, that heldby was started with
 *   supervisor  heldby itself from then on: a process of its own that nobody waits for, in a session of its own
 *   filter      a seccomp filter of the command: it lets every system call through but those that end a program, about
 *               which the supervisor is asked first (SECCOMP_RET_USER_NOTIF; docs/exec.md)
 *   listener    the file descriptor on which the supervisor is asked
 *   keeper      one more small process that answers when the supervisor cannot: without anybody who does, exit_group
 *               returns ENOSYS and a Go program spins for ever
 *   tracer      instead of filter, listener and keeper where there can be none: all threads are traced
 *   front       heldby itself, where a traced command may have to end with another status: it is its child then
 *
 * The command runs at full speed: with a filter nothing is traced until it ends. Its children have the filter, too, and are let go
 * on at once, unless they are to be examined as well.
 */
#pragma once
#include "target/target.h"

#include <stdint.h>
#include <sys/types.h>

enum hb_exec_reason {
	HB_EXEC_EXIT,   /* it called exit_group, whoever of it did: main returned, os.Exit, log.Fatal, a panic */
	HB_EXEC_SIGNAL, /* it is about to end itself by a signal that it does not handle */
	HB_EXEC_TIME,   /* --at; it goes on afterwards */
	HB_EXEC_ASKED,  /* the supervisor was sent the signal of --signal; likewise */
};

/* A moment to examine a process at. */
struct hb_exec_moment {
	enum hb_exec_reason reason;
	pid_t pid, tid;         /* tid: of the thread that ends the program; 0 when it does not end */
	int code;               /* the exit status, or the signal */
	bool is_child;          /* a process that the command started */
	struct exec_hold *hold; /* exec's own: how it is held already; NULL: it is not */
};

/* The process to examine. */
struct hb_error *hb_exec_open(const struct hb_exec_moment *moment, struct hb_target **ret) HB_MUST_CHECK;
/* The command, which is examined and still held at its exit, is to end with another status. False: it cannot be changed. */
bool hb_exec_change_status(const struct hb_exec_moment *moment, struct hb_target *target, int status);

/* Examines, and says itself what it found and what went wrong: neither keeps anybody from ending. A process that ends is to
 * stay stopped from its capture until this returns. */
typedef void hb_exec_examine(void *ctx, const struct hb_exec_moment *moment);

struct hb_exec {
	char *const *argv; /* NULL-terminated */
	hb_exec_examine *examine;
	void *ctx;
	uint64_t at_ns;       /* 0: only at its end */
	int signal;           /* 0: none */
	bool children;        /* those, too */
	bool must_be_watched; /* a command that cannot be examined is not even run; its status may be changed */
};

/* Becomes the command: returns in the supervisor (NULL), once the command has ended; or with an error, when there is no such
 * command (*status as shells have it: 127 not found, 126 cannot be run) or it cannot be watched (*status as hb_error_exit_status). */
struct hb_error *hb_exec_run(const struct hb_exec *exec, int *status) HB_MUST_CHECK;
