/* Why nobody wakes a goroutine that cannot run again: who could, and what they wait for themselves.
 *
 *   waker    another such goroutine that can reach what this one waits for, without waiting for it, too
 *   cycle    goroutines each of which could only be woken by another one of them
 */
#pragma once
#include "proof/dark.h"

enum hb_reason {
	HB_REASON_NEVER,  /* a nil channel, an empty select */
	HB_REASON_ALONE,  /* nobody but those who wait for it can reach it */
	HB_REASON_BEHIND, /* who could wake it is blocked */
	HB_REASON_CYCLE,  /* likewise, and in the end by itself */
	HB_REASON_CROWD,  /* so many refer to it that it was not worth finding out who could */
};

struct hb_reasons {
	uint8_t *reason; /* enum hb_reason, by node of a goroutine in hb_dark */
	uint32_t *waker; /* the node of the nearest waker (in a cycle: one of the cycle), UINT32_MAX: none */
	uint32_t *
	        depth; /* wakers in a row behind each other until one that nobody could wake; those of a cycle end it, too */
	uint64_t *primitive; /* what the waker could use; else the first thing that it waits for, 0: nothing */
};

struct hb_error *hb_reasons_find(const struct hb_dark *dark, struct hb_reasons *ret) HB_MUST_CHECK;
void hb_reasons_deinit(struct hb_reasons *reasons);
