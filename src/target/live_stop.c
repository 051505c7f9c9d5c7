/* Holding every thread of a process with ptrace, for milliseconds.
 *
 * PTRACE_SEIZE + PTRACE_INTERRUPT: no SIGSTOP is sent, so nothing shows to the target or its parent, and no signal
 * disposition changes. PTRACE_O_EXITKILL is never set: when heldby dies, whatever the reason, the kernel detaches and
 * the threads run on. All ptrace requests come from the thread that seized (holder.h).
 */
#include "base/bytes.h"
#include "base/progress.h"
#include "target/live.h"
#include "target/proc_numbers.h"
#include "target/proc_stat.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

/* --- Threads that end while others are seized ------------------------------------------------------------------------
 */

/* A thread that calls execve waits in the kernel until all others of its process have ended, and those that are traced
 * have not until their tracer has waited for them; PTRACE_SEIZE in turn waits for that execve (fs/exec.c de_thread,
 * kernel/ptrace.c ptrace_attach: cred_guard_mutex). One more thread, which only waits for those that ended, keeps the
 * two from waiting for each other. It may: waiting is up to the whole process, other than the requests of ptrace. */
struct reaper {
	struct hb_live *live;
	pthread_t thread;
	pthread_cond_t wake; /* with live->held_lock */
	bool done;
};

static bool has_ended(int tid)
{
	/* WNOWAIT: waitid tells of ptrace stops whatever it is asked for, and those are not to be taken away here. */
	siginfo_t info = {0};
	if (waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) || !info.si_pid)
		return false;
	return info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
}

static void *reap(void *arg)
{
	struct reaper *reaper = arg;
	struct hb_live *live = reaper->live;
	pthread_mutex_lock(&live->held_lock);
	while (!reaper->done) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&reaper->wake, &live->held_lock, &until) != ETIMEDOUT)
			continue;
		for (size_t i = 0; i < live->held.len; i++) {
			int tid = live->held.data[i].tid;
			if (has_ended(tid))
				waitpid(tid, NULL, WNOHANG | __WALL);
		}
	}
	pthread_mutex_unlock(&live->held_lock);
	return NULL;
}

static void stop_reaper(struct reaper *reaper)
{
	pthread_mutex_lock(&reaper->live->held_lock);
	reaper->done = true;
	pthread_cond_signal(&reaper->wake);
	pthread_mutex_unlock(&reaper->live->held_lock);
	pthread_join(reaper->thread, NULL);
}

/* --- Threads that are held ---------------------------------------------------------------------------------------- */

static bool add_held(struct hb_live *live, int tid)
{
	pthread_mutex_lock(&live->held_lock);
	bool added = hb_vec_push(&live->held, (struct hb_held_thread){.tid = tid});
	pthread_mutex_unlock(&live->held_lock);
	return added;
}

static void drop_held(struct hb_live *live, size_t index)
{
	pthread_mutex_lock(&live->held_lock);
	live->held.data[index] = live->held.data[--live->held.len];
	pthread_mutex_unlock(&live->held_lock);
}

static struct hb_held_thread *find_held(struct hb_live *live, int tid)
{
	for (size_t i = 0; i < live->held.len; i++)
		if (live->held.data[i].tid == tid)
			return &live->held.data[i];
	return NULL;
}

static struct hb_error *seize_error(struct hb_live *live, int tid, int code)
{
	if (code == EPERM)
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "not permitted to stop process %d: it is traced by another program by now, or its "
		        "privileges changed (see 'heldby doctor %d')",
		        live->target.pid, live->target.pid);
	return hb_error_create(HB_ERR_ATTACH, "cannot stop thread %d of process %d: %s", tid, live->target.pid,
	                       strerror(code));
}

/* A thread that is exiting cannot be seized either, with the same EPERM (kernel/ptrace.c, ptrace_attach: exit_state):
 * it stays as a zombie when it is the first one of its process, and is about to vanish otherwise. */
static bool has_exited(int pid, int tid)
{
	struct hb_proc_stat stat;
	return !hb_proc_stat(pid, tid, &stat) || stat.state == 'Z' || stat.state == 'X';
}

/* 0, or the error. A thread that called execve while it was held goes on under the number of its process, still seized:
 * that it can be interrupted says so. */
static int seize(int tid)
{
	if (!ptrace(PTRACE_SEIZE, tid, NULL, NULL))
		return 0;
	int code = errno;
	return code == EPERM && !ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? 0 : code;
}

/* Seizes and interrupts threads that are not held yet; *found says how many. */
static struct hb_error *seize_new(struct hb_live *live, size_t *found)
{
	hb_cleanup(hb_proc_numbers_close) DIR *tasks = hb_proc_numbers(live->target.pid, "task");
	if (!tasks)
		return hb_error_create(HB_ERR_GONE, "process %d has exited", live->target.pid);
	*found = 0;
	for (int tid; hb_proc_next_number(tasks, &tid);) {
		if (find_held(live, tid))
			continue;
		int code = seize(tid);
		if (code == ESRCH || (code == EPERM && has_exited(live->target.pid, tid)))
			continue;
		if (code)
			return seize_error(live, tid, code);
		if (!add_held(live, tid)) {
			ptrace(PTRACE_DETACH, tid, NULL, NULL);
			return hb_error_nomem();
		}
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		(*found)++;
	}
	return NULL;
}

