/* Reading small parts of a running process again, through a cache of its pages.
 *
 * While it runs, pages are fetched as they are asked for: that is a rehearsal, whose contents may be torn. Then the process is
 * stopped, and all pages of the rehearsal are read again at once; from then on the cache is frozen: what is not in it is not
 * there. Pages that are not present in the target are never touched.
 */
#pragma once
#include "target/target.h"

enum {
	HB_PEEK_MAX_PAGES = 16384, /* in the cache: 64 MB */
	HB_PEEK_MAX_FROZEN = 1024, /* read in one stop: 4 MB take about a millisecond (docs/growth.md) */
	HB_PEEK_MAX_READ = 1 << 20,
};

struct hb_peek {
	struct hb_target *target;
	uint64_t *keys;  /* open addressing: page address | 1, 0 empty */
	uint32_t *index; /* of the page in bytes */
	uint8_t *bytes;
	uint8_t *states; /* by index */
	uint8_t *room;   /* HB_PEEK_MAX_READ bytes, for whoever reads that much at once */
	uint32_t npages, log2;
	uint32_t nfrozen;   /* of the marked ones */
	uint32_t mark_upto; /* of these, at most so many */
	bool marking, frozen;
	bool missed; /* since it was cleared: something asked for was not there */
	uint64_t pause_ns, stopped_at_ns, frozen_bytes;
	struct hb_error *err; /* the target is gone; owned */
};

struct hb_error *hb_peek_init(struct hb_peek *peek, struct hb_target *target) HB_MUST_CHECK;
void hb_peek_deinit(struct hb_peek *peek);
/* Forgets all pages. */
void hb_peek_reset(struct hb_peek *peek);
/* From now on, pages that are asked for are among those to be frozen, up to so many more; further ones are not there. 0:
 * no longer. False: so many are already that no more fit. */
bool hb_peek_mark(struct hb_peek *peek, uint32_t pages);
/* Stops the target, reads all marked pages again, lets it go. */
struct hb_error *hb_peek_freeze(struct hb_peek *peek, uint64_t max_wait_ns) HB_MUST_CHECK;
/* Afterwards: pages may be fetched again, of what does not change any more. Frozen ones stay as they are. */
void hb_peek_thaw(struct hb_peek *peek);
/* Copies len bytes at addr; false when one of them is not there. */
bool hb_peek_read(struct hb_peek *peek, uint64_t addr, uint64_t len, void *to);
static inline bool hb_peek_u64(struct hb_peek *peek, uint64_t addr, uint64_t *ret)
{
	return hb_peek_read(peek, addr, 8, ret);
}
