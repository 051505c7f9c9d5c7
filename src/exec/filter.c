#include "exec/exec_internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The low half of an argument; x86-64 is little-endian. */
#define LOW_HALF(n)    (offsetof(struct seccomp_data, args) + 8 * (n))
#define LOAD(offset)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IS(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)

/* Programs end by exit_group; or by a signal that they send themselves: Go does so with one that it does not handle (runtime/signal_unix.go,
 * dieFromSignal → raise: tgkill or, in older ones, tkill). SIGURG is not asked about: the runtime preempts goroutines with it
 * (signal_unix.go, sigPreempt), many times a second. Nor are real-time signals, which libc uses for itself. */
static const struct sock_filter program[] = {
        /*  0 */ LOAD(offsetof(struct seccomp_data, arch)),
        /*  1 */ IS(AUDIT_ARCH_X86_64, 0, 12),
        /*  2 */ LOAD(offsetof(struct seccomp_data, nr)),
        /*  3 */ IS(SYS_exit_group, 11, 0),
        /*  4 */ IS(SYS_tgkill, 2, 0),
        /*  5 */ IS(SYS_tkill, 0, 8),
        /*  6 */ BPF_STMT(BPF_JMP | BPF_JA, 2),
        /*  7 */ LOAD(LOW_HALF(2)), /* tgkill(pid, tid, signal) */
        /*  8 */ BPF_STMT(BPF_JMP | BPF_JA, 1),
        /*  9 */ LOAD(LOW_HALF(1)), /* tkill(tid, signal) */
        /* 10 */ IS(SIGURG, 3, 0),
        /* 11 */ IS(0, 2, 0),
        /* 12 */ BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 31, 1, 0),
        /* 13 */ BPF_STMT(BPF_JMP | BPF_JA, 1),
        /* 14 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        /* 15 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
};

static int install(void)
{
	struct sock_fprog prog = {sizeof(program) / sizeof(program[0]), (struct sock_filter *)program};
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

bool exec_filter_install(int *listener)
{
	*listener = install();
	if (*listener < 0 && errno == EACCES && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		*listener = install();
	return *listener >= 0;
}