/* Notes the state of thread `index` after waitpid said something. A dead thread is dropped: returns false. */
static bool note_status(struct hb_live *live, size_t index, int status)
{
	if (!WIFSTOPPED(status)) {
		drop_held(live, index);
		return false;
	}
	struct hb_held_thread *held = &live->held.data[index];
	held->stopped = true;
	/* Event 0 is a signal on its way in: it must be delivered when we let go. PTRACE_EVENT_STOP carries SIGTRAP
	 * (our interrupt) or the signal of a group stop, which goes on by itself. */
	held->signal = status >> 16 ? 0 : WSTOPSIG(status);
	return true;
}

static const char *what_it_does(char state)
{
	switch (state) {
	case 'R':
		return "waits for a processor: the machine is busy, or the target's control group has used up its "
		       "share";
	case 'D':
		return "is in an uninterruptible wait, for a disk or a driver";
	default:
		return "takes its time";
	}
}

/* Says of one of those that did not stop in time what it is doing. */
static struct hb_error *late_error(const struct hb_live *live, size_t running)
{
	struct hb_proc_stat stat = {0};
	int pid = live->target.pid, tid = 0;
	for (size_t i = 0; i < live->held.len && !tid; i++)
		tid = live->held.data[i].stopped ? 0 : live->held.data[i].tid;
	hb_proc_stat(pid, tid, &stat);
	return hb_error_create(HB_ERR_ATTACH,
	                       "%zu of %zu threads of process %d did not stop in time (thread %d %s); the target runs "
	                       "on: try again",
	                       running, live->held.len, pid, tid, what_it_does(stat.state));
}

/* Waits until every held thread has stopped; *late when one does not in time. */
static struct hb_error *wait_all(struct hb_live *live, uint64_t deadline_ns, bool *late)
{
	for (unsigned round = 0;; round++) {
		size_t running = 0;
		for (size_t i = 0; i < live->held.len;) {
			if (live->held.data[i].stopped) {
				i++;
				continue;
			}
			int status, tid = live->held.data[i].tid;
			pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
			if (got == tid) {
				i += note_status(live, i, status);
			} else if (got < 0 && errno == ECHILD) {
				drop_held(live, i);
			} else {
				running++;
				i++;
			}
		}
		if (!running)
			return NULL;
		if (hb_interrupted())
			return hb_interrupted_error();
		*late = hb_now_ns() > deadline_ns;
		if (*late)
			return late_error(live, running);
		if (round > 50) /* the first rounds spin: threads stop within tens of microseconds */
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
}

static void read_registers(int tid, struct hb_thread *ret)
{
	*ret = (struct hb_thread){.tid = tid};
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) || io.iov_len < sizeof(regs))
		return;
	struct hb_registers *r = &ret->registers;
	ret->has_registers = true;
	r->pc = regs.rip;
	r->sp = regs.rsp;
	r->tls_base = regs.fs_base;
	r->in_syscall = (long long)regs.orig_rax >= 0;
	const unsigned long long general[] = {regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi,
	                                      regs.rdi, regs.rbp, regs.r8,  regs.r9,  regs.r10,
	                                      regs.r11, regs.r12, regs.r13, regs.r14, regs.r15};
	for (size_t i = 0; i < hb_countof(general); i++)
		r->general[r->ngeneral++] = general[i];
	struct user_fpregs_struct vector;
	io = (struct iovec){&vector, sizeof(vector)};
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRFPREG, &io) || io.iov_len < sizeof(vector))
		return;
	for (size_t i = 0; i < 32; i++)
		r->general[r->ngeneral++] = hb_load_u64((const char *)vector.xmm_space + 8 * i);
}

struct exit_change {
	int tid, status;
	bool done;
};

static void change_exit_status(void *ctx)
{
	struct exit_change *change = ctx;
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	if (ptrace(PTRACE_GETREGSET, change->tid, (void *)NT_PRSTATUS, &io) || io.iov_len < sizeof(regs) ||
	    regs.orig_rax != SYS_exit_group)
		return;
	regs.rdi = (unsigned)change->status;
	change->done = !ptrace(PTRACE_SETREGSET, change->tid, (void *)NT_PRSTATUS, &io);
}

/* Called while it is stopped on the way into the system call, which starts anew when it is let go: with these registers
 * (x86-64: the number in orig_rax, the first argument in rdi). */
bool hb_live_change_exit_status(struct hb_target *target, int tid, int status)
{
	struct hb_live *live = hb_live_of(target);
	const struct hb_held_thread *held = find_held(live, tid);
	struct exit_change change = {.tid = tid, .status = status};
	if (!held || !held->stopped)
		return false;
	if (live->holder.is_there)
		hb_holder_do(&live->holder, change_exit_status, &change);
	else /* the caller holds it */
		change_exit_status(&change);
	return change.done;
}

