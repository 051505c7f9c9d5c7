/* A snapshot: the frozen, sparse bytes of a target, plus its threads' registers.
 *
 * A region mirrors one contiguous piece of the target's address space in local memory at the same page offsets. Pages
 * that were not read (not present in the target, contents of pointer-free objects, swapped out) read as zero and are
 * marked: hb_snapshot_at() returns NULL for them unless they are known to be zero. Regions never move, so pointers
 * into them stay valid as long as the snapshot.
 */
#pragma once
#include "base/bytes.h"
#include "base/memory.h"
#include "base/notes.h"
#include "target/fds.h"
#include "target/target.h"

enum { HB_PAGE_SHIFT = 12, HB_PAGE_SIZE = 4096 };

/* Page states of a region; 0 is "not read". */
enum hb_page_state {
	HB_PAGE_UNREAD = 0,
	HB_PAGE_READ = 1, /* bytes are the target's */
	HB_PAGE_ZERO = 2, /* not present in the target: known to be zero, not stored */
	HB_PAGE_LOST = 3, /* swapped out or unreadable: contents unknown */
};

struct hb_region {
	uint64_t start, end; /* page-aligned target addresses */
	uint8_t *bytes;      /* local mirror, end - start bytes */
	uint8_t *pages;      /* enum hb_page_state, one a page */
	bool in_arenas;      /* bytes is a part of the snapshot's arena memory */
};

/* The Go heap's arenas, packed densely in address order: arena i is bytes + (i << 26), target address addr[i]. */
struct hb_snapshot_arenas {
	uint8_t *bytes;
	size_t reserved; /* bytes of address space behind `bytes` */
	uint64_t *addr;
	uint32_t n;
	uint8_t *presence; /* HB_PAGE_PRESENT … (target.h), one a page, as of just before the stop; for the ledger */
};

/* Parts of pages, for what is many and small: the used parts of parked goroutines' stacks. */
struct hb_snapshot_piece {
	uint64_t start;  /* target address */
	uint64_t offset; /* in piece_bytes */
	uint64_t len;
};

/* A file of the process that holds Go code: the executable, a plugin, a library. */
struct hb_snapshot_file {
	const char *path;       /* as the mappings had it first: a new version may be put in its place at any time */
	uint64_t device, inode; /* as in hb_mapping; device 0 unknown */
	uint64_t start, end;    /* from its first mapping to its bss */
	int fd;                 /* -1: not to be had */
};

struct hb_snapshot {
	struct hb_region *regions; /* sorted, disjoint */
	size_t nregions;
	struct hb_snapshot_piece *pieces; /* sorted by start, disjoint; looked at where a region has unread pages */
	size_t npieces;
	uint8_t *piece_bytes;
	size_t piece_bytes_len;
	struct hb_snapshot_arenas arenas; /* n == 0: no Go heap was recognised */
	struct hb_thread *threads;
	size_t nthreads;
	struct hb_mapping *mappings; /* the target's, as of the capture; paths in arena */
	size_t nmappings;
	struct hb_target_memory memory;
	struct hb_fds fds; /* open before the stop and after it; not known of cores */
	enum hb_target_kind kind;
	int pid;
	const char *name, *exe_path;
	int exe_fd; /* the file of exe_path, or -1 */
	/* Where Go code may be: the executable first. The runtime is looked for in `program`, everywhere when NULL; exe_path is
	 * the executable's, or the library's that the program is in. */
	struct hb_snapshot_file *files;
	size_t nfiles;
	const struct hb_snapshot_file *program;
	int debug_fd;       /* its separate debug information; 0: none (it is never standard input) */
	const char *method; /* "copy" */
	bool newer_go; /* what to read was planned for a Go that no table has: hb_go_open checks whether that was right */
	uint64_t pause_ns;
	uint64_t bytes_copied; /* while stopped */
	uint64_t unread_bytes; /* of what should have been read */
	uint64_t taken_ns;     /* wall-clock, CLOCK_REALTIME */
	struct hb_notes notes;
	struct hb_arena arena;
};

/* The library that the Go program is in; NULL: it is the executable's. */
static inline const char *hb_snapshot_library(const struct hb_snapshot *snapshot)
{
	return snapshot->program && snapshot->program != snapshot->files &&
	                       snapshot->exe_path == snapshot->program->path
	               ? snapshot->exe_path
	               : NULL;
}

/* Whether the page at addr may be the program's. */
static inline bool hb_snapshot_in_program(const struct hb_snapshot *snapshot, uint64_t addr)
{
	return !snapshot->program || (addr >= snapshot->program->start && addr < snapshot->program->end);
}

void hb_snapshot_destroy(struct hb_snapshot *snapshot);
void hb_snapshot_destroyp(struct hb_snapshot **snapshot);

/* The region that holds addr, or NULL; the first that ends behind addr, or NULL. */
const struct hb_region *hb_snapshot_region(const struct hb_snapshot *snapshot, uint64_t addr);
const struct hb_region *hb_snapshot_region_from(const struct hb_snapshot *snapshot, uint64_t addr);

/* Whether addr is in the Go heap, objects or not. */
static inline bool hb_snapshot_in_arenas(const struct hb_snapshot *snapshot, uint64_t addr)
{
	const struct hb_region *region = hb_snapshot_region(snapshot, addr);
	return region && region->in_arenas;
}

/* The len bytes at addr as frozen, or NULL when any of them is outside, unread or lost. Valid until destroy. */
const void *hb_snapshot_at(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t len);

/* For searching: the next bytes from *addr on that were read, up to `end`, and how many follow each other there. *addr is moved to
 * them; NULL: there are none. Pages that are known to be zero are passed over, as are those that are not there. */
const uint8_t *hb_snapshot_next_run(const struct hb_snapshot *snapshot, uint64_t *addr, uint64_t end, uint64_t *len);

/* The same as a view: empty (data NULL) when not there. */
static inline struct hb_bytes hb_snapshot_view(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t len)
{
	const void *data = hb_snapshot_at(snapshot, addr, len);
	return (struct hb_bytes){data, data ? (size_t)len : 0};
}

/* Scalar reads; false when not in the snapshot. */
bool hb_snapshot_u8(const struct hb_snapshot *snapshot, uint64_t addr, uint8_t *ret);
bool hb_snapshot_u16(const struct hb_snapshot *snapshot, uint64_t addr, uint16_t *ret);
bool hb_snapshot_u32(const struct hb_snapshot *snapshot, uint64_t addr, uint32_t *ret);
bool hb_snapshot_u64(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t *ret);
/* A Go slice or string header {pointer, len[, cap]}; false when unreadable or len > max. */
bool hb_snapshot_slice(const struct hb_snapshot *snapshot, uint64_t addr, uint64_t max, uint64_t *data, uint64_t *len);
/* A NUL-terminated string of at most max bytes, copied into arena; NULL when not there. */
char *hb_snapshot_cstring(const struct hb_snapshot *snapshot, uint64_t addr, size_t max, struct hb_arena *arena);
