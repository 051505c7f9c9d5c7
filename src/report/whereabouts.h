/* Where goroutines are blocked, as a person would say it: the first line of the program's own. */
#pragma once
#include "report/sites.h"

struct hb_spot; /* what is known of a pc, worked out once: thousands of goroutines wait at the same few places */

struct hb_whereabouts {
	const struct hb_go *go; /* borrowed, as is the arena that texts are made in */
	struct hb_arena *arena;
	struct hb_spot *table; /* open addressing */
	uint32_t log2, n;
	bool out_of_memory;
	/* while one stack is walked */
	const char *blocked_at, *inner;
};

/* "api.(*Server).fanOut  /src/api/fanout.go:57"; equal texts are one pointer. NULL when there is no telling, or memory ran out
 * (places->out_of_memory). */
const char *hb_whereabouts_blocked_at(struct hb_whereabouts *places, const struct hb_goroutine *goroutine);
void hb_whereabouts_deinit(struct hb_whereabouts *places);
