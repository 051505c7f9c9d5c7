/* Who becomes what:
 *
 *   heldby ── fork, fork ──▶ supervisor ── fork ──▶ keeper
 *     │  installs the filter, hands the listener to the supervisor, waits until it is ready
 *     └─ execve ──▶ the command
 *
 * Where there can be no filter, the supervisor traces the command instead (tracer.c), and heldby stays as its parent when
 * its status may have to be changed (front.c):
 *
 *   heldby ── fork, fork ──▶ supervisor
 *     └─ fork, execve ──▶ the command
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

/* One that has a filter, through `listener`. */
static struct hb_error *supervise_asking(struct exec_watch *watch, int socket)
{
	struct exec_keeper keeper;
	watch->question = exec_question_map();
	if (!watch->question)
		return hb_error_nomem();
	TRY(exec_keeper_start(watch->listener, watch->question, &keeper));
	if (send(socket, &EXEC_READY, 1, MSG_NOSIGNAL) != 1)
		return NULL;
	struct hb_error *err = exec_supervise(watch);
	exec_keeper_dismiss(watch->listener, &keeper);
	return err;
}

static struct hb_error *supervise_traced(struct exec_watch *watch, int socket)
{
	struct exec_tracer tracer;
	bool seized = exec_tracer_seize(&tracer, watch->pid, watch->exec->children);
	struct hb_error *err = NULL;
	watch->tracer = &tracer;
	if (send(socket, seized ? &EXEC_READY : &EXEC_REFUSED, 1, MSG_NOSIGNAL) == 1 && seized)
		err = exec_supervise(watch);
	if (!err && seized)
		send(socket, &watch->status, sizeof(watch->status), MSG_NOSIGNAL); /* to the front, if there is one */
	exec_tracer_deinit(&tracer);
	watch->tracer = NULL;
	return err;
}

static struct hb_error *supervise(const struct hb_exec *exec, int socket)
{
	struct exec_order order;
	pid_t self = getpid();
	leave_the_terminal();
	if (send(socket, &self, sizeof(self), MSG_NOSIGNAL) != sizeof(self) || !exec_receive_order(socket, &order))
		return NULL; /* the command is run without us, or not at all */
	struct exec_watch watch = {
	        .exec = exec, .pid = order.pid, .listener = order.listener, .started = socket, .status = -1};
	if (exec->signal)
		hb_verbose("process %d examines process %d when it is sent signal %d", self, order.pid, exec->signal);
	return order.listener >= 0 ? supervise_asking(&watch, socket) : supervise_traced(&watch, socket);
}

/* --- The command ------------------------------------------------------------------------------------------------- */

/* What heldby was started with: an ignored SIGCHLD would keep it from waiting for its own processes. */
static struct sigaction child_signal_before;

static struct hb_error *become(const struct hb_exec *exec, int *status)
{
	hb_signals_restore();
	sigaction(SIGCHLD, &child_signal_before, NULL);
	if (hb_interrupted()) { /* until now; from now on a signal does what it would to the command */
		*status = 130;
		return hb_interrupted_error();
	}
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

static const char *why_no_filter(int code)
{
	return code == EBUSY ? "something above it asks about system calls already: another heldby exec, or a sandbox "
	                       "(seccomp)"
	       : code == EINVAL || code == ENOSYS
	               ? "this kernel cannot tell of the end of a program before its memory is "
	                 "gone (seccomp notifications, Linux 5.5)"
	               : strerror(code);
}

static struct hb_error *run_without(const struct hb_exec *exec, int code, int *status)
{
	if (exec->must_be_watched)
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "the command was not run, as its end cannot be examined: %s; and it may not be traced "
		        "instead (ptrace)",
		        why_no_filter(code));
	hb_warn("the command is run without being examined: %s; and it may not be traced instead (ptrace)",
	        why_no_filter(code));
	return become(exec, status);
}

/* EXEC_READY or EXEC_REFUSED; 0: there is no supervisor any more. */
static char ask_to_trace(int socket, pid_t pid)
{
	const struct exec_order order = {.pid = pid, .listener = -1};
	char answer;
	return exec_send_order(socket, &order) && exec_receive(socket, &answer, 1) ? answer : 0;
}

/* What there is to do when the command is not traced. */
static struct hb_error *run_untraced(const struct hb_exec *exec, char answer, int code, int *status)
{
	if (answer == EXEC_REFUSED)
		return run_without(exec, code, status);
	return hb_error_create(HB_ERR_ATTACH, "the command was not run: the process that is to watch it has ended");
}

/* This process becomes the command. */
static struct hb_error *run_traced(const struct hb_exec *exec, int socket, int code, int *status)
{
	char answer = ask_to_trace(socket, getpid());
	return answer == EXEC_READY ? become(exec, status) : run_untraced(exec, answer, code, status);
}

/* The command becomes a child of this process, which ends as the supervisor says. */
static struct hb_error *run_behind_front(const struct hb_exec *exec, int socket, pid_t supervisor, int code,
                                         int *status)
{
	struct exec_front front;
	int instead;
	TRY(exec_front_fork(&front, supervisor));
	if (!front.child)
		return become(exec, status);
	char answer = ask_to_trace(socket, front.child);
	if (answer != EXEC_READY) {
		exec_front_give_up(&front);
		return run_untraced(exec, answer, code, status);
	}
	*status = exec_front_stand(&front);
	if (!exec_receive(socket, &instead, sizeof(instead)))
		hb_warn("what watched the command has ended before it: it was not examined");
	else if (instead >= 0 && *status == 0)
		*status = instead;
	return NULL;
}

static struct hb_error *run(const struct hb_exec *exec, int socket, int *status)
{
	pid_t supervisor;
	struct exec_order order = {.pid = getpid()};
	char ready;
	if (!exec_receive(socket, &supervisor, sizeof(supervisor)))
		return hb_error_create(HB_ERR_IO, "the process that is to watch the command did not start");
	prctl(PR_SET_PTRACER, supervisor, 0, 0, 0); /* where Yama lets parents trace only; it survives execve */
	int code = exec_filter_probe();
	if (!code && !exec_filter_install(&order.listener))
		code = errno;
	if (code) {
		hb_verbose("the command is traced, which makes its threads and signals slower: %s",
		           why_no_filter(code));
		return exec->must_be_watched ? run_behind_front(exec, socket, supervisor, code, status)
		                             : run_traced(exec, socket, code, status);
	}
	if (!exec_send_order(socket, &order) || !exec_receive(socket, &ready, 1))
		return give_up(order.listener, "the process that is to watch it has ended");
	close(order.listener);
	struct hb_error *err = become(exec, status);
	send(socket, "x", 1, MSG_NOSIGNAL); /* so it is known that this is heldby which ends now */
	return err;
}

struct hb_error *hb_exec_run(const struct hb_exec *exec, int *status)
{
	int sockets[2];
	*status = 3;
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &child_signal_before);
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
		return supervise(exec, sockets[1]);
	}
	close(sockets[1]);
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	struct hb_error *err = run(exec, sockets[0], status);
	close(sockets[0]);
	return err;
}
