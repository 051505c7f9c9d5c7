/* The keeper: the last one that has the listener. It does nothing while the supervisor lives, needs next to no memory, and
 * ends with the last process that has the filter. */
#include "exec/exec_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whoever waits for the end of an output must not wait for the keeper. */
static void let_go_of_files(int listener, int alive)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	unsigned low = (unsigned)(listener < alive ? listener : alive),
	         high = (unsigned)(listener < alive ? alive : listener);
	if (low > 3)
		close_range(3, low - 1, 0);
	if (high - low > 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static bool nobody_can_ask(int listener)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void wait_for(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
		;
}

static _Noreturn void keep(int listener, int alive, struct exec_question *question)
{
	setsid();
	prctl(PR_SET_NAME, "heldby-keeper");
	for (int number = 1; number < 32; number++)
		signal(number, SIG_IGN);
	if (chdir("/"))
		(void)errno; /* then a file system cannot be unmounted meanwhile */
	let_go_of_files(listener, alive);
	if (send(alive, "k", 1, MSG_NOSIGNAL) == 1)
		wait_for(alive);
	exec_answer(listener, question); /* what the supervisor had taken */
	for (;;) {
		struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
		if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
			_exit(0);
		if (poll_fd.revents & POLLIN) {
			if (exec_take(listener, question))
				exec_answer(listener, question);
		} else if (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL)) {
			_exit(0); /* nobody is left who could ask (Linux 5.9) */
		}
	}
}

struct hb_error *exec_keeper_start(int listener, struct exec_question *question, struct exec_keeper *ret)
{
	int ends[2];
	char byte;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return hb_error_create(HB_ERR_IO, "cannot create a socket: %s", strerror(errno));
	pid_t pid = fork();
	if (pid < 0) {
		struct hb_error *err = hb_error_create(HB_ERR_IO, "cannot start a process: %s", strerror(errno));
		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (!pid) {
		close(ends[1]);
		keep(listener, ends[0], question);
	}
	close(ends[0]);
	*ret = (struct exec_keeper){.alive = ends[1], .pid = pid};
	while (recv(ends[1], &byte, 1, 0) < 0 && errno == EINTR)
		; /* from now on it holds nothing but what it needs */
	return NULL;
}

void exec_keeper_dismiss(int listener, struct exec_keeper *keeper)
{
	bool ends = nobody_can_ask(listener);
	close(keeper->alive);
	if (ends)
		waitpid(keeper->pid, NULL, 0);
}
