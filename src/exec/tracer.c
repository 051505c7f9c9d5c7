/* The end of a command that cannot be asked about: every thread of it is traced (ptrace), stops when it is about to exit
 * (PTRACE_EVENT_EXIT), and is held until all of its process are. Their registers and the process's memory are there until then.
 *
 * It costs two stops for each thread that is started, and one for each signal. Nothing is lost when the tracer ends: the kernel
 * lets all threads go on. The exit status is decided by then; front.c changes it.
 *
 * Threads also exit one by one, and all but one when one of them calls execve, which waits for the others: neither is the
 * end of a process, and to hold them would be the end of this one (kernel/exit.c do_exit, do_group_exit; fs/exec.c de_thread).
 */
#include "base/progress.h"
#include "exec/exec_internal.h"
#include "target/proc_numbers.h"
#include "target/proc_stat.h"
#include "target/proc_status.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long the threads of one process may take to get to their ends: one in an uninterruptible wait must not keep the others. */
static const uint64_t MAX_WAIT_NS = 500000000;

/* A thread ends: because another one of its process said so, by exit_group or by execve; because it called exit_group itself, or
 * exit as the last one; or by a signal. */
enum how { BY_ANOTHER, BY_ITSELF, BY_A_SIGNAL };

/* --- What /proc says ------------------------------------------------------------------------------------------------ */

/* Nearly always the command: which a signal that is none tells without a look at all that /proc says. */
static pid_t process_of(const struct exec_tracer *tracer, pid_t tid)
{
	struct hb_proc_status status;
	if (!syscall(SYS_tgkill, tracer->command, tid, 0))
		return tracer->command;
	return hb_proc_status(tid, &status) ? status.process : 0;
}

static bool is_in_execve(pid_t pid, pid_t tid)
{
	char path[96];
	long number = -1;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	FILE *file = fopen(path, "re");
	if (file && fscanf(file, "%ld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number == SYS_execve || number == SYS_execveat;
}

/* --- The threads ---------------------------------------------------------------------------------------------------- */

static struct exec_thread *find(struct exec_tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < tracer->threads.len; i++)
		if (tracer->threads.data[i].tid == tid)
			return &tracer->threads.data[i];
	return NULL;
}

static struct exec_thread *add(struct exec_tracer *tracer, pid_t tid)
{
	struct exec_thread *thread = find(tracer, tid);
	if (thread)
		return thread;
	/* Out of memory: it is not known, and not held. */
	if (!hb_vec_push(&tracer->threads, (struct exec_thread){.tid = tid, .pid = process_of(tracer, tid)}))
		return NULL;
	return &tracer->threads.data[tracer->threads.len - 1];
}

static void drop(struct exec_tracer *tracer, struct exec_thread *thread)
{
	*thread = tracer->threads.data[--tracer->threads.len];
}

static bool others_go_on(const struct exec_tracer *tracer, const struct exec_thread *thread)
{
	for (size_t i = 0; i < tracer->threads.len; i++) {
		const struct exec_thread *other = &tracer->threads.data[i];
		if (other->pid == thread->pid && other != thread && !other->ends)
			return true;
	}
	return false;
}

static long options_of(const struct exec_tracer *tracer)
{
	return PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
	       (tracer->children ? PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK : 0);
}

/* --- Events --------------------------------------------------------------------------------------------------------- */

static long system_call_of(pid_t tid)
{
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) || io.iov_len < sizeof(regs))
		return -1;
	return (long)regs.orig_rax;
}

static void note_end(struct exec_tracer *tracer, pid_t tid)
{
	struct exec_thread *thread = add(tracer, tid);
	unsigned long code = 0;
	ptrace(PTRACE_GETEVENTMSG, tid, NULL, &code);
	long call = system_call_of(tid);
	if (!thread || (call == SYS_exit && !(code & 0x7f) && others_go_on(tracer, thread))) {
		ptrace(PTRACE_CONT, tid, NULL, NULL);
		return;
	}
	thread->ends = true;
	thread->code = (int)code;
	thread->how = code & 0x7f ? BY_A_SIGNAL : call == SYS_exit_group || call == SYS_exit ? BY_ITSELF : BY_ANOTHER;
	thread->since_ns = hb_now_ns();
}

/* All others of its process are gone, and it has the number of its process now. */
static void note_exec(struct exec_tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < tracer->threads.len;)
		if (tracer->threads.data[i].pid == tid)
			drop(tracer, &tracer->threads.data[i]);
		else
			i++;
	add(tracer, tid);
	tracer->started |= tid == tracer->command;
	ptrace(PTRACE_CONT, tid, NULL, NULL);
}

