/* The channels that a goroutine waits for, and those that will wake it by themselves or are only there to end it. */
#pragma once
#include "report/analysis.h"

enum { HB_WAIT_CASES = 64 };

/* Addresses of the channels in a goroutine's wait, at most HB_WAIT_CASES; returns how many, 0 also when there are more or
 * they cannot be read. runtime/runtime2.go sudog; 1.18-1.27. */
size_t hb_wait_channels(const struct hb_analysis *analysis, const struct hb_goroutine *goroutine,
                        uint64_t ret[static HB_WAIT_CASES]);

/* Sets of addresses, sorted. */
struct hb_addresses {
	HB_VEC(uint64_t) list;
};
/* The channels of pending timers. */
struct hb_error *hb_timer_channels(const struct hb_analysis *analysis, struct hb_addresses *ret) HB_MUST_CHECK;
/* The channels that contexts close when they are cancelled. */
struct hb_error *hb_context_channels(const struct hb_analysis *analysis, struct hb_addresses *ret) HB_MUST_CHECK;
bool hb_addresses_have(const struct hb_addresses *addresses, uint64_t addr);
