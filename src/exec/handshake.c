/* What heldby and the supervisor tell each other before the command starts, over a socket. */
#include "exec/exec_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

bool exec_send_order(int socket, const struct exec_order *order)
{
	union control control = {0};
	struct iovec data = {(void *)order, sizeof(*order)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	if (order->listener >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &order->listener, sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*order);
}

bool exec_receive_order(int socket, struct exec_order *ret)
{
	union control control = {0};
	struct iovec data = {ret, sizeof(*ret)};
	struct msghdr message = {
	        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t got;
	while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL)) < 0 && errno == EINTR)
		;
	if (got != (ssize_t)sizeof(*ret))
		return false;
	ret->listener = -1; /* the number that it has here */
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&ret->listener, CMSG_DATA(header), sizeof(int));
	return true;
}

bool exec_receive(int socket, void *to, size_t len)
{
	ssize_t got;
	while ((got = recv(socket, to, len, MSG_WAITALL)) < 0 && errno == EINTR)
		;
	return got == (ssize_t)len;
}
