#include "target/fds.h"
#include "target/proc_numbers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FDS = 1 << 21, MAX_PATH_SHOWN = 512 };

/* --- One descriptor ----------------------------------------------------------------------------------------------- */

static uint8_t kind_of(const struct statx *status, const char *name)
{
	switch (status->stx_mode & S_IFMT) {
	case S_IFREG:
		return HB_FD_FILE;
	case S_IFDIR:
		return HB_FD_DIRECTORY;
	case S_IFCHR:
	case S_IFBLK:
		return HB_FD_DEVICE;
	case S_IFIFO:
		return HB_FD_PIPE;
	case S_IFSOCK:
		return HB_FD_SOCKET;
	}
	/* Anonymous inodes have no type: fs/anon_inodes.c. */
	if (!strcmp(name, "anon_inode:[eventpoll]"))
		return HB_FD_EPOLL;
	if (!strcmp(name, "anon_inode:[eventfd]"))
		return HB_FD_EVENT;
	return HB_FD_OTHER;
}

/* False when it was closed meanwhile. */
static bool read_fd(int folder, int number, struct hb_fd *ret, char *name, size_t size)
{
	struct statx status;
	char entry[16];
	snprintf(entry, sizeof(entry), "%d", number);
	ssize_t n = readlinkat(folder, entry, name, size - 1);
	/* What is known of it, without asking a file server that may not answer. */
	if (n < 0 || statx(folder, entry, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &status))
		return false;
	ret->number = number;
	name[n] = 0;
	ret->kind = kind_of(&status, name);
	ret->inode = status.stx_ino;
	ret->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
	ret->local = ret->peer = "";
	return true;
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct hb_fd *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

static struct hb_error *list(DIR *folder, struct hb_fds *ret)
{
	char name[MAX_PATH_SHOWN];
	for (int number; ret->list.len < MAX_FDS && hb_proc_next_number(folder, &number);) {
		struct hb_fd fd = {0};
		if (!read_fd(dirfd(folder), number, &fd, name, sizeof(name)))
			continue;
		fd.name = hb_arena_strdup(&ret->arena, name);
		if (!fd.name)
			return hb_error_nomem();
		HB_VEC_PUSH(&ret->list, fd);
	}
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), by_number);
	ret->known = true;
	return NULL;
}

/* "Max open files            1024                 524288               files" */
static uint64_t read_limit(int pid)
{
	char path[64], line[256];
	unsigned long long limit = 0;
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Max open files %llu", &limit) == 1)
			break;
	if (file)
		fclose(file);
	return limit;
}

size_t hb_fds_count(int pid)
{
	hb_cleanup(hb_proc_numbers_close) DIR *folder = hb_proc_numbers(pid, "fd");
	size_t n = 0;
	for (int number; hb_proc_next_number(folder, &number);)
		n++;
	return n;
}

struct hb_error *hb_fds_list(int pid, struct hb_fds *ret)
{
	hb_cleanup(hb_proc_numbers_close) DIR *folder = hb_proc_numbers(pid, "fd");
	if (!folder)
		return NULL;
	ret->limit = read_limit(pid);
	return list(folder, ret);
}

void hb_fds_keep(struct hb_fds *fds, const struct hb_fds *before)
{
	size_t kept = 0;
	fds->known = fds->known && before->known;
	for (size_t i = 0; i < fds->list.len; i++) {
		const struct hb_fd *fd = &fds->list.data[i], *old = hb_fds_find(before, fd->number);
		if (old && old->kind == fd->kind && old->inode == fd->inode && old->device == fd->device)
			fds->list.data[kept++] = *fd;
	}
	fds->list.len = kept;
}

const struct hb_fd *hb_fds_find(const struct hb_fds *fds, int64_t number)
{
	size_t at = hb_partition_point(fds->list.len, i, fds->list.data[i].number < number);
	return at < fds->list.len && fds->list.data[at].number == number ? &fds->list.data[at] : NULL;
}

void hb_fds_deinit(struct hb_fds *fds)
{
	hb_vec_deinit(&fds->list);
	hb_arena_deinit(&fds->arena);
	*fds = (struct hb_fds){0};
}
