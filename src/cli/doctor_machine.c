/* The machine: may anybody be traced here, and what does the kernel offer. */
#include "cli/doctor.h"
#include "cli/proc.h"
#include "target/proc_status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A seccomp filter or an old container runtime may forbid the call itself: with nobody to trace the kernel says so. */
static bool ptrace_is_allowed(void)
{
	errno = 0;
	return ptrace(PTRACE_SEIZE, INT_MAX, 0, 0) < 0 && errno == ESRCH;
}

static bool can_read_memory(void)
{
	char from = 'x', to = 0;
	struct iovec local = {&to, 1}, remote = {&from, 1};
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 && to == from;
}

/* linux/fs.h, since Linux 6.7. */
static bool can_scan_pagemap(void)
{
	struct {
		uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
		        category_anyof_mask, return_mask;
	} request = {.size = sizeof(request)};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	long page = sysconf(_SC_PAGESIZE);
	request.start = (uint64_t)(uintptr_t)&request / (uint64_t)page * (uint64_t)page;
	request.end = request.start + (uint64_t)page;
	bool known =
	        ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, sizeof(request)), &request) >= 0 || errno != ENOTTY;
	close(fd);
	return known;
}

static bool can_userfault(void)
{
	enum { USER_MODE_ONLY = 1 }; /* linux/userfaultfd.h UFFD_USER_MODE_ONLY */
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* The first pid namespace has a fixed number: include/linux/proc_ns.h PROC_PID_INIT_INO. */
static bool in_pid_namespace(void)
{
	struct stat status;
	return stat("/proc/self/ns/pid", &status) == 0 && status.st_ino != 0xEFFFFFFCu;
}

static const char *container(void)
{
	char line[512];
	if (getenv("KUBERNETES_SERVICE_HOST"))
		return "a Kubernetes pod";
	if (access("/.dockerenv", F_OK) == 0)
		return "a Docker container";
	if (access("/run/.containerenv", F_OK) == 0)
		return "a Podman container";
	if (hb_read_line("/proc/1/cgroup", line, sizeof(line)) && (strstr(line, "kubepods") || strstr(line, "docker")))
		return "a container";
	return in_pid_namespace() ? "a pid namespace of its own" : NULL;
}

static void say_attach(struct hb_page_writer *page)
{
	int scope = hb_yama_scope();
	struct hb_proc_status self;
	if (!ptrace_is_allowed()) {
		bool filtered = hb_proc_status(getpid(), &self) && self.seccomp == 2;
		hb_doctor_line(page, "attach", HB_RED, "no: this system does not let heldby call ptrace%s",
		               filtered ? "; a seccomp filter is on heldby itself: run its container with --cap-add "
		                          "SYS_PTRACE, or "
		                          "with a profile that allows ptrace"
		                        : "");
	} else if (scope == 3) {
		hb_doctor_line(page, "attach", HB_RED,
		               "no: kernel.yama.ptrace_scope is 3, nobody may trace until the next boot");
	} else if (hb_may_trace_anybody()) {
		hb_doctor_line(page, "attach", HB_GREEN, "yes, to every process%s",
		               container() ? " that can be seen from here" : "");
	} else if (scope == 2) {
		hb_doctor_line(page, "attach", HB_RED,
		               "no: kernel.yama.ptrace_scope is 2, so only who has CAP_SYS_PTRACE may: sudo heldby …");
	} else if (scope == 1) {
		hb_doctor_line(
		        page, "attach", HB_YELLOW,
		        "no, unless as root: kernel.yama.ptrace_scope is 1, so without CAP_SYS_PTRACE a process may "
		        "trace "
		        "only its own children. sudo heldby …, or for all users: sysctl kernel.yama.ptrace_scope=0");
	} else {
		hb_doctor_line(page, "attach", HB_GREEN, "yes, to your own processes (uid %u); to others as root",
		               geteuid());
	}
}

void hb_doctor_machine(struct hb_page_writer *page)
{
	struct utsname name;
	hb_page_put(page, HB_BOLD, "This machine");
	hb_page_newline(page);
	say_attach(page);
	if (uname(&name) == 0)
		hb_doctor_line(page, "kernel", HB_PLAIN, "%s %s, %s", name.sysname, name.release, name.machine);
	if (container())
		hb_doctor_line(page, "inside", HB_PLAIN, "%s: processes outside of it cannot be seen from here",
		               container());
	hb_doctor_line(page, "memory", can_read_memory() ? HB_PLAIN : HB_YELLOW, "%s",
	               can_read_memory()
	                       ? "can be read in bulk (process_vm_readv)"
	                       : "process_vm_readv does not work here: /proc/PID/mem is read instead, which is slower");
	hb_doctor_line(page, "not needed", HB_PLAIN, "by this version: PAGEMAP_SCAN %s, userfaultfd %s",
	               can_scan_pagemap() ? "is there" : "is not there", can_userfault() ? "is there" : "is not there");
}
