#include "exec/exec_internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/* Whether an answer may say that the call goes on (Linux 5.5): an older kernel refuses the flag before it looks whose
 * answer it is. */
static int try_answer(int listener)
{
	struct seccomp_notif_resp response = {.id = UINT64_MAX, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	if (!ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response))
		return 0;
	return errno == ENOENT ? 0 : errno;
}

/* A filter stays for good, so that another process tries. It ends by a call that asks nobody. */
int exec_filter_probe(void)
{
	int listener, status;
	pid_t pid = fork();
	if (pid < 0)
		return errno;
	if (!pid) {
		int code = exec_filter_install(&listener) ? try_answer(listener) : errno;
		for (;;)
			syscall(SYS_exit, code);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ENOSYS;
}

bool exec_filter_install(int *listener)
{
	*listener = install();
	if (*listener < 0 && errno == EACCES && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		*listener = install();
	return *listener >= 0;
}
