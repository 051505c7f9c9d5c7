/* Goroutines that wait, by place, over time. Each look reads all g structs, or one in so many, while the program runs: what a
 * goroutine that is stuck has in its g does not change, and of others it does not matter what is seen.
 *
 * A goroutine that has run in between is another one: g.trackingSeq counts how often it stopped running, from anywhere (runtime/proc.go
 * casgstatus, newproc1; 1.18-1.27). It has eight bits: one that ran 256 times, or a multiple, seems not to have run.
 */
#include "base/order.h"
#include "base/progress.h"
#include "growth/populations.h"
#include "leak/parked.h"

enum { MAX_LOOKED_AT = 65536, BATCH = 1024 };

static int compare_places(const struct hb_pile_place *a, const struct hb_pile_place *b)
{
	int order = hb_order(a->gopc, b->gopc);
	if (!order)
		order = hb_order(a->depth, b->depth);
	return order ? order : hb_order(a->reason, b->reason);
}

static struct hb_pile *pile_at(const struct hb_growth *growth, const struct hb_pile_place *place)
{
	size_t at = hb_partition_point(growth->piles.len, i, compare_places(&growth->piles.data[i].place, place) < 0);
	return at < growth->piles.len && !compare_places(&growth->piles.data[at].place, place) ? &growth->piles.data[at]
	                                                                                       : NULL;
}

/* --- Which there are ---------------------------------------------------------------------------------------------- */

static int compare_piles(const void *a, const void *b)
{
	const struct hb_pile *x = a, *y = b;
	int order = compare_places(&x->place, &y->place);
	return order ? order : hb_order(x->parked, y->parked);
}

struct hb_error *hb_piles_create(struct hb_growth *growth)
{
	const struct hb_analysis *analysis = growth->analysis;
	for (size_t i = 0; i < analysis->parked.list.len; i++) {
		const struct hb_parked *wait = &analysis->parked.list.data[i];
		const struct hb_goroutine *goroutine = &analysis->goroutines.list[wait->goroutine];
		struct hb_pile pile = {
		        .place = {goroutine->gopc, goroutine->stack_hi - goroutine->sp, goroutine->wait_reason_number},
		        .parked = (uint32_t)i,
		};
		if (wait->pc && !wait->flags)
			HB_VEC_PUSH(&growth->piles, pile);
	}
	if (!growth->piles.len)
		return NULL;
	qsort(growth->piles.data, growth->piles.len, sizeof(*growth->piles.data), compare_piles);
	size_t n = 1;
	for (size_t i = 1; i < growth->piles.len; i++)
		if (compare_places(&growth->piles.data[i].place, &growth->piles.data[n - 1].place) != 0)
			growth->piles.data[n++] = growth->piles.data[i];
	growth->piles.len = n;
	return NULL;
}

/* --- One look ----------------------------------------------------------------------------------------------------- */

struct ids { /* of the goroutines of one pile that were seen */
	HB_VEC(uint64_t) list;
};

struct look {
	struct hb_growth *growth;
	struct hb_target *target;
	uint64_t *addresses; /* of g structs */
	size_t n;
	uint8_t *records; /* as many as are read at once */
	struct ids *ids;  /* by pile */
	uint64_t alive;   /* goroutines, without the runtime's own */
	uint64_t at_ns;   /* when they were read */
	uint64_t startpc; /* of the last one; whether it was one of the runtime's */
	bool system;
};

/* What is needed of a g is in front of this. */
static uint32_t bytes_needed(const struct hb_go_layout *layout)
{
	const uint32_t ends[] = {
	        layout->g.stack + layout->stack.hi + 8,
	        layout->g.sched + layout->gobuf.sp + 8,
	        layout->g.atomicstatus + 4,
	        layout->g.goid + 8,
	        layout->g.waitreason + 1,
	        layout->g.tracking_seq + 1,
	        layout->g.gopc + 8,
	        layout->g.startpc + 8,
	};
	uint32_t most = 0;
	for (size_t i = 0; i < hb_countof(ends); i++)
		most = hb_max(most, ends[i]);
	return most;
}

/* n records of one size, at most BATCH, one behind the other. What is not there reads as zero. */
static struct hb_error *read_records(struct look *look, const uint64_t *addresses, size_t n, uint32_t size)
{
	struct hb_range ranges[BATCH];
	uint64_t unread = 0;
	for (size_t i = 0; i < n; i++)
		ranges[i] = (struct hb_range){addresses[i], size, look->records + i * size};
	return look->target->ops->read(look->target, ranges, n, &unread);
}