static int compare_tid(const void *a, const void *b)
{
	const struct hb_thread *x = a, *y = b;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static struct hb_error *read_threads(struct hb_live *live)
{
	struct hb_thread *threads = calloc(hb_max(live->held.len, (size_t)1), sizeof(*threads));
	if (!threads)
		return hb_error_nomem();
	for (size_t i = 0; i < live->held.len; i++)
		read_registers(live->held.data[i].tid, &threads[i]);
	qsort(threads, live->held.len, sizeof(*threads), compare_tid);
	free(live->target.threads);
	live->target.threads = threads;
	live->target.nthreads = live->held.len;
	return NULL;
}

/* Ctrl-Z, or output to a terminal that belongs to another job, would suspend heldby while it holds the target: such
 * signals wait until it has let go. */
static void hold_job_control(struct hb_live *live)
{
	sigset_t suspending;
	sigemptyset(&suspending);
	sigaddset(&suspending, SIGTSTP);
	sigaddset(&suspending, SIGTTIN);
	sigaddset(&suspending, SIGTTOU);
	if (!live->target.stopped)
		pthread_sigmask(SIG_BLOCK, &suspending, &live->signals_before);
}

static struct hb_error *stop_once(struct hb_live *live, uint64_t max_wait_ns, bool *late)
{
	uint64_t deadline = hb_now_ns() + max_wait_ns;
	/* Threads that run may start others: pass until nobody new is there and everybody is held. */
	for (size_t found = 1; found;) {
		TRY(seize_new(live, &found));
		TRY(wait_all(live, deadline, late));
	}
	if (!live->held.len)
		return hb_error_create(HB_ERR_GONE, "process %d has exited", live->target.pid);
	if (hb_live_has_ended(live))
		return hb_error_create(
		        HB_ERR_GONE,
		        "the program that process %d ran has ended while it was examined; what runs there "
		        "now was let go untouched",
		        live->target.pid);
	return read_threads(live);
}

/* What the tracing thread does, and says. */
struct stop {
	struct hb_live *live;
	uint64_t max_wait_ns;
	struct hb_error *err;
	bool late;
};

static void stop_in_holder(void *ctx)
{
	struct stop *stop = ctx;
	struct reaper reaper = {.live = stop->live, .wake = PTHREAD_COND_INITIALIZER};
	if (pthread_create(&reaper.thread, NULL, reap, &reaper)) {
		stop->err = hb_error_nomem();
		return;
	}
	stop->err = stop_once(stop->live, stop->max_wait_ns, &stop->late);
	stop_reaper(&reaper);
}

static struct hb_error *stop_as_holder(struct hb_live *live, uint64_t max_wait_ns, bool *late)
{
	struct stop stop = {.live = live, .max_wait_ns = max_wait_ns};
	if (!hb_holder_start(&live->holder))
		return hb_error_nomem();
	live->target.stopping_ns = hb_now_ns();
	hb_holder_do(&live->holder, stop_in_holder, &stop);
	*late = stop.late;
	return stop.err;
}

/* A thread in an uninterruptible wait, or one that waits for a processor of a busy machine, keeps the others waiting:
 * they are let go again, and a later try may find it elsewhere. A control group that has used up its share of the
 * processors waits for tenths of a second (sched(7), CFS bandwidth control: periods of 100 ms), so rests get long. */
struct hb_error *hb_live_stop(struct hb_target *target, uint64_t max_wait_ns)
{
	enum { TRIES = 6 };
	static const long REST_NS[TRIES - 1] = {5000000, 20000000, 80000000, 300000000, 800000000};
	struct hb_live *live = hb_live_of(target);
	if (live->held_by_caller) {
		hold_job_control(live);
		target->stopped = true;
		target->stopping_ns = hb_now_ns();
		return read_threads(live);
	}
	for (unsigned try = 0;; try++) {
		bool late = false;
		hold_job_control(live);
		target->stopped = true; /* from the first seize on, resume has something to do */
		struct hb_error *err = stop_as_holder(live, max_wait_ns, &late);
		if (!err)
			return NULL;
		hb_error_destroy(hb_live_resume(target));
		if (!late || try + 1 == TRIES || hb_interrupted())
			return err;
		hb_error_destroy(err);
		nanosleep(&(struct timespec){.tv_nsec = REST_NS[try]}, NULL);
	}
}

/* Threads that stand are let go here, with the signal that they were caught with; all others when the tracing thread ends. */
static void let_go(void *ctx)
{
	struct hb_live *live = ctx;
	for (size_t i = 0; i < live->held.len; i++) {
		const struct hb_held_thread *held = &live->held.data[i];
		if (held->stopped)
			ptrace(PTRACE_DETACH, held->tid, NULL, (void *)(long)held->signal);
	}
}

struct hb_error *hb_live_resume(struct hb_target *target)
{
	struct hb_live *live = hb_live_of(target);
	if (live->holder.is_there) {
		hb_holder_do(&live->holder, let_go, live);
		hb_holder_end(&live->holder);
		live->held.len = 0;
	}
	if (target->stopped)
		pthread_sigmask(SIG_SETMASK, &live->signals_before, NULL);
	target->stopped = false;
	return NULL;
}
