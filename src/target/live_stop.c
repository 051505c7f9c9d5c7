/* Holding every thread of a process with ptrace, for milliseconds.
 *
 * PTRACE_SEIZE + PTRACE_INTERRUPT: no SIGSTOP is sent, so nothing shows to the target or its parent, and no signal
 * disposition changes. PTRACE_O_EXITKILL is never set: when heldby dies, whatever the reason, the kernel detaches and
 * the threads run on. All ptrace requests come from the thread that seized.
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
			return hb_error_create(HB_ERR_ATTACH,
			                       "%zu of %zu threads of process %d did not stop in time (uninterruptible "
			                       "disk or driver wait?); the target runs on: try again",
			                       running, live->held.len, live->target.pid);
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

/* Called while it is stopped on the way into the system call, which starts anew when it is let go: with these registers
 * (x86-64: the number in orig_rax, the first argument in rdi). */
bool hb_live_change_exit_status(struct hb_target *target, int tid, int status)
{
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	struct hb_held_thread *held = find_held(hb_live_of(target), tid);
	if (!held || !held->stopped || ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) ||
	    io.iov_len < sizeof(regs) || regs.orig_rax != SYS_exit_group)
		return false;
	regs.rdi = (unsigned)status;
	return !ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &io);
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

static struct hb_error *stop_with_reaper(struct hb_live *live, uint64_t max_wait_ns, bool *late)
{
	struct reaper reaper = {.live = live, .wake = PTHREAD_COND_INITIALIZER};
	if (pthread_create(&reaper.thread, NULL, reap, &reaper))
		return hb_error_nomem();
	struct hb_error *err = stop_once(live, max_wait_ns, late);
	stop_reaper(&reaper);
	return err;
}

/* A thread in an uninterruptible wait, or one that waits for a processor of a busy machine, keeps the others waiting:
 * they are let go again, and a later try may find it elsewhere. */
struct hb_error *hb_live_stop(struct hb_target *target, uint64_t max_wait_ns)
{
	enum { TRIES = 6, FIRST_REST_NS = 5000000 };
	struct hb_live *live = hb_live_of(target);
	if (live->held_by_caller) {
		hold_job_control(live);
		target->stopped = true;
		return read_threads(live);
	}
	for (unsigned try = 0;; try++) {
		bool late = false;
		hold_job_control(live);
		target->stopped = true; /* from the first seize on, resume has something to do */
		struct hb_error *err = stop_with_reaper(live, max_wait_ns, &late);
		if (!err)
			return NULL;
		hb_error_destroy(hb_live_resume(target));
		if (!late || try + 1 == TRIES || hb_interrupted())
			return err;
		hb_error_destroy(err);
		nanosleep(&(struct timespec){.tv_nsec = FIRST_REST_NS << try}, NULL);
	}
}

/* Lets one thread go; false when it has not reported its stop yet, for then it cannot be detached. */
static bool let_go(struct hb_held_thread *held)
{
	if (!held->stopped) {
		int status;
		pid_t got = waitpid(held->tid, &status, __WALL | WNOHANG);
		if (got < 0 || (got == held->tid && !WIFSTOPPED(status)))
			return true; /* gone */
		if (got != held->tid)
			return false;
		held->signal = status >> 16 ? 0 : WSTOPSIG(status);
	}
	if (!ptrace(PTRACE_DETACH, held->tid, NULL, (void *)(long)held->signal))
		return true;
	held->stopped = false; /* it was killed where it stood: it ends only when somebody has waited for it */
	return false;
}

/* Threads that stand are let go first, then those that are about to. One that is in an uninterruptible wait stays
 * seized and listed, without harm: the kernel lets go of it when heldby ends, or the next stop takes it along. */
struct hb_error *hb_live_resume(struct hb_target *target)
{
	struct hb_live *live = hb_live_of(target);
	uint64_t deadline = hb_now_ns() + 200000000;
	while (!live->held_by_caller) {
		for (size_t i = 0; i < live->held.len;)
			if (let_go(&live->held.data[i]))
				drop_held(live, i);
			else
				i++;
		if (!live->held.len || hb_now_ns() > deadline)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	if (target->stopped)
		pthread_sigmask(SIG_SETMASK, &live->signals_before, NULL);
	target->stopped = false;
	return NULL;
}
