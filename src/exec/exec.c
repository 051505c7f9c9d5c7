/* Who becomes what:
 *
 *   heldby ── fork, fork ──▶ supervisor ── fork ──▶ keeper
 *     │  installs the filter, hands the listener to the supervisor, waits until it is ready
 *     └─ execve ──▶ the command
 *
 * The supervisor is not a child of the command, which may wait for any child that it has. */
#include "base/memory.h"
#include "base/progress.h"
#include "exec/exec_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- A file descriptor over a socket ------------------------------------------------------------------------------- */

union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static bool send_fd(int socket, int fd)
{
	union control control = {0};
	char byte = 'f';
	struct iovec data = {&byte, 1};
	struct msghdr message = {
	        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

/* -1: the other end has given up. */
static int receive_fd(int socket)
{
	union control control = {0};
	char byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {
	        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t got;
	while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
	int fd = -1;
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static bool receive(int socket, void *to, size_t len)
{
	ssize_t got;
	while ((got = recv(socket, to, len, MSG_WAITALL)) < 0 && errno == EINTR)
		;
	return got == (ssize_t)len;
}

/* --- The supervisor ---------------------------------------------------------------------------------------------- */

/* In a session of its own: Ctrl-C and the end of the terminal are the command's business. */
static void leave_the_terminal(void)
{
	setsid();
	signal(SIGHUP, SIG_IGN);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static struct hb_error *supervise(const struct hb_exec *exec, pid_t command, int socket)
{
	struct exec_keeper keeper;
	struct exec_watch watch = {.exec = exec, .pid = command, .started = socket};
	pid_t self = getpid();
	leave_the_terminal();
	if (send(socket, &self, sizeof(self), MSG_NOSIGNAL) != sizeof(self))
		return NULL;
	watch.listener = receive_fd(socket);
	if (watch.listener < 0)
		return NULL; /* there is no filter: the command is run without us, or not at all */
	watch.question = exec_question_map();
	if (!watch.question)
		return hb_error_nomem();
	TRY(exec_keeper_start(watch.listener, watch.question, &keeper));
	if (exec->signal)
		hb_verbose("process %d examines process %d when it is sent signal %d", self, command, exec->signal);
	if (send(socket, "r", 1, MSG_NOSIGNAL) != 1)
		return NULL;
	struct hb_error *err = exec_supervise(&watch);
	exec_keeper_dismiss(watch.listener, &keeper);
	return err;
}

/* --- The command ------------------------------------------------------------------------------------------------- */

static struct hb_error *become(const struct hb_exec *exec, int *status)
{
	hb_signals_restore();
	execvp(exec->argv[0], exec->argv);
	int code = errno;
	*status = code == ENOENT ? 127 : 126;
	return hb_error_create(HB_ERR_USAGE, "cannot run '%s': %s", exec->argv[0], strerror(code));
}

static void *answer_oneself(void *arg)
{
	static struct exec_question question;
	int listener = (int)(intptr_t)arg;
	for (;;)
		if (exec_take(listener, &question))
			exec_answer(listener, &question);
	return NULL;
}

/* The filter is there and nobody answers: this process could not even end. It has no other thread yet. */
static struct hb_error *give_up(int listener, const char *why)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, answer_oneself, (void *)(intptr_t)listener))
		syscall(SYS_exit, 3); /* asks nobody */
	return hb_error_create(HB_ERR_ATTACH, "the command was not run: %s", why);
}

static struct hb_error *run_without(const struct hb_exec *exec, int code, int *status)
{
	const char *why =
	        code == EBUSY ? "something above it asks about system calls already: another heldby exec, or "
	                        "a sandbox (seccomp)"
	        : code == EINVAL || code == ENOSYS
	                ? "this kernel cannot tell of the end of a program before its memory is gone (seccomp "
	                  "notifications, Linux 5.5)"
	                : strerror(code);
	if (exec->must_be_watched)
		return hb_error_create(HB_ERR_ATTACH, "the command was not run, as its end cannot be examined: %s",
		                       why);
	hb_warn("the command is run without being examined: %s", why);
	return become(exec, status);
}

static struct hb_error *run(const struct hb_exec *exec, int socket, int *status)
{
	pid_t supervisor;
	int listener;
	char ready;
	if (!receive(socket, &supervisor, sizeof(supervisor)))
		return hb_error_create(HB_ERR_IO, "the process that is to watch the command did not start");
	prctl(PR_SET_PTRACER, supervisor, 0, 0, 0); /* where Yama lets parents trace only; it survives execve */
	if (!exec_filter_install(&listener)) {
		int code = errno;
		close(socket);
		return run_without(exec, code, status);
	}
	if (!send_fd(socket, listener) || !receive(socket, &ready, 1))
		return give_up(listener, "the process that is to watch it has ended");
	close(listener);
	struct hb_error *err = become(exec, status);
	send(socket, "x", 1, MSG_NOSIGNAL); /* so it is known that this is heldby which ends now */
	return err;
}

struct hb_error *hb_exec_run(const struct hb_exec *exec, int *status)
{
	int sockets[2];
	pid_t self = getpid();
	*status = 3;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return hb_error_create(HB_ERR_IO, "cannot create a socket: %s", strerror(errno));
	pid_t between = fork();
	if (between < 0)
		return hb_error_create(HB_ERR_IO, "cannot start a process: %s", strerror(errno));
	if (!between) {
		pid_t supervisor = fork();
		if (supervisor)
			_exit(supervisor < 0);
		close(sockets[0]);
		*status = 0;
		return supervise(exec, self, sockets[1]);
	}
	close(sockets[1]);
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	struct hb_error *err = run(exec, sockets[0], status);
	close(sockets[0]);
	return err;
}
