#include "growth/peek.h"
#include "base/progress.h"

#include <string.h>

enum { PAGE = 4096, LOG2 = 15 };
enum state { STATE_LIVE = 1, STATE_ABSENT = 2, STATE_MARKED = 4, STATE_FROZEN = 8, STATE_ZERO = 16 };

/* User space of x86-64 with four-level page tables, which is what Go uses. */
#define ADDRESS_LIMIT (UINT64_C(1) << 47)

struct hb_error *hb_peek_init(struct hb_peek *peek, struct hb_target *target)
{
	*peek = (struct hb_peek){.target = target, .log2 = LOG2};
	peek->keys = calloc((size_t)1 << LOG2, sizeof(*peek->keys));
	peek->index = calloc((size_t)1 << LOG2, sizeof(*peek->index));
	peek->states = calloc(HB_PEEK_MAX_PAGES, 1);
	peek->bytes = hb_pages_map((size_t)HB_PEEK_MAX_PAGES * PAGE);
	peek->room = hb_pages_map(HB_PEEK_MAX_READ);
	bool complete = peek->keys && peek->index && peek->states && peek->bytes && peek->room;
	return complete ? NULL : hb_error_nomem();
}

void hb_peek_deinit(struct hb_peek *peek)
{
	free(peek->keys);
	free(peek->index);
	free(peek->states);
	hb_pages_unmap(peek->bytes, (size_t)HB_PEEK_MAX_PAGES * PAGE);
	hb_pages_unmap(peek->room, HB_PEEK_MAX_READ);
	hb_error_destroy(peek->err);
	*peek = (struct hb_peek){0};
}

void hb_peek_reset(struct hb_peek *peek)
{
	memset(peek->keys, 0, sizeof(*peek->keys) << peek->log2);
	peek->npages = peek->nfrozen = 0;
	peek->marking = peek->frozen = peek->missed = false;
}

bool hb_peek_mark(struct hb_peek *peek, uint32_t pages)
{
	peek->mark_upto = hb_min(peek->nfrozen + pages, (uint32_t)HB_PEEK_MAX_FROZEN);
	peek->marking = pages && peek->nfrozen < HB_PEEK_MAX_FROZEN;
	return peek->marking || !pages;
}

void hb_peek_thaw(struct hb_peek *peek)
{
	peek->frozen = peek->marking = false;
}

static uint32_t place_of(const struct hb_peek *peek, uint64_t page)
{
	uint32_t mask = (1u << peek->log2) - 1;
	uint32_t at = (uint32_t)((page >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - peek->log2));
	while (peek->keys[at] && peek->keys[at] != (page | 1))
		at = (at + 1) & mask;
	return at;
}

static void keep_error(struct hb_peek *peek, struct hb_error *err)
{
	if (peek->err)
		hb_error_destroy(err);
	else
		peek->err = err;
}

/* Reads one page as it is now. One that is not present is not touched: in a mapping, it was never written to. */
static uint8_t fetch(struct hb_peek *peek, uint64_t page, uint8_t *to)
{
	uint8_t presence = HB_PAGE_ABSENT;
	uint64_t unread = 0;
	struct hb_error *err = peek->target->ops->pages(peek->target, page, 1, &presence);
	if (!err && presence == HB_PAGE_PRESENT)
		err = peek->target->ops->read(peek->target, &(struct hb_range){page, PAGE, to}, 1, &unread);
	if (err)
		keep_error(peek, err);
	if (!err && presence == HB_PAGE_ABSENT && hb_target_mapping(peek->target, page)) {
		memset(to, 0, PAGE);
		return STATE_LIVE | STATE_ZERO;
	}
	return !err && presence == HB_PAGE_PRESENT && !unread ? STATE_LIVE : STATE_ABSENT;
}