/* Of one that has started another, by that event. */
static void note_created(struct exec_tracer *tracer, pid_t tid)
{
	unsigned long created = 0;
	if (!ptrace(PTRACE_GETEVENTMSG, tid, NULL, &created))
		add(tracer, (pid_t)created);
}

static bool is_creation(int event)
{
	return event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
}

static void note_stop(struct exec_tracer *tracer, pid_t tid, int status)
{
	int number = WSTOPSIG(status), event = status >> 16;
	add(tracer, tid);
	if (is_creation(event)) {
		note_created(tracer, tid);
		number = 0;
	}
	switch (event) {
	case PTRACE_EVENT_EXIT:
		note_end(tracer, tid);
		return;
	case PTRACE_EVENT_EXEC:
		note_exec(tracer, tid);
		return;
	case PTRACE_EVENT_STOP: /* a new one's first, or that of a whole process, which goes on when it is told to */
		if (number != SIGTRAP) {
			ptrace(PTRACE_LISTEN, tid, NULL, NULL);
			return;
		}
		number = 0;
		break;
	}
	ptrace(PTRACE_CONT, tid, NULL, (void *)(long)number);
}

static void note_events(struct exec_tracer *tracer)
{
	struct signalfd_siginfo info;
	int status;
	pid_t tid;
	while (read(tracer->events, &info, sizeof(info)) == sizeof(info))
		;
	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		struct exec_thread *thread = find(tracer, tid);
		if (WIFSTOPPED(status))
			note_stop(tracer, tid, status);
		else if (thread)
			drop(tracer, thread);
	}
}

/* --- Whether a process ends ------------------------------------------------------------------------------------------ */

/* Whether all of its threads are held; else whether one of them has called execve. */
static bool all_held(struct exec_tracer *tracer, pid_t pid, bool *execve)
{
	hb_cleanup(hb_proc_numbers_close) DIR *tasks = hb_proc_numbers(pid, "task");
	bool all = true;
	*execve = false;
	for (pid_t tid; hb_proc_next_number(tasks, &tid);) {
		struct hb_proc_stat stat;
		const struct exec_thread *thread = find(tracer, tid);
		if ((thread && thread->ends) || !hb_proc_stat(pid, tid, &stat) || stat.state == 'Z' ||
		    stat.state == 'X')
			continue;
		all = false;
		*execve |= is_in_execve(pid, tid);
	}
	return all;
}

/* What those that are held say of the process. */
struct verdict {
	const struct exec_thread *says; /* how it ends; NULL: it may not */
	uint64_t since_ns;
};

static struct verdict judge(const struct exec_tracer *tracer, pid_t pid)
{
	struct verdict verdict = {.since_ns = UINT64_MAX};
	for (size_t i = 0; i < tracer->threads.len; i++) {
		const struct exec_thread *thread = &tracer->threads.data[i];
		if (thread->pid != pid || !thread->ends)
			continue;
		verdict.since_ns = hb_min(verdict.since_ns, thread->since_ns);
		if (thread->how != BY_ANOTHER && (!verdict.says || thread->how == BY_ITSELF))
			verdict.says = thread;
	}
	return verdict;
}

static struct hb_exec_moment moment_of(const struct exec_thread *thread)
{
	bool signalled = thread->how == BY_A_SIGNAL;
	return (struct hb_exec_moment){
	        .reason = signalled ? HB_EXEC_SIGNAL : HB_EXEC_EXIT,
	        .pid = thread->pid,
	        .tid = thread->tid,
	        .code = signalled ? thread->code & 0x7f : thread->code >> 8 & 0xff,
	};
}

enum next { NEXT_WAIT, NEXT_LET_GO, NEXT_EXAMINE };

/* Whoever sends SIGKILL wants it gone now: the kernel, when memory is short, among them. */
static enum next next_of(struct exec_tracer *tracer, pid_t pid, struct hb_exec_moment *moment)
{
	struct verdict verdict = judge(tracer, pid);
	bool execve, all = all_held(tracer, pid, &execve);
	if (verdict.says) {
		*moment = moment_of(verdict.says);
		if (moment->reason == HB_EXEC_SIGNAL && moment->code == SIGKILL)
			return NEXT_LET_GO;
		if (all)
			return NEXT_EXAMINE;
	} else if (all || execve) {
		return NEXT_LET_GO;
	}
	return hb_now_ns() - verdict.since_ns > MAX_WAIT_NS ? NEXT_LET_GO : NEXT_WAIT;
}

