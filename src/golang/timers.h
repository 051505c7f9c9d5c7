/* Timers that are pending: what is to run when, and what it needs until then.
 *
 * Vocabulary (runtime/time.go, time/sleep.go, time/tick.go)
 *   AfterFunc    runs a function of the program in a goroutine of its own: f is time.goFunc, arg the func value
 *   channel      NewTimer, After, NewTicker, Tick: f is time.sendTime. From 1.23 on such a timer is in a heap only while a
 *                goroutine waits for its channel, and is collectable without Stop, unless GODEBUG asynctimerchan=1 holds
 *   sleep        time.Sleep: arg is the g
 * Each p has a heap of them (1.14-1.27): docs/objects.md says where.
 */
#pragma once
#include "golang/runtime.h"

#include <string.h>

enum hb_timer_kind { HB_TIMER_FUNC, HB_TIMER_CHANNEL, HB_TIMER_SLEEP, HB_TIMER_OTHER };

struct hb_go_timer {
	uint64_t addr;        /* of the runtime.timer; inside the time.Timer where the program has one */
	int64_t when;         /* on the runtime's clock, ns */
	int64_t period;       /* ns; 0: once */
	uint64_t arg;         /* its data word */
	const char *callback; /* "main.expire", "time.NewTimer, After or Tick"; snapshot lifetime */
	uint8_t kind;         /* enum hb_timer_kind */
	bool stopped;         /* will not run, but is in the heap still and keeps what it needs (removed lazily) */
};
struct hb_go_timers {
	HB_VEC(struct hb_go_timer) list; /* by callback, then address */
};

struct hb_error *hb_go_timers_read(const struct hb_go *go, struct hb_go_timers *ret) HB_MUST_CHECK;
void hb_go_timers_deinit(struct hb_go_timers *timers);

/* The deadline of a context.WithDeadline or WithTimeout: its callback is in package context. */
static inline bool hb_go_timer_is_context(const struct hb_go_timer *timer)
{
	return !strncmp(timer->callback, "context.", 8);
}
