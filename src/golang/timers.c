#include "golang/timers.h"
#include "golang/pclntab.h"

#include <string.h>

/* --- One timer ---------------------------------------------------------------------------------------------------- */

/* A func value points to a word that holds the code's address. */
static const char *func_value_name(const struct hb_go *go, uint64_t value)
{
	uint64_t pc;
	struct hb_go_func func;
	return hb_snapshot_u64(go->snapshot, value, &pc) && hb_go_func_at(go, pc, &func) ? func.name : NULL;
}

static void name_callback(const struct hb_go *go, uint64_t f, struct hb_go_timer *timer)
{
	const char *name = func_value_name(go, f);
	timer->callback = name ? name : "an unknown callback";
	timer->kind = HB_TIMER_OTHER;
	if (!name)
		return;
	if (!strcmp(name, "time.goFunc")) {
		const char *user = func_value_name(go, timer->arg);
		timer->kind = HB_TIMER_FUNC;
		timer->callback = user ? user : "time.AfterFunc";
	} else if (!strcmp(name, "time.sendTime")) {
		timer->kind = HB_TIMER_CHANNEL;
		timer->callback = "time.NewTimer, After or Tick";
	} else if (!strcmp(name, "runtime.goroutineReady")) {
		timer->kind = HB_TIMER_SLEEP;
	}
}

/* Up to 1.22 a status (timerWaiting 1 … timerMoving 9: 3 to 5 are on the way out, 7 and 8 have another time in nextwhen);
 * from 1.23 on bits (timerZombie 4). */
static void read_state(const struct hb_go *go, struct hb_go_timer *timer)
{
	const struct hb_go_layout *layout = go->layout;
	uint64_t nextwhen;
	uint32_t status = 0;
	uint8_t state = 0;
	if (layout->timer.status == HB_ABSENT) {
		hb_snapshot_u8(go->snapshot, timer->addr + layout->timer.state, &state);
		timer->stopped = state & 4;
		return;
	}
	hb_snapshot_u32(go->snapshot, timer->addr + layout->timer.status, &status);
	timer->stopped = status >= 3 && status <= 5;
	if ((status == 7 || status == 8) &&
	    hb_snapshot_u64(go->snapshot, timer->addr + layout->timer.nextwhen, &nextwhen))
		timer->when = (int64_t)nextwhen;
}

/* What cannot be read is zero: the timer holds what it holds all the same. */
static struct hb_go_timer read_timer(const struct hb_go *go, uint64_t addr)
{
	const struct hb_go_layout *layout = go->layout;
	struct hb_go_timer timer = {.addr = addr};
	uint64_t when = 0, period = 0, f = 0;
	hb_snapshot_u64(go->snapshot, addr + layout->timer.when, &when);
	hb_snapshot_u64(go->snapshot, addr + layout->timer.period, &period);
	hb_snapshot_u64(go->snapshot, addr + layout->timer.f, &f);
	hb_snapshot_u64(go->snapshot, addr + layout->timer.arg + 8, &timer.arg);
	timer.when = (int64_t)when;
	timer.period = (int64_t)period;
	read_state(go, &timer);
	name_callback(go, f, &timer);
	return timer;
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

/* Where a p's heap is and what it consists of: {timer, when} from 1.23 on, before that the addresses alone. */
struct heap_shape {
	uint32_t at, entry_size, timer;
};

static struct heap_shape shape_of(const struct hb_go_layout *layout)
{
	if (layout->timer_when.size == HB_ABSENT)
		return (struct heap_shape){layout->p.timers, 8, 0};
	return (struct heap_shape){layout->p.timers + layout->timers.heap, layout->timer_when.size,
	                           layout->timer_when.timer};
}

static int by_callback(const void *a, const void *b)
{
	const struct hb_go_timer *x = a, *y = b;
	int order = strcmp(x->callback, y->callback);
	return order ? order : x->addr < y->addr ? -1 : x->addr > y->addr;
}

struct hb_error *hb_go_timers_read(const struct hb_go *go, struct hb_go_timers *ret)
{
	enum { MAX_PS = 1 << 16, MAX_TIMERS = 1 << 30 };
	const struct hb_snapshot *snapshot = go->snapshot;
	struct heap_shape shape = shape_of(go->layout);
	uint64_t ps, nps, p, heap, n, addr;
	if (!go->allp || !hb_snapshot_slice(snapshot, go->allp, MAX_PS, &ps, &nps))
		return NULL;
	for (uint64_t i = 0; i < nps; i++) {
		if (!hb_snapshot_u64(snapshot, ps + i * 8, &p) ||
		    !hb_snapshot_slice(snapshot, p + shape.at, MAX_TIMERS, &heap, &n))
			continue;
		for (uint64_t k = 0;
		     k < n && hb_snapshot_u64(snapshot, heap + k * shape.entry_size + shape.timer, &addr); k++)
			if (addr)
				HB_VEC_PUSH(&ret->list, read_timer(go, addr));
	}
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), by_callback);
	return NULL;
}

void hb_go_timers_deinit(struct hb_go_timers *timers)
{
	hb_vec_deinit(&timers->list);
}