bool exec_tracer_next(struct exec_tracer *tracer, struct hb_exec_moment *ret)
{
	pid_t last = 0;
	note_events(tracer);
	tracer->waits = false;
	for (size_t i = 0; i < tracer->threads.len; i++) {
		pid_t pid = tracer->threads.data[i].pid;
		if (!tracer->threads.data[i].ends || pid == last)
			continue;
		last = pid;
		switch (next_of(tracer, pid, ret)) {
		case NEXT_EXAMINE:
			return true;
		case NEXT_WAIT:
			tracer->waits = true;
			break;
		case NEXT_LET_GO:
			exec_tracer_let_go(tracer, pid);
			i = (size_t)-1; /* from the start: the list is another one */
			last = 0;
			break;
		}
	}
	return false;
}

void exec_tracer_let_go(struct exec_tracer *tracer, pid_t pid)
{
	for (size_t i = 0; i < tracer->threads.len;) {
		struct exec_thread *thread = &tracer->threads.data[i];
		if (thread->pid != pid || !thread->ends) {
			i++;
			continue;
		}
		ptrace(PTRACE_CONT, thread->tid, NULL, NULL);
		drop(tracer, thread);
	}
}

size_t exec_tracer_held(const struct exec_tracer *tracer, pid_t pid, pid_t *tids)
{
	size_t n = 0;
	for (size_t i = 0; i < tracer->threads.len; i++)
		if (tracer->threads.data[i].pid == pid && tracer->threads.data[i].ends)
			tids[n++] = tracer->threads.data[i].tid;
	return n;
}

/* --- Beginning and end ------------------------------------------------------------------------------------------------ */

bool exec_tracer_seize(struct exec_tracer *tracer, pid_t pid, bool children)
{
	sigset_t set;
	*tracer = (struct exec_tracer){.command = pid, .children = children};
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tracer->events = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return tracer->events >= 0 && add(tracer, pid) && !ptrace(PTRACE_SEIZE, pid, NULL, options_of(tracer));
}

void exec_tracer_deinit(struct exec_tracer *tracer)
{
	hb_vec_deinit(&tracer->threads);
	if (tracer->events >= 0)
		close(tracer->events);
}

/* Of one that has stopped: it is traced no longer, and gets the signal that it was about to. */
static void detach(struct exec_tracer *tracer, pid_t tid, int status)
{
	int event = status >> 16;
	if (is_creation(event))
		note_created(tracer, tid);
	struct exec_thread *thread = find(tracer, tid);
	ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)(event ? 0 : WSTOPSIG(status)));
	if (thread)
		drop(tracer, thread);
}

/* How many threads of the command are traced; 0 when one of them ends, for then it will be examined in a moment anyhow. */
static size_t interrupt_all(const struct exec_tracer *tracer)
{
	size_t n = 0;
	for (size_t i = 0; i < tracer->threads.len; i++) {
		const struct exec_thread *thread = &tracer->threads.data[i];
		if (thread->pid == tracer->command && thread->ends)
			return 0;
		n += thread->pid == tracer->command && !ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
	}
	return n;
}

static size_t count_traced(const struct exec_tracer *tracer)
{
	size_t n = 0;
	for (size_t i = 0; i < tracer->threads.len; i++)
		n += tracer->threads.data[i].pid == tracer->command;
	return n;
}

bool exec_tracer_pause(struct exec_tracer *tracer)
{
	uint64_t deadline = hb_now_ns() + MAX_WAIT_NS;
	bool any = interrupt_all(tracer) > 0;
	while (any && count_traced(tracer) && hb_now_ns() < deadline) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
		struct exec_thread *thread = tid > 0 ? find(tracer, tid) : NULL;
		if (tid > 0 && WIFSTOPPED(status) && thread && thread->pid == tracer->command)
			detach(tracer, tid, status);
		else if (tid > 0 && WIFSTOPPED(status))
			note_stop(tracer, tid, status);
		else if (thread)
			drop(tracer, thread);
		else if (tid < 0)
			break;
		else if (!tid)
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	return any;
}

/* Threads may start others meanwhile: until none is new. */
void exec_tracer_resume(struct exec_tracer *tracer)
{
	for (bool found = true; found;) {
		hb_cleanup(hb_proc_numbers_close) DIR *tasks = hb_proc_numbers(tracer->command, "task");
		found = false;
		for (pid_t tid; hb_proc_next_number(tasks, &tid);)
			if (!find(tracer, tid) && !ptrace(PTRACE_SEIZE, tid, NULL, options_of(tracer)))
				found |= add(tracer, tid) != NULL;
	}
}
