/* Progress on long work (stderr, terminals only), verbosity, and the interrupt flag.
 *
 * Long loops call hb_interrupted() every few thousand steps and return HB_ERR_INTERRUPTED when it says so; the stages
 * above unwind as for any error, so that the target is resumed and detached before heldby exits with status 130.
 */
#pragma once
#include "base/error.h"

#include <stdint.h>

enum hb_verbosity { HB_QUIET, HB_NORMAL, HB_VERBOSE };

/* Once, from the command line: installs the SIGINT/SIGTERM handlers and decides whether a bar may be drawn. */
void hb_progress_init(enum hb_verbosity verbosity);
/* The signals are handled as they were before that again: for a program that takes heldby's place. */
void hb_signals_restore(void);

/* Names the stage that starts now ("reading spans"); total 0 = unknown. Draws nothing in the first 300 ms. */
void hb_progress_stage(const char *name, uint64_t total);
/* Cheap (a store); any thread. */
void hb_progress_set(uint64_t done);
/* Removes the bar. */
void hb_progress_done(void);

/* True once SIGINT or SIGTERM has come. Async-signal-safe flag, cheap to poll. */
bool hb_interrupted(void);
struct hb_error *hb_interrupted_error(void) HB_MUST_CHECK;

/* A line on stderr when -v is given. */
void hb_verbose(const char *fmt, ...) HB_PRINTF(1, 2);
/* A line on stderr unless -q: "heldby: warning: …". */
void hb_warn(const char *fmt, ...) HB_PRINTF(1, 2);

/* Monotonic wall clock and process CPU time, in nanoseconds. */
uint64_t hb_now_ns(void);
uint64_t hb_cpu_ns(void);
