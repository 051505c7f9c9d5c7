/* The front: heldby itself in the command's place, when its status may have to be another than it ends with and only the
 * parent of a process can see to that. The command is its child then, in the same process group, and dies with it. */
#include "exec/exec_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child, until it may become the command. It is to be traced by then: the other end of `front` is told when it may be. */
static void wait_for_word(int front, pid_t parent, pid_t tracer)
{
	char byte = 'c';
	prctl(PR_SET_PTRACER, tracer, 0, 0, 0); /* where Yama lets parents trace only; it survives execve */
	prctl(PR_SET_PDEATHSIG, SIGKILL);       /* who kills the one with the number that is known means the command */
	if (getppid() != parent || send(front, &byte, 1, MSG_NOSIGNAL) != 1 || !exec_receive(front, &byte, 1))
		_exit(3); /* heldby says why */
	close(front);
}

struct hb_error *exec_front_fork(struct exec_front *ret, pid_t tracer)
{
	int ends[2];
	char byte;
	pid_t self = getpid();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return hb_error_create(HB_ERR_IO, "cannot create a socket: %s", strerror(errno));
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &ret->signals_before); /* until they can be handed on */
	pid_t child = fork();
	ret->child = child;
	ret->command = ends[1];
	if (!child) {
		close(ends[1]);
		wait_for_word(ends[0], self, tracer);
		sigprocmask(SIG_SETMASK, &ret->signals_before, NULL);
		return NULL;
	}
	close(ends[0]);
	if (child > 0 && exec_receive(ret->command, &byte, 1))
		return NULL;
	close(ret->command);
	sigprocmask(SIG_SETMASK, &ret->signals_before, NULL);
	return hb_error_create(HB_ERR_IO, "cannot start a process: %s", strerror(errno));
}

void exec_front_give_up(struct exec_front *front)
{
	close(front->command);
	waitpid(front->child, NULL, 0);
	sigprocmask(SIG_SETMASK, &front->signals_before, NULL);
}

/* Of a signal that came from the terminal the command has its own. */
static void hand_on(const struct exec_front *front, const siginfo_t *info)
{
	if (info->si_code <= 0)
		kill(front->child, info->si_signo);
}

/* True once the command has ended. */
static bool follow(const struct exec_front *front, int *status)
{
	pid_t got;
	while ((got = waitpid(front->child, status, WUNTRACED | WNOHANG)) > 0 && WIFSTOPPED(*status)) {
		kill(getpid(), SIGSTOP); /* whoever waits for heldby is to see it stopped, and lets it go on */
		kill(front->child, SIGCONT);
	}
	return got > 0 || (got < 0 && errno != EINTR);
}

static void end_by(int number)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* there is one of the command */
	signal(number, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
}

int exec_front_stand(struct exec_front *front)
{
	sigset_t all;
	siginfo_t info;
	int status = 0;
	sigfillset(&all);
	if (send(front->command, "g", 1, MSG_NOSIGNAL) != 1)
		return 3;
	close(front->command);
	while (!follow(front, &status))
		if (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGCHLD)
			hand_on(front, &info);
	if (WIFSIGNALED(status))
		end_by(WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
