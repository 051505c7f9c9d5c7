/* The life of a command: waiting for the questions of its filter, for --at and --signal, and for its end. */
#include "base/memory.h"
#include "base/progress.h"
#include "exec/exec_internal.h"
#include "target/proc_stat.h"
#include "target/proc_status.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A process's, told from those that have its number later by when they started. A signal need not have ended it. */
struct end {
	pid_t pid;
	uint64_t start;
	enum hb_exec_reason reason;
};

struct life {
	struct exec_watch *watch;
	int pidfd, signalfd;
	uint64_t at; /* when to look, hb_now_ns(); 0: never */
	bool seen;   /* its end was examined */
	HB_VEC(struct end) examined;
};

/* --- What /proc says ------------------------------------------------------------------------------------------------- */

/* Go 1.23 and later fork once to see whether the kernel has pidfds (os/pidfd_linux.go, checkPidfd). */
static bool has_only_forked(pid_t pid)
{
	enum { PF_FORKNOEXEC = 0x40 }; /* linux/sched.h */
	struct hb_proc_stat stat;
	return hb_proc_stat(pid, 0, &stat) && (stat.flags & PF_FORKNOEXEC);
}

/* --- Questions ------------------------------------------------------------------------------------------------------- */

/* execve closes its end; what comes before is that there is no such program. */
static bool has_started(const struct exec_watch *watch)
{
	char byte;
	if (watch->tracer)
		return watch->tracer->started;
	return recv(watch->started, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Which end the question is about; false: none. */
static bool moment_of(const struct seccomp_notif *notif, struct hb_exec_moment *ret)
{
	struct hb_proc_status status;
	pid_t tid = (pid_t)notif->pid;
	if (!hb_proc_status(tid, &status))
		return false;
	*ret = (struct hb_exec_moment){.pid = status.process, .tid = tid};
	if (notif->data.nr == SYS_exit_group) {
		ret->reason = HB_EXEC_EXIT;
		ret->code = (int)notif->data.args[0] & 0xff;
		return true;
	}
	int number = (int)notif->data.args[notif->data.nr == SYS_tgkill ? 2 : 1];
	ret->reason = HB_EXEC_SIGNAL;
	ret->code = number;
	/* Signals that do not end a program by default: CHLD, CONT, the stopping ones, WINCH. */
	const uint64_t harmless = 1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1) | 1ull << (SIGSTOP - 1) |
	                          1ull << (SIGTSTP - 1) | 1ull << (SIGTTIN - 1) | 1ull << (SIGTTOU - 1) |
	                          1ull << (SIGWINCH - 1);
	return number > 0 && number < 32 && !((status.handled | harmless) >> (number - 1) & 1);
}

static bool is_wanted(const struct exec_watch *watch, const struct hb_exec_moment *moment)
{
	if (!has_started(watch))
		return false;
	return !moment->is_child || (watch->exec->children && !has_only_forked(moment->pid));
}

static bool was_examined(const struct life *life, const struct end *end)
{
	for (size_t i = 0; i < life->examined.len; i++) {
		const struct end *at = &life->examined.data[i];
		if (at->pid == end->pid && at->start == end->start && at->reason == end->reason)
			return true;
	}
	return false;
}

static void examine_end(struct life *life, struct hb_exec_moment *moment)
{
	const struct exec_watch *watch = life->watch;
	struct hb_proc_stat stat;
	if (!hb_proc_stat(moment->pid, 0, &stat))
		return;
	const struct end end = {moment->pid, stat.start, moment->reason};
	moment->is_child = moment->pid != watch->pid;
	/* Out of memory: it is not examined, but ends. */
	if (was_examined(life, &end) || !is_wanted(watch, moment) || !hb_vec_push(&life->examined, end))
		return;
	life->seen |= !moment->is_child;
	watch->exec->examine(watch->exec->ctx, moment);
}

/* The thread that asks is stopped while it is examined, which takes its question back, as any signal does: it asks again until it
 * is answered. Meanwhile others may ask. */
static void answer_question(struct life *life)
{
	const struct exec_watch *watch = life->watch;
	struct hb_exec_moment moment;
	if (!exec_take(watch->listener, watch->question))
		return;
	if (moment_of(&watch->question->notif, &moment))
		examine_end(life, &moment);
	exec_answer(watch->listener, watch->question);
}

/* The same where nobody asks: those that end are held already. */
static void follow_threads(struct life *life)
{
	struct exec_watch *watch = life->watch;
	struct exec_tracer *tracer = watch->tracer;
	struct hb_exec_moment moment;
	while (exec_tracer_next(tracer, &moment)) {
		struct exec_hold hold = {.tids = calloc(tracer->threads.len, sizeof(pid_t)), .status = &watch->status};
		if (hold.tids) {
			hold.n = exec_tracer_held(tracer, moment.pid, hold.tids);
			moment.hold = &hold;
			examine_end(life, &moment);
		}
		free(hold.tids);
		exec_tracer_let_go(tracer, moment.pid);
	}
}

struct hb_error *hb_exec_open(const struct hb_exec_moment *moment, struct hb_target **ret)
{
	if (moment->hold)
		return hb_live_open_held(moment->pid, moment->hold->tids, moment->hold->n, ret);
	return hb_live_open(moment->pid, ret);
}

bool hb_exec_change_status(const struct hb_exec_moment *moment, struct hb_target *target, int status)
{
	if (!moment->hold)
		return hb_live_change_exit_status(target, moment->tid, status);
	*moment->hold->status = status;
	return true;
}

/* --- Moments before the end -------------------------------------------------------------------------------------- */

static void look(const struct life *life, enum hb_exec_reason reason)
{
	const struct exec_watch *watch = life->watch;
	const struct hb_exec_moment moment = {.reason = reason, .pid = watch->pid};
	if (!has_started(watch) || (watch->tracer && !exec_tracer_pause(watch->tracer)))
		return;
	watch->exec->examine(watch->exec->ctx, &moment);
	if (watch->tracer)
		exec_tracer_resume(watch->tracer);
}

static int milliseconds_left(const struct life *life)
{
	uint64_t now = hb_now_ns();
	if (life->watch->tracer && life->watch->tracer->waits)
		return 1;
	if (!life->at)
		return -1;
	return life->at <= now ? 0 : (int)hb_min((life->at - now) / 1000000 + 1, (uint64_t)1 << 30);
}

static bool open_signalfd(struct life *life)
{
	sigset_t set;
	life->signalfd = -1;
	if (!life->watch->exec->signal)
		return true;
	sigemptyset(&set);
	sigaddset(&set, life->watch->exec->signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	life->signalfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return life->signalfd >= 0;
}

/* --- The loop ---------------------------------------------------------------------------------------------------- */

/* One thing that happened; false when the command has ended. */
static bool step(struct life *life)
{
	struct exec_tracer *tracer = life->watch->tracer;
	struct pollfd fds[] = {{.fd = tracer ? tracer->events : life->watch->listener, .events = POLLIN},
	                       {.fd = life->pidfd, .events = POLLIN},
	                       {.fd = life->signalfd, .events = POLLIN}};
	int n = poll(fds, hb_countof(fds), milliseconds_left(life));
	if (n < 0)
		return errno == EINTR && !hb_interrupted();
	if (life->at && hb_now_ns() >= life->at) {
		life->at = 0;
		look(life, HB_EXEC_TIME);
		return true;
	}
	if (tracer && (fds[0].revents & POLLIN || tracer->waits)) {
		follow_threads(life);
		return true;
	}
	if (fds[0].revents & POLLIN) {
		answer_question(life);
		return true;
	}
	struct signalfd_siginfo info;
	if (fds[2].revents & POLLIN && read(life->signalfd, &info, sizeof(info)) == sizeof(info)) {
		look(life, HB_EXEC_ASKED);
		return true;
	}
	return !fds[0].revents && !fds[1].revents;
}

struct hb_error *exec_supervise(struct exec_watch *watch)
{
	struct life life = {.watch = watch};
	life.pidfd = (int)syscall(SYS_pidfd_open, watch->pid, 0);
	if (life.pidfd < 0 || !open_signalfd(&life)) {
		struct hb_error *err =
		        hb_error_create(HB_ERR_IO, "cannot watch process %d: %s", watch->pid, strerror(errno));
		if (life.pidfd >= 0)
			close(life.pidfd);
		return err;
	}
	if (watch->exec->at_ns)
		life.at = hb_now_ns() + watch->exec->at_ns;
	while (step(&life))
		;
	if (!life.seen && !hb_interrupted() && has_started(watch))
		hb_warn("the command ended before it could be examined (killed by a signal?)");
	hb_vec_deinit(&life.examined);
	close(life.pidfd);
	if (life.signalfd >= 0)
		close(life.signalfd);
	return NULL;
}
