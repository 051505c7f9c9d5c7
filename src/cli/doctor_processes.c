/* The Go programs that run here. */
#include "base/memory.h"
#include "cli/doctor.h"
#include "cli/proc.h"
#include "target/proc_numbers.h"
#include "target/proc_status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_PROCESSES = 4096, MAX_SHOWN = 40 };

struct process {
	int pid;
	struct hb_proc_status status;
	struct hb_program program;
};

struct seen_program { /* one file is read once, however many processes run it */
	dev_t device;
	ino_t inode;
	struct hb_program program;
};

struct listing {
	HB_VEC(struct process) go;
	HB_VEC(struct seen_program) seen;
	unsigned unreadable;
	bool cut;
};

static const struct hb_program *program_of(struct listing *listing, int fd)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return NULL;
	for (size_t i = 0; i < listing->seen.len; i++)
		if (listing->seen.data[i].device == status.st_dev && listing->seen.data[i].inode == status.st_ino)
			return &listing->seen.data[i].program;
	struct seen_program seen = {.device = status.st_dev, .inode = status.st_ino};
	hb_program_read(fd, &seen.program);
	return hb_vec_push(&listing->seen, seen) ? &listing->seen.data[listing->seen.len - 1].program : NULL;
}

static void look_at(struct listing *listing, int pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		listing->unreadable += errno == EACCES || errno == EPERM;
		return; /* kernel threads have none */
	}
	const struct hb_program *program = program_of(listing, fd);
	close(fd);
	struct process process = {.pid = pid};
	if (!program || !program->is_go || !hb_proc_status(pid, &process.status))
		return;
	process.program = *program;
	listing->cut |= !hb_vec_push(&listing->go, process);
}

static int by_rss(const void *a, const void *b)
{
	const struct process *x = a, *y = b;
	if (x->status.rss != y->status.rss)
		return x->status.rss > y->status.rss ? -1 : 1;
	return x->pid - y->pid;
}

static void print_process(struct hb_page_writer *page, const struct process *process)
{
	char text[64];
	snprintf(text, sizeof(text), "%d", process->pid);
	hb_page_right(page, HB_BOLD, text, 10);
	hb_format_bytes(process->status.rss, text, sizeof(text));
	hb_page_right(page, HB_PLAIN, text, 20);
	hb_page_to(page, 22);
	hb_page_put(page, HB_PLAIN, process->status.name);
	hb_page_to(page, 40);
	hb_page_put(page, HB_PLAIN, process->program.go_version[0] ? process->program.go_version : "Go");
	hb_page_printf(page, HB_DIM, ", %s",
	               process->program.has_dwarf     ? "with debug information"
	               : process->program.has_symbols ? "with symbols"
	                                              : "stripped");
	hb_page_newline(page);
}

void hb_doctor_processes(struct hb_page_writer *page)
{
	struct listing listing = {0};
	hb_cleanup(hb_proc_numbers_close) DIR *proc = hb_proc_numbers(0, "");
	unsigned n = 0;
	for (int pid; !hb_interrupted() && hb_proc_next_number(proc, &pid);) {
		if (pid == getpid())
			continue;
		if (n++ == MAX_PROCESSES) {
			listing.cut = true;
			break;
		}
		look_at(&listing, pid);
	}
	hb_page_newline(page);
	hb_page_put(page, HB_BOLD, "Go programs");
	hb_page_newline(page);
	if (listing.go.len)
		qsort(listing.go.data, listing.go.len, sizeof(*listing.go.data), by_rss);
	for (size_t i = 0; i < hb_min(listing.go.len, (size_t)MAX_SHOWN); i++)
		print_process(page, &listing.go.data[i]);
	if (!listing.go.len)
		hb_doctor_line(page, "", HB_PLAIN, "none%s",
		               listing.unreadable ? " among the processes that you may look at" : "");
	if (listing.go.len > MAX_SHOWN || listing.cut)
		hb_doctor_line(page, "", HB_DIM, "and more");
	if (listing.unreadable)
		hb_doctor_line(page, "", HB_DIM, "%u process%s could not be looked at: permission was denied",
		               listing.unreadable, listing.unreadable == 1 ? "" : "es");
	if (listing.go.len)
		hb_doctor_line(page, "next", HB_PLAIN, "heldby doctor %d", listing.go.data[0].pid);
	hb_vec_deinit(&listing.go);
	hb_vec_deinit(&listing.seen);
}
