/* What the parts of exec share: exec.c (who becomes what), filter.c (asking), listener.c (answering), keeper.c (answering
 * when nobody else does), tracer.c (where a command cannot ask), front.c (in whose place a traced one runs), supervisor.c (the
 * life of a command). */
#pragma once
#include "base/memory.h"
#include "exec/exec.h"

#include <linux/seccomp.h>
#include <signal.h>

/* --- filter.c --- */

/* 0: filters work here; else why not, as errno has it: EBUSY when one with a listener is there already, which can be one only;
 * EINVAL or ENOSYS when the kernel cannot have a filter ask, or cannot let a call go on that it asked about. */
int exec_filter_probe(void);

/* Filters this process from now on, across execve and in children. errno tells why not. Sets no_new_privs where the kernel asks for it: set-user-ID programs that the command starts
 * get no privileges then. */
bool exec_filter_install(int *listener);

/* --- handshake.c --- */

static const char EXEC_READY = 'r', EXEC_REFUSED = 'n';

/* What the supervisor is to do. */
struct exec_order {
	pid_t pid;    /* the command's */
	int listener; /* handed over; -1: it is to be traced */
};
bool exec_send_order(int socket, const struct exec_order *order);
bool exec_receive_order(int socket, struct exec_order *ret);
bool exec_receive(int socket, void *to, size_t len);

/* --- listener.c --- */

/* A question that was taken and not answered yet, in memory that the supervisor and the keeper share: the kernel writes it
 * there itself, so that there is no moment in which it is taken and the keeper does not know. */
struct exec_question {
	union {
		struct seccomp_notif notif; /* id 0: none */
		uint8_t room[512];          /* as much as a kernel with more to say may want */
	};
};
_Static_assert(sizeof(struct exec_question) == 512, "a question has room for what later kernels add");

struct exec_question *exec_question_map(void); /* NULL: out of memory */
/* Takes a question; false when there is none any more (the thread was interrupted: it will ask again) or no listener. */
bool exec_take(int listener, struct exec_question *question);
/* Lets the system call go on. Harmless when nobody waits for the answer any more. */
void exec_answer(int listener, struct exec_question *question);

/* --- keeper.c --- */

/* Answers once the other end of `alive` is closed, until nobody can ask any more. */
struct exec_keeper {
	int alive; /* this end; closed when this process ends, whatever ends it */
	pid_t pid;
};
struct hb_error *exec_keeper_start(int listener, struct exec_question *question, struct exec_keeper *ret) HB_MUST_CHECK;

/* Ends it, unless processes are left that could ask: those it looks after. */
void exec_keeper_dismiss(int listener, struct exec_keeper *keeper);

/* --- tracer.c --- */

struct exec_thread {
	pid_t tid, pid;
	bool ends; /* it is held, about to exit */
	int how, code;
	uint64_t since_ns;
};

struct exec_tracer {
	HB_VEC(struct exec_thread) threads;
	pid_t command;
	int events;    /* readable when something happened */
	bool children; /* those, too */
	bool started;  /* the command was; before, it is heldby that may end */
	bool waits;    /* for more threads of one that ends: look again in a millisecond */
};

/* Traces a process of one thread from now on. False when that is not permitted. */
bool exec_tracer_seize(struct exec_tracer *tracer, pid_t pid, bool children);
void exec_tracer_deinit(struct exec_tracer *tracer);
/* Takes note of what happened; true when a process ends: all of its threads are held until they are let go. */
bool exec_tracer_next(struct exec_tracer *tracer, struct hb_exec_moment *ret);
void exec_tracer_let_go(struct exec_tracer *tracer, pid_t pid);
/* The threads of it that are held; tids has room for all of tracer->threads. */
size_t exec_tracer_held(const struct exec_tracer *tracer, pid_t pid, pid_t *tids);
/* Leaves the command alone, so that it can be examined while it runs; then traces it again. False: it is about to end. */
bool exec_tracer_pause(struct exec_tracer *tracer);
void exec_tracer_resume(struct exec_tracer *tracer);

/* --- front.c --- */

struct exec_front {
	pid_t child; /* 0: this is it */
	int command; /* the socket over which it is told */
	sigset_t signals_before;
};
/* Returns in both: in heldby when the child may be traced, in the child when it is to become the command. */
struct hb_error *exec_front_fork(struct exec_front *ret, pid_t tracer) HB_MUST_CHECK;
/* It is not to. */
void exec_front_give_up(struct exec_front *front);
/* Lets the child become the command, and stands for it towards whoever started heldby: hands signals on, stops and goes on
 * with it, and ends by the signal that ends it. Else its status. */
int exec_front_stand(struct exec_front *front);

/* --- supervisor.c --- */

/* How a process that ends is held, while it is examined. */
struct exec_hold {
	pid_t *tids;
	size_t n;
	int *status; /* exec_watch's */
};

struct exec_watch {
	const struct hb_exec *exec;
	pid_t pid;    /* of the command */
	int listener; /* -1 when it cannot ask */
	int started;  /* closed by execve: until then, it is heldby that ends */
	struct exec_question *question;
	struct exec_tracer *tracer; /* NULL when it can ask */
	int status;                 /* what a traced one is to end with instead; -1: its own */
};
/* Until the command has ended. */
struct hb_error *exec_supervise(struct exec_watch *watch) HB_MUST_CHECK;
