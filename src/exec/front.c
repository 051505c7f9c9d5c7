/* The front: heldby itself in the command's place, when its status may have to be another than it ends with and only the
 * parent of a process can see to that. The command is its child then, in the same process group, and dies with it. */
#include "exec/exec_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct hb_error *exec_front_fork(struct exec_front *ret)
{
	int ends[2];
	pid_t self = getpid();
	if (pipe2(ends, O_CLOEXEC))
		return hb_error_create(HB_ERR_IO, "cannot create a pipe: %s", strerror(errno));
	pid_t child = fork();
	*ret = (struct exec_front){.child = child, .go = ends[child > 0]};
	close(ends[child <= 0]);
	if (child < 0) {
		close(ret->go);
		return hb_error_create(HB_ERR_IO, "cannot start a process: %s", strerror(errno));
	}
	/* Who kills the one with the number that is known means the command. */
	if (!child && (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != self))
		return hb_error_create(HB_ERR_IO, "heldby has ended");
	return NULL;
}

bool exec_front_wait(struct exec_front *front)
{
	char byte;
	ssize_t got;
	while ((got = read(front->go, &byte, 1)) < 0 && errno == EINTR)
		;
	close(front->go);
	return got == 1;
}

void exec_front_give_up(struct exec_front *front)
{
	close(front->go);
	waitpid(front->child, NULL, 0);
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
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (write(front->go, "g", 1) != 1)
		return 3;
	close(front->go);
	while (!follow(front, &status))
		if (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGCHLD)
			hand_on(front, &info);
	if (WIFSIGNALED(status))
		end_by(WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
