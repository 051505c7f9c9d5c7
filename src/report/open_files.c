#include "report/open_files.h"
#include "base/order.h"
#include "report/build.h"

/* --- Counting ----------------------------------------------------------------------------------------------------- */

static void count_state(const struct hb_fd *fd, struct hb_report_fds *ret)
{
	if (fd->protocol != HB_SOCKET_TCP)
		return;
	ret->listening += fd->state == HB_TCP_LISTEN;
	ret->established += fd->state == HB_TCP_ESTABLISHED;
	ret->close_wait += fd->state == HB_TCP_CLOSE_WAIT;
	ret->other_tcp +=
	        fd->state != HB_TCP_LISTEN && fd->state != HB_TCP_ESTABLISHED && fd->state != HB_TCP_CLOSE_WAIT;
}

/* Ends of pipes whose other end the process has, too, both without a Go object: what wakes the network poller
 * (runtime/netpoll_epoll.go, where it is no eventfd) and what connections are spliced through (internal/poll/splice_linux.go). */
static uint64_t count_own_pipes(uint64_t *inodes, size_t n)
{
	uint64_t own = 0;
	if (n)
		qsort(inodes, n, sizeof(*inodes), hb_compare_u64);
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && inodes[next] == inodes[i]; next++)
			;
		own += next - i > 1 ? next - i : 0;
	}
	return own;
}

struct hb_error *hb_build_fds(struct hb_report_builder *builder)
{
	const struct hb_analysis *analysis = builder->analysis;
	const struct hb_fd_table *table = &analysis->fds;
	struct hb_report_fds *ret = &builder->report->fds;
	ret->known = analysis->snapshot->fds.known;
	if (!ret->known)
		return NULL;
	hb_autofree uint64_t *pipes = calloc(table->list.len + 1, sizeof(*pipes));
	size_t npipes = 0;
	bool epoll = false, event = false; /* the runtime has one of each */
	if (!pipes)
		return hb_error_nomem();
	ret->open = table->list.len;
	ret->limit = analysis->snapshot->fds.limit;
	for (size_t i = 0; i < table->list.len; i++) {
		const struct hb_fd *fd = table->list.data[i].kernel;
		ret->by_kind[fd->kind]++;
		count_state(fd, ret);
		if (table->list.data[i].go) {
			ret->of_go++;
			continue;
		}
		if (fd->kind == HB_FD_PIPE)
			pipes[npipes++] = fd->inode;
		if ((fd->kind == HB_FD_EPOLL && !epoll) || (fd->kind == HB_FD_EVENT && !event))
			ret->internal++;
		epoll |= fd->kind == HB_FD_EPOLL;
		event |= fd->kind == HB_FD_EVENT;
	}
	ret->internal += count_own_pipes(pipes, npipes);
	ret->unknown = ret->open - ret->of_go - ret->internal;
	return NULL;
}

/* --- Words -------------------------------------------------------------------------------------------------------- */

size_t hb_fd_counts_by_kind(const struct hb_report_fds *fds, struct hb_fd_count ret[static HB_FD_COUNTS])
{
	static const struct {
		enum hb_fd_kind kind;
		const char *key, *one, *many;
	} words[] = {
	        {HB_FD_FILE, "file", "file", "files"},
	        {HB_FD_SOCKET, "socket", "socket", "sockets"},
	        {HB_FD_PIPE, "pipe", "end of a pipe", "ends of pipes"},
	        {HB_FD_DIRECTORY, "directory", "folder", "folders"},
	        {HB_FD_DEVICE, "device", "device", "devices"},
	        {HB_FD_EPOLL, "epoll", "epoll", "epoll"},
	        {HB_FD_EVENT, "eventfd", "eventfd", "eventfd"},
	        {HB_FD_OTHER, "other", "other", "others"},
	};
	_Static_assert(hb_countof(words) == HB_FD_KINDS, "every kind has its words");
	for (size_t i = 0; i < hb_countof(words); i++)
		ret[i] = (struct hb_fd_count){fds->by_kind[words[i].kind], words[i].key, words[i].one, words[i].many};
	return hb_countof(words);
}

size_t hb_fd_counts_by_state(const struct hb_report_fds *fds, struct hb_fd_count ret[static HB_FD_COUNTS])
{
	const struct hb_fd_count counts[] = {
	        {fds->listening, "listening", "listening", "listening"},
	        {fds->established, "established", "established", "established"},
	        {fds->close_wait, "close_wait", "closed by the peer", "closed by the peer"},
	        {fds->other_tcp, "other", "other", "others"},
	};
	for (size_t i = 0; i < hb_countof(counts); i++)
		ret[i] = counts[i];
	return hb_countof(counts);
}