/* runtime.allgs only grows, and a g stays where it is. One that is being appended is not there yet. */
static struct hb_error *read_addresses(struct look *look)
{
	struct hb_growth *growth = look->growth;
	uint8_t header[16];
	TRY(hb_target_read(look->target, growth->analysis->go->allgs, header, sizeof(header)));
	uint64_t data = hb_load_u64(header), all = hb_load_u64(header + 8);
	if (!growth->pile_stride)
		for (growth->pile_stride = 1; all / growth->pile_stride > MAX_LOOKED_AT / 2;)
			growth->pile_stride *= 2;
	uint64_t entries[BATCH], wanted = all / growth->pile_stride + (all % growth->pile_stride != 0);
	wanted = hb_min(wanted, (uint64_t)MAX_LOOKED_AT);
	look->addresses = calloc(wanted + 1, sizeof(*look->addresses));
	if (!look->addresses)
		return hb_error_nomem();
	for (uint64_t first = 0; first < wanted; first += BATCH) {
		size_t n = hb_min(wanted - first, (uint64_t)BATCH);
		for (size_t i = 0; i < n; i++)
			entries[i] = data + (first + i) * growth->pile_stride * 8;
		TRY(read_records(look, entries, n, 8));
		for (size_t i = 0; i < n; i++) {
			uint64_t g = hb_load_u64(look->records + i * 8);
			if (g)
				look->addresses[look->n++] = g;
		}
	}
	return NULL;
}

/* Most goroutines were started by the same few functions. */
static void count_alive(struct look *look, uint64_t startpc)
{
	if (startpc != look->startpc)
		look->system = hb_goroutine_is_system(look->growth->analysis->go, startpc);
	look->startpc = startpc;
	look->alive += !look->system;
}

static struct hb_error *count(struct look *look, const uint8_t *g)
{
	const struct hb_go_layout *layout = look->growth->analysis->go->layout;
	uint32_t status = hb_load_u32(g + layout->g.atomicstatus) & ~(uint32_t)HB_G_SCAN;
	if (hb_g_is_live(status))
		count_alive(look, hb_load_u64(g + layout->g.startpc));
	const struct hb_pile_place place = {
	        .gopc = hb_load_u64(g + layout->g.gopc),
	        .depth = hb_load_u64(g + layout->g.stack + layout->stack.hi) -
	                 hb_load_u64(g + layout->g.sched + layout->gobuf.sp),
	        .reason = g[layout->g.waitreason],
	};
	if (status != HB_G_WAITING && status != HB_G_LEAKED)
		return NULL;
	const struct hb_pile *pile = pile_at(look->growth, &place);
	if (pile)
		HB_VEC_PUSH(&look->ids[pile - look->growth->piles.data].list,
		            hb_load_u64(g + layout->g.goid) << 8 | g[layout->g.tracking_seq]);
	return NULL;
}

static struct hb_error *read_goroutines(struct look *look)
{
	uint32_t size = bytes_needed(look->growth->analysis->go->layout);
	for (size_t first = 0; first < look->n; first += BATCH) {
		size_t n = hb_min(look->n - first, (size_t)BATCH);
		TRY(read_records(look, look->addresses + first, n, size));
		for (size_t i = 0; i < n; i++)
			TRY(count(look, look->records + i * size));
	}
	return NULL;
}

static void settle(struct look *look, struct hb_counted *ret)
{
	for (size_t i = 0; i < look->growth->piles.len; i++) {
		struct ids *ids = &look->ids[i];
		if (ids->list.len)
			qsort(ids->list.data, ids->list.len, sizeof(*ids->list.data), hb_compare_u64);
		ret[i] = (struct hb_counted){
		        .count = ids->list.len * look->growth->pile_stride,
		        .at_ns = look->at_ns,
		        .ids = hb_take(ids->list.data),
		        .nids = (uint32_t)ids->list.len,
		        .known = true,
		        .sampled = true,
		};
	}
}

static struct hb_error *run(struct look *look, struct hb_counted *ret)
{
	look->records = malloc((size_t)BATCH * bytes_needed(look->growth->analysis->go->layout));
	look->ids = calloc(look->growth->piles.len + 1, sizeof(*look->ids));
	if (!look->records || !look->ids)
		return hb_error_nomem();
	TRY(read_addresses(look));
	look->at_ns = hb_now_ns();
	TRY(read_goroutines(look));
	settle(look, ret);
	return NULL;
}

struct hb_error *hb_piles_look(struct hb_growth *growth, struct hb_target *target, struct hb_counted *ret,
                               uint64_t *alive)
{
	struct look look = {.growth = growth, .target = target};
	struct hb_error *err = run(&look, ret);
	*alive = err ? 0 : look.alive * growth->pile_stride;
	for (size_t i = 0; look.ids && i < growth->piles.len; i++)
		hb_vec_deinit(&look.ids[i].list);
	free(look.ids);
	free(look.records);
	free(look.addresses);
	/* This look knows nothing of goroutines. */
	if (err && err->code == HB_ERR_FAULT) {
		hb_error_destroy(err);
		return NULL;
	}
	return err;
}
