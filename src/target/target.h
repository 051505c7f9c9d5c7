/* A target: the process or core that is examined.
 *
 * Vocabulary
 *   mapping   one line of /proc/PID/maps, or one PT_LOAD segment of a core
 *   present   a page that is in memory (reading any other page of a live target would fault it in there)
 *   stop      every thread held by ptrace; always time-bounded, always undone, even when heldby dies
 *
 * One interface, two implementations: live.c (ptrace + /proc) and core.c (ELF cores: kernel, gcore, heldby's own
 * snapshots, also zstd-compressed). Addresses are the target's own; sizes are bytes.
 */
#pragma once
#include "base/memory.h"
#include "base/notes.h"

enum hb_target_kind { HB_TARGET_LIVE, HB_TARGET_CORE };

struct hb_mapping {
	uint64_t start, end;
	uint64_t file_offset;
	uint64_t inode;  /* 0: anonymous */
	uint64_t device; /* that it is an inode of, as stat's st_dev; 0 unknown (cores) */
	uint64_t rss;    /* resident bytes, as of the last refresh with_rss; 0 unknown */
	bool readable, writable, executable, shared;
	const char *path; /* "" for anonymous; "[stack]", "[heap]", … as the kernel names them; owned by the target */
};

/* What a thread's registers say at the stop (x86-64; arm64 gets its own set behind the same names). */
struct hb_registers {
	uint64_t pc, sp, tls_base;
	bool in_syscall;           /* orig_rax >= 0: the general registers of a Go thread are stale then */
	unsigned ngeneral;         /* words below that may hold pointers */
	uint64_t general[16 + 64]; /* general purpose, then the 64-bit halves of xmm0-15 */
};

struct hb_thread {
	int tid;
	bool has_registers;
	struct hb_registers registers;
};

struct hb_range { /* one piece of target memory and where it goes */
	uint64_t addr;
	uint64_t len;
	void *to;
};

/* Resident set by kind, from smaps (live) or the core's segments; bytes. */
struct hb_target_memory {
	uint64_t rss, rss_anon, rss_file, rss_shmem, swap;
};

struct hb_target {
	const struct hb_target_ops *ops;
	enum hb_target_kind kind;
	int pid;                     /* of the process, also for cores when recorded; 0 = unknown */
	char *name;                  /* comm, or the base name of the executable */
	char *exe_path;              /* as the target sees it ("/app/server"); "" when unknown */
	struct hb_mapping *mappings; /* sorted by start, disjoint; refreshed by hb_target_refresh_mappings */
	size_t nmappings;
	struct hb_thread *threads; /* valid while stopped and afterwards; cores: always */
	size_t nthreads;
	struct hb_target_memory memory;
	struct hb_notes notes;
	bool stopped;
	uint64_t stopping_ns; /* monotonic clock: when its threads were asked to stop, of the try that they did at */
};

struct hb_target_ops {
	void (*destroy)(struct hb_target *target);
	struct hb_error *(*refresh_mappings)(struct hb_target *target);
	/* Stops every thread and reads registers, or does nothing and says why. */
	struct hb_error *(*stop)(struct hb_target *target, uint64_t max_wait_ns);
	struct hb_error *(*resume)(struct hb_target *target);
	/* Reads what it can of each range, in order; bytes that are not readable become 0 and are counted in *unread.
	 */
	struct hb_error *(*read)(struct hb_target *target, const struct hb_range *ranges, size_t n, uint64_t *unread);
	/* One byte a page: HB_PAGE_* for npages pages from start. */
	struct hb_error *(*pages)(struct hb_target *target, uint64_t start, size_t npages, uint8_t *ret);
	/* A file descriptor of the executable's file (the one mapped, even if deleted since), or an error. */
	struct hb_error *(*open_exe)(struct hb_target *target, int *ret);
	/* The same of another mapped file; -1: it is not to be had. */
	int (*open_mapped)(struct hb_target *target, const struct hb_mapping *mapping);
};
/* UNCAPTURED: a page of one of heldby's snapshots that nobody wanted when it was taken; it is not missing. */
enum { HB_PAGE_ABSENT = 0, HB_PAGE_PRESENT = 1, HB_PAGE_SWAPPED = 2, HB_PAGE_UNCAPTURED = 3 };

/* spec: a pid, the unique name of a process, or the path of a core. Refuses (with what it looks like) zombies, 32-bit
 * programs, kernel threads, itself, and whatever may not be traced, naming the capability or sysctl. */
struct hb_error *hb_target_open(const char *spec, struct hb_target **ret) HB_MUST_CHECK;
struct hb_error *hb_live_open(int pid, struct hb_target **ret) HB_MUST_CHECK;
/* A process that this thread traces already: tids, all of its threads, stay in their ptrace stops until the target is destroyed. */
struct hb_error *hb_live_open_held(int pid, const int *tids, size_t n, struct hb_target **ret) HB_MUST_CHECK;
struct hb_error *hb_core_open(const char *path, struct hb_target **ret) HB_MUST_CHECK;
/* Resumes and detaches if needed. Accepts NULL. */
void hb_target_destroy(struct hb_target *target);
void hb_target_destroyp(struct hb_target **target);

static inline struct hb_error *HB_MUST_CHECK hb_target_stop(struct hb_target *target, uint64_t max_wait_ns)
{
	return target->ops->stop(target, max_wait_ns);
}
static inline struct hb_error *HB_MUST_CHECK hb_target_resume(struct hb_target *target)
{
	return target->ops->resume(target);
}
/* Whether a live target's program has ended, or was replaced by execve, since it was opened. */
bool hb_target_has_ended(const struct hb_target *target);
/* Of a live target that is stopped in a call of exit_group by thread tid: it is to exit with another status. False when it
 * is not stopped there. */
bool hb_live_change_exit_status(struct hb_target *target, int tid, int status);
/* Exactly len bytes, or HB_ERR_FAULT. */
struct hb_error *hb_target_read(struct hb_target *target, uint64_t addr, void *to, size_t len) HB_MUST_CHECK;
/* The mapping that holds addr, or NULL. */
const struct hb_mapping *hb_target_mapping(const struct hb_target *target, uint64_t addr);
