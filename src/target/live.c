/* A live process through /proc and process_vm_readv. */
#include "target/live.h"
#include "base/bytes.h"
#include "base/progress.h"
#include "target/proc_stat.h"
#include "target/proc_status.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

FILE *hb_live_open_proc(int pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

/* --- Reading ---------------------------------------------------------------------------------------------------------
 */

enum { BATCH = 1024 /* UIO_MAXIOV */, PIECE = 1 << 20 }; /* 1 MB pieces read fastest (docs/capture.md) */

/* One range whose batch failed: page by page, so that what is there is read. */
static void read_by_page(struct hb_live *live, uint64_t addr, char *to, uint64_t len, uint64_t *unread)
{
	while (len) {
		uint64_t piece = hb_min(len, 4096 - (addr & 4095));
		struct iovec local = {to, piece}, remote = {(void *)addr, piece};
		ssize_t n = process_vm_readv(live->target.pid, &local, 1, &remote, 1, 0);
		if (n != (ssize_t)piece && pread(live->mem_fd, to, piece, (off_t)addr) != (ssize_t)piece) {
			memset(to, 0, piece);
			*unread += piece;
		}
		addr += piece;
		to += piece;
		len -= piece;
	}
}

static struct hb_error *flush_batch(struct hb_live *live, const struct iovec *local, const struct iovec *remote,
                                    size_t n, uint64_t *unread)
{
	ssize_t want = 0;
	for (size_t i = 0; i < n; i++)
		want += (ssize_t)local[i].iov_len;
	ssize_t got = n ? process_vm_readv(live->target.pid, local, n, remote, n, 0) : 0;
	if (got == want)
		return NULL;
	if (got < 0 && errno == ESRCH)
		return hb_error_create(HB_ERR_GONE, "process %d has exited while it was read", live->target.pid);
	if (got < 0)
		got = 0;
	/* The kernel stops at the first bad page: everything from there on is read again, carefully. */
	for (size_t i = 0; i < n; i++) {
		if (got >= (ssize_t)local[i].iov_len) {
			got -= (ssize_t)local[i].iov_len;
			continue;
		}
		read_by_page(live, (uint64_t)remote[i].iov_base + (uint64_t)got, (char *)local[i].iov_base + got,
		             local[i].iov_len - (size_t)got, unread);
		got = 0;
	}
	return NULL;
}

static struct hb_error *live_read(struct hb_target *target, const struct hb_range *ranges, size_t n, uint64_t *unread)
{
	struct hb_live *live = hb_live_of(target);
	struct iovec local[BATCH], remote[BATCH];
	size_t used = 0;
	uint64_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		for (uint64_t done = 0; done < ranges[i].len;) {
			uint64_t piece = hb_min(ranges[i].len - done, PIECE - bytes);
			local[used] = (struct iovec){(char *)ranges[i].to + done, piece};
			remote[used++] = (struct iovec){(void *)(ranges[i].addr + done), piece};
			done += piece;
			bytes += piece;
			if (used == BATCH || bytes == PIECE) {
				TRY(flush_batch(live, local, remote, used, unread));
				used = bytes = 0;
			}
		}
	}
	return flush_batch(live, local, remote, used, unread);
}

/* Bits of a pagemap entry: Documentation/admin-guide/mm/pagemap.rst. */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

static struct hb_error *live_pages(struct hb_target *target, uint64_t start, size_t npages, uint8_t *ret)
{
	struct hb_live *live = hb_live_of(target);
	uint64_t entries[4096];
	/* The entry of a page that the kernel is moving, as it does to make room for large ones, looks like that of one that is
	 * swapped out (fs/proc/task_mmu.c pte_to_pagemap_entry); to read it is to wait for that. smaps tells them apart. */
	uint8_t not_there = target->memory.swap ? HB_PAGE_SWAPPED : HB_PAGE_PRESENT;
	for (size_t done = 0; done < npages;) {
		size_t want = hb_min(npages - done, hb_countof(entries));
		ssize_t n = live->pagemap_fd < 0
		                    ? -1
		                    : pread(live->pagemap_fd, entries, want * 8, (off_t)(((start >> 12) + done) * 8));
		if (n < 0)
			return hb_error_create(HB_ERR_ATTACH, "cannot read /proc/%d/pagemap: %s", target->pid,
			                       strerror(errno));
		size_t got = (size_t)n / 8;
		for (size_t i = 0; i < got; i++)
			ret[done + i] = entries[i] & PAGEMAP_PRESENT   ? HB_PAGE_PRESENT
			                : entries[i] & PAGEMAP_SWAPPED ? not_there
			                                               : HB_PAGE_ABSENT;
		if (got < want) /* past the end of the address space */
			memset(ret + done + got, HB_PAGE_ABSENT, want - got);
		done += want;
	}
	return NULL;
}

