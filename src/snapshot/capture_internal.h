/* What the parts of a capture share: capture.c (order of events), files.c (where Go code is), fetch.c (pages in, by plan or on
 * demand), go_arenas.c (where the heap is), go_walk.c (which pages the Go runtime's metadata, the scannable spans and the stacks
 * are on). */
#pragma once
#include "golang/locate.h"
#include "snapshot/capture.h"

struct capture {
	struct hb_target *target;
	struct hb_snapshot *snapshot;
	const struct hb_capture_options *options;
	struct hb_go_location go;
	uint64_t queues[HB_GO_QUEUES]; /* as hb_go has them */
	bool stopped;
	struct hb_capture_prediction *predict; /* set: only rehearse, stop nothing */
	/* Ranges to read in the next bulk read. */
	HB_VEC(struct hb_range) plan;
	uint64_t plan_bytes;
	HB_VEC(struct hb_snapshot_piece) pieces; /* become the snapshot's when they are planned */
	uint64_t piece_bytes;
	uint64_t unread_for_good; /* of pages that nobody writes to: they are not read again in the stop */
	bool mappings_are_new;    /* re-read in the stop already */
	bool plan_again;          /* the heap outgrew the plan between rehearsal and stop: start over */
};

/* --- files.c ---------------------------------------------------------------------------------------------------- */
/* Finds the files that hold Go code. */
struct hb_error *capture_find_files(struct capture *capture) HB_MUST_CHECK;
/* The one that the target's mapping of that index belongs to, with its file or as its bss; NULL: none. */
const struct hb_snapshot_file *capture_file_of(const struct capture *capture, size_t index);
/* Finds the Go runtime in one of them, and makes that the program. */
struct hb_error *capture_locate(struct capture *capture) HB_MUST_CHECK;

/* --- fetch.c ---------------------------------------------------------------------------------------------------- */
/* Makes len bytes at addr available and returns them, or NULL (unmapped, swapped out, unreadable). Reads 64 KB around
 * what is missing. The pointer stays valid as long as the snapshot. */
const void *capture_want(struct capture *capture, uint64_t addr, uint64_t len);
/* Plans the pages of [addr, addr + len) that are not read yet; absent ones are known to be zero from now on. */
struct hb_error *capture_plan(struct capture *capture, uint64_t addr, uint64_t len) HB_MUST_CHECK;
/* Adds a piece: a part of pages that are known to be in use. Small and many: a piece costs no page of its own. */
struct hb_error *capture_add_piece(struct capture *capture, uint64_t addr, uint64_t len) HB_MUST_CHECK;
/* Local memory for about that many bytes of pieces, faulted in now. */
void capture_reserve_pieces(struct capture *capture, uint64_t bytes);
/* Plans the pieces that were added. */
struct hb_error *capture_plan_pieces(struct capture *capture) HB_MUST_CHECK;
/* After the stop: reads one more piece, of memory that does not change; what cannot be read stays unread. */
struct hb_error *capture_read_late(struct capture *capture, uint64_t addr, uint64_t len) HB_MUST_CHECK;
/* Last: hands the pieces to the snapshot, in order. */
void capture_settle_pieces(struct capture *capture);
/* Reads what is planned, on two threads. */
struct hb_error *capture_read_plan(struct capture *capture) HB_MUST_CHECK;
/* In the stop: plans everything that was read before it and may have changed since; what was known to be zero, or could not be
 * read, is asked again. */
struct hb_error *capture_plan_refresh(struct capture *capture) HB_MUST_CHECK;
/* Touches the local pages of the arena ranges that will be read, so that the stop does not wait for page faults. */
void capture_prefault(struct capture *capture, uint64_t addr, uint64_t len);

/* Regions: mirrors of contiguous runs of mappings that no region covers yet. `own` only: those of files with Go code. */
struct hb_error *capture_add_regions(struct capture *capture, bool own_only) HB_MUST_CHECK;
/* Reads the mappings again and takes in what is new there, arenas first. */
struct hb_error *capture_follow_mappings(struct capture *capture) HB_MUST_CHECK;
/* Gives the arenas dense local memory and makes regions of them. */
struct hb_error *capture_add_arenas(struct capture *capture, const uint64_t *addr, uint32_t n) HB_MUST_CHECK;

/* --- go_arenas.c ------------------------------------------------------------------------------------------------ */
/* Finds the arenas; called before the stop and again in it (new ones are added). */
struct hb_error *capture_go_arenas(struct capture *capture) HB_MUST_CHECK;

/* --- go_walk.c -------------------------------------------------------------------------------------------------- */
/* Makes the pointer masks of data and bss available. */
void capture_go_modules(struct capture *capture);
/* Makes the finalizers and cleanups that are due available; finds their lists first when not in the stop. */
void capture_go_queues(struct capture *capture);
/* Walks allspans with their bitmaps and specials. Plans scannable spans when `plan`, else only says how many bytes. */
struct hb_error *capture_go_spans(struct capture *capture, bool plan, uint64_t *scan_bytes) HB_MUST_CHECK;
/* Makes each p's mcache available, which is outside the heap. */
void capture_go_processors(struct capture *capture);
/* Faults in memory for the stacks of as many goroutines as there are. */
void capture_go_prefault_stacks(struct capture *capture);
/* Plans stacks of goroutines and threads; scannable spans must have been read. */
struct hb_error *capture_go_stacks(struct capture *capture) HB_MUST_CHECK;

/* --- go_masks.c ------------------------------------------------------------------------------------------------- */
/* After the stop: makes the pointer masks of types in the heap available. */
struct hb_error *capture_go_masks(struct capture *capture) HB_MUST_CHECK;
