/* What the parts of exec share: exec.c (who becomes what), filter.c (asking), listener.c (answering), keeper.c (answering
 * when nobody else does), supervisor.c (the life of a command). */
#pragma once
#include "exec/exec.h"

#include <linux/seccomp.h>

/* --- filter.c --- */

/* Filters this process from now on, across execve and in children. errno tells why not: EBUSY when a filter with a listener is there
 * already, which can be one only. Sets no_new_privs where the kernel asks for it: set-user-ID programs that the command starts
 * get no privileges then. */
bool exec_filter_install(int *listener);

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

/* --- supervisor.c --- */

struct exec_watch {
	const struct hb_exec *exec;
	pid_t pid;    /* of the command */
	int listener; /* -1 when it cannot ask */
	int started;  /* closed by execve: until then, it is heldby that ends */
	struct exec_question *question;
};
/* Until the command has ended. */
struct hb_error *exec_supervise(const struct exec_watch *watch) HB_MUST_CHECK;