/* --- Opening ---------------------------------------------------------------------------------------------------------
 */

static struct hb_error *live_open_exe(struct hb_target *target, int *ret)
{
	*ret = fcntl(hb_live_of(target)->exe_fd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? hb_error_create(HB_ERR_IO, "cannot open the executable of process %d", target->pid) : NULL;
}

/* The file itself, for who may; else what has its name now, if it is the same one. */
static int live_open_mapped(struct hb_target *target, const struct hb_mapping *mapping)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, target->pid, mapping->start,
	         mapping->end);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	hb_autofree char *by_name = NULL;
	struct stat status;
	if (asprintf(&by_name, "/proc/%d/root%s", target->pid, mapping->path) < 0) {
		by_name = NULL;
		return -1;
	}
	if (stat(by_name, &status) || !S_ISREG(status.st_mode) || status.st_ino != mapping->inode)
		return -1;
	fd = open(by_name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &status) || status.st_ino != mapping->inode)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Reading memory that is gone gives no bytes (fs/proc/base.c mem_rw). */
bool hb_live_has_ended(const struct hb_live *live)
{
	char byte;
	return live->target.nmappings && pread(live->mem_fd, &byte, 1, (off_t)live->target.mappings[0].start) == 0;
}

static void live_destroy(struct hb_target *target)
{
	struct hb_live *live = hb_live_of(target);
	if (target->stopped)
		hb_error_destroy(hb_live_resume(target));
	const int fds[] = {live->mem_fd, live->pagemap_fd, live->exe_fd};
	for (size_t i = 0; i < hb_countof(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	hb_vec_deinit(&live->held);
	pthread_mutex_destroy(&live->held_lock);
	hb_arena_deinit(&live->arena);
	hb_notes_deinit(&target->notes);
	free(target->mappings);
	free(target->threads);
	free(target->name);
	free(target->exe_path);
	free(live);
}

static const struct hb_target_ops live_ops = {
        .destroy = live_destroy,
        .refresh_mappings = hb_live_refresh_mappings,
        .stop = hb_live_stop,
        .resume = hb_live_resume,
        .read = live_read,
        .pages = live_pages,
        .open_exe = live_open_exe,
        .open_mapped = live_open_mapped,
};

static int yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;
	if (file) {
		if (fscanf(file, "%d", &scope) != 1)
			scope = 0;
		fclose(file);
	}
	return scope;
}

static struct hb_error *permission_error(int pid, const struct hb_proc_status *status)
{
	if (status->uid != geteuid() && geteuid() != 0)
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "not permitted to read process %d (%s): it runs as uid %u and heldby as uid %u; run "
		        "heldby as that user, or with CAP_SYS_PTRACE (as root: sudo heldby %d)",
		        pid, status->name, status->uid, geteuid(), pid);
	if (yama_scope() > 0 && geteuid() != 0)
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "not permitted to read process %d (%s): kernel.yama.ptrace_scope is %d, so tracing "
		        "needs CAP_SYS_PTRACE (sudo heldby %d), or once: sysctl kernel.yama.ptrace_scope=0",
		        pid, status->name, yama_scope(), pid);
	return hb_error_create(
	        HB_ERR_ATTACH,
	        "not permitted to read process %d (%s): heldby needs CAP_SYS_PTRACE in the target's user "
	        "namespace (a container needs --cap-add SYS_PTRACE), or the target has raised privileges or "
	        "made itself undumpable",
	        pid, status->name);
}

static struct hb_error *check_state(int pid, const struct hb_proc_status *status)
{
	if (status->process != pid)
		return hb_error_create(HB_ERR_ATTACH, "%d is a thread of process %d: give %d", pid, status->process,
		                       status->process);
	if (status->state == 'Z' || status->state == 'X')
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "process %d (%s) is a zombie: it has ended and its memory is gone; its parent has not "
		        "collected it yet",
		        pid, status->name);
	if (status->tracer) {
		struct hb_proc_status tracer;
		bool known = hb_proc_status(status->tracer, &tracer);
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "process %d (%s) is already traced by %s (pid %d): a process has one tracer at a time; "
		        "detach that one first",
		        pid, status->name, known ? tracer.name : "a process", status->tracer);
	}
	return NULL;
}

