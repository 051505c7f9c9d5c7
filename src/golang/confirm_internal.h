/* The checks behind hb_go_confirm. Each one returns HB_ERR_UNSUPPORTED with what it found instead, after "its runtime is not
 * as that one's: ".
 *
 * What is compared holds in every Go that has a table, 1.18-1.27, in a process at any moment: a check never fails because of
 * what a thread is just doing.
 */
#pragma once
#include "golang/goroutines.h"
#include "golang/newer.h"
#include "golang/types.h"
#include "heap/heap.h"

struct hb_confirm {
	const struct hb_go *go;
	const struct hb_go_layout *layout;
	const struct hb_go_module *module; /* the main program's */
	const struct hb_types *types;
	const struct hb_heap *heap;
	const struct hb_goroutines *goroutines;
	/* State of every heap page of the arenas, by mspan.state: 0 free. heap->pages has only those in use. */
	uint8_t *page_states;
};

/* Threads that may be in the middle of something (an allocation, say), each of one. Where registers are not known, each may
 * be. */
static inline size_t hb_confirm_threads_at_work(const struct hb_confirm *confirm)
{
	const struct hb_snapshot *snapshot = confirm->go->snapshot;
	size_t n = 0;
	for (size_t i = 0; i < snapshot->nthreads; i++)
		n += !snapshot->threads[i].has_registers || !snapshot->threads[i].registers.in_syscall;
	return n;
}

#define hb_disagrees(...) hb_error_create(HB_ERR_UNSUPPORTED, __VA_ARGS__)

/* confirm_code.c */
struct hb_error *hb_confirm_functions(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_positions(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_inlining(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_stack_maps(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_stack_objects(const struct hb_confirm *confirm) HB_MUST_CHECK;

/* confirm_heap.c */
struct hb_error *hb_confirm_types(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_itabs(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_spans(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_classes(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_allocated(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_pointers(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_globals(const struct hb_confirm *confirm) HB_MUST_CHECK;

/* confirm_specials.c */
/* A func value points to a word that holds the entry of a function. */
bool hb_confirm_is_func_value(const struct hb_confirm *confirm, uint64_t value);
struct hb_error *hb_confirm_specials(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_queues(const struct hb_confirm *confirm) HB_MUST_CHECK;

/* confirm_goroutines.c */
struct hb_error *hb_confirm_goroutines(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_stacks(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_wait_reasons(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_processors(const struct hb_confirm *confirm) HB_MUST_CHECK;
struct hb_error *hb_confirm_threads(const struct hb_confirm *confirm) HB_MUST_CHECK;