/* The local bytes of a page, NULL when it is not there. */
static const uint8_t *page_at(struct hb_peek *peek, uint64_t page)
{
	uint32_t at = place_of(peek, page);
	if (!peek->keys[at]) {
		if (peek->frozen || peek->err || peek->npages == HB_PEEK_MAX_PAGES)
			return NULL;
		peek->keys[at] = page | 1;
		peek->index[at] = peek->npages++;
		peek->states[peek->index[at]] = fetch(peek, page, peek->bytes + (size_t)peek->index[at] * PAGE);
	}
	uint8_t *state = &peek->states[peek->index[at]];
	if (*state & STATE_ABSENT || (peek->frozen && !(*state & STATE_FROZEN)))
		return NULL;
	if (peek->marking && !(*state & STATE_MARKED)) {
		if (peek->nfrozen == peek->mark_upto)
			return NULL;
		*state |= STATE_MARKED;
		peek->nfrozen++;
	}
	return peek->bytes + (size_t)peek->index[at] * PAGE;
}

bool hb_peek_read(struct hb_peek *peek, uint64_t addr, uint64_t len, void *to)
{
	if (addr < PAGE || addr >= ADDRESS_LIMIT || len > HB_PEEK_MAX_READ || peek->err) {
		peek->missed = true;
		return false;
	}
	for (uint64_t done = 0; done < len;) {
		uint64_t at = addr + done, inside = at & (PAGE - 1), part = hb_min(PAGE - inside, len - done);
		const uint8_t *page = page_at(peek, at - inside);
		if (!page) {
			peek->missed = true;
			return false;
		}
		memcpy((uint8_t *)to + done, page + inside, part);
		done += part;
	}
	return true;
}

static void mark_frozen(struct hb_peek *peek, uint64_t unread)
{
	for (uint32_t i = 0; i < peek->npages; i++)
		if (peek->states[i] & STATE_MARKED && !(peek->states[i] & STATE_ABSENT))
			/* What could not be read any more is zero; nobody knows which pages those are. */
			peek->states[i] |= unread ? STATE_ABSENT : STATE_FROZEN;
}

/* In the stop: pages that were not present before, if they are by now. */
static struct hb_error *refresh_zero(struct hb_peek *peek)
{
	for (size_t at = 0; at < (size_t)1 << peek->log2; at++) {
		uint8_t *state = peek->keys[at] ? &peek->states[peek->index[at]] : NULL;
		if (!state || !(*state & STATE_ZERO) || !(*state & STATE_MARKED))
			continue;
		*state = (uint8_t)(STATE_MARKED | fetch(peek, peek->keys[at] & ~UINT64_C(1),
		                                        peek->bytes + (size_t)peek->index[at] * PAGE));
		if (peek->err)
			return hb_take(peek->err);
	}
	return NULL;
}

struct hb_error *hb_peek_freeze(struct hb_peek *peek, uint64_t max_wait_ns)
{
	HB_VEC(struct hb_range) ranges = {0};
	for (size_t at = 0; at < (size_t)1 << peek->log2; at++) {
		uint8_t *to = peek->bytes + (size_t)peek->index[at] * PAGE;
		if (!peek->keys[at] || !(peek->states[peek->index[at]] & STATE_MARKED) ||
		    peek->states[peek->index[at]] & (STATE_ABSENT | STATE_ZERO))
			continue;
		if (!hb_vec_push(&ranges, (struct hb_range){peek->keys[at] & ~UINT64_C(1), PAGE, to})) {
			hb_vec_deinit(&ranges);
			return hb_error_nomem();
		}
	}
	uint64_t unread = 0;
	struct hb_error *err = hb_target_stop(peek->target, max_wait_ns);
	if (!err) {
		peek->stopped_at_ns = hb_now_ns();
		err = peek->target->ops->read(peek->target, ranges.data, ranges.len, &unread);
		if (!err)
			err = refresh_zero(peek);
		struct hb_error *resumed = hb_target_resume(peek->target);
		if (err)
			hb_error_destroy(resumed);
		else
			err = resumed;
		peek->pause_ns = hb_now_ns() - peek->target->stopping_ns;
	}
	peek->frozen_bytes = ranges.len * PAGE;
	hb_vec_deinit(&ranges);
	mark_frozen(peek, unread);
	peek->frozen = true;
	peek->marking = false;
	return err;
}
