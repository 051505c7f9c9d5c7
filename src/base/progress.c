#include "base/progress.h"
#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum hb_verbosity level = HB_NORMAL;
static bool bar_allowed, bar_drawn;
static volatile sig_atomic_t interrupted;
static struct sigaction int_before, term_before, pipe_before;
static const char *stage_name;
static uint64_t stage_total, stage_start_ns;
static _Atomic uint64_t stage_done;
static _Atomic bool stage_active;
static pthread_mutex_t bar_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t painter;
static bool painter_running;

static void on_signal(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

static void bar_paint(void)
{
	uint64_t done = atomic_load_explicit(&stage_done, memory_order_relaxed);
	pthread_mutex_lock(&bar_lock);
	if (stage_name && hb_now_ns() - stage_start_ns > 300000000) {
		char bar[25];
		if (stage_total) {
			uint64_t part = hb_min(done, stage_total);
			size_t full = (size_t)((double)part / (double)stage_total * 24);
			memset(bar, '.', sizeof(bar) - 1);
			memset(bar, '#', full);
			bar[24] = 0;
			dprintf(STDERR_FILENO, "\r\033[K%-28s [%s] %3.0f %%", stage_name, bar,
			        100.0 * (double)part / (double)stage_total);
		} else {
			dprintf(STDERR_FILENO, "\r\033[K%s …", stage_name);
		}
		bar_drawn = true;
	}
	pthread_mutex_unlock(&bar_lock);
}

static void *paint_loop(void *arg)
{
	(void)arg;
	for (;;) {
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
		if (atomic_load(&stage_active))
			bar_paint();
	}
	return NULL;
}

void hb_progress_init(enum hb_verbosity verbosity)
{
	level = verbosity;
	const char *term = getenv("TERM");
	bar_allowed = verbosity != HB_QUIET && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: blocking calls must return */
	sigaction(SIGINT, &action, &int_before);
	sigaction(SIGTERM, &action, &term_before);
	action.sa_handler = SIG_IGN; /* a closed pipe is an error of write(), with a sentence */
	sigaction(SIGPIPE, &action, &pipe_before);
}

void hb_signals_restore(void)
{
	sigaction(SIGINT, &int_before, NULL);
	sigaction(SIGTERM, &term_before, NULL);
	sigaction(SIGPIPE, &pipe_before, NULL);
}

void hb_progress_stage(const char *name, uint64_t total)
{
	if (level == HB_VERBOSE)
		hb_verbose("%s", name);
	if (!bar_allowed)
		return;
	pthread_mutex_lock(&bar_lock);
	stage_name = name;
	stage_total = total;
	stage_start_ns = hb_now_ns();
	atomic_store(&stage_done, 0);
	pthread_mutex_unlock(&bar_lock);
	atomic_store(&stage_active, true);
	if (!painter_running) {
		sigset_t all, old;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		painter_running = pthread_create(&painter, NULL, paint_loop, NULL) == 0;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (painter_running)
			pthread_detach(painter);
	}
}

void hb_progress_set(uint64_t done)
{
	atomic_store_explicit(&stage_done, done, memory_order_relaxed);
}

static void bar_clear(void)
{
	if (bar_drawn)
		dprintf(STDERR_FILENO, "\r\033[K");
	bar_drawn = false;
}

void hb_progress_done(void)
{
	atomic_store(&stage_active, false);
	pthread_mutex_lock(&bar_lock);
	stage_name = NULL;
	bar_clear();
	pthread_mutex_unlock(&bar_lock);
}

bool hb_interrupted(void)
{
	return interrupted != 0;
}

struct hb_error *hb_interrupted_error(void)
{
	return hb_error_create(HB_ERR_INTERRUPTED, "interrupted; the target was left running");
}

static HB_PRINTF(2, 0) void say(const char *prefix, const char *fmt, va_list args)
{
	pthread_mutex_lock(&bar_lock);
	bar_clear();
	fprintf(stderr, "heldby: %s", prefix);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	pthread_mutex_unlock(&bar_lock);
}

void hb_verbose(const char *fmt, ...)
{
	if (level != HB_VERBOSE)
		return;
	va_list args;
	va_start(args, fmt);
	say("", fmt, args);
	va_end(args);
}

void hb_warn(const char *fmt, ...)
{
	if (level == HB_QUIET)
		return;
	va_list args;
	va_start(args, fmt);
	say("warning: ", fmt, args);
	va_end(args);
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hb_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t hb_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
