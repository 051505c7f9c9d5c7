/* Holding every thread of a process with ptrace, for milliseconds.
 *
 * PTRACE_SEIZE + PTRACE_INTERRUPT: no SIGSTOP is sent, so nothing shows to the target or its parent, and no signal
 * disposition changes. PTRACE_O_EXITKILL is never set: when heldby dies, whatever the reason, the kernel detaches and
 * the threads run on. All ptrace requests come from the thread that seized.
 */
#include "base/bytes.h"
#include "base/progress.h"
#include "target/live.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

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
	char path[64], line[512] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	FILE *file = fopen(path, "re");
	if (!file)
		return true;
	bool read = fgets(line, sizeof(line), file);
	fclose(file);
	const char *state = strrchr(line, ')'); /* "12 (name) S ...": the name may hold anything */
	return !read || !state || state[1] != ' ' || state[2] == 'Z' || state[2] == 'X';
}

/* Seizes and interrupts threads that are not held yet; *found says how many. */
static struct hb_error *seize_new(struct hb_live *live, size_t *found)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", live->target.pid);
	DIR *tasks = opendir(path);
	if (!tasks)
		return hb_error_create(HB_ERR_GONE, "process %d has exited", live->target.pid);
	*found = 0;
	struct hb_error *err = NULL;
	for (struct dirent *entry; !err && (entry = readdir(tasks));) {
		int tid = atoi(entry->d_name);
		if (tid <= 0 || find_held(live, tid))
			continue;
		if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
			int code = errno;
			if (code != ESRCH && !(code == EPERM && has_exited(live->target.pid, tid)))
				err = seize_error(live, tid, code);
			continue;
		}
		if (!hb_vec_push(&live->held, (struct hb_held_thread){.tid = tid})) {
			ptrace(PTRACE_DETACH, tid, NULL, NULL);
			err = hb_error_nomem();
			continue;
		}
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		(*found)++;
	}
	closedir(tasks);
	return err;
}

static void drop_held(struct hb_live *live, size_t index)
{
	live->held.data[index] = live->held.data[--live->held.len];
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

static struct hb_error *wait_all(struct hb_live *live, uint64_t deadline_ns)
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
		if (hb_now_ns() > deadline_ns)
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

struct hb_error *hb_live_stop(struct hb_target *target, uint64_t max_wait_ns)
{
	struct hb_live *live = hb_live_of(target);
	hold_job_control(live);
	uint64_t deadline = hb_now_ns() + max_wait_ns;
	target->stopped = true; /* from the first seize on, resume has something to do */
	struct hb_error *err = NULL;
	/* Threads that run may start others: pass until nobody new is there and everybody is held. */
	for (size_t found = 1; !err && found;) {
		err = seize_new(live, &found);
		if (!err)
			err = wait_all(live, deadline);
	}
	if (!err && !live->held.len)
		err = hb_error_create(HB_ERR_GONE, "process %d has exited", target->pid);
	if (!err)
		err = read_threads(live);
	if (err)
		hb_error_destroy(hb_live_resume(target));
	return err;
}

/* Lets one thread go. A thread that has not reported its stop yet cannot be detached: wait for it, a little. */
static void let_go(struct hb_held_thread *held)
{
	uint64_t deadline = hb_now_ns() + 200000000;
	while (!held->stopped) {
		int status;
		pid_t got = waitpid(held->tid, &status, __WALL | WNOHANG);
		if (got < 0 || (got == held->tid && !WIFSTOPPED(status)))
			return; /* gone */
		if (got == held->tid) {
			held->stopped = true;
			held->signal = status >> 16 ? 0 : WSTOPSIG(status);
		} else if (hb_now_ns() > deadline) {
			return; /* the kernel lets go when heldby ends */
		} else {
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
		}
	}
	ptrace(PTRACE_DETACH, held->tid, NULL, (void *)(long)held->signal);
}

struct hb_error *hb_live_resume(struct hb_target *target)
{
	struct hb_live *live = hb_live_of(target);
	for (size_t i = 0; i < live->held.len; i++)
		let_go(&live->held.data[i]);
	live->held.len = 0;
	if (target->stopped)
		pthread_sigmask(SIG_SETMASK, &live->signals_before, NULL);
	target->stopped = false;
	return NULL;
}