static struct hb_error *check_executable(int pid, const struct hb_proc_status *status, int exe_fd)
{
	Elf64_Ehdr header;
	ssize_t n = pread(exe_fd, &header, sizeof(header), 0);
	if (n < (ssize_t)sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return hb_error_create(HB_ERR_UNSUPPORTED, "the executable of process %d (%s) is not an ELF file", pid,
		                       status->name);
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return hb_error_create(HB_ERR_UNSUPPORTED,
		                       "process %d (%s) is a 32-bit program: heldby reads 64-bit ones", pid,
		                       status->name);
	if (header.e_machine != EM_X86_64)
		return hb_error_create(
		        HB_ERR_UNSUPPORTED,
		        "process %d (%s) is built for another processor (ELF machine %u): heldby reads x86-64 "
		        "programs",
		        pid, status->name, header.e_machine);
	return NULL;
}

static int open_proc_fd(int pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* A process without memory that is no thread of the kernel is about to end. */
static struct hb_error *no_memory_error(int pid, const struct hb_proc_status *status)
{
	enum { PF_KTHREAD = 0x00200000 }; /* linux/sched.h */
	struct hb_proc_stat stat;
	if (!hb_proc_stat(pid, 0, &stat) || !(stat.flags & PF_KTHREAD))
		return hb_error_create(HB_ERR_GONE, "process %d (%s) has exited", pid, status->name);
	return hb_error_create(HB_ERR_UNSUPPORTED, "process %d (%s) is a kernel thread: it has no memory of its own",
	                       pid, status->name);
}

static struct hb_error *open_files(struct hb_live *live, const struct hb_proc_status *status)
{
	int pid = live->target.pid;
	live->mem_fd = open_proc_fd(pid, "mem");
	if (live->mem_fd < 0 && (errno == ENOENT || errno == ESRCH))
		return no_memory_error(pid, status);
	if (live->mem_fd < 0)
		return errno == EACCES || errno == EPERM
		               ? permission_error(pid, status)
		               : hb_error_create(HB_ERR_ATTACH, "cannot open the memory of process %d: %s", pid,
		                                 strerror(errno));
	live->exe_fd = open_proc_fd(pid, "exe");
	if (live->exe_fd < 0)
		return errno == ENOENT ? no_memory_error(pid, status) : permission_error(pid, status);
	live->pagemap_fd = open_proc_fd(pid, "pagemap");
	TRY(check_executable(pid, status, live->exe_fd));
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	live->target.exe_path = strndup(text, n > 0 ? (size_t)n : 0);
	live->target.name = strdup(status->name);
	if (!live->target.exe_path || !live->target.name)
		return hb_error_nomem();
	return NULL;
}

static struct hb_error *open_live(int pid, const struct hb_proc_status *status, struct hb_live **ret)
{
	struct hb_live *live = calloc(1, sizeof(*live));
	if (!live)
		return hb_error_nomem();
	live->target = (struct hb_target){.ops = &live_ops, .kind = HB_TARGET_LIVE, .pid = pid};
	live->mem_fd = live->pagemap_fd = live->exe_fd = -1;
	pthread_mutex_init(&live->held_lock, NULL);
	struct hb_error *err = open_files(live, status);
	if (!err)
		err = hb_live_refresh_mappings(&live->target);
	if (err) {
		live_destroy(&live->target);
		return err;
	}
	*ret = live;
	return NULL;
}

struct hb_error *hb_live_open(int pid, struct hb_target **ret)
{
	struct hb_proc_status status;
	struct hb_live *live;
	if (pid == getpid())
		return hb_error_create(HB_ERR_ATTACH, "%d is heldby itself: it cannot stop itself to look", pid);
	if (!hb_proc_status(pid, &status))
		return hb_error_create(HB_ERR_ATTACH, "there is no process %d", pid);
	TRY(check_state(pid, &status));
	TRY(open_live(pid, &status, &live));
	*ret = &live->target;
	return NULL;
}

struct hb_error *hb_live_open_held(int pid, const int *tids, size_t n, struct hb_target **ret)
{
	struct hb_proc_status status;
	struct hb_live *live;
	if (!hb_proc_status(pid, &status))
		return hb_error_create(HB_ERR_GONE, "process %d has exited", pid);
	TRY(open_live(pid, &status, &live));
	live->held_by_caller = true;
	for (size_t i = 0; i < n; i++)
		if (!hb_vec_push(&live->held, (struct hb_held_thread){.tid = tids[i], .stopped = true})) {
			live_destroy(&live->target);
			return hb_error_nomem();
		}
	*ret = &live->target;
	return NULL;
}
