/* An ELF core as a target: private parts shared by core*.c, and what the snapshot stage needs of a core.
 *
 * Vocabulary
 *   segment   a PT_LOAD program header: addresses, and how many of their first bytes the core holds
 *   file map  an entry of NT_FILE: which file was mapped where (kernel and gcore leave most file contents out)
 *   image     a file named by a file map, found on this machine and checked to be the one the process ran
 *   extent    a run of addresses whose bytes some file holds: the core itself, or an image
 *
 * Order of work: core_unpack (zstd) → core_elf (headers, segments) → core_notes (threads, names, file maps) →
 * core_image (find the files) → core_extent (who holds which address). docs/cores.md.
 */
#pragma once
#include "base/bytes.h"
#include "target/target.h"

enum { HB_CORE_PAGE = 4096 };
/* The first address that no user mapping can hold, with five-level page tables (arch/x86/include/asm/page_64_types.h).
 */
#define HB_CORE_ADDRESS_END (UINT64_C(1) << 56)

enum hb_core_writer {
	HB_CORE_UNKNOWN,
	HB_CORE_KERNEL, /* the process died of a signal */
	HB_CORE_GCORE,  /* gdb's generate-core-file: the process may still run */
	HB_CORE_HELDBY, /* heldby snapshot */
};

struct hb_core_segment {
	uint64_t start, end; /* page-aligned, sorted, disjoint */
	uint64_t offset;     /* in the core */
	uint64_t filesz;     /* bytes of it that the core really has; at most end - start */
	uint32_t flags;      /* PF_R | PF_W | PF_X */
};

struct hb_core_file_map {
	uint64_t start, end, offset;
	const char *path; /* without " (deleted)"; in the arena */
	bool deleted;
};

struct hb_core_image {
	const char *path; /* as the process saw it */
	int fd;           /* -1: not found, or another build */
};

struct hb_core_extent {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	int image;       /* index of the image, -1: the core */
};

struct hb_core_hole {        /* of the core file: nothing was written there, so it is zero */
	uint64_t start, end; /* file offsets */
};

/* A run of pages of which heldby recorded the same state (HB_CORE_NOTE_PAGES). */
struct hb_core_run {
	uint64_t start, end;
	uint8_t state; /* enum hb_page_state */
};

/* What heldby recorded when it wrote the core; text "" and numbers 0 when it did not. */
struct hb_core_record {
	const char *method;
	uint64_t pause_ns, bytes_copied, unread_bytes, taken_ns;
	uint64_t exe_offset, exe_size; /* the executable's file, embedded in the core; size 0: not embedded */
};

struct hb_core {
	struct hb_target target;
	int fd;
	uint64_t size; /* of the (unpacked) core file */
	const char *path;
	enum hb_core_writer writer;
	int signal; /* that ended the process, 0 unknown */
	HB_VEC(struct hb_core_segment) segments;
	HB_VEC(struct hb_core_file_map) file_maps;
	HB_VEC(struct hb_core_image) images;
	HB_VEC(struct hb_core_extent) extents;
	HB_VEC(struct hb_core_hole) holes; /* sorted, disjoint */
	HB_VEC(struct hb_core_run) runs;   /* sorted, disjoint; empty unless heldby wrote the core */
	HB_VEC(struct hb_thread) threads;
	HB_VEC(struct hb_mapping) recorded; /* mappings as heldby saw them live; empty in other cores */
	struct hb_bytes auxv;               /* in the arena */
	uint64_t missing;                   /* bytes that segments claim past the end of the file */
	struct hb_core_record record;
	struct hb_arena arena;
};

/* The core behind a target of kind HB_TARGET_CORE. */
static inline struct hb_core *hb_core_of(struct hb_target *target)
{
	return (struct hb_core *)target;
}

/* Like hb_core_open for a file that is open already; takes the descriptor over, also on failure. */
struct hb_error *hb_core_open_fd(int fd, const char *path, struct hb_target **ret) HB_MUST_CHECK;

/* The value of an auxiliary-vector entry (AT_…). */
bool hb_core_auxv(const struct hb_core *core, uint64_t type, uint64_t *ret);

struct hb_snapshot;
/* Gives a snapshot of the core what the core says of how and when it was taken. */
struct hb_error *hb_core_describe(struct hb_target *target, struct hb_snapshot *snapshot) HB_MUST_CHECK;

/* Why an examination of a core failed is often in the core's notes (cut short, executable missing): adds them to err.
 * Leaves other targets and NULL alone. */
struct hb_error *hb_core_explain(const struct hb_target *target, struct hb_error *err) HB_MUST_CHECK;

/* What the core knows about each of npages pages from start: enum hb_page_state (snapshot.h) values. */
void hb_core_page_states(const struct hb_core *core, uint64_t start, size_t npages, uint8_t *ret);

/* Index of the first extent that ends after addr. core_extent.c. */
size_t hb_core_first_extent(const struct hb_core *core, uint64_t addr);
/* The descriptor that holds an extent's bytes (borrowed). */
int hb_core_extent_fd(const struct hb_core *core, const struct hb_core_extent *extent);

/* --- Steps of opening, in order ------------------------------------------------------------------------------------
 */

/* Replaces a zstd-compressed file by its contents in an unlinked temporary file; leaves any other file alone.
 * core_unpack.c. */
struct hb_error *hb_core_unpack(int *fd, const char *path, struct hb_notes *notes) HB_MUST_CHECK;

/* Where the file is sparse. core_extent.c. */
struct hb_error *hb_core_find_holes(struct hb_core *core) HB_MUST_CHECK;

/* ELF header and program headers → segments; calls hb_core_read_notes for the notes. core_elf.c. */
struct hb_error *hb_core_read_headers(struct hb_core *core) HB_MUST_CHECK;

/* One PT_NOTE segment, [offset, offset + size) of the core. core_notes.c. */
struct hb_error *hb_core_read_notes(struct hb_core *core, uint64_t offset, uint64_t size) HB_MUST_CHECK;

/* Finds the files that were mapped. core_image.c. */
struct hb_error *hb_core_find_images(struct hb_core *core) HB_MUST_CHECK;
/* A descriptor of the file that was mapped under this name, if it is here and is the same build; else -1. */
int hb_core_open_file(const struct hb_core *core, const char *path);
/* Appends the parts of a file map that its image may stand in for: never what the process could have written. */
struct hb_error *hb_core_image_extents(struct hb_core *core, const struct hb_core_file_map *map,
                                       int image) HB_MUST_CHECK;

/* Segments and images → extents, mappings, memory figures. core_extent.c. */
struct hb_error *hb_core_lay_out(struct hb_core *core) HB_MUST_CHECK;

/* Exactly len bytes of a file; false at its end or on an input error. */
bool hb_read_file_at(int fd, uint64_t offset, void *to, size_t len);
