#include "exec/exec_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

struct exec_question *exec_question_map(void)
{
	void *page =
	        mmap(NULL, sizeof(struct exec_question), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? NULL : page;
}

bool exec_take(int listener, struct exec_question *question)
{
	memset(question, 0, sizeof(*question)); /* the kernel refuses to overwrite anything else */
	return !ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question->notif);
}

void exec_answer(int listener, struct exec_question *question)
{
	struct {
		struct seccomp_notif_resp response;
		uint8_t room[256];
	} answer = {.response = {.id = question->notif.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE}};
	/* EINPROGRESS and ENOENT: answered already, or interrupted. */
	while (question->notif.id && ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer.response) && errno == EINTR)
		;
	question->notif.id = 0;
}
