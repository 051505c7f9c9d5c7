/* Running a few long pieces of work side by side (two threads by default: the target needs the other cores). */
#pragma once
#include "base/error.h"

#include <stddef.h>

/* Calls work(ctx, i) for every i in [0, n) on up to hb_parallel_threads() threads; returns the first error by index
 * and destroys the others. Falls back to the calling thread when threads cannot be created. */
struct hb_error *hb_parallel_for(size_t n, struct hb_error *(*work)(void *ctx, size_t i), void *ctx) HB_MUST_CHECK;

unsigned hb_parallel_threads(void); /* min(2, CPUs we may run on); HELDBY_THREADS overrides */

/* One function on a thread of its own: start, do something else, join. */
struct hb_task;
struct hb_error *hb_task_start(struct hb_error *(*work)(void *ctx), void *ctx, struct hb_task **ret) HB_MUST_CHECK;
struct hb_error *hb_task_join(struct hb_task *task) HB_MUST_CHECK; /* consumes the task; NULL task = ok */
